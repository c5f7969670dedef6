//! What only the server renders: the document, the frame around every page, and the pages. The browser gets their
//! markup, and code only for the islands in it.

mod checkout; // the page of one hold
mod drawings; // the seat maps that were drawn last, kept for the next pages
mod frame; // header, navigation, footer
mod handed; // writes the data from which islands start into the page
mod home; // the page of all sales
mod not_found; // the page for an unknown address
mod paging; // links between the pages of a list
mod parts; // islands whose code is a file of its own
mod refusal; // the page for a request that was refused before any page could be rendered
mod routes; // which page has which address
mod sale; // the page of one sale
mod shell; // the HTML document around the application
mod simulator; // the simulator's own page, and its panel
mod tickets; // what the visitor owns

pub use self::{refusal::refusal_page, shell::shell};
