//! Reads numbers for which PostgreSQL has no type of its own.

/// Reads a position or another unsigned number of 32 bits. PostgreSQL has no such type, so it is stored with 64 bits.
pub fn small(integer: i64) -> Result<u32, sqlx::Error> {
    u32::try_from(integer).map_err(|error| sqlx::Error::Decode(error.into()))
}

/// As [`small`], for many numbers.
pub fn all_small(integers: Vec<i64>) -> Result<Vec<u32>, sqlx::Error> {
    integers.into_iter().map(small).collect()
}
