//! Numbers for which PostgreSQL has no type of its own.

/// A position or another number of 32 bits without a sign, for which PostgreSQL has no type: it is kept in 64.
pub fn small(integer: i64) -> Result<u32, sqlx::Error> {
    u32::try_from(integer).map_err(|error| sqlx::Error::Decode(error.into()))
}

/// The same for many.
pub fn all_small(integers: Vec<i64>) -> Result<Vec<u32>, sqlx::Error> {
    integers.into_iter().map(small).collect()
}
