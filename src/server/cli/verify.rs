//! `onsale verify`: an exported ledger, checked offline. It needs no server and no database: whoever holds the file can
//! see whether a line was changed, taken away or put in, and whether what it tells is possible.

use std::{
    fs::File,
    io::{self, BufRead, BufReader},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Args;

mod chain; // every line follows from the one before

use self::chain::{Chain, Flaw};
use super::exit::give_up;

/// The exit code of a ledger that is not what it says.
const NOT_CLEAN: u8 = 1;
/// The name that stands for standard input.
const STANDARD_INPUT: &str = "-";

#[derive(Args)]
pub struct VerifyArgs {
    /// The file, as GET /api/v1/sales/{sale}/ledger gives it; - for standard input.
    #[arg(value_name = "LEDGER")]
    pub ledger: PathBuf,
}

pub fn run(arguments: VerifyArgs) -> ExitCode {
    let result = if arguments.ledger == Path::new(STANDARD_INPUT) {
        check(io::stdin().lock())
    } else {
        File::open(&arguments.ledger).and_then(|file| check(BufReader::new(file)))
    };
    let name = arguments.ledger.display();
    match result {
        Err(error) => give_up(format_args!("{name} cannot be read: {error}")),
        Ok(Err(flaw)) => {
            println!("{name}: {flaw}");
            ExitCode::from(NOT_CLEAN)
        }
        Ok(Ok(chain)) if chain.entries() == 0 => give_up(format_args!("{name} holds no entry")),
        Ok(Ok(chain)) => {
            println!("{name}: {chain}");
            ExitCode::SUCCESS
        }
    }
}

/// Follows the chain to its end or to its first flaw. Lines are taken as bytes: nothing about them is trusted.
fn check(mut reader: impl BufRead) -> io::Result<Result<Chain, Flaw>> {
    let mut chain = Chain::default();
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line)? > 0 {
        if line.last() == Some(&b'\n') {
            line.pop();
        }
        if let Err(flaw) = chain.follow(&line) {
            return Ok(Err(flaw));
        }
        line.clear();
    }
    Ok(Ok(chain))
}
