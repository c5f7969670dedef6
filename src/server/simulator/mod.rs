//! Virtual buyers over real sockets.
pub struct Simulations {}
