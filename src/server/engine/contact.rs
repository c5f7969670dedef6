//! How a buyer can be reached: what is taken, and what a sale asks for.

use super::refusals::invalid;
use crate::{
    model::{
        limits::{MAX_EMAIL_CHARACTERS, MAX_NAME_CHARACTERS},
        order::Contact,
        outcome::Refusal,
        sale::ContactRule,
    },
    server::stock::Stock,
};

/// The contact to keep with an order of this sale, where its buyer was asked by `rule`. Where none is asked for, none is kept.
/// A rehearsal never insists, because its buyers are not real.
///
/// # Errors
/// If the sale needs one and there is none, or if nobody can be reached in this way.
pub fn checked(stock: &Stock, rule: ContactRule, contact: Option<&Contact>) -> Result<Option<Contact>, Refusal> {
    let Some(contact) = contact else {
        let is_needed = rule == ContactRule::Required && !stock.rehearsal;
        return if is_needed { Err(invalid("This sale needs a contact with an email.")) } else { Ok(None) };
    };
    let email = contact.email.trim();
    if !is_address(email) {
        return Err(invalid("contact.email is one e-mail address, such as ada@example.org."));
    }
    let name = contact.name.as_deref().map(str::trim);
    let is_name = |name: &str| {
        !name.is_empty() && name.chars().count() <= MAX_NAME_CHARACTERS && !name.chars().any(char::is_control)
    };
    if name.is_some_and(|name| !is_name(name)) {
        return Err(invalid(format!("contact.name is one line of 1 to {MAX_NAME_CHARACTERS} characters.")));
    }
    let contact = Contact { email: email.to_owned(), name: name.map(str::to_owned) };
    Ok((rule != ContactRule::None).then_some(contact))
}

/// Whether this can be an address at all. Only a mail that arrives shows that it is one.
fn is_address(text: &str) -> bool {
    let is_plain = text.chars().all(|character| !character.is_whitespace() && !character.is_control());
    let has_both_sides = text.rsplit_once('@').is_some_and(|(local, domain)| {
        !local.is_empty()
            && !local.contains('@')
            && !domain.is_empty()
            && !domain.starts_with('.')
            && !domain.ends_with('.')
    });
    let has_no_list = !text.contains([',', ';', '<', '>', '"', '\\', '(', ')']);
    is_plain && has_both_sides && has_no_list && text.chars().count() <= MAX_EMAIL_CHARACTERS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_one_at_sign_and_no_room_for_a_second_header() {
        for address in ["ada@example.org", "a+b.c@sub.example.co", "jürgen@bücher.example", "x@localhost"] {
            assert!(is_address(address), "{address}");
        }
        let long = format!("{}@example.org", "a".repeat(300));
        for other in [
            "",
            "ada",
            "@example.org",
            "ada@",
            "a b@example.org",
            "ada@example.org\r\nBcc: x@example.org",
            "ada@example.org,bob@example.org",
            "Ada <ada@example.org>",
            "a@b@c",
            "ada@.org",
            "ada@org.",
            &long,
        ] {
            assert!(!is_address(other), "{other}");
        }
    }
}
