//! How many digits an amount has behind the point. The server knows it of every currency and says so where it is not two;
//! the browser has no table of its own that could disagree.

/// Digits of most currencies: cents.
pub const USUAL_DIGITS: u32 = 2;

/// For a field that is left out where it says nothing unusual.
pub const fn usual_digits() -> u32 {
    USUAL_DIGITS
}

/// Whether such a field is left out.
#[allow(clippy::trivially_copy_pass_by_ref)] // serde asks so
pub const fn are_usual(digits: &u32) -> bool {
    *digits == USUAL_DIGITS
}
