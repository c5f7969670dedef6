//! How far the run is, while it goes on.

use super::{
    chart::{Line, chart},
    comparison::strategy_name,
    outcomes,
    session::{Run, Sample, Stage},
};
use crate::ui::kit::markup::when;

/// `None` until the first figures are there.
pub fn draw(run: Option<&Run>, is_cancelled: bool) -> String {
    let (mut answered, mut buyers) = run.map_or((0, 1), |run| (run.simulation.answered(), run.request.buyers));
    let mut heading = String::new();
    if let Some((Stage { place, of }, run)) = run.and_then(|run| Some((run.request.stage?, run))) {
        heading = format!(
            r#"<p class="simulator-stage" data-key="stage">Strategy {place} of {of}: <code>{}</code></p>"#,
            strategy_name(&run.simulation),
        );
        answered += u64::from((place - 1) * buyers);
        buyers *= of;
    }
    let figures = run.map(|run| outcomes::draw(&run.simulation) + &charts(run)).unwrap_or_default();
    format!(
        r#"<div class="simulator-progress" data-key="progress">{heading}<div class="simulator-progress-line"><progress aria-label="Buyers answered" max="{buyers}" value="{answered}"></progress><span class="simulator-progress-count">{answered} of {buyers} answered</span><button class="button-quiet" type="button"{} data-do="cancel">{}</button></div>{figures}</div>"#,
        when(is_cancelled, " disabled"),
        if is_cancelled { "Cancelling…" } else { "Cancel" },
    )
}

/// Requests per second and latency over the time of a run.
pub fn charts(run: &Run) -> String {
    let line = |name, class, value: fn(&Sample) -> f64| Line {
        name,
        class,
        points: run.samples.iter().map(|sample| (sample.at_ms, value(sample))).collect(),
    };
    let throughput = [line("Answers per second", "line-first", |sample| sample.per_second)];
    let latency = [
        line("p99 so far", "line-first", |sample| sample.p99_ms),
        line("p50 so far", "line-second", |sample| sample.p50_ms),
    ];
    format!(
        r#"<div class="simulator-charts">{}{}</div>"#,
        chart("Answers per second", "/s", &throughput),
        chart("Latency", "ms", &latency),
    )
}
