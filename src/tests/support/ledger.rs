//! An exported ledger, read and checked from the contract alone. The server's ledger code is not used, so a mistake
//! goes unnoticed only if both sides make the same one.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::TestApp;

/// The lines of a ledger. They are checked: gapless from 1, chained, and each hash is the SHA-256 of its line's own
/// text.
pub struct ExportedLedger {
    pub text: String,
    pub lines: Vec<Value>,
}

impl ExportedLedger {
    /// Reads the whole ledger of a sale and checks it.
    pub async fn read(app: &TestApp, sale: &str) -> Self {
        let reply = app.get(&format!("/api/v1/sales/{sale}/ledger")).await.expect(200);
        assert_eq!(reply.header("content-type"), Some("application/x-ndjson"));
        let text = reply.text();
        let lines = check(&text);
        Self { text, lines }
    }

    /// The `ref` of every line, with its `seq`.
    pub fn references(&self) -> BTreeMap<String, u64> {
        let entry = |line: &Value| Some((line["ref"].as_str()?.to_owned(), line["seq"].as_u64()?));
        self.lines.iter().filter_map(entry).collect()
    }

    /// What the lines add up to: the capacity and the units sold of each tier, and the labels of the sold seats.
    pub fn replay(&self) -> (BTreeMap<String, (u64, u64)>, BTreeSet<String>) {
        let mut tiers = BTreeMap::<String, (u64, u64)>::new();
        let mut sold_seats = BTreeSet::new();
        for line in &self.lines {
            let kind = line["kind"].as_str().expect("a kind");
            if kind == "reset" {
                tiers.values_mut().for_each(|(_, sold)| *sold = 0);
                sold_seats.clear();
                continue;
            }
            for units in line["units"].as_array().expect("units") {
                let tier = tiers.entry(units["tier"].as_str().expect("a tier").to_owned()).or_default();
                let quantity = units["quantity"].as_u64().expect("a quantity");
                match kind {
                    "stock" => tier.0 += quantity,
                    "buy" => {
                        tier.1 += quantity;
                        if let Some(seat) = units["seat"].as_str() {
                            assert!(sold_seats.insert(seat.to_owned()), "{seat} is sold twice");
                        }
                    }
                    other => panic!("no line of the kind {other} is written yet"),
                }
            }
        }
        (tiers, sold_seats)
    }
}

fn check(text: &str) -> Vec<Value> {
    let mut previous = "0".repeat(64);
    let mut lines = Vec::new();
    for (expected_seq, line) in (1..).zip(text.lines()) {
        let (content, hash) = line.rsplit_once(",\"hash\":\"").expect("the hash stands last");
        let hash = hash.strip_suffix("\"}").expect("the line ends with its hash");
        assert_eq!(hex(&Sha256::digest(format!("{content}}}"))), hash, "{line}");
        let value: Value = serde_json::from_str(line).expect("a line is JSON");
        assert_eq!(value["seq"].as_u64(), Some(expected_seq), "{line}");
        assert_eq!(value["prev"].as_str(), Some(previous.as_str()), "{line}");
        previous = hash.to_owned();
        lines.push(value);
    }
    lines
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
