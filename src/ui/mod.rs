//! Components: what people see. Nothing here decides; every wish goes to `api`, every truth comes from `live`.

pub mod app; // the document, the frame around every page, the routes
pub mod home; // the sales
pub mod kit; // small things that every page uses
pub mod sale; // the heart: seat map, counter, panel
pub mod simulator; // many buyers at once, and what came of it
pub mod tickets; // what the visitor owns
