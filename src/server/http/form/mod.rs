//! Forms that work without script: post, redirect, get. The page to which a form's answer redirects shows the outcome.

mod answering; // what all forms share: their keys, their patience and their answers
mod checkout; // what becomes of a hold
mod choosing; // buying or holding what was chosen on a sale's page

pub use self::{
    checkout::{confirm, extend, pay, release},
    choosing::{buy, hold},
};
