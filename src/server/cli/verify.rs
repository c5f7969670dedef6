//! `onsale verify`: checks an exported ledger offline, without server or database. Whoever holds the file can see
//! whether a line was changed, removed or inserted, and whether the recorded changes are possible.

use std::{
    fs::File,
    io::{self, BufRead, BufReader},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Args;

mod chain; // checks that every line follows from the one before
mod lines; // splits the file into lines, whatever programs it passed through
mod looks; // recognises files that are no ledger

use self::{
    chain::{Chain, Flaw, Wrong},
    lines::{Line, Lines},
    looks::Looks,
};
use super::{
    exit::{give_up, say},
    terminal::printable,
};

/// The exit code when the ledger is flawed.
const NOT_CLEAN: u8 = 1;
/// The name that stands for standard input.
const STANDARD_INPUT: &str = "-";

#[derive(Args)]
pub struct VerifyArgs {
    /// The file, as GET /api/v1/sales/{sale}/ledger gives it; - for standard input.
    #[arg(value_name = "LEDGER")]
    pub ledger: PathBuf,
}

/// Why a file was not verified.
#[derive(Debug)]
enum Trouble {
    /// The file could not be read, so nothing can be said about it.
    Unread(io::Error),
    /// The file is something else, so nothing can be said about the ledger.
    NotALedger(Looks),
    /// The ledger was changed since its export.
    Flawed(Flaw),
}

pub fn run(arguments: VerifyArgs) -> ExitCode {
    let path = &arguments.ledger;
    let name = path.display();
    let result = if path == Path::new(STANDARD_INPUT) {
        check(io::stdin().lock())
    } else if path.is_dir() {
        Err(Trouble::NotALedger(Looks::Folder))
    } else {
        File::open(path).map_err(Trouble::Unread).and_then(|file| check(BufReader::new(file)))
    };
    match result {
        Ok(chain) => {
            say(format_args!("{}: {chain}", printable(&name)));
            ExitCode::SUCCESS
        }
        Err(Trouble::Flawed(flaw)) => {
            say(format_args!("{}: {}", printable(&name), printable(&flaw)));
            ExitCode::from(NOT_CLEAN)
        }
        Err(Trouble::NotALedger(looks)) => give_up(format_args!("{name} {looks}")),
        Err(Trouble::Unread(error)) => give_up(format_args!("{name} cannot be read: {error}")),
    }
}

/// Follows the chain to its end or to its first flaw.
fn check(reader: impl BufRead) -> Result<Chain, Trouble> {
    let mut lines = Lines::new(reader);
    let mut chain = Chain::default();
    let mut empty_line = None;
    while let Some(line) = lines.read_next().map_err(Trouble::Unread)? {
        if line.bytes.is_empty() {
            empty_line = empty_line.or(Some(line.number));
            continue;
        }
        let is_of_a_ledger = chain.entries() > 0 || looks::like_a_line(&line.bytes);
        if !is_of_a_ledger {
            return Err(Trouble::NotALedger(looks_of(line, lines)?));
        }
        // Empty lines at the end are harmless. An empty line in front of an entry was inserted by somebody.
        let followed = match empty_line {
            Some(line) => Err(Flaw { line, seq: None, wrong: Wrong::Empty }),
            None => chain.follow(&line),
        };
        followed.map_err(Trouble::Flawed)?;
    }
    if chain.entries() == 0 { Err(Trouble::NotALedger(Looks::Empty)) } else { Ok(chain) }
}

/// Recognises a file whose first line is no line of a ledger.
fn looks_of(first: Line, lines: Lines<impl BufRead>) -> Result<Looks, Trouble> {
    let mut head = first.bytes;
    head.push(b'\n');
    lines.read_rest(&mut head, looks::ENOUGH_BYTES).map_err(Trouble::Unread)?;
    Ok(Looks::of(&head))
}

#[cfg(test)]
mod tests;
