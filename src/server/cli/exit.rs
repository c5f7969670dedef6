//! How a command ends that could not do its work.

use std::process::ExitCode;

/// The exit code of what could not be tried at all: a wrong argument, an address in use, an unusable database.
const COULD_NOT: u8 = 2;

/// One clear line for the operator, and the exit code that goes with it.
pub fn give_up(reason: impl std::fmt::Display) -> ExitCode {
    eprintln!("onsale: {reason}");
    ExitCode::from(COULD_NOT)
}
