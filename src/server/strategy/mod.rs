//! How one unit is won.
