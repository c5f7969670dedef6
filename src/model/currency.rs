//! How many decimal digits the amounts of a currency have. The server knows this for every currency and sends it where
//! it is not two. The browser has no table of its own that could disagree.

/// Most currencies have two decimal digits: cents.
pub const USUAL_DIGITS: u32 = 2;

/// The value of a field that was left out.
pub const fn usual_digits() -> u32 {
    USUAL_DIGITS
}

/// Whether the field is left out because its value is the usual one.
#[allow(clippy::trivially_copy_pass_by_ref)] // serde passes a reference
pub const fn are_usual(digits: &u32) -> bool {
    *digits == USUAL_DIGITS
}
