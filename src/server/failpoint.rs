//! Named places at which a test can make the process die. Outside of unit tests they compile to nothing.

/// Names such a place.
macro_rules! failpoint {
    ($name:literal) => {
        #[cfg(test)]
        fail::fail_point!($name);
    };
}

pub(crate) use failpoint;
