//! How much is left, as a bar. It is hidden from screen readers, because the figures beside it say the same.

use leptos::prelude::*;

use crate::model::sale::Counts;

/// The bar shows available units, then held units; the rest, the ground, is sold. Widths are in thousandths of the bar.
#[component]
pub fn AvailabilityBar<F>(counts: F) -> impl IntoView
where
    F: Fn() -> Counts + Copy + Send + Sync + 'static,
{
    let available = move || {
        let counts = counts();
        thousandths(counts.available, counts.capacity())
    };
    let taken_up = move || {
        let counts = counts();
        available() + thousandths(counts.held, counts.capacity())
    };
    view! {
        <svg class="bar" viewBox="0 0 1000 8" preserveAspectRatio="none" aria-hidden="true">
            <rect class="bar-ground" width="1000" height="8"></rect>
            <rect class="bar-held" height="8" width=move || taken_up().to_string()></rect>
            <rect class="bar-available" height="8" width=move || available().to_string()></rect>
        </svg>
    }
}

/// The share in thousandths. It is at least 4 if anything is left, so that the last unit can still be seen.
fn thousandths(part: u64, whole: u64) -> u64 {
    match (part, whole) {
        (0, _) | (_, 0) => 0,
        _ => (part.saturating_mul(1000) / whole).max(4),
    }
}

#[cfg(test)]
mod tests {
    use super::thousandths;

    #[test]
    fn the_last_unit_can_be_seen() {
        assert_eq!(thousandths(1, 100_000), 4);
        assert_eq!(thousandths(0, 100), 0);
        assert_eq!(thousandths(100, 100), 1000);
        assert_eq!(thousandths(0, 0), 0);
    }
}
