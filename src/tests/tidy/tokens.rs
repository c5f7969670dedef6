//! Rust source as tokens: names, signs and the texts of string literals. Comments, white space and numbers are left out.

/// One token.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Token {
    /// A keyword or an identifier.
    Word(String),
    /// A string literal of any kind, without its quotes. Escapes stay as they are written.
    Text(String),
    /// Any other character. The `::` of a path is two signs.
    Sign(char),
}

impl Token {
    pub fn is_word(&self, word: &str) -> bool {
        matches!(self, Self::Word(own) if own == word)
    }

    pub fn is_sign(&self, sign: char) -> bool {
        *self == Self::Sign(sign)
    }

    pub fn word(&self) -> Option<&str> {
        match self {
            Self::Word(word) => Some(word),
            _ => None,
        }
    }
}

/// The tokens of a whole file.
pub fn tokens(source: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let (token, length) = if rest.starts_with("//") {
            (None, rest.find('\n').unwrap_or(rest.len()))
        } else if rest.starts_with("/*") {
            (None, block_comment_length(rest))
        } else if let Some((text, length)) = string_literal(rest) {
            (Some(Token::Text(text)), length)
        } else if first == '\'' {
            (None, character_or_lifetime_length(rest))
        } else if first.is_alphanumeric() || first == '_' {
            let length = rest.find(|next: char| !next.is_alphanumeric() && next != '_').unwrap_or(rest.len());
            let is_number = first.is_ascii_digit();
            ((!is_number).then(|| Token::Word(rest[..length].to_owned())), length)
        } else {
            ((!first.is_whitespace()).then_some(Token::Sign(first)), first.len_utf8())
        };
        tokens.extend(token);
        rest = &rest[length..];
    }
    tokens
}

/// The length of the block comment at the beginning. Block comments can be nested.
fn block_comment_length(source: &str) -> usize {
    let (mut depth, mut position) = (0, 0);
    loop {
        let rest = &source[position..];
        match (rest.starts_with("/*"), rest.starts_with("*/"), rest.chars().next()) {
            (true, ..) => (depth, position) = (depth + 1, position + 2),
            (_, true, _) => (depth, position) = (depth - 1, position + 2),
            (.., Some(other)) => position += other.len_utf8(),
            (.., None) => return position,
        }
        if depth == 0 {
            return position;
        }
    }
}

/// The string literal at the beginning of `source` and its whole length, if there is one.
fn string_literal(source: &str) -> Option<(String, usize)> {
    let prefix = ["br", "cr", "b", "c", "r", ""].into_iter().find(|prefix| {
        let rest = source.strip_prefix(prefix);
        rest.is_some_and(|rest| rest.starts_with('"') || prefix.ends_with('r') && is_hashed_quote(rest))
    })?;
    let hashes = source[prefix.len()..].chars().take_while(|sign| *sign == '#').count();
    let start = prefix.len() + hashes + 1;
    let is_raw = prefix.ends_with('r');
    let length = if is_raw {
        source[start..].find(&format!("\"{}", "#".repeat(hashes))).unwrap_or(source.len() - start)
    } else {
        escaped_length(&source[start..], '"')
    };
    Some((source[start..start + length].to_owned(), (start + length + 1 + hashes).min(source.len())))
}

/// Tells a raw string such as `r#"text"#` from a raw identifier such as `r#type`.
fn is_hashed_quote(source: &str) -> bool {
    source.starts_with('#') && source.trim_start_matches('#').starts_with('"')
}

/// The number of bytes before the closing quote. A quote after a backslash does not close.
fn escaped_length(source: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (position, sign) in source.char_indices() {
        if sign == quote && !is_escaped {
            return position;
        }
        is_escaped = sign == '\\' && !is_escaped;
    }
    source.len()
}

