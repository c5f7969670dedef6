//! What the source may not do.

mod arrows; // which file uses which
mod circles; // no file needs another that needs it in turn
mod directions; // which folder may use which
mod habits; // what every file does or leaves
mod markup; // which files may draw markup as strings
mod paths; // what one file says of modules
mod source; // the project's own files
mod tokens; // Rust source as words, signs and texts
