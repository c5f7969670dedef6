//! `onsale provider`: a stand-in for a payment provider. No money moves. It speaks the subset of Stripe's published API that
//! a shop with hosted checkout needs, has a page on which buyers pay or decline, sends signed webhooks, and goes wrong on
//! request. It shares nothing with the shop but what goes over the network.

mod api_error; // errors as the provider writes them
mod authorization; // who may call the API
mod book; // everything that the stand-in remembers
mod book_entries; // what is remembered, one kind per type
mod charging; // what a buyer's press does
mod deliveries; // webhooks on their way
mod desk; // one change after the other, each remembered before it is answered
mod faults; // what goes wrong on request
mod form_reader; // forms with brackets in their names
mod identifiers; // ids that a seed decides
mod journal; // the state's file
mod lists; // charges and refunds, page by page
mod pay_page; // the page on which a buyer pays
mod refunds; // money that goes back
mod routes; // paths, and what happens to every request
mod sessions; // checkout sessions
mod sessions_form; // a new session's form
mod stand_in; // starts and stops everything
#[cfg(test)]
mod tests; // rules of the books, with a clock that is moved by hand
mod written; // objects as JSON

pub use self::{
    faults::{ServerFaults, seconds},
    stand_in::{Options, Running, start},
};
