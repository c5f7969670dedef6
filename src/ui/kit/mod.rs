//! Small parts that every page uses. Nothing here knows the page of a sale.

pub mod availability; // how much is left, as a bar
pub mod border; // erases the types of views, on the server only
pub mod countdown; // the time until an opening, by the server's clock
pub mod document; // access to the browser's document, for what a view cannot express
pub mod html; // markup as a string, escaped by construction
pub mod intent; // the idempotency keys of what the visitor wants
pub mod lazy; // islands whose code is fetched when they are seen
pub mod money; // amounts in minor units, for people
pub mod seen; // waits until the visitor has seen what the page shows
pub mod start; // reads the data from which an island starts
pub mod status; // a sale's status as a badge
pub mod ticket; // a bought ticket with its code
pub mod toast; // short messages about the result of an action
