//! The time until an opening, by the server's clock.

use leptos::prelude::*;

use crate::model::time::Timestamp;

/// The line that says when a sale opens: the remaining days, hours, minutes and seconds, and the opening time itself.
#[component]
pub fn Opening(opens_at: Timestamp, now: ReadSignal<Timestamp>, class: &'static str) -> impl IntoView {
    view! {
        <p class=class>
            "Opens in "
            <time class="countdown figures" datetime=opens_at.to_string()>
                {move || remaining(opens_at.since(now.get()))}
            </time> " " <span class="quiet">{moment(opens_at)}</span>
        </p>
    }
}

/// The remaining time as a text; "now" once the time has come.
pub fn remaining(milliseconds: i64) -> String {
    if milliseconds <= 0 {
        return "now".to_owned();
    }
    // Rounded up, so that "1 s" is shown until the very moment.
    let seconds = (milliseconds + 999) / 1000;
    let (days, hours, minutes, seconds) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes}:{seconds:02}"),
        (0, ..) => format!("{hours}:{minutes:02}:{seconds:02}"),
        (1, ..) => format!("1 day {hours}:{minutes:02}:{seconds:02}"),
        _ => format!("{days} days {hours}:{minutes:02}:{seconds:02}"),
    }
}

/// A moment as a text for people. It is in UTC, so that server and browser write the same.
pub fn moment(at: Timestamp) -> String {
    let text = at.to_string();
    match (text.get(..10), text.get(11..16)) {
        (Some(day), Some(time)) => format!("{day} {time} UTC"),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_remaining_time_is_as_long_as_it_needs_to_be() {
        let texts = [0, 1, 1_000, 61_000, 3_661_000, 90_061_000, 180_000_000].map(remaining);
        assert_eq!(texts, ["now", "1 s", "1 s", "1:01", "1:01:01", "1 day 1:01:01", "2 days 2:00:00"]);
    }

    #[test]
    fn a_moment_is_told_in_utc() {
        assert_eq!(moment(Timestamp::parse("2026-11-20T20:05:59Z").unwrap()), "2026-11-20 20:05 UTC");
    }
}
