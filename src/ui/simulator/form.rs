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
        strategy::StrategyKind,
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
    strategy: String,
    seed: String,
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
            strategy: StrategyKind::from_name(&self.strategy),
            seed: self.seed()?,
            round: 0,
            stage: None,
        })
    }

    /// The seed, where one is typed.
    fn seed(&self) -> Result<Option<u64>, String> {
        let seed = self.seed.trim();
        if seed.is_empty() {
            return Ok(None);
        }
        seed.parse().map(Some).map_err(|_| format!("Seed: a whole number up to {}, or nothing.", u64::MAX))
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
    let text = if is_busy && !session.comparing.get() { "Running…" } else { "Send the buyers" };
    format!(
        r#"<div class="simulator-actions" data-live="simulator-actions"><button class="button" type="submit" data-testid="simulate"{disabled}>{text}</button><button class="button-quiet" type="button"{disabled} data-do="reset">Reset the sale</button></div>"#
    )
}

/// The button of the comparison.
pub fn comparison_actions(session: Session) -> String {
    let is_busy = session.running.get();
    let text = if is_busy && session.comparing.get() { "Comparing…" } else { "Compare strategies" };
    format!(
        r#"<div class="simulator-actions" data-live="comparison-actions"><button class="button-quiet" type="button" data-testid="compare"{} data-do="compare">{text}</button></div>"#,
        when(is_busy, " disabled"),
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
        session.comparing.set(false);
        match typed().read() {
            Ok(request) => driver::start(session, request),
            Err(told) => session.trouble.set(Some(told)),
        }
    });
    Effect::new(move |_| {
        let described_by = session.trouble.with(|trouble| trouble.is_some().then_some("simulator-trouble"));
        for field in ["target", "buyers", "concurrency", "seed"] {
            if let Some(field) = find(&format!(".simulator-form [name={field}]")) {
                set(&field, "aria-describedby", described_by);
            }
        }
    });
}

/// Sends the same buyers at one chosen strategy after the other.
pub fn compare(session: Session) {
    session.comparing.set(true);
    // The server sends them: a browser would compare itself.
    let typed = Typed { engine: Engine::Server.name().to_owned(), ..typed() };
    match typed.read().and_then(|request| Ok((request, compared()?))) {
        Ok((request, strategies)) => driver::compare(session, request, strategies),
        Err(told) => session.trouble.set(Some(told)),
    }
}

/// The strategies that are ticked.
fn compared() -> Result<Vec<StrategyKind>, String> {
    let is_ticked = |kind: &StrategyKind| find(&format!("[name=compared][value={}]:checked", kind.name())).is_some();
    let kinds: Vec<_> = StrategyKind::ALL.into_iter().filter(is_ticked).collect();
    if kinds.is_empty() { Err("Choose at least one strategy.".to_owned()) } else { Ok(kinds) }
}

/// The fields as they stand.
fn typed() -> Typed {
    let [sale, buyers, concurrency, target, engine, strategy, seed] =
        ["sale", "buyers", "concurrency", "target", "engine", "strategy", "seed"].map(field);
    Typed { sale, buyers, concurrency, target, engine, strategy, seed }
}

/// The store behind the server, as the page says.
pub fn store() -> String {
    find(".simulator-form").and_then(|form| form.get_attribute("data-store")).unwrap_or_default()
}

/// What the page keeps for an exported file.
pub fn document_frame() -> String {
    find("#comparison-frame").map(|frame| frame.inner_html()).unwrap_or_default()
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
        let sale = "rehearsal".to_owned();
        Typed { sale, buyers, concurrency, target, engine, strategy: String::new(), seed: String::new() }.read()
    }

    fn seeded(seed: &str) -> Result<Request, String> {
        let [sale, buyers, concurrency, target, engine, strategy] =
            ["rehearsal", "5", "5", "any", "server", "optimistic"].map(str::to_owned);
        Typed { sale, buyers, concurrency, target, engine, strategy, seed: seed.to_owned() }.read()
    }

    #[test]
    fn fields_within_their_bounds_become_a_request() {
        let request = typed("10000", "2000", "seat:A-1", "server").unwrap();
        assert_eq!((request.buyers, request.concurrency, request.engine), (10_000, 2_000, Engine::Server));
        assert_eq!(request.target, Target::Seat("A-1".into()));
    }

    #[test]
    fn a_strategy_and_a_seed_are_taken_where_they_stand() {
        let request = typed("5", "5", "any", "server").unwrap();
        assert_eq!((request.strategy, request.seed), (None, None));
        let request = seeded(" 18446744073709551615 ").unwrap();
        assert_eq!((request.strategy, request.seed), (Some(StrategyKind::Optimistic), Some(u64::MAX)));
        for seed in ["-1", "1.5", "18446744073709551616", "many"] {
            assert!(seeded(seed).unwrap_err().starts_with("Seed"), "{seed}");
        }
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
