//! What the visitor wishes for: the fields, and the reading of them.

use leptos::{
    prelude::*,
    wasm_bindgen::JsCast,
    web_sys::{HtmlInputElement, HtmlSelectElement},
};

use super::{
    driver,
    session::{Engine, MAX_BROWSER_CONCURRENCY, Request, Session},
};
use crate::{
    model::{
        ids::SaleId,
        limits::{MAX_SIMULATED_BUYERS, MAX_SIMULATION_CONCURRENCY},
    },
    ui::kit::{
        listening::{listen, meaning},
        markup::{escape, when},
        redraw::{find, set},
    },
};

/// The fields as they were typed.
struct Typed {
    sale: String,
    buyers: String,
    concurrency: String,
    target: String,
    engine: String,
}

impl Typed {
    /// Checks every field; the first that cannot be used is told.
    fn read(&self) -> Result<Request, String> {
        let engine = if self.engine == Engine::Browser.name() { Engine::Browser } else { Engine::Server };
        let concurrency = whole_number("Requests at once", &self.concurrency, MAX_SIMULATION_CONCURRENCY)?;
        let most = if engine == Engine::Browser { MAX_BROWSER_CONCURRENCY } else { MAX_SIMULATION_CONCURRENCY };
        Ok(Request {
            sale: SaleId(self.sale.trim().to_owned()),
            buyers: whole_number("Buyers", &self.buyers, MAX_SIMULATED_BUYERS)?,
            concurrency: concurrency.min(most),
            target: self.target.trim().parse().map_err(|told: &str| format!("Target: {told}."))?,
            engine,
        })
    }
}

fn whole_number(field: &str, text: &str, most: u32) -> Result<u32, String> {
    let number = text.trim().parse().ok().filter(|number| (1..=most).contains(number));
    number.ok_or_else(|| format!("{field}: a whole number from 1 to {most}."))
}

/// Why nothing was sent. The element stays: only so is what comes announced.
pub fn trouble(session: Session) -> String {
    let told = session.trouble.with(|trouble| trouble.as_deref().map(escape)).unwrap_or_default();
    format!(
        r#"<p class="simulator-trouble" id="simulator-trouble" role="alert" data-live="simulator-trouble">{told}</p>"#
    )
}

/// The buttons.
pub fn actions(session: Session) -> String {
    let is_busy = session.running.get();
    let disabled = when(is_busy, " disabled");
    let text = if is_busy { "Running…" } else { "Send the buyers" };
    format!(
        r#"<div class="simulator-actions" data-live="simulator-actions"><button class="button" type="submit" data-testid="simulate"{disabled}>{text}</button><button class="button-quiet" type="button"{disabled} data-do="reset">Reset the sale</button></div>"#
    )
}

/// Sends the buyers that the form asks for, and ties its fields to what is wrong with them.
pub fn attend(session: Session) {
    listen("submit", move |event| {
        if meaning(event).is_none_or(|(wish, _)| wish != "simulate") {
            return;
        }
        event.prevent_default();
        if session.running.get_untracked() {
            return;
        }
        let [sale, buyers, concurrency, target, engine] =
            ["sale", "buyers", "concurrency", "target", "engine"].map(field);
        match (Typed { sale, buyers, concurrency, target, engine }).read() {
            Ok(request) => driver::start(session, request),
            Err(told) => session.trouble.set(Some(told)),
        }
    });
    Effect::new(move |_| {
        let described_by = session.trouble.with(|trouble| trouble.is_some().then_some("simulator-trouble"));
        for field in ["target", "buyers", "concurrency"] {
            if let Some(field) = find(&format!(".simulator-form [name={field}]")) {
                set(&field, "aria-describedby", described_by);
            }
        }
    });
}

/// The sale that is to be attacked.
pub fn chosen_sale() -> SaleId {
    SaleId(field("sale"))
}

/// What stands in a field now.
fn field(name: &str) -> String {
    let Some(field) = find(&format!(".simulator-form [name={name}]")) else { return String::new() };
    match field.dyn_into::<HtmlSelectElement>() {
        Ok(select) => select.value(),
        Err(field) => field.dyn_into::<HtmlInputElement>().map(|input| input.value()).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::simulation::Target;

    fn typed(buyers: &str, concurrency: &str, target: &str, engine: &str) -> Result<Request, String> {
        let [buyers, concurrency, target, engine] = [buyers, concurrency, target, engine].map(str::to_owned);
        Typed { sale: "rehearsal".to_owned(), buyers, concurrency, target, engine }.read()
    }

    #[test]
    fn fields_within_their_bounds_become_a_request() {
        let request = typed("10000", "2000", "seat:A-1", "server").unwrap();
        assert_eq!((request.buyers, request.concurrency, request.engine), (10_000, 2_000, Engine::Server));
        assert_eq!(request.target, Target::Seat("A-1".into()));
    }

    #[test]
    fn a_browser_is_given_what_it_can_carry() {
        assert_eq!(typed("100", "2000", "any", "browser").unwrap().concurrency, MAX_BROWSER_CONCURRENCY);
    }

    #[test]
    fn what_lies_outside_is_told() {
        for (buyers, concurrency, target, told) in [
            ("0", "10", "any", "Buyers"),
            ("10001", "10", "any", "Buyers"),
            ("", "10", "any", "Buyers"),
            ("1.5", "10", "any", "Buyers"),
            ("10", "0", "any", "Requests at once"),
            ("10", "2001", "any", "Requests at once"),
            ("10", "10", "everything", "Target"),
        ] {
            let trouble = typed(buyers, concurrency, target, "server").unwrap_err();
            assert!(trouble.starts_with(told), "{trouble}");
        }
    }
}
