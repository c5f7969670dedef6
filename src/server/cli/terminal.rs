//! Makes foreign text safe for a terminal. Names, reasons and errors come from servers and files that may be anybody's,
//! and a terminal obeys control characters in them: they move the cursor, change colours and titles, and hide text.

use std::{borrow::Cow, fmt::Display};

/// Whether a terminal would obey this character instead of showing it: the control characters of ASCII (C0 and DEL) and
/// of Latin-1 (C1), line separators, and what turns the direction of writing around.
const fn is_obeyed(character: char) -> bool {
    matches!(
        character,
        '\0'..='\u{1f}'
            | '\u{7f}'..='\u{9f}'
            | '\u{61c}'
            | '\u{200e}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
    )
}

/// The text in one line, with every character that a terminal would obey written as its number: `\u{1b}`.
pub fn printable(text: &(impl Display + ?Sized)) -> String {
    text.to_string().chars().fold(String::new(), |mut shown, character| {
        if is_obeyed(character) {
            shown.extend(character.escape_unicode());
        } else {
            shown.push(character);
        }
        shown
    })
}

/// JSON with every such character written as JSON writes it: `\u009b`. The line breaks between the fields stay; inside
/// of texts the library has written them as escapes already.
pub fn printable_json(json: &str) -> Cow<'_, str> {
    let is_foreign = |character: char| is_obeyed(character) && character != '\n';
    if !json.contains(is_foreign) {
        return Cow::Borrowed(json);
    }
    let shown = json.chars().fold(String::with_capacity(json.len()), |mut shown, character| {
        if is_foreign(character) {
            // All of these lie in the first plane, so four digits are enough.
            shown.push_str(&format!("\\u{:04x}", u32::from(character)));
        } else {
            shown.push(character);
        }
        shown
    });
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOREIGN: &str = "a\u{1b}]0;title\u{7}\u{9b}31m\r\n\u{7f}\u{202e}cod\u{2066}\u{200f}\u{2028}é 東 👍";

    #[test]
    fn a_terminal_shows_foreign_text_and_does_not_obey_it() {
        let shown = printable(FOREIGN);
        assert!(!shown.chars().any(is_obeyed), "{shown:?}");
        assert!(shown.starts_with("a\\u{1b}]0;title\\u{7}\\u{9b}31m\\u{d}\\u{a}\\u{7f}\\u{202e}cod"), "{shown}");
        assert!(shown.ends_with("é 東 👍"), "{shown}");
        assert_eq!(printable("golden-ticket"), "golden-ticket");
    }

    #[test]
    fn json_stays_the_same_json() {
        let value = serde_json::json!({ "sale": FOREIGN, "clean": true });
        let json = serde_json::to_string_pretty(&value).unwrap();
        let shown = printable_json(&json);
        assert!(!shown.chars().any(|character| is_obeyed(character) && character != '\n'), "{shown:?}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
        assert!(matches!(printable_json("{\n  \"clean\": true\n}"), Cow::Borrowed(_)));
    }
}
