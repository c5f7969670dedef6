//! What people see. Nothing here decides: every request goes to `api`, and the state of a sale comes from `live`.

#[cfg(feature = "ssr")]
pub mod app; // what only the server renders: the document, the frame, the pages
pub mod checkout; // the page of one hold: its time, and the way to its tickets
pub mod client_files; // the names of the browser's files
pub mod home; // the list of sales
pub mod kit; // small things that every page uses
pub mod sale; // the page of one sale: seat map, counter, panel
pub mod simulator; // sends many buyers at once and shows the result
