//! What the visitor wishes for: the fields, and the reading of them.

use leptos::{ev, html, prelude::*};

use super::{
    driver,
    session::{Engine, MAX_BROWSER_CONCURRENCY, Request, Session},
};
use crate::{
    api,
    model::{
        ids::SaleId,
        limits::{MAX_SIMULATED_BUYERS, MAX_SIMULATION_CONCURRENCY},
    },
};

/// The sale that stands in the field at first: one made to be attacked.
const DEFAULT_SALE: &str = "rehearsal";
const DEFAULT_BUYERS: &str = "500";
const DEFAULT_CONCURRENCY: &str = "100";

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

/// The form. `sale` fixes the sale; without it the visitor chooses.
#[component]
pub fn Form(session: Session, sale: Option<SaleId>) -> impl IntoView {
    let chosen: NodeRef<html::Select> = NodeRef::new();
    let (buyers, concurrency, target) =
        (NodeRef::<html::Input>::new(), NodeRef::<html::Input>::new(), NodeRef::<html::Input>::new());
    let engine: NodeRef<html::Select> = NodeRef::new();
    let select = |field: NodeRef<html::Select>| field.get_untracked().map(|field| field.value()).unwrap_or_default();
    let input = |field: NodeRef<html::Input>| field.get_untracked().map(|field| field.value()).unwrap_or_default();
    let start = move |event: ev::SubmitEvent| {
        event.prevent_default();
        if session.running.get_untracked() {
            return;
        }
        let typed = Typed {
            sale: select(chosen),
            buyers: input(buyers),
            concurrency: input(concurrency),
            target: input(target),
            engine: select(engine),
        };
        match typed.read() {
            Ok(request) => driver::start(session, request),
            Err(told) => session.trouble.set(Some(told)),
        }
    };
    let reset = move |_| driver::reset(session, SaleId(select(chosen)));
    let busy = move || session.running.get();
    let is_in_trouble = move || session.trouble.with(|trouble| trouble.is_some().then_some("simulator-trouble"));
    view! {
        <form class="simulator-form" novalidate on:submit=start>
            <div class="simulator-fields">
                <label class="simulator-field">
                    "Sale"
                    <SaleField sale chosen />
                </label>
                <label class="simulator-field">
                    "Target"
                    <input name="target" node_ref=target value="any" autocomplete="off" spellcheck="false"
                        list="simulator-targets" aria-describedby=is_in_trouble />
                    <datalist id="simulator-targets">
                        <option value="any"></option>
                        <option value="seat:A-1"></option>
                        <option value="tier:ga"></option>
                    </datalist>
                </label>
                <label class="simulator-field">
                    "Buyers"
                    <input name="buyers" node_ref=buyers type="number" inputmode="numeric" min="1"
                        max=MAX_SIMULATED_BUYERS value=DEFAULT_BUYERS aria-describedby=is_in_trouble />
                </label>
                <label class="simulator-field">
                    "Requests at once"
                    <input name="concurrency" node_ref=concurrency type="number" inputmode="numeric" min="1"
                        max=MAX_SIMULATION_CONCURRENCY value=DEFAULT_CONCURRENCY aria-describedby=is_in_trouble />
                </label>
                <label class="simulator-field">
                    "Sent by"
                    <select name="engine" node_ref=engine>
                        <option value="server">"the server"</option>
                        <option value="browser">"this browser (64 max)"</option>
                    </select>
                </label>
            </div>
            <p class="simulator-trouble" id="simulator-trouble" role="alert">{move || session.trouble.get()}</p>
            <div class="simulator-actions">
                <button class="button" type="submit" data-testid="simulate" disabled=busy>
                    {move || if busy() { "Running…" } else { "Send the buyers" }}
                </button>
                <button class="button-quiet" type="button" disabled=busy on:click=reset>"Reset the sale"</button>
            </div>
            <noscript>
                <p>"This page needs script to send buyers. "<code>"onsale attack"</code>" does the same from a terminal."</p>
            </noscript>
        </form>
    }
}

/// The choice of the sale: a list of all that may be attacked, or the one that is fixed.
#[component]
fn SaleField(sale: Option<SaleId>, chosen: NodeRef<html::Select>) -> impl IntoView {
    if let Some(SaleId(sale)) = sale {
        let name = sale.clone();
        return view! {
            <select name="sale" node_ref=chosen>
                <option value=sale>{name}</option>
            </select>
        }
        .into_any();
    }
    let sales = Resource::new(|| (), |()| api::simulated_sales());
    view! {
        <Suspense>
            {move || Suspend::new(async move {
                let sales = sales.await.unwrap_or_default();
                let options = sales.into_iter().map(|sale| {
                    let is_default = sale.id.as_str() == DEFAULT_SALE;
                    view! { <option value=sale.id.0 selected=is_default>{sale.name}</option> }
                });
                view! { <select name="sale" node_ref=chosen>{options.collect_view()}</select> }
            })}
        </Suspense>
    }
    .into_any()
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