/// The length of a character literal such as `'a'` or `'\n'`, or of a lifetime such as `'a`. None of them becomes a
/// token.
fn character_or_lifetime_length(source: &str) -> usize {
    let inside = &source[1..];
    let mut signs = inside.chars();
    match (signs.next(), signs.next()) {
        (Some('\\'), _) => escaped_length(inside, '\'') + 2,
        (Some(sign), Some('\'')) => sign.len_utf8() + 2,
        _ => 1 + inside.find(|next: char| !next.is_alphanumeric() && next != '_').unwrap_or(inside.len()),
    }
}

/// The tokens without the items that are compiled only for tests.
pub fn without_tests(tokens: &[Token]) -> Vec<Token> {
    const GATE: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut kept = Vec::new();
    let mut position = 0;
    while let Some(token) = tokens.get(position) {
        if begins_with(&tokens[position..], &GATE) {
            position += GATE.len();
            position += item_length(&tokens[position..]);
        } else {
            kept.push(token.clone());
            position += 1;
        }
    }
    kept
}

/// Whether `tokens` begin with these words and signs.
pub fn begins_with(tokens: &[Token], expected: &[&str]) -> bool {
    tokens.len() >= expected.len()
        && tokens.iter().zip(expected).all(|(token, expected)| match token {
            Token::Word(word) => word == expected,
            Token::Sign(sign) => expected.chars().eq([*sign]),
            Token::Text(_) => false,
        })
}

/// The number of tokens of the item at the beginning: up to its semicolon, or to the end of its braces.
pub fn item_length(tokens: &[Token]) -> usize {
    let mut position = 0;
    while let Some(token) = tokens.get(position) {
        match token {
            Token::Sign(';') => return position + 1,
            Token::Sign('{') => {
                let before = position.checked_sub(1).map(|before| &tokens[before]);
                let is_use_list = before.is_some_and(|before| before.is_sign(':') || before.is_word("use"));
                position += group_length(&tokens[position..]);
                if !is_use_list {
                    return position;
                }
            }
            Token::Sign('(' | '[') => position += group_length(&tokens[position..]),
            _ => position += 1,
        }
    }
    position
}

/// The number of tokens from an opening bracket to the bracket that closes it, both included.
pub fn group_length(tokens: &[Token]) -> usize {
    let mut depth = 0_usize;
    for (position, token) in tokens.iter().enumerate() {
        match token {
            Token::Sign('(' | '[' | '{') => depth += 1,
            Token::Sign(')' | ']' | '}') => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return position + 1;
        }
    }
    tokens.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(source: &str) -> Vec<String> {
        tokens(source).iter().filter_map(Token::word).map(str::to_owned).collect()
    }

    #[test]
    fn comments_texts_characters_and_lifetimes_hold_no_words() {
        let source = r##"/// crate::a
            // crate::b
            /* crate::c /* nested */ crate::d */ fn f<'life>(x: &'life str) -> char { g("crate::e \" h", 'i', '\'', b"j") }
            const K: &str = r#"crate::l "m" n"#; let r#type = 1_u32;"##;
        assert_eq!(words(source).join(" "), "fn f x str char g const K str let r type");
    }

    #[test]
    fn a_text_is_kept_as_it_was_written() {
        let texts: Vec<_> = tokens(r###"a("one \" two", r#"three " four"#, b"five", "")"###)
            .into_iter()
            .filter_map(|token| if let Token::Text(text) = token { Some(text) } else { None })
            .collect();
        assert_eq!(texts, [r#"one \" two"#, r#"three " four"#, "five", ""]);
    }

    #[test]
    fn what_is_compiled_for_tests_alone_is_left_out() {
        let source = "a(); #[cfg(test)] mod tests; b(); #[cfg(test)] use x::{y, z}; c();
            #[cfg(test)] #[allow(d)] mod tests { fn e() { f(); } } g(); #[cfg(feature = \"h\")] mod i;";
        let kept = without_tests(&tokens(source));
        let kept: Vec<_> = kept.iter().filter_map(Token::word).collect();
        assert_eq!(kept, ["a", "b", "c", "g", "cfg", "feature", "mod", "i"]);
    }
}
