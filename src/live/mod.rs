//! What the browser believes.
