//! The refusals that several desks give, worded once.

use crate::model::{
    ids::SaleId,
    outcome::{Code, Refusal},
};

/// The refusal where no sale has this slug.
pub fn unknown_sale(sale: &SaleId) -> Refusal {
    Refusal::new(Code::NotFound, format!("There is no sale {sale}."))
}

/// The refusal where a request's body is not valid.
pub fn invalid(detail: impl Into<String>) -> Refusal {
    Refusal::new(Code::Invalid, detail)
}
