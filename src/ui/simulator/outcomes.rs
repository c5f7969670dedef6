//! Answers stacked by their meaning: won, seat taken, sold out, limited, error. Colour, texture and label tell them apart.

use leptos::prelude::*;

use crate::model::{outcome::Code, simulation::Simulation};

/// The drawing's own units; the page scales them.
const WIDTH: f64 = 400.0;
const HEIGHT: f64 = 24.0;

/// One part of the bar.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Part {
    name: &'static str,
    class: &'static str,
    /// What lies over the colour.
    texture: &'static str,
    count: u64,
}

/// The parts in the order in which they stand.
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

/// The stacked bar with its legend.
#[component]
pub fn Outcomes(simulation: Simulation) -> impl IntoView {
    let parts = parts(&simulation);
    let label = parts.map(|part| format!("{} {}", part.name, part.count)).join(", ");
    let mut left = 0.0;
    let drawn = parts.map(|part| {
        let width = share(part.count, simulation.buyers) * WIDTH;
        let x = left;
        left += width;
        view! {
            <rect class=part.class x=x y=0 width=width height=HEIGHT />
            <rect fill=part.texture x=x y=0 width=width height=HEIGHT />
        }
    });
    let legend = parts.map(|part| {
        view! {
            <li>
                <svg class="outcome-key" viewBox="0 0 16 16" aria-hidden="true">
                    <rect class=part.class width="16" height="16" />
                    <rect fill=part.texture width="16" height="16" />
                </svg>
                {part.name}" "<b>{part.count}</b>
            </li>
        }
    });
    view! {
        <figure class="outcomes">
            <svg class="outcomes-bar" viewBox=format!("0 0 {WIDTH} {HEIGHT}") preserveAspectRatio="none"
                role="img" aria-label=format!("Outcomes: {label}")>
                <Textures />
                {drawn.into_iter().collect_view()}
            </svg>
            <ul class="outcomes-legend">{legend.into_iter().collect_view()}</ul>
        </figure>
    }
}

/// What lies over the colours, for eyes that do not tell those apart.
#[component]
fn Textures() -> impl IntoView {
    view! {
        <defs>
            <pattern id="simulator-stripes" width="6" height="6" patternUnits="userSpaceOnUse">
                <path class="texture" d="M0 6 6 0" />
            </pattern>
            <pattern id="simulator-dots" width="6" height="6" patternUnits="userSpaceOnUse">
                <circle class="texture-dot" cx="3" cy="3" r="1.2" />
            </pattern>
            <pattern id="simulator-cross" width="6" height="6" patternUnits="userSpaceOnUse">
                <path class="texture" d="M0 6 6 0M0 0 6 6" />
            </pattern>
        </defs>
    }
}

#[allow(clippy::cast_precision_loss)] // counts lie far below 2⁵³
fn share(count: u64, of: u32) -> f64 {
    count as f64 / f64::from(of.max(1))
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
