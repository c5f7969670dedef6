//! Checks that every line follows from the one before: by its number, by its `prev`, and by a hash over its own
//! content.

use std::fmt;

use super::lines::Line;
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
    /// Present only where the export begins with the sale. For a later part the counters are unknown.
    replay: Option<Replay>,
}

/// The first line that cannot be right.
#[derive(PartialEq, Eq, Debug)]
pub struct Flaw {
    /// The line's number, counted from 1.
    pub line: u64,
    /// The `seq` in the line, if the line could be read.
    pub seq: Option<u64>,
    pub wrong: Wrong,
}

#[derive(PartialEq, Eq, Debug)]
pub enum Wrong {
    NotALine(String),
    /// The file ends in the middle of the line. An interrupted download looks the same as an end that somebody removed.
    BreaksOff,
    /// The line is empty, and entries follow.
    Empty,
    /// The line means the same, but has other bytes than the export writes.
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
            Wrong::BreaksOff => formatter
                .write_str(" breaks off: the download was cut short, or an end was taken away; download it again"),
            Wrong::Empty => formatter.write_str(" is empty, and entries follow it"),
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

    /// Checks the next line. It comes as bytes, because nothing about it is trusted.
    pub fn follow(&mut self, Line { number, bytes, has_end }: &Line) -> Result<(), Flaw> {
        let flaw = |seq, wrong| Flaw { line: *number, seq, wrong };
        let line: LedgerLine = serde_json::from_slice(bytes).map_err(|error| {
            let is_cut = error.is_eof() && !has_end;
            flaw(None, if is_cut { Wrong::BreaksOff } else { Wrong::NotALine(error.to_string()) })
        })?;
        self.check(&line, bytes).map_err(|wrong| flaw(Some(line.seq), wrong))?;
        self.lines += 1;
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
        let impossible =
            self.replay.as_mut().map(|replay| replay.apply(line.kind, &line.units, line.reference)).unwrap_or_default();
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
