//! How long the tests' loops are: short for every day, long before a release (`ONSALE_TEST_SCALE=long`).

/// The number of rounds: `short`, or `long` if the environment asks for it.
pub fn rounds(short: usize, long: usize) -> usize {
    match std::env::var("ONSALE_TEST_SCALE").as_deref() {
        Ok("long") => long,
        Ok("") | Err(_) => short,
        Ok(other) => panic!("ONSALE_TEST_SCALE is {other:?}; it may be \"long\""),
    }
}
