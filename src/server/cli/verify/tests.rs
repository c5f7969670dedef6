//! Exported files after a journey through other programs: whole ones, damaged ones, and files that are no ledger.

use uuid::Uuid;

use super::*;
use crate::{
    model::{
        ledger::{ChangeKind, FIRST_PREVIOUS_HASH, LedgerLine, Units},
        time::Timestamp,
    },
    server::ledger,
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
    export(&[(ChangeKind::Stock, units(None, 3)), (ChangeKind::Buy, units(None, 1)), (ChangeKind::Buy, units(None, 2))])
}

/// How many entries were verified.
fn verified(text: impl AsRef<[u8]>) -> u64 {
    check(text.as_ref()).map(|chain| chain.entries()).unwrap_or_else(|trouble| panic!("{trouble:?}"))
}

fn flaw_of(text: impl AsRef<[u8]>) -> Flaw {
    match check(text.as_ref()) {
        Err(Trouble::Flawed(flaw)) => flaw,
        other => panic!("the flaw must be seen: {:?}", other.map(|chain| chain.entries())),
    }
}

fn flaw(lines: &[String]) -> Flaw {
    flaw_of(lines.join("\n"))
}

fn looks(text: impl AsRef<[u8]>) -> Looks {
    match check(text.as_ref()) {
        Err(Trouble::NotALedger(looks)) => looks,
        other => panic!("this is no ledger: {:?}", other.map(|chain| chain.entries())),
    }
}

#[test]
fn a_whole_ledger_and_a_later_part_are_verified() {
    assert_eq!(verified(good().join("\n")), 3);
    assert_eq!(verified(good()[1..].join("\n")), 2);
}

#[test]
fn what_programs_do_to_the_ends_of_lines_is_no_tampering() {
    let unix = good().join("\n");
    let windows = good().join("\r\n");
    for text in [
        format!("{unix}\n"),
        format!("{unix}\n\n\n"),
        windows.clone(),
        format!("{windows}\r\n"),
        format!("{windows}\r"),
        format!("{windows}\r\n\r\n"),
        format!("\u{feff}{windows}\r\n"),
        format!("\u{feff}{unix}"),
    ] {
        assert_eq!(verified(&text), 3, "{text:?}");
    }
}

#[test]
fn what_is_inside_of_a_line_or_between_lines_is_tampering() {
    let [first, second, third] = good().try_into().unwrap();
    for (text, line) in [
        (format!("{first}\n\n{second}\n{third}\n"), 2),
        (format!("{first}\r\n\r\n\r\n{second}\r\n"), 2),
        (format!("{first}\n{second} \n{third}\n"), 2),
        (format!("{first}\n {second}\n{third}\n"), 2),
        (format!("{first}\n{second}\r\r\n{third}\n"), 2),
        (format!("{first}\n{second}\r{third}\n"), 2),
        (format!("{first}\n\u{feff}{second}\n{third}\n"), 2),
        (format!("{first} \n{second}\n"), 1),
        (format!("\n{first}\n{second}\n"), 1),
        (first.replace(",\"kind\"", ",\r\"kind\""), 1),
    ] {
        assert_eq!(flaw_of(&text).line, line, "{text:?}");
    }
}

#[test]
fn a_file_that_ends_in_the_middle_of_a_line_says_so() {
    let text = good().join("\n");
    let second_line = good()[0].len() + 1;
    for end in second_line + 1..second_line + good()[1].len() {
        let flaw = flaw_of(&text[..end]);
        assert_eq!((flaw.line, flaw.wrong), (2, Wrong::BreaksOff), "{end}");
    }
    // With a line end after it, the broken line is no cut: somebody wrote it like this.
    assert!(matches!(flaw_of(format!("{}\n", &text[..second_line + 40])).wrong, Wrong::NotALine(_)));
    assert_eq!(verified(&text[..second_line]), 1, "cut between two lines, what is there is whole");
}

#[test]
fn what_is_no_ledger_is_told_for_what_it_looks_like() {
    let utf_16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    let text = good().join("\n");
    let problem = r#"{"type":"about:blank","title":"Not found","status":404,"detail":"There is no such sale."}"#;
    let said = "404, There is no such sale.".to_owned();
    assert_eq!(looks(""), Looks::Empty);
    assert_eq!(looks("\r\n\n"), Looks::Empty);
    assert_eq!(looks("\u{feff}"), Looks::Empty);
    assert!(matches!(looks(b"\x1f\x8b\x08\0\0\n\0\0"), Looks::Packed { name: "gzip", .. }));
    assert!(matches!(looks(b"PK\x03\x04rest"), Looks::Packed { name: "a zip archive", .. }));
    assert_eq!(looks(utf_16(&text)), Looks::Utf16);
    assert_eq!(looks(utf_16(&format!("\u{feff}{text}"))), Looks::Utf16);
    assert_eq!(looks("\n <!DOCTYPE html>\n<html lang=\"en\">"), Looks::WebPage);
    assert_eq!(looks(problem), Looks::Problem { said: said.clone() });
    assert_eq!(looks(problem.replace(',', ",\n  ")), Looks::Problem { said });
    assert_eq!(looks(good().join("\r")), Looks::LoneCarriageReturns);
    assert_eq!(looks(format!("[{}]", good()[0].replace(r#""seq""#, "\n\"seq\""))), Looks::OtherJson);
    assert_eq!(looks("{}"), Looks::OtherJson);
    assert_eq!(looks(r#"{"clean":true,"ledger":{"head_hash":"00"}}"#), Looks::OtherJson);
    assert_eq!(looks("seq,at,kind"), Looks::Unknown);
    assert_eq!(looks(vec![b'x'; 20 * 1024 * 1024]), Looks::Unknown);
    for looks in [Looks::Empty, Looks::Utf16, Looks::WebPage, Looks::Folder, Looks::Database] {
        assert!(looks.to_string().split(": ").nth(1).is_some_and(|advice| !advice.is_empty()), "{looks}");
    }
}

#[test]
fn every_flipped_bit_is_named_with_its_line() {
    let good = good();
    for line in [0, 1] {
        let start = if line == 0 { 0 } else { good[0].len() + 1 };
        for (byte, bit) in (0..good[line].len()).flat_map(|byte| (0..8).map(move |bit| (byte, bit))) {
            let mut text = good.join("\n").into_bytes();
            text[start + byte] ^= 1 << bit;
            let flaw = flaw_of(text);
            assert_eq!(flaw.line, line as u64 + 1, "bit {bit} of byte {byte}: {flaw}");
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
