//! Text made safe for markup that is built as a string.

/// Escapes what has a meaning in element content and in quoted attributes.
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe
}

/// An attribute, or any other piece of markup, that stands only under a condition.
pub const fn when(condition: bool, markup: &'static str) -> &'static str {
    if condition { markup } else { "" }
}

#[cfg(test)]
mod tests {
    #[test]
    fn markup_in_a_name_stays_text() {
        assert_eq!(super::escape(r#"<b title="x">R&B's</b>"#), "&lt;b title=&quot;x&quot;&gt;R&amp;B&#39;s&lt;/b&gt;");
    }
}
