//! The result of the form that works without script. The page's address claims it, and the server has checked the
//! claim.

use serde::{
    Deserialize,
    de::value::{Error, StrDeserializer},
};

use crate::{model::outcome::Code, ui::kit::toast::ToastKind};

/// Why nothing is sold to a browser without cookies.
pub const NO_COOKIES: &str = "Your tickets belong to this browser, and it is known by a cookie: without one you could \
                              not find them again. Allow cookies for this site, load the page again, and buy then.";

/// The message for an outcome: `won`, with the rung added if seats do not stand side by side; `waiting`; or the code of
/// a refusal. `None` for anything else.
pub fn outcome_message(outcome: &str) -> Option<(ToastKind, String, String)> {
    let won = match outcome {
        "won" => Some("Your tickets are below."),
        "won-rows" => Some("The seats stand in rows behind each other. Your tickets are below."),
        "won-scattered" => Some("The seats are not side by side. Your tickets are below."),
        _ => None,
    };
    if let Some(detail) = won {
        return Some((ToastKind::Success, "You have it".to_owned(), detail.to_owned()));
    }
    if outcome == "held" {
        return Some((ToastKind::Success, "Held for you".to_owned(), "Check out before the time is over.".to_owned()));
    }
    if outcome == "waiting" {
        let detail = "You are in line. Load this page again to see the result.";
        return Some((ToastKind::Waiting, "In line".to_owned(), detail.to_owned()));
    }
    let code = Code::deserialize(StrDeserializer::<Error>::new(outcome)).ok()?;
    let detail = match code {
        Code::SoldOut => "Nothing was bought: there were not that many left.",
        Code::SeatTaken => "Somebody was faster. Pick another seat.",
        Code::LimitReached => "Nothing was bought: that would be more than you may have.",
        Code::Contended | Code::Overloaded | Code::RateLimited => "Too many at once. Nothing was bought; try again.",
        Code::PriceChanged => "It costs something else now. Look at the new price, and try again.",
        Code::SaleNotOpen => "Nothing could be bought at that moment.",
        Code::NotFound => "There is no such seat or tier in this sale.",
        Code::IdempotencyInFlight => "The purchase is still being decided. Load this page again to see your tickets.",
        Code::Unauthenticated => NO_COOKIES,
        _ => "Nothing was bought. Check what you chose, and try again.",
    };
    Some((ToastKind::of(code), code.title().to_owned(), detail.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outcomes_of_the_form_are_told_apart() {
        let kinds = ["won", "won-rows", "sold-out", "seat-taken", "limit-reached", "not-found", "overloaded"]
            .map(|outcome| outcome_message(outcome).map(|(kind, ..)| kind.name()));
        assert_eq!(kinds, ["success", "success", "sold-out", "conflict", "limit", "not-found", "error"].map(Some));
        assert_eq!(outcome_message("<script>"), None);
    }
}
