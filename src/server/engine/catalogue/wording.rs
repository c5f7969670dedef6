//! Which characters names and messages may contain, so that everybody sees what the organiser wrote.

use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};

use crate::{
    model::{
        limits::{MAX_MESSAGE_CHARACTERS, MAX_NAME_CHARACTERS},
        outcome::Refusal,
    },
    server::engine::refusals::invalid,
};

/// Characters that Unicode classes as letters or symbols, although they are drawn as nothing: fillers of Hangul, the
/// empty Braille cell, the empty note.
const BLANKS: [char; 6] = ['\u{115f}', '\u{1160}', '\u{2800}', '\u{3164}', '\u{ffa0}', '\u{1d159}'];
/// Control characters that a message of several lines may contain.
const LINE_CONTROLS: [char; 3] = ['\n', '\r', '\t'];

/// Whether the name of a sale or tier can be read.
pub fn check_name(name: &str) -> Result<(), Refusal> {
    if !(1..=MAX_NAME_CHARACTERS).contains(&name.trim().chars().count()) || !name.chars().any(is_visible) {
        return Err(invalid(format!(
            "A name has 1 to {MAX_NAME_CHARACTERS} characters, and one that is seen at least."
        )));
    }
    match name.chars().find(|character| is_misleading(*character)) {
        Some(character) => Err(invalid(format!("A name has no {}.", named(character)))),
        None => Ok(()),
    }
}

/// Whether a message can be read. It may have several lines. An empty message means no message.
pub fn check_message(message: &str) -> Result<(), Refusal> {
    let text = message.trim();
    if text.chars().count() > MAX_MESSAGE_CHARACTERS {
        return Err(invalid(format!("A message has at most {MAX_MESSAGE_CHARACTERS} characters.")));
    }
    if !text.is_empty() && !text.chars().any(is_visible) {
        return Err(invalid("A message has a character that is seen. An empty one or null takes it away."));
    }
    match text.chars().find(|character| is_misleading(*character) && !LINE_CONTROLS.contains(character)) {
        Some(character) => Err(invalid(format!("A message has no {}.", named(character)))),
        None => Ok(()),
    }
}

fn is_visible(character: char) -> bool {
    use GeneralCategoryGroup::{Letter, Number, Punctuation, Symbol};
    let is_drawn = matches!(character.general_category_group(), Letter | Number | Punctuation | Symbol);
    is_drawn && !BLANKS.contains(&character)
}

/// Characters that break lines, control a terminal, have no meaning, or show text in another order than it is stored.
/// Marks of direction and joiners are allowed, because some scripts need them.
fn is_misleading(character: char) -> bool {
    use GeneralCategory::{Control, LineSeparator, ParagraphSeparator, Unassigned};
    let breaks = matches!(character.general_category(), Control | LineSeparator | ParagraphSeparator | Unassigned);
    breaks || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Names a character that cannot be shown by its number.
fn named(character: char) -> String {
    format!("U+{:04X}", u32::from(character))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_a_character_that_is_seen() {
        for name in [
            "Gala",
            " Gala ",
            "日本語",
            "é",
            "e\u{301}",
            "5",
            "!",
            "🎫",
            "👩\u{200d}🎤",
            "שלום\u{200f}",
            "می\u{200c}خواهم",
            "₿",
        ] {
            assert_eq!(check_name(name), Ok(()), "{name:?}");
        }
        for blank in [
            "",
            "  ",
            "\u{200b}",
            "\u{200b}\u{feff}\u{2060}",
            "\u{a0}",
            "\u{3000}",
            "\u{ad}",
            "\u{301}",
            "\u{3164}",
            "\u{2800}",
            "\u{115f}\u{1160}",
            "\u{ffa0}",
            "\u{e0041}",
            "\u{180e}",
            "\u{fe0f}",
            "\u{34f}",
            "\u{e000}",
        ] {
            assert!(check_name(blank).is_err(), "{}", blank.escape_unicode());
            assert_eq!(check_message(blank).is_err(), !blank.trim().is_empty(), "{}", blank.escape_unicode());
        }
    }

    #[test]
    fn a_name_is_one_line_that_reads_as_it_is_stored() {
        for character in [
            '\0', '\n', '\t', '\u{1b}', '\u{7f}', '\u{85}', '\u{202e}', '\u{2066}', '\u{2028}', '\u{2029}', '\u{378}',
            '\u{ffff}',
        ] {
            let refusal = check_name(&format!("Ga{character}la")).unwrap_err();
            assert!(refusal.detail.contains(&named(character)), "{refusal:?}");
        }
        assert!(check_name(&"x".repeat(MAX_NAME_CHARACTERS)).is_ok());
        assert!(check_name(&"x".repeat(MAX_NAME_CHARACTERS + 1)).is_err());
    }

    #[test]
    fn a_message_may_have_lines() {
        assert_eq!(check_message("Doors at 8.\r\n\tBring a coat."), Ok(()));
        assert_eq!(check_message(" \n "), Ok(()));
        for message in ["a\0b", "a\u{202e}b", "a\u{1b}[31mb"] {
            assert!(check_message(message).is_err(), "{message:?}");
        }
        assert!(check_message(&"é".repeat(MAX_MESSAGE_CHARACTERS)).is_ok());
        assert!(check_message(&"é".repeat(MAX_MESSAGE_CHARACTERS + 1)).is_err());
    }
}
