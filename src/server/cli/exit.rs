//! How a command that could not do its work ends.

use std::process::ExitCode;

use super::terminal::printable;

/// The exit code of a command that could not begin its work: a wrong argument, an address in use, an unusable database.
const COULD_NOT: u8 = 2;

/// Prints one clear line for the operator, and returns the exit code that goes with it.
pub fn give_up(reason: impl std::fmt::Display) -> ExitCode {
    eprintln!("onsale: {}", printable(&reason));
    ExitCode::from(COULD_NOT)
}
