//! One buyer beside the visitor, as the page keeps it.

use crate::ui::kit::toast::ToastKind;

/// One buyer beside the visitor.
#[derive(Clone)]
pub struct Buyer {
    pub number: u32,
    /// What it is recognised by, from its first purchase on.
    pub token: Option<String>,
    pub owned: u32,
    /// Whether a purchase is under way: it counts as owned, tentatively.
    pub is_buying: bool,
    pub message: Option<(ToastKind, String)>,
}
