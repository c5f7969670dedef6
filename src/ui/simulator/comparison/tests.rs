//! The table, the bars and the sentences about the runs.

use uuid::Uuid;

use super::*;
use crate::{
    model::{
        audit::LedgerAudit,
        ids::SimulationId,
        simulation::{SimulationStatus, Target},
        strategy::StrategyKind,
        time::Timestamp,
    },
    ui::simulator::{
        session::Engine,
        told::{Export, summary},
    },
};

/// A run of 300 buyers over 200 units that sold this many phantoms.
pub(in crate::ui::simulator) fn run(round: u32, strategy: StrategyKind, phantoms: u64) -> Run {
    let id = SimulationId(Uuid::from_u128(u128::from(round) << 8 | strategy as u128));
    let mut simulation = Simulation::begun(id, "rehearsal".into(), 300, 50, 42);
    simulation.status = SimulationStatus::Done;
    simulation.strategy = Some(strategy);
    simulation.throughput = 812.4;
    simulation.p50_ms = 1.2;
    simulation.p99_ms = 17.0;
    simulation.refusals_by_database = Some(7);
    simulation.audit = Some(Audit {
        sale: "rehearsal".into(),
        strategy,
        capacity: 200,
        available: 0,
        held: 0,
        sold: 200 + phantoms,
        orders: 200 + phantoms,
        tickets: 200 + phantoms,
        phantoms,
        leaks: 0,
        ledger: LedgerAudit { entries: 1, head_hash: String::new(), verified: true },
        clean: phantoms == 0,
        checked_at: Timestamp::parse("2026-11-20T20:00:00.123Z").unwrap(),
    });
    let request = Request {
        sale: "rehearsal".into(),
        buyers: 300,
        concurrency: 50,
        rate: None,
        target: Target::Any,
        engine: Engine::Server,
        strategy: Some(strategy),
        seed: Some(42),
        round,
        stage: None,
    };
    Run::new(request, simulation)
}

fn count(text: &str, part: &str) -> usize {
    text.matches(part).count()
}

#[test]
fn runs_stand_in_rounds_and_only_those_of_the_newest_are_named_for_finding() {
    let runs = [run(1, StrategyKind::Naive, 5), run(2, StrategyKind::Naive, 9), run(2, StrategyKind::Optimistic, 0)];
    let table = table(&runs).into_string();
    assert_eq!((count(&table, "<tbody"), count(&table, r#"<th scope="row">"#)), (2, 3), "{table}");
    assert_eq!((count(&table, r#"data-strategy="naive""#), count(&table, r#"data-strategy="""#)), (1, 1), "{table}");
    let (newer, older) = (table.find(">209<").unwrap(), table.find(">205<").unwrap());
    assert!(newer < older, "the newest stands first: {table}");
    for figure in [
        r#"<td data-figure="sold">209</td>"#,
        r#"<td data-figure="phantoms">9</td>"#,
        r#"<td data-figure="throughput">812</td>"#,
        r#"<td data-figure="p50">2</td>"#,
        r#"<td data-figure="refusals-by-database">7</td>"#,
        r#"<td data-figure="verdict">Oversold</td>"#,
        r#"<td data-figure="verdict">Exact</td>"#,
    ] {
        assert!(table.contains(figure), "{figure}: {table}");
    }
}

#[test]
fn bars_are_drawn_where_there_is_something_to_compare() {
    assert_eq!(charts(&[run(1, StrategyKind::Naive, 5)]), Html::default());
    let mut runs = vec![run(1, StrategyKind::Naive, 5), run(1, StrategyKind::Optimistic, 0)];
    assert_eq!(count(charts(&runs).as_str(), "<figure"), 4);
    runs[1].simulation.refusals_by_database = None;
    let drawn = charts(&runs).into_string();
    assert_eq!(count(&drawn, "<figure"), 3, "what is not known is not drawn as nothing: {drawn}");
    assert!(table(&runs).as_str().contains(r#"<td data-figure="refusals-by-database">not known</td>"#));
}

#[test]
fn only_a_strategy_that_promises_to_be_exact_breaks_its_word() {
    let expected = [run(1, StrategyKind::Naive, 5), run(1, StrategyKind::Optimistic, 0)];
    assert!(Export::new("SQLite", &expected).exact);
    assert_eq!(
        summary(&expected),
        "The comparison of 2 strategies has ended. naive sold 5 units that were not there. All that promise to be exact \
         were."
    );
    let broken = [run(1, StrategyKind::Naive, 5), run(1, StrategyKind::Optimistic, 1)];
    assert!(!Export::new("SQLite", &broken).exact);
    assert!(summary(&broken).contains("Not exact, against their promise: optimistic."), "{}", summary(&broken));
}

#[test]
fn names_that_are_markup_stay_text() {
    let mut run = run(1, StrategyKind::Naive, 5);
    run.request.sale = "<img src=x onerror=alert(1)>".into();
    run.request.target = Target::Tier("\"><script>".into());
    let drawn = table(&[run]).into_string();
    assert!(drawn.contains("&lt;img src=x onerror=alert(1)&gt; (tier:&quot;&gt;&lt;script&gt;)"), "{drawn}");
    assert!(!drawn.contains("<img") && !drawn.contains("<script"), "{drawn}");
}

#[test]
fn a_verdict_says_what_was_found_and_what_was_not_tried() {
    let mut one = run(1, StrategyKind::Optimistic, 0).simulation;
    one.status = SimulationStatus::Cancelled;
    one.errors = 2;
    assert_eq!(verdict(&one), "Exact, cancelled, 2 errors");
    one.contradictions.push("seat A-1 was sold twice".to_owned());
    assert_eq!(verdict(&one), "Not exact, cancelled, 2 errors");
    one.audit = None;
    assert_eq!(verdict(&one), "Not audited, cancelled, 2 errors");
}
