//! Figures over time, as lines in a small SVG with the same figures in a table beneath.

use crate::ui::kit::money::{rounded, tenths};

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
        let points =
            line.points.iter().map(|(at_ms, value)| format!("{},{}", tenths(self.x(*at_ms)), tenths(self.y(*value))));
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
    let mut power = 1.0;
    while value > power * 10.0 {
        power *= 10.0;
    }
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|step| step * power).find(|bound| value <= *bound).unwrap_or(value)
}

/// A chart of lines over the same time.
pub fn chart(title: &str, unit: &str, lines: &[Line]) -> String {
    if lines.iter().all(|line| line.points.len() < FEWEST_POINTS) {
        return format!(r#"<p class="chart-absent">{title}: too short a time for a line so far.</p>"#);
    }
    let scale = Scale::of(lines);
    let (left, right, foot) = (rounded(LEFT), rounded(WIDTH), rounded(HEIGHT));
    let mut drawn = String::new();
    for share in [0.0, 0.5, 1.0] {
        let (value, y) = (scale.highest * share, scale.y(scale.highest * share));
        drawn += &format!(
            r#"<line class="chart-grid" x1="{left}" x2="{right}" y1="{0}" y2="{0}"></line><text class="chart-number" x="{1}" y="{2}" text-anchor="end">{3}</text>"#,
            tenths(y),
            tenths(LEFT - 6.0),
            tenths(y + 3.5),
            number(value),
        );
    }
    let mut legend = String::new();
    for line in lines {
        let Line { name, class, .. } = line;
        drawn += &format!(r#"<polyline class="chart-line {class}" points="{}"></polyline>"#, scale.path(line));
        legend += &format!(
            r#"<li><svg class="chart-key" viewBox="0 0 24 8" aria-hidden="true"><polyline class="chart-line {class}" points="0,4 24,4"></polyline></svg>{name}</li>"#
        );
    }
    format!(
        r#"<figure class="chart"><figcaption>{title} ({unit})</figcaption><svg viewBox="0 0 {right} {foot}" role="img" aria-label="{title} over {seconds} seconds, up to {highest} {unit}">{drawn}<text class="chart-number" x="{left}" y="{baseline}">0 s</text><text class="chart-number" x="{right}" y="{baseline}" text-anchor="end">{seconds} s</text></svg><ul class="chart-legend">{legend}</ul>{table}</figure>"#,
        baseline = rounded(HEIGHT - 4.0),
        seconds = tenths(scale.last_ms / 1000.0),
        highest = number(scale.highest),
        table = table(title, lines),
    )
}

/// The same figures to be read.
fn table(title: &str, lines: &[Line]) -> String {
    let names: String = lines.iter().map(|line| format!(r#"<th scope="col">{}</th>"#, line.name)).collect();
    let moments = lines.first().map_or(&[][..], |line| &line.points);
    let every = moments.len().div_ceil(MOST_ROWS).max(1);
    let mut rows = String::new();
    for (index, (at_ms, _)) in moments.iter().enumerate().step_by(every) {
        let values =
            lines.iter().map(|line| line.points.get(index).map(|(_, value)| number(*value)).unwrap_or_default());
        let values: String = values.map(|value| format!("<td>{value}</td>")).collect();
        rows += &format!(r#"<tr><th scope="row">{at_ms} ms</th>{values}</tr>"#);
    }
    format!(
        r#"<details class="chart-table"><summary>{title} as a table</summary><table><thead><tr><th scope="col">Time</th>{names}</tr></thead><tbody>{rows}</tbody></table></details>"#
    )
}

/// Short enough to stand beside a line.
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
