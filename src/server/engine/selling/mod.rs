//! Selling: how claims get from the edge to their strategy, their outcome, and what buyers own.

mod answered; // the result of a purchase, and whether the database was asked
mod buying; // how a claim gets from the edge to its strategy
mod desk; // the desk itself: the bounded queue of places, and the counts
mod orders; // the orders of buyers and the seats in them
mod waiting; // the outcome of purchases with a receipt

pub use self::desk::Selling;
