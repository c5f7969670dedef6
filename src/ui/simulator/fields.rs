//! The fields of the form, and the reading of them.

use leptos::web_sys::FormData;

use super::session::{Engine, MAX_BROWSER_CONCURRENCY, Request};
use crate::model::{
    ids::SaleId,
    limits::{MAX_SEED, MAX_SIMULATED_BUYERS, MAX_SIMULATION_CONCURRENCY},
    strategy::StrategyKind,
};

/// The fields as they were typed.
pub struct Typed {
    sale: String,
    buyers: String,
    concurrency: String,
    target: String,
    engine: String,
    strategy: String,
    seed: String,
}

impl Typed {
    /// What stands in the fields of a form.
    pub fn of(form: &FormData) -> Self {
        let [sale, buyers, concurrency, target, engine, strategy, seed] =
            ["sale", "buyers", "concurrency", "target", "engine", "strategy", "seed"]
                .map(|name| form.get(name).as_string().unwrap_or_default());
        Self { sale, buyers, concurrency, target, engine, strategy, seed }
    }

    /// The same, sent by the server.
    pub fn by_the_server(self) -> Self {
        Self { engine: Engine::Server.name().to_owned(), ..self }
    }

    /// Checks every field; the first that cannot be used is told.
    pub fn read(&self) -> Result<Request, String> {
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
        let number = seed.parse().ok().filter(|number| *number <= MAX_SEED);
        number.map(Some).ok_or_else(|| format!("Seed: a whole number up to {MAX_SEED}, or nothing."))
    }
}

fn whole_number(field: &str, text: &str, most: u32) -> Result<u32, String> {
    let number = text.trim().parse().ok().filter(|number| (1..=most).contains(number));
    number.ok_or_else(|| format!("{field}: a whole number from 1 to {most}."))
}

/// The strategies that are ticked, in the order in which all are listed.
pub fn compared(form: &FormData) -> Result<Vec<StrategyKind>, String> {
    let ticked: Vec<String> = form.get_all("compared").iter().filter_map(|name| name.as_string()).collect();
    let is_ticked = |kind: &StrategyKind| ticked.iter().any(|name| name == kind.name());
    let kinds: Vec<_> = StrategyKind::ALL.into_iter().filter(is_ticked).collect();
    if kinds.is_empty() { Err("Choose at least one strategy.".to_owned()) } else { Ok(kinds) }
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
        let request = seeded(" 9007199254740991 ").unwrap();
        assert_eq!((request.strategy, request.seed), (Some(StrategyKind::Optimistic), Some(MAX_SEED)));
        for seed in ["-1", "1.5", "9007199254740992", "18446744073709551616", "many"] {
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
