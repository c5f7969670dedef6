//! The result of the form that works without script, told by the address of the page that comes back.

use serde::{
    Deserialize,
    de::value::{Error, StrDeserializer},
};

use crate::{model::outcome::Code, ui::kit::toast::ToastKind};

/// The message for `?outcome=`: `won`, `waiting`, or the code of a refusal. `None` for anything else.
pub fn outcome_message(outcome: &str) -> Option<(ToastKind, String, String)> {
    if outcome == "won" {
        return Some((ToastKind::Success, "You have it".to_owned(), "Your tickets are below.".to_owned()));
    }
    if outcome == "waiting" {
        let detail = "You are in line. Load this page again to see the result.";
        return Some((ToastKind::Waiting, "In line".to_owned(), detail.to_owned()));
    }
    let code = Code::deserialize(StrDeserializer::<Error>::new(outcome)).ok()?;
    let detail = match code {
        Code::SoldOut => "Nothing is left of it.",
        Code::SeatTaken => "Somebody was faster. Pick another seat.",
        Code::LimitReached => "You have as many as one buyer may have.",
        Code::Contended | Code::Overloaded | Code::RateLimited => "Too many at once. Nothing was bought; try again.",
        Code::SaleNotOpen => "Nothing can be bought at this moment.",
        Code::NotFound => "There is no such seat or tier in this sale.",
        _ => "Nothing was bought. Check what you chose, and try again.",
    };
    Some((ToastKind::of(code), code.title().to_owned(), detail.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_outcomes_of_the_form_are_told_apart() {
        let kinds = ["won", "sold-out", "seat-taken", "limit-reached", "not-found", "overloaded"]
            .map(|outcome| outcome_message(outcome).map(|(kind, ..)| kind.name()));
        assert_eq!(
            kinds,
            [Some("success"), Some("sold-out"), Some("conflict"), Some("limit"), Some("not-found"), Some("error")]
        );
        assert_eq!(outcome_message("<script>"), None);
    }
}
