//! Rules that the source itself must keep.

mod arrows; // which file uses which
mod circles; // files do not depend on each other in a circle
mod directions; // which folder may use which
mod habits; // rules for every single file
mod markup; // markup is not written as formatted text
mod paths; // the modules and paths in one file
mod source; // the project's own files
mod tokens; // Rust source as names, signs and texts
