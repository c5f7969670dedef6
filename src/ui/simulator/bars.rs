//! One figure of several runs as bars in a small SVG. Each bar has its name and its number beside it, and the drawing's
//! label repeats them: no figure is shown by length or colour alone.

use crate::ui::kit::{
    html::{Html, html},
    money::tenths,
};

/// All lengths are in the drawing's own units, which the page scales.
const WIDTH: u32 = 280;
/// The distance from one bar to the next, including the line of text above it.
const PITCH: u32 = 36;
const BASELINE: u32 = 12;
const BAR_TOP: u32 = 18;
const BAR_HEIGHT: u32 = 10;
/// How far the mark at the capacity extends beyond a bar.
const MARK_BEYOND: u32 = 2;
/// Space for the label of that mark.
const FOOT: u32 = 18;

/// The texture over the part of a bar that should not exist.
const TEXTURES: &str = r#"<defs><pattern id="comparison-cross" width="6" height="6" patternUnits="userSpaceOnUse">
<path class="texture" d="M0 6 6 0M0 0 6 6"></path></pattern></defs>"#;

/// One run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bar {
    pub name: &'static str,
    pub value: u64,
    /// The part of the value that should not exist.
    pub excess: u64,
}

impl Bar {
    fn number(self) -> String {
        let Self { value, excess, .. } = self;
        if excess == 0 { value.to_string() } else { format!("{value}, {excess} of them phantoms") }
    }
}

/// Turns values into places in the drawing.
struct Scale {
    most: u64,
}

impl Scale {
    fn of(bars: &[Bar], capacity: Option<u64>) -> Self {
        Self { most: bars.iter().map(|bar| bar.value).chain(capacity).max().unwrap_or_default().max(1) }
    }

    #[allow(clippy::cast_precision_loss)] // counts lie far below 2⁵³
    fn x(&self, value: u64) -> String {
        tenths(value as f64 / self.most as f64 * f64::from(WIDTH))
    }

    /// The end at which a text at this value is anchored, so that the whole text fits into the drawing.
    const fn anchor(&self, value: u64) -> &'static str {
        if value * 2 < self.most { "start" } else { "end" }
    }
}

/// The bars, with a line at the capacity if one is given.
pub fn bars(title: &str, capacity: Option<u64>, bars: &[Bar]) -> Html {
    let scale = Scale::of(bars, capacity);
    let mut drawn = Html::default();
    let mut top = 0;
    for bar in bars {
        drawn.push(one(&scale, *bar, top));
        if let Some(capacity) = capacity {
            drawn.push(mark(&scale, capacity, top + BAR_TOP));
        }
        top += PITCH;
    }
    let spoken: Vec<String> = bars.iter().map(|bar| format!("{} {}", bar.name, bar.number())).collect();
    let (mut label, mut height) = (format!("{title}: {}", spoken.join("; ")), top);
    if let Some(capacity) = capacity {
        label += &format!(". There were {capacity}");
        drawn.push(html!(
            r#"<text class="bar-number" x="{at}" y="{baseline}" text-anchor="{anchor}">Capacity {capacity}</text>"#,
            at = scale.x(capacity),
            baseline = height + BASELINE,
            anchor = scale.anchor(capacity),
            capacity = capacity,
        ));
        height += FOOT;
    }
    html!(
        r#"<figure class="chart"><figcaption>{title}</figcaption>
<svg viewBox="0 0 {width} {height}" role="img" aria-label="{label}">{textures}{drawn}</svg></figure>"#,
        title = title,
        width = WIDTH,
        height = height,
        label = label,
        textures = Html::trusted(TEXTURES),
        drawn = drawn,
    )
}

/// One bar below its name and its number.
fn one(scale: &Scale, bar: Bar, top: u32) -> Html {
    let Bar { name, value, excess } = bar;
    let rect = |paint, left: String, width: String| {
        html!(
            r#"<rect {paint} x="{left}" y="{top}" width="{width}" height="{height}"></rect>"#,
            paint = Html::trusted(paint),
            left = left,
            top = top + BAR_TOP,
            width = width,
            height = BAR_HEIGHT,
        )
    };
    let mut drawn = html!(
        r#"<text class="bar-name" x="0" y="{baseline}">{name}</text>
<text class="bar-number" x="{end}" y="{baseline}" text-anchor="end">{number}</text>"#,
        baseline = top + BASELINE,
        name = name,
        end = WIDTH,
        number = bar.number(),
    );
    drawn.push(rect(r#"class="bar-ground""#, "0".to_owned(), WIDTH.to_string()));
    drawn.push(rect(r#"class="bar-value""#, "0".to_owned(), scale.x(value)));
    if excess > 0 {
        drawn.push(rect(r#"class="bar-excess""#, scale.x(value - excess), scale.x(excess)));
        drawn.push(rect(r#"fill="url(#comparison-cross)""#, scale.x(value - excess), scale.x(excess)));
    }
    drawn
}

/// The line at the capacity, over one bar.
fn mark(scale: &Scale, capacity: u64, bar_top: u32) -> Html {
    html!(
        r#"<line class="bar-mark" x1="{at}" x2="{at}" y1="{top}" y2="{foot}"></line>"#,
        at = scale.x(capacity),
        top = bar_top - MARK_BEYOND,
        foot = bar_top + BAR_HEIGHT + MARK_BEYOND,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_bar_fills_the_drawing_and_what_should_not_be_is_its_end() {
        let drawn = bars(
            "Units sold",
            Some(200),
            &[Bar { name: "naive", value: 400, excess: 100 }, Bar { name: "in_memory", value: 200, excess: 0 }],
        )
        .into_string();
        assert!(drawn.contains(r#"<rect class="bar-value" x="0" y="18" width="280.0""#), "{drawn}");
        assert!(drawn.contains(r#"<rect class="bar-excess" x="210.0" y="18" width="70.0""#), "{drawn}");
        assert!(drawn.contains(r#"<rect class="bar-value" x="0" y="54" width="140.0""#), "{drawn}");
        assert!(drawn.contains(r#"<line class="bar-mark" x1="140.0" x2="140.0" y1="16" y2="30""#), "{drawn}");
        let label = r#"aria-label="Units sold: naive 400, 100 of them phantoms; in_memory 200. There were 200""#;
        assert!(drawn.contains(label), "{drawn}");
    }

    #[test]
    fn the_label_of_the_capacity_lies_within_the_drawing_wherever_its_line_is() {
        for (sold, anchor) in [(10_000, "start"), (401, "start"), (400, "end"), (200, "end"), (0, "end")] {
            let drawn = bars("Units sold", Some(200), &[Bar { name: "naive", value: sold, excess: 0 }]).into_string();
            let label = format!(r#" text-anchor="{anchor}">Capacity 200</text>"#);
            assert!(drawn.contains(&label), "{sold} sold: {drawn}");
        }
    }

    #[test]
    fn nothing_at_all_is_drawn_without_a_division_by_zero() {
        let drawn = bars("Refusals", None, &[Bar { name: "naive", value: 0, excess: 0 }]).into_string();
        assert!(drawn.contains(r#"<rect class="bar-value" x="0" y="18" width="0.0""#), "{drawn}");
    }
}
