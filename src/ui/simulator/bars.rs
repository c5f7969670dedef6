//! One figure of several runs as bars in a small SVG. Each bar carries its name and its number, and all of them stand
//! in the drawing's own label: nothing is told by length or colour alone.

use crate::ui::kit::money::tenths;

/// The drawing's own units; the page scales them.
const WIDTH: u32 = 280;
/// From one bar to the next, with the line of text above it.
const PITCH: u32 = 36;
const BASELINE: u32 = 12;
const BAR_TOP: u32 = 18;
const BAR_HEIGHT: u32 = 10;
/// How far the mark of the capacity reaches beyond a bar.
const MARK_BEYOND: u32 = 2;
/// Space for what the mark means.
const FOOT: u32 = 18;

/// One run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bar {
    pub name: &'static str,
    pub value: u64,
    /// How much of the value should not be.
    pub excess: u64,
}

impl Bar {
    fn number(self) -> String {
        let Self { value, excess, .. } = self;
        if excess == 0 { value.to_string() } else { format!("{value}, {excess} of them phantoms") }
    }
}

/// The bars, with a line at the capacity where there is one.
pub fn bars(title: &str, capacity: Option<u64>, bars: &[Bar]) -> String {
    let most = bars.iter().map(|bar| bar.value).chain(capacity).max().unwrap_or_default().max(1);
    #[allow(clippy::cast_precision_loss)] // counts lie far below 2⁵³
    let x = |value: u64| tenths(value as f64 / most as f64 * f64::from(WIDTH));
    let mut drawn = String::new();
    let mut top = 0;
    for bar in bars {
        let Bar { name, value, excess } = *bar;
        let (baseline, bar_top, number) = (top + BASELINE, top + BAR_TOP, bar.number());
        let width = x(value);
        drawn += &format!(
            r#"<text class="bar-name" x="0" y="{baseline}">{name}</text><text class="bar-number" x="{WIDTH}" y="{baseline}" text-anchor="end">{number}</text><rect class="bar-ground" x="0" y="{bar_top}" width="{WIDTH}" height="{BAR_HEIGHT}"></rect><rect class="bar-value" x="0" y="{bar_top}" width="{width}" height="{BAR_HEIGHT}"></rect>"#
        );
        if excess > 0 {
            let (left, width) = (x(value - excess), x(excess));
            for fill in [r#"class="bar-excess""#, r#"fill="url(#comparison-cross)""#] {
                drawn +=
                    &format!(r#"<rect {fill} x="{left}" y="{bar_top}" width="{width}" height="{BAR_HEIGHT}"></rect>"#);
            }
        }
        if let Some(capacity) = capacity {
            let (at, bar_foot) = (x(capacity), bar_top + BAR_HEIGHT);
            drawn += &format!(
                r#"<line class="bar-mark" x1="{at}" x2="{at}" y1="{}" y2="{}"></line>"#,
                bar_top - MARK_BEYOND,
                bar_foot + MARK_BEYOND,
            );
        }
        top += PITCH;
    }
    let spoken: Vec<String> = bars.iter().map(|bar| format!("{} {}", bar.name, bar.number())).collect();
    let (mut label, mut height) = (format!("{title}: {}", spoken.join("; ")), top);
    if let Some(capacity) = capacity {
        label += &format!(". There were {capacity}");
        drawn += &format!(
            r#"<text class="bar-number" x="{}" y="{}" text-anchor="end">{capacity} there were</text>"#,
            x(capacity),
            height + BASELINE,
        );
        height += FOOT;
    }
    format!(
        r#"<figure class="chart"><figcaption>{title}</figcaption><svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{label}"><defs><pattern id="comparison-cross" width="6" height="6" patternUnits="userSpaceOnUse"><path class="texture" d="M0 6 6 0M0 0 6 6"></path></pattern></defs>{drawn}</svg></figure>"#
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
        );
        assert!(drawn.contains(r#"<rect class="bar-value" x="0" y="18" width="280.0""#), "{drawn}");
        assert!(drawn.contains(r#"<rect class="bar-excess" x="210.0" y="18" width="70.0""#), "{drawn}");
        assert!(drawn.contains(r#"<rect class="bar-value" x="0" y="54" width="140.0""#), "{drawn}");
        assert!(drawn.contains(r#"<line class="bar-mark" x1="140.0" x2="140.0" y1="16" y2="30""#), "{drawn}");
        let label = r#"aria-label="Units sold: naive 400, 100 of them phantoms; in_memory 200. There were 200""#;
        assert!(drawn.contains(label), "{drawn}");
    }

    #[test]
    fn nothing_at_all_is_drawn_without_a_division_by_zero() {
        let drawn = bars("Refusals", None, &[Bar { name: "naive", value: 0, excess: 0 }]);
        assert!(drawn.contains(r#"<rect class="bar-value" x="0" y="18" width="0.0""#), "{drawn}");
    }
}
