//! Every line follows from the one before: by its number, by its `prev`, and by a hash over its own content.

use std::fmt;

use crate::{
    model::ledger::{FIRST_PREVIOUS_HASH, LedgerLine},
    server::ledger::{
        hash_line, hexadecimal,
        replay::{Impossible, Replay},
    },
};

/// The seq of a sale's first change.
const FIRST_SEQ: u64 = 1;

/// How far the chain was followed.
#[derive(Default)]
pub struct Chain {
    lines: u64,
    first_seq: u64,
    head: Option<LedgerLine>,
    /// Only where the export begins with the sale: of a later part the counters are not known.
    replay: Option<Replay>,
}

/// The first line that cannot be right.
#[derive(PartialEq, Eq, Debug)]
pub struct Flaw {
    /// Counted from 1.
    pub line: u64,
    /// As far as the line could be read.
    pub seq: Option<u64>,
    pub wrong: Wrong,
}

#[derive(PartialEq, Eq, Debug)]
pub enum Wrong {
    NotALine(String),
    /// The line says the same in other bytes than the export writes.
    NotAsExported,
    Seq {
        expected: u64,
    },
    Previous {
        expected: String,
    },
    Hash {
        computed: String,
    },
    Impossible(Impossible),
}

impl fmt::Display for Flaw {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "line {}", self.line)?;
        if let Some(seq) = self.seq {
            write!(formatter, " (seq {seq})")?;
        }
        match &self.wrong {
            Wrong::NotALine(error) => write!(formatter, " is not a ledger line: {error}"),
            Wrong::NotAsExported => formatter.write_str(" is not written as it was exported"),
            Wrong::Seq { expected } => write!(formatter, ": seq should be {expected}"),
            Wrong::Previous { expected } => {
                write!(formatter, ": prev should be {expected}, the hash of the line before")
            }
            Wrong::Hash { computed } => write!(formatter, ": the content hashes to {computed}, not to its hash"),
            Wrong::Impossible(impossible) => write!(formatter, ": {impossible}"),
        }
    }
}

impl fmt::Display for Chain {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(head) = &self.head else { return formatter.write_str("no entries") };
        let (first, last, hash) = (self.first_seq, head.seq, &head.hash);
        write!(formatter, "verified, {} entries, seq {first} to {last}, head {hash}", self.lines)?;
        match &self.replay {
            Some(replay) => write!(formatter, "\n{replay}"),
            None => {
                formatter.write_str("\nThe file begins inside the sale: its chain was checked, its counters cannot be.")
            }
        }
    }
}

impl Chain {
    pub const fn entries(&self) -> u64 {
        self.lines
    }

    /// Takes the next line in.
    pub fn follow(&mut self, bytes: &[u8]) -> Result<(), Flaw> {
        self.lines += 1;
        let line: LedgerLine = serde_json::from_slice(bytes).map_err(|error| Flaw {
            line: self.lines,
            seq: None,
            wrong: Wrong::NotALine(error.to_string()),
        })?;
        self.check(&line, bytes).map_err(|wrong| Flaw { line: self.lines, seq: Some(line.seq), wrong })?;
        self.head = Some(line);
        Ok(())
    }

    fn check(&mut self, line: &LedgerLine, bytes: &[u8]) -> Result<(), Wrong> {
        if serde_json::to_vec(line).expect("a line is plain data") != bytes {
            return Err(Wrong::NotAsExported);
        }
        match &self.head {
            Some(head) => follows(line, head.seq.saturating_add(1), &head.hash)?,
            None => {
                self.first_seq = line.seq;
                if line.seq <= FIRST_SEQ {
                    follows(line, FIRST_SEQ, FIRST_PREVIOUS_HASH)?;
                    self.replay = Some(Replay::default());
                }
            }
        }
        let computed = hexadecimal(&hash_line(line));
        if computed != line.hash {
            return Err(Wrong::Hash { computed });
        }
        let impossible = self.replay.as_mut().map(|replay| replay.apply(line.kind, &line.units)).unwrap_or_default();
        impossible.into_iter().next().map_or(Ok(()), |first| Err(Wrong::Impossible(first)))
    }
}

