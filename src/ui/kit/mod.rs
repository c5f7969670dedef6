//! Small things that every page uses. Nothing here knows what a sale page is.

pub mod availability; // how much is left, as a bar
pub mod border; // where the type of a view ends on the server
pub mod countdown; // the time until an opening, from the server's clock
pub mod document; // the document that the browser shows: one place for what a view cannot say
pub mod html; // markup as a string, escaped by construction
pub mod money; // amounts in minor units, for people
pub mod seen; // when something that a page shows has been seen
pub mod start; // what an island starts from, written into the page
pub mod status; // a sale's status as a badge
pub mod ticket; // a bought ticket with its code
pub mod toast; // short messages about the result of an action
