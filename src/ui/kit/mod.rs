//! Small things that every page uses. Nothing here knows what a sale page is.

pub mod http; // the status of the answer that carries the page
