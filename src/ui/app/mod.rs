//! What only the server makes: the document, the frame around every page, the pages. The browser gets their markup, and code
//! for the islands in it alone.

mod frame; // header, navigation, footer
mod handed; // what islands start from, beside the markup
mod home; // the page of all sales
mod not_found; // the page for an address that leads nowhere
mod paging; // links between the pages of a list
mod refusal; // what a browser shows where the server refuses it before any page could be made
mod routes; // which page stands at which address
mod sale; // the page of one sale
mod shell; // the HTML document around the application
mod simulator; // the simulator's own page, and its panel
mod tickets; // what the visitor owns

pub use self::{refusal::refusal_page, shell::shell};
