//! Reads and checks the fields of the form.

use leptos::web_sys::FormData;

use super::session::{Engine, MAX_BROWSER_CONCURRENCY, Request};
use crate::model::{
    arrivals::Arrivals,
    ids::SaleId,
    limits::{MAX_ARRIVAL_SECONDS, MAX_SEED, MAX_SIMULATED_BUYERS, MAX_SIMULATION_CONCURRENCY},
    strategy::StrategyKind,
};

/// The value of the arrival field that means that all buyers arrive at once.
pub const AT_ONCE: &str = "0";

/// The fields as they were typed.
pub struct Typed {
    sale: String,
    buyers: String,
    concurrency: String,
    arrive_over: String,
    target: String,
    engine: String,
    strategy: String,
    seed: String,
}

impl Typed {
    /// Reads the fields of a form.
    pub fn of(form: &FormData) -> Self {
        let text = |name: &str| form.get(name).as_string().unwrap_or_default();
        Self {
            sale: text("sale"),
            buyers: text("buyers"),
            concurrency: text("concurrency"),
            arrive_over: text("arrive_over"),
            target: text("target"),
            engine: text("engine"),
            strategy: text("strategy"),
            seed: text("seed"),
        }
    }

    /// The same fields for a comparison. The server sends the buyers, because a browser would measure itself. All
    /// buyers arrive at once, because only full load shows what a strategy can do.
    pub fn for_comparison(self) -> Self {
        Self { engine: Engine::Server.name().to_owned(), arrive_over: AT_ONCE.to_owned(), ..self }
    }

    /// Checks all fields. The error describes the first field that is invalid.
    pub fn read(&self) -> Result<Request, String> {
        let engine = if self.engine == Engine::Browser.name() { Engine::Browser } else { Engine::Server };
        let concurrency = whole_number("Requests at once", &self.concurrency, MAX_SIMULATION_CONCURRENCY)?;
        let most = if engine == Engine::Browser { MAX_BROWSER_CONCURRENCY } else { MAX_SIMULATION_CONCURRENCY };
        let buyers = whole_number("Buyers", &self.buyers, MAX_SIMULATED_BUYERS)?;
        Ok(Request {
            sale: SaleId(self.sale.trim().to_owned()),
            buyers,
            rate: Arrivals::over(buyers, self.seconds()?).rate(),
            concurrency: concurrency.min(most),
            target: self.target.trim().parse().map_err(|told: &str| format!("Target: {told}."))?,
            engine,
            strategy: StrategyKind::from_name(&self.strategy),
            seed: self.seed()?,
            round: 0,
            stage: None,
        })
    }

    /// The seconds over which the buyers arrive.
    fn seconds(&self) -> Result<u32, String> {
        let seconds = self.arrive_over.trim().parse().ok().filter(|seconds| *seconds <= MAX_ARRIVAL_SECONDS);
        seconds.ok_or_else(|| format!("Arrive over: a whole number of seconds from 0 to {MAX_ARRIVAL_SECONDS}."))
    }

    /// The seed, if one was typed.
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

    /// A form with usual values.
    fn filled() -> Typed {
        let [sale, buyers, concurrency, arrive_over, target, engine] =
            ["rehearsal", "5", "5", "0", "any", "server"].map(str::to_owned);
        Typed { sale, buyers, concurrency, arrive_over, target, engine, strategy: String::new(), seed: String::new() }
    }

    fn typed(buyers: &str, concurrency: &str, target: &str, engine: &str) -> Result<Request, String> {
        let [buyers, concurrency, target, engine] = [buyers, concurrency, target, engine].map(str::to_owned);
        Typed { buyers, concurrency, target, engine, ..filled() }.read()
    }

    fn seeded(seed: &str) -> Result<Request, String> {
        Typed { strategy: "optimistic".to_owned(), seed: seed.to_owned(), ..filled() }.read()
    }

    fn arriving_over(buyers: &str, seconds: &str) -> Result<Request, String> {
        Typed { buyers: buyers.to_owned(), arrive_over: seconds.to_owned(), ..filled() }.read()
    }

    #[test]
    fn the_time_over_which_buyers_arrive_becomes_a_rate() {
        assert_eq!(arriving_over("500", "8").unwrap().rate, Some(62.5));
        assert_eq!(arriving_over("500", "0").unwrap().rate, None);
        assert_eq!(arriving_over("3", "8").unwrap().rate, Some(1.0), "no slower than one a second");
        for seconds in ["", "-1", "1.5", "3601", "soon"] {
            assert!(arriving_over("500", seconds).unwrap_err().starts_with("Arrive over"), "{seconds}");
        }
        let compared = Typed { arrive_over: "8".to_owned(), engine: "browser".to_owned(), ..filled() }.for_comparison();
        let compared = compared.read().unwrap();
        assert_eq!((compared.rate, compared.engine), (None, Engine::Server));
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
