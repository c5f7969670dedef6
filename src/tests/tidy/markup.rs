//! Markup is written with `view!`, which escapes the values in it. Macros that format text do not escape.

use super::{
    source::library,
    tokens::{Token, begins_with, group_length, tokens, without_tests},
};

/// Macros that put texts together.
const JOINING: [&str; 5] = ["format", "format_args", "write", "writeln", "concat"];

/// Files that write markup as strings today. A file that no longer does so must be removed from this list.
const DRAWN: &[&str] = &[];

/// Texts with markup inside of those macros.
fn joined_markup(source: &str) -> Vec<String> {
    let tokens = without_tests(&tokens(source));
    let mut found = Vec::new();
    for position in 0..tokens.len() {
        let [Token::Word(name), Token::Sign('!'), group @ ..] = &tokens[position..] else { continue };
        if JOINING.contains(&name.as_str()) {
            let texts = group[..group_length(group)].iter();
            found.extend(
                texts.filter_map(|token| if let Token::Text(text) = token { Some(text.clone()) } else { None }),
            );
        }
    }
    found.retain(|text| has_markup(text));
    found
}

/// Whether an element begins or ends somewhere in a text.
fn has_markup(text: &str) -> bool {
    text.match_indices('<')
        .any(|(position, _)| text[position + 1..].starts_with(|next: char| next.is_ascii_alphabetic() || next == '/'))
}

#[test]
fn markup_is_not_formatted() {
    let drawn = library().into_iter().filter(|(_, text)| !joined_markup(text).is_empty()).map(|(file, _)| file);
    assert_eq!(drawn.collect::<Vec<_>>(), DRAWN);
}

#[test]
fn markup_in_a_macro_that_joins_texts_is_found() {
    for planted in [
        r##"format!(r#"<p class="quiet">{text}</p>"#)"##,
        r#"write!(page, "{}", if is_bold { "<b>" } else { "" })"#,
        r#"std::concat!("a", "</td>")"#,
        r#"format!["{} <br>", 1]"#,
    ] {
        assert_eq!(joined_markup(planted).len(), 1, "{planted}");
    }
    for harmless in [
        r#"format!("{count} < {most}, {}", a::<u8>())"#,
        r#"view! { <p>{text}</p> }"#,
        r#"let plain = "<p>";"#,
        r#"// format!("<p>")"#,
        r#"#[cfg(test)] mod tests { fn f() { format!("<p>"); } }"#,
    ] {
        assert!(joined_markup(harmless).is_empty(), "{harmless}");
    }
}

/// Whether an element has a style attribute, in a text or in `view!`.
fn has_style_attribute(source: &str) -> bool {
    let tokens = without_tests(&tokens(source));
    let is_text = tokens.iter().any(|token| matches!(token, Token::Text(text) if text.contains("style=")));
    let is_assigned = |before: &Token| before.is_word("let") || before.is_word("mut") || before.is_sign('.');
    let is_attribute =
        |part: &[Token]| !is_assigned(&part[0]) && begins_with(&part[1..], &["style", "="]) && !part[3].is_sign('=');
    is_text || tokens.windows(4).any(is_attribute)
}

#[test]
fn markup_has_no_style_attribute_that_the_policy_would_drop() {
    let styled = library().into_iter().filter(|(_, text)| has_style_attribute(text)).map(|(file, _)| file);
    assert_eq!(styled.collect::<Vec<_>>(), Vec::<String>::new());
    for planted in [r#"view! { <p style="a"/> }"#, "view! { <p style=move || a()/> }", r##"f(r#"<p style="a">"#)"##] {
        assert!(has_style_attribute(planted), "{planted}");
    }
    for harmless in ["let style = a;", "if b style == a {}", "view! { <p class=style/> }"] {
        assert!(!has_style_attribute(harmless), "{harmless}");
    }
}
