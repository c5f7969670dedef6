//! Who asks.
use crate::model::ids::BuyerId;

pub struct Sessions {}

/// Who asks, as the middleware found it; in the context of every page and server function.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Asker {
    pub buyer: BuyerId,
    pub is_admin: bool,
}
