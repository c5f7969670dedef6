//! Answers stacked by their meaning: won, seat taken, sold out, limited, error. Colour, texture and label tell them
//! apart.

use leptos::prelude::*;

use crate::{
    model::{outcome::Code, simulation::Simulation},
    ui::kit::{
        html::{Html, html},
        money::tenths,
    },
};

/// The drawing's own units; the page scales them.
const WIDTH: u32 = 400;
const HEIGHT: u32 = 24;

/// One part of the bar.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Part {
    name: &'static str,
    class: &'static str,
    /// The texture over the colour.
    texture: &'static str,
    count: u64,
}

/// The parts in their order from left to right.
fn parts(simulation: &Simulation) -> [Part; 5] {
    let refused = |codes: &[Code]| codes.iter().filter_map(|code| simulation.refused.get(code)).sum();
    let (taken, sold_out) = (refused(&[Code::SeatTaken]), refused(&[Code::SoldOut]));
    let limited = simulation.refused_in_all() - taken - sold_out;
    let part = |name, class, texture, count| Part { name, class, texture, count };
    [
        part("Won", "outcome-won", "none", simulation.won),
        part("Seat taken", "outcome-taken", "url(#simulator-stripes)", taken),
        part("Sold out", "outcome-sold-out", "none", sold_out),
        part("Limited, or not now", "outcome-limited", "url(#simulator-dots)", limited),
        part("Error", "outcome-error", "url(#simulator-cross)", simulation.errors),
    ]
}

/// Textures over the colours, for people who cannot tell the colours apart.
const TEXTURES: &str = r#"<defs>
<pattern id="simulator-stripes" width="6" height="6" patternUnits="userSpaceOnUse">
<path class="texture" d="M0 6 6 0"></path></pattern>
<pattern id="simulator-dots" width="6" height="6" patternUnits="userSpaceOnUse">
<circle class="texture-dot" cx="3" cy="3" r="1.2"></circle></pattern>
<pattern id="simulator-cross" width="6" height="6" patternUnits="userSpaceOnUse">
<path class="texture" d="M0 6 6 0M0 0 6 6"></path></pattern>
</defs>"#;

/// The stacked bar with its legend. Empty until the first figures have come.
#[component]
pub fn Outcomes<F>(simulation: F) -> impl IntoView
where
    F: Fn() -> Option<Simulation> + Send + Sync + 'static,
{
    let drawn = move || simulation().map(|simulation| draw(&simulation).into_string()).unwrap_or_default();
    view! { <figure class="outcomes" inner_html=drawn></figure> }
}

fn draw(simulation: &Simulation) -> Html {
    let parts = parts(simulation);
    let label = parts.map(|part| format!("{} {}", part.name, part.count)).join(", ");
    let (mut drawn, mut legend, mut x) = (Html::default(), Html::default(), 0.0);
    let buyers = f64::from(simulation.buyers.max(1));
    for Part { name, class, texture, count } in parts {
        #[allow(clippy::cast_precision_loss)] // counts lie far below 2⁵³
        let share = count as f64 / buyers * f64::from(WIDTH);
        drawn.push(html!(
            r#"<rect class="{class}" x="{left}" y="0" width="{width}" height="{height}"></rect>
<rect fill="{texture}" x="{left}" y="0" width="{width}" height="{height}"></rect>"#,
            class = class,
            texture = texture,
            left = tenths(x),
            width = tenths(share),
            height = HEIGHT,
        ));
        legend.push(html!(
            r#"<li><svg class="outcome-key" viewBox="0 0 16 16" aria-hidden="true">
<rect class="{class}" width="16" height="16"></rect>
<rect fill="{texture}" width="16" height="16"></rect></svg>{name} <b>{count}</b></li>"#,
            class = class,
            texture = texture,
            name = name,
            count = count,
        ));
        x += share;
    }
    html!(
        r#"<svg class="outcomes-bar" viewBox="0 0 {width} {height}" preserveAspectRatio="none" role="img"
aria-label="Outcomes: {label}">{textures}{drawn}</svg><ul class="outcomes-legend">{legend}</ul>"#,
        width = WIDTH,
        height = HEIGHT,
        label = label,
        textures = Html::trusted(TEXTURES),
        drawn = drawn,
        legend = legend,
    )
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::model::ids::SimulationId;

    #[test]
    fn every_answer_has_its_part() {
        let mut simulation = Simulation::begun(SimulationId(Uuid::nil()), "rehearsal".into(), 10, 2, 1);
        simulation.won = 1;
        simulation.errors = 2;
        simulation.refused =
            [(Code::SeatTaken, 3), (Code::SoldOut, 1), (Code::LimitReached, 1), (Code::Overloaded, 2)].into();
        let parts = parts(&simulation);
        assert_eq!(parts.map(|part| part.count), [1, 3, 1, 3, 2]);
        assert_eq!(parts.iter().map(|part| part.count).sum::<u64>(), simulation.answered());
    }
}
