//! Selling: a claim's way from the edge to its strategy, what becomes of it, and what buyers own.

mod answered; // what a purchase came to, and what that cost
mod buying; // a claim's way from the edge to its strategy
mod desk; // the desk itself: the bounded queue of places, and the counts
mod orders; // the orders of buyers and the seats in them
mod waiting; // what has become of purchases with a receipt

pub use self::desk::Selling;
