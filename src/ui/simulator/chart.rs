//! Figures over time, as lines in a small SVG, with the same figures in a table beneath it.

use leptos::{either::Either, prelude::*};

use super::session::Sample;
use crate::ui::kit::{
    html::{Html, html},
    money::{rounded, tenths},
};

/// The drawing's own units; the page scales them.
const WIDTH: f64 = 320.0;
const HEIGHT: f64 = 120.0;
/// Space for the numbers at the left and at the foot.
const LEFT: f64 = 44.0;
const FOOT: f64 = 18.0;
const TOP: f64 = 8.0;
/// A line needs at least this many points.
const FEWEST_POINTS: usize = 2;
/// The most rows of the table. If there are more moments, only every n-th is shown.
const MOST_ROWS: usize = 20;

/// One line of a chart: its value at each moment. Moments are in milliseconds since the start.
#[derive(Clone, PartialEq, Debug)]
pub struct Line {
    pub name: &'static str,
    /// Decides stroke and dash, so that lines differ without colour.
    pub class: &'static str,
    pub points: Vec<(u64, f64)>,
}

/// Turns moments and values into places in the drawing.
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
        let points =
            line.points.iter().map(|(at_ms, value)| format!("{},{}", tenths(self.x(*at_ms)), tenths(self.y(*value))));
        points.collect::<Vec<_>>().join(" ")
    }
}

#[allow(clippy::cast_precision_loss)] // a run lasts minutes, far below 2⁵³ ms
const fn milliseconds(at_ms: u64) -> f64 {
    at_ms as f64
}

/// Rounds up to the next number of the form 1, 2 or 5 times a power of ten. The lowest result is 1.
fn round_up(value: f64) -> f64 {
    if value <= 1.0 {
        return 1.0;
    }
    let mut power = 1.0;
    while value > power * 10.0 {
        power *= 10.0;
    }
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|step| step * power).find(|bound| value <= *bound).unwrap_or(value)
}

/// Requests per second and latency over the time of a run.
#[component]
pub fn Charts<F>(samples: F) -> impl IntoView
where
    F: Fn() -> Vec<Sample> + Copy + Send + Sync + 'static,
{
    let line = move |name, class, value: fn(&Sample) -> f64| Line {
        name,
        class,
        points: samples().iter().map(|sample| (sample.at_ms, value(sample))).collect(),
    };
    let throughput = move || vec![line("Answers per second", "line-first", |sample| sample.per_second)];
    let latency = move || {
        vec![
            line("p99 so far", "line-first", |sample| sample.p99_ms),
            line("p50 so far", "line-second", |sample| sample.p50_ms),
        ]
    };
    view! {
        <div class="simulator-charts">
            <Chart title="Answers per second" unit="/s" lines=throughput />
            <Chart title="Latency" unit="ms" lines=latency />
        </div>
    }
}

/// A chart whose lines share one time axis.
#[component]
fn Chart<F>(title: &'static str, unit: &'static str, lines: F) -> impl IntoView
where
    F: Fn() -> Vec<Line> + Copy + Send + Sync + 'static,
{
    let is_absent = Memo::new(move |_| lines().iter().all(|line| line.points.len() < FEWEST_POINTS));
    move || {
        if is_absent.get() {
            Either::Left(view! { <p class="chart-absent">{title} ": too short to plot."</p> })
        } else {
            Either::Right(view! {
                <figure class="chart">
                    <figcaption>{title} " (" {unit} ")"</figcaption>
                    <div class="chart-drawing" inner_html=move || draw(title, unit, &lines()).into_string()></div>
                    <details class="chart-table">
                        <summary>{title} " as a table"</summary>
                        <table inner_html=move || table(&lines()).into_string()></table>
                    </details>
                </figure>
            })
        }
    }
}

/// The lines with their scale and their legend.
fn draw(title: &str, unit: &str, lines: &[Line]) -> Html {
    let scale = Scale::of(lines);
    let (left, right, foot) = (rounded(LEFT), rounded(WIDTH), rounded(HEIGHT));
    let mut drawn = Html::default();
    for share in [0.0, 0.5, 1.0] {
        let (value, y) = (scale.highest * share, scale.y(scale.highest * share));
        drawn.push(html!(
            r#"<line class="chart-grid" x1="{left}" x2="{right}" y1="{y}" y2="{y}"></line>
<text class="chart-number" x="{number_x}" y="{number_y}" text-anchor="end">{number}</text>"#,
            left = left,
            right = right,
            y = tenths(y),
            number_x = tenths(LEFT - 6.0),
            number_y = tenths(y + 3.5),
            number = number(value),
        ));
    }
    let mut legend = Html::default();
    for line in lines {
        let Line { name, class, .. } = line;
        drawn.push(html!(
            r#"<polyline class="chart-line {class}" points="{points}"></polyline>"#,
            class = class,
            points = scale.path(line),
        ));
        legend.push(html!(
            r#"<li><svg class="chart-key" viewBox="0 0 24 8" aria-hidden="true">
<polyline class="chart-line {class}" points="0,4 24,4"></polyline></svg>{name}</li>"#,
            class = class,
            name = name,
        ));
    }
    html!(
        r#"<svg viewBox="0 0 {right} {foot}" role="img"
aria-label="{title} over {seconds} seconds, up to {highest} {unit}">{drawn}
<text class="chart-number" x="{left}" y="{baseline}">0 s</text>
<text class="chart-number" x="{right}" y="{baseline}" text-anchor="end">{seconds} s</text></svg>
<ul class="chart-legend">{legend}</ul>"#,
        right = right,
        foot = foot,
        title = title,
        seconds = tenths(scale.last_ms / 1000.0),
        highest = number(scale.highest),
        unit = unit,
        drawn = drawn,
        left = left,
        baseline = rounded(HEIGHT - 4.0),
        legend = legend,
    )
}

/// The same figures as a table.
fn table(lines: &[Line]) -> Html {
    let names: Html = lines.iter().map(|line| html!(r#"<th scope="col">{name}</th>"#, name = line.name)).collect();
    let moments = lines.first().map_or(&[][..], |line| &line.points);
    let every = moments.len().div_ceil(MOST_ROWS).max(1);
    let mut rows = Html::default();
    for (index, (at_ms, _)) in moments.iter().enumerate().step_by(every) {
        let value = |line: &Line| line.points.get(index).map(|(_, value)| number(*value));
        let values: Html = lines.iter().map(|line| html!("<td>{value}</td>", value = value(line))).collect();
        rows.push(html!(r#"<tr><th scope="row">{at_ms} ms</th>{values}</tr>"#, at_ms = at_ms, values = values));
    }
    html!(
        r#"<thead><tr><th scope="col">Time</th>{names}</tr></thead><tbody>{rows}</tbody>"#,
        names = names,
        rows = rows,
    )
}

/// Writes a value so short that it fits beside a grid line.
fn number(value: f64) -> String {
    if value >= 10_000.0 {
        format!("{}k", rounded(value / 1000.0))
    } else if value >= 10.0 || value == 0.0 {
        rounded(value).to_string()
    } else {
        tenths(value)
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
