//! How long the loops are: short for every day, long before a release (`ONSALE_TEST_SCALE=long`).

/// `short` rounds, or `long` ones where the environment asks for them.
pub fn rounds(short: usize, long: usize) -> usize {
    match std::env::var("ONSALE_TEST_SCALE").as_deref() {
        Ok("long") => long,
        Ok("") | Err(_) => short,
        Ok(other) => panic!("ONSALE_TEST_SCALE is {other:?}; it may be \"long\""),
    }
}
