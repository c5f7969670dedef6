//! The position that a viewer says it has when it opens a stream.

/// A viewer's position, if it can be understood.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Resume {
    /// The viewer gives no position: it is new.
    #[default]
    New,
    /// The viewer has seen everything up to `seq`, in the database that `epoch` names.
    From { seq: u64, epoch: Option<String> },
    /// The viewer gives something that is not a position.
    Unreadable,
}

impl Resume {
    /// Reads the header `Last-Event-ID` and the query parameters `since` and `epoch`. The header takes precedence over
    /// `since`.
    pub fn read(last_event_id: Option<&[u8]>, since: Option<&str>, epoch: Option<&str>) -> Self {
        let Some(position) = last_event_id.or(since.map(str::as_bytes)) else { return Self::New };
        // Only digits are allowed. The number parser would also accept a sign.
        let digits = position.iter().all(u8::is_ascii_digit).then_some(position);
        match digits.and_then(|digits| std::str::from_utf8(digits).ok()).and_then(|digits| digits.parse().ok()) {
            Some(seq) => Self::From { seq, epoch: epoch.map(str::to_owned) },
            None => Self::Unreadable,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_event_id_beats_the_query() {
        let at = |seq| Resume::From { seq, epoch: None };
        assert_eq!(Resume::read(None, None, Some("e")), Resume::New);
        assert_eq!(Resume::read(Some(b"7"), Some("5"), None), at(7));
        assert_eq!(Resume::read(None, Some("5"), None), at(5));
        assert_eq!(Resume::read(Some(b"junk"), Some("5"), None), Resume::Unreadable);
        assert_eq!(Resume::read(None, Some("5"), Some("e")), Resume::From { seq: 5, epoch: Some("e".into()) });
    }

    #[test]
    fn what_is_not_a_position_is_unreadable() {
        for text in ["", " 1", "+1", "-1", "1.5", "0x1", "18446744073709551616", "\u{663}"] {
            assert_eq!(Resume::read(Some(text.as_bytes()), None, None), Resume::Unreadable, "{text:?}");
        }
    }
}