fn follows(line: &LedgerLine, seq: u64, previous: &str) -> Result<(), Wrong> {
    if line.seq != seq {
        return Err(Wrong::Seq { expected: seq });
    }
    if line.prev != previous {
        return Err(Wrong::Previous { expected: previous.to_owned() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{
        model::{
            ledger::{ChangeKind, Units},
            time::Timestamp,
        },
        server::{cli::verify::check, ledger},
    };

    fn units(seat: Option<&str>, quantity: u64) -> Vec<Units> {
        vec![Units { tier: "ga".into(), seat: seat.map(Into::into), quantity }]
    }

    /// A whole ledger: stock for 3, then two purchases.
    fn export(changes: &[(ChangeKind, Vec<Units>)]) -> Vec<String> {
        let mut previous = ledger::FIRST_PREVIOUS;
        let mut lines = Vec::new();
        for (seq, (kind, units)) in (1..).zip(changes) {
            let at = Timestamp::from_milliseconds(1_700_000_000_000);
            let reference = (*kind == ChangeKind::Buy).then(|| Uuid::from_u128(u128::from(seq)));
            let hash = ledger::hash(seq, &at.to_string(), *kind, units, reference, &previous);
            let line = ledger::line(seq, at, *kind, units.clone(), reference, &previous, &hash);
            lines.push(serde_json::to_string(&line).unwrap());
            previous = hash;
        }
        lines
    }

    fn good() -> Vec<String> {
        export(&[
            (ChangeKind::Stock, units(None, 3)),
            (ChangeKind::Buy, units(None, 1)),
            (ChangeKind::Buy, units(None, 2)),
        ])
    }

    fn verdict(lines: &[String]) -> Result<Chain, Flaw> {
        check(lines.join("\n").as_bytes()).unwrap()
    }

    fn flaw(lines: &[String]) -> Flaw {
        verdict(lines).err().expect("the flaw must be seen")
    }

    #[test]
    fn a_whole_ledger_and_a_later_part_are_verified() {
        assert_eq!(verdict(&good()).unwrap_or_else(|flaw| panic!("{flaw}")).entries(), 3);
        assert_eq!(verdict(&good()[1..]).unwrap_or_else(|flaw| panic!("{flaw}")).entries(), 2);
        assert!(check(&b""[..]).unwrap().is_ok_and(|chain| chain.entries() == 0));
    }

    #[test]
    fn every_flipped_bit_is_named_with_its_line() {
        let good = good();
        for byte in 0..good[1].len() {
            for bit in 0..8 {
                let mut text = good.join("\n").into_bytes();
                let start = good[0].len() + 1;
                text[start + byte] ^= 1 << bit;
                let found = check(&text[..]).unwrap().err();
                let flaw = found.unwrap_or_else(|| panic!("bit {bit} of byte {byte} went unseen"));
                assert_eq!(flaw.line, 2, "bit {bit} of byte {byte}: {flaw}");
            }
        }
    }

    #[test]
    fn a_line_taken_away_doubled_or_swapped_is_named() {
        let good = good();
        let without = [good[0].clone(), good[2].clone()];
        assert_eq!(flaw(&without), Flaw { line: 2, seq: Some(3), wrong: Wrong::Seq { expected: 2 } });
        let doubled = [good[0].clone(), good[0].clone()];
        assert_eq!(flaw(&doubled).wrong, Wrong::Seq { expected: 2 });
        let swapped = [good[0].clone(), good[2].clone(), good[1].clone()];
        assert_eq!(flaw(&swapped).line, 2);
    }

    #[test]
    fn each_field_changed_by_itself_is_named() {
        let good = good();
        let prev = serde_json::from_str::<LedgerLine>(&good[1]).unwrap().prev;
        for (from, to) in [
            (r#""seq":2"#, r#""seq":9"#),
            ("22:13:20", "22:13:21"),
            (r#""kind":"buy""#, r#""kind":"hold""#),
            (r#""tier":"ga""#, r#""tier":"gb""#),
            (r#""quantity":1"#, r#""quantity":2"#),
            (r#"-000000000002""#, r#"-000000000003""#),
            (prev.as_str(), FIRST_PREVIOUS_HASH),
        ] {
            let changed = [good[0].clone(), good[1].replace(from, to), good[2].clone()];
            assert_ne!(changed[1], good[1], "{from}");
            assert_eq!(flaw(&changed).line, 2, "{from}");
        }
    }

    #[test]
    fn the_first_line_starts_the_chain() {
        let good = good();
        let line = good[0].replace(FIRST_PREVIOUS_HASH, &"1".repeat(64));
        let expected = FIRST_PREVIOUS_HASH.to_owned();
        assert_eq!(flaw(&[line]).wrong, Wrong::Previous { expected });
    }

    #[test]
    fn a_chain_that_sells_what_is_not_there_is_named() {
        let lines = export(&[(ChangeKind::Stock, units(None, 1)), (ChangeKind::Buy, units(None, 2))]);
        assert!(matches!(flaw(&lines), Flaw { line: 2, seq: Some(2), wrong: Wrong::Impossible(_) }));
    }
}
