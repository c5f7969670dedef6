//! How a command ends: with its result, or with the reason why it has none.

use std::{
    fmt::Display,
    io::{self, ErrorKind, Write},
    process::ExitCode,
};

use super::terminal::printable;

/// The exit code of a command that could not begin its work: a wrong argument, an address in use, an unusable database.
const COULD_NOT: u8 = 2;

/// Prints a command's result. A reader that has seen enough and gone, as in `onsale verify … | head -1`, is no fault: the
/// exit code tells the verdict all the same.
///
/// # Panics
///
/// If the result cannot be written for another reason, such as a full disk.
pub fn say(result: impl Display) {
    match writeln!(io::stdout().lock(), "{result}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => panic!("standard output cannot be written: {error}"),
        _ => {}
    }
}

/// Prints one clear line for the operator, and returns the exit code that goes with it.
pub fn give_up(reason: impl Display) -> ExitCode {
    eprintln!("onsale: {}", printable(&reason));
    ExitCode::from(COULD_NOT)
}
