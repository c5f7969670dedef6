//! Figures over time, as lines in a small SVG with the same figures in a table beneath.

use leptos::prelude::*;

/// The drawing's own units; the page scales them.
const WIDTH: f64 = 320.0;
const HEIGHT: f64 = 120.0;
/// Space for the numbers at the left and at the foot.
const LEFT: f64 = 44.0;
const FOOT: f64 = 18.0;
const TOP: f64 = 8.0;
/// Fewer moments than this make no line.
const FEWEST_POINTS: usize = 2;
/// Rows of the table at most; more moments are thinned out.
const MOST_ROWS: usize = 20;

/// One line of a chart: its value at each moment, in milliseconds since the start.
#[derive(Clone, PartialEq, Debug)]
pub struct Line {
    pub name: &'static str,
    /// Decides stroke and dash, so that lines differ without colour.
    pub class: &'static str,
    pub points: Vec<(u64, f64)>,
}

/// Where a moment and a value lie in the drawing.
struct Scale {
    last_ms: f64,
    highest: f64,
}

impl Scale {
    fn of(lines: &[Line]) -> Self {
        let points = || lines.iter().flat_map(|line| &line.points);
        let last_ms = points().map(|(at_ms, _)| milliseconds(*at_ms)).fold(1.0, f64::max);
        Self { last_ms, highest: round_up(points().map(|(_, value)| *value).fold(0.0, f64::max)) }
    }

    fn x(&self, at_ms: u64) -> f64 {
        LEFT + milliseconds(at_ms) / self.last_ms * (WIDTH - LEFT)
    }

    fn y(&self, value: f64) -> f64 {
        let floor = HEIGHT - FOOT;
        floor - value / self.highest * (floor - TOP)
    }

    fn path(&self, line: &Line) -> String {
        let points = line.points.iter().map(|(at_ms, value)| format!("{:.1},{:.1}", self.x(*at_ms), self.y(*value)));
        points.collect::<Vec<_>>().join(" ")
    }
}

#[allow(clippy::cast_precision_loss)] // a run lasts minutes, far below 2⁵³ ms
const fn milliseconds(at_ms: u64) -> f64 {
    at_ms as f64
}

/// The next of 1, 2 or 5 times a power of ten.
fn round_up(value: f64) -> f64 {
    if value <= 1.0 {
        return 1.0;
    }
    let power = 10_f64.powf(value.log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|step| step * power).find(|bound| value <= *bound).unwrap_or(value)
}

/// A chart of lines over the same time.
#[component]
pub fn Chart(title: &'static str, unit: &'static str, lines: Vec<Line>) -> impl IntoView {
    if lines.iter().all(|line| line.points.len() < FEWEST_POINTS) {
        let told = format!("{title}: too short a time for a line so far.");
        return view! { <p class="chart-absent">{told}</p> }.into_any();
    }
    let scale = Scale::of(&lines);
    let grid = [0.0, 0.5, 1.0].map(|share| {
        let (value, y) = (scale.highest * share, scale.y(scale.highest * share));
        view! {
            <line class="chart-grid" x1=LEFT x2=WIDTH y1=y y2=y />
            <text class="chart-number" x=LEFT - 6.0 y=y + 3.5 text-anchor="end">{number(value)}</text>
        }
    });
    let drawn = lines.iter().map(|line| {
        view! { <polyline class=format!("chart-line {}", line.class) points=scale.path(line) /> }
    });
    let legend = lines.iter().map(|line| {
        view! {
            <li>
                <svg class="chart-key" viewBox="0 0 24 8" aria-hidden="true">
                    <polyline class=format!("chart-line {}", line.class) points="0,4 24,4" />
                </svg>
                {line.name}
            </li>
        }
    });
    let label = format!("{title} over {:.1} seconds, up to {} {unit}", scale.last_ms / 1000.0, number(scale.highest));
    view! {
        <figure class="chart">
            <figcaption>{title}" ("{unit}")"</figcaption>
            <svg viewBox=format!("0 0 {WIDTH} {HEIGHT}") role="img" aria-label=label>
                {grid.into_iter().collect_view()}
                {drawn.collect_view()}
                <text class="chart-number" x=LEFT y=HEIGHT - 4.0>"0 s"</text>
                <text class="chart-number" x=WIDTH y=HEIGHT - 4.0 text-anchor="end">
                    {format!("{:.1} s", scale.last_ms / 1000.0)}
                </text>
            </svg>
            <ul class="chart-legend">{legend.collect_view()}</ul>
            <Table title lines=lines.clone() />
        </figure>
    }
    .into_any()
}

/// The same figures to be read.
#[component]
fn Table(title: &'static str, lines: Vec<Line>) -> impl IntoView {
    let names = lines.iter().map(|line| view! { <th scope="col">{line.name}</th> }).collect_view();
    let moments = lines.first().map(|line| line.points.clone()).unwrap_or_default();
    let every = moments.len().div_ceil(MOST_ROWS).max(1);
    let rows = moments.iter().enumerate().step_by(every).map(|(index, (at_ms, _))| {
        let values = lines.iter().map(|line| {
            let value = line.points.get(index).map(|(_, value)| number(*value));
            view! { <td>{value}</td> }
        });
        view! {
            <tr>
                <th scope="row">{*at_ms}" ms"</th>
                {values.collect_view()}
            </tr>
        }
    });
    view! {
        <details class="chart-table">
            <summary>{title}" as a table"</summary>
            <table>
                <thead>
                    <tr><th scope="col">"Time"</th>{names}</tr>
                </thead>
                <tbody>{rows.collect_view()}</tbody>
            </table>
        </details>
    }
}

/// Short enough to stand beside a line.
fn number(value: f64) -> String {
    if value >= 10_000.0 {
        format!("{:.0}k", value / 1000.0)
    } else if value >= 10.0 || value == 0.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.1}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_ends_on_a_round_number_above_all_values() {
        for (value, bound) in
            [(0.0, 1.0), (0.3, 1.0), (1.0, 1.0), (3.0, 5.0), (5.0, 5.0), (71.0, 100.0), (120.0, 200.0)]
        {
            assert!((round_up(value) - bound).abs() < 1e-9, "{value}");
        }
    }

    #[test]
    fn a_line_runs_from_the_left_foot_to_the_right_top() {
        let line = Line { name: "all", class: "", points: vec![(0, 0.0), (1_000, 5.0)] };
        let scale = Scale::of(std::slice::from_ref(&line));
        assert_eq!(scale.path(&line), "44.0,102.0 320.0,8.0");
    }

    #[test]
    fn numbers_stay_short() {
        assert_eq!([0.0, 0.25, 9.94, 10.0, 9_999.0, 12_345.0].map(number), ["0", "0.2", "9.9", "10", "9999", "12k"]);
    }
}
