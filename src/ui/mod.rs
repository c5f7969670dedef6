//! What people see. Nothing here decides; every wish goes to `api`, every truth comes from `live`.

#[cfg(feature = "ssr")]
pub mod app; // what only the server makes: the document, the frame, the pages
pub mod client_files; // what the browser's half is called
pub mod home; // the sales
pub mod kit; // small things that every page uses
pub mod sale; // the heart: seat map, counter, panel
pub mod simulator; // many buyers at once, and the result
