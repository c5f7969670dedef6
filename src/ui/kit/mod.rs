//! Small things that every page uses. Nothing here knows what a sale page is.

pub mod availability; // how much is left, as a bar
pub mod countdown; // the time until an opening, from the server's clock
pub mod listening; // what the visitor does, heard in one place
pub mod markup; // text made safe for markup that is built as a string
pub mod money; // amounts in minor units, for people
pub mod redraw; // live parts of a page, kept as they are drawn
pub mod status; // a sale's status as a badge
pub mod ticket; // a bought ticket with its code
pub mod toast; // short messages that say what came of an action
