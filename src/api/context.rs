//! What server functions read from the context that the router provides, how they report a failure of the engine, and what pages
//! tell after a form was sent without script.

mod provided; // what the router provides, and how a failure is reported
mod told; // the outcome that a page shows after a form was sent without script

pub use self::{
    provided::*,
    told::{
        Claims, FormNotice, form_key, form_notice, offer_query, refusal_query, sealed_offer_query, sealed_text,
        told_at_checkout, told_offer, told_outcome,
    },
};
