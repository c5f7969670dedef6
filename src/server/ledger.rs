//! How a ledger line is hashed. The engine that writes the lines and everybody who checks them use this code, so that
//! there is one reading of the contract.

pub mod replay; // the stock that the lines lead to

use serde::Serialize;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::model::{
    ledger::{ChangeKind, LedgerLine, Units},
    time::Timestamp,
};

/// SHA-256 of a line.
pub type Hash = [u8; 32];

/// The `prev` of the first line.
pub const FIRST_PREVIOUS: Hash = [0; 32];

/// Room for most lines in the form that is hashed, in bytes.
const USUAL_BYTES: usize = 512;

/// What is hashed: a line without its `hash`, the keys in the contract's order.
#[derive(Serialize)]
struct Content<'a> {
    seq: u64,
    at: &'a str,
    kind: ChangeKind,
    units: &'a [Units],
    #[serde(rename = "ref")]
    reference: Option<Uuid>,
    prev: &'a str,
}

/// The hash of a line whose predecessor has the hash `previous`. `at` is the line's time as the ledger writes it.
pub fn hash(seq: u64, at: &str, kind: ChangeKind, units: &[Units], reference: Option<Uuid>, previous: &Hash) -> Hash {
    let mut hexadecimal = [0; 64];
    let prev = write_hexadecimal(previous, &mut hexadecimal);
    digest(&Content { seq, at, kind, units, reference, prev })
}

fn digest(content: &Content<'_>) -> Hash {
    let mut bytes = Vec::with_capacity(USUAL_BYTES);
    serde_json::to_writer(&mut bytes, content).expect("a line is plain data");
    Sha256::digest(bytes).into()
}

/// The hash that `line` must have, computed from its own content.
pub fn hash_line(line: &LedgerLine) -> Hash {
    let at = line.at.to_string();
    digest(&Content {
        seq: line.seq,
        at: &at,
        kind: line.kind,
        units: &line.units,
        reference: line.reference,
        prev: &line.prev,
    })
}

/// A stored line in its exported form.
pub fn line(
    seq: u64,
    at: Timestamp,
    kind: ChangeKind,
    units: Vec<Units>,
    reference: Option<Uuid>,
    previous: &Hash,
    hash: &Hash,
) -> LedgerLine {
    LedgerLine { seq, at, kind, units, reference, prev: hexadecimal(previous), hash: hexadecimal(hash) }
}

/// Bytes as lower-case hexadecimal digits.
pub fn hexadecimal(bytes: &[u8]) -> String {
    let mut digits = vec![0; 2 * bytes.len()];
    write_hexadecimal(bytes, &mut digits);
    String::from_utf8(digits).expect("hexadecimal digits are ASCII")
}

/// Writes `bytes` as lower-case hexadecimal digits into `out`, which must be twice as long.
fn write_hexadecimal<'a>(bytes: &[u8], out: &'a mut [u8]) -> &'a str {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for (pair, byte) in out.chunks_exact_mut(2).zip(bytes) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    std::str::from_utf8(out).expect("hexadecimal digits are ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ledger::FIRST_PREVIOUS_HASH;

    #[test]
    fn a_line_hashes_as_its_compact_json_without_the_hash() {
        let at = Timestamp::from_milliseconds(1_700_000_000_123);
        let units = vec![Units { tier: "ga".into(), seat: None, quantity: 2 }];
        let hash = hash(1, &at.to_string(), ChangeKind::Buy, &units, None, &FIRST_PREVIOUS);
        let json = format!(
            r#"{{"seq":1,"at":"2023-11-14T22:13:20.123Z","kind":"buy",{},"ref":null,"prev":"{FIRST_PREVIOUS_HASH}"}}"#,
            r#""units":[{"tier":"ga","quantity":2}]"#
        );
        assert_eq!(hash, <[u8; 32]>::from(Sha256::digest(json)));
        assert_eq!(hash, hash_line(&line(1, at, ChangeKind::Buy, units, None, &FIRST_PREVIOUS, &hash)));
    }
}
