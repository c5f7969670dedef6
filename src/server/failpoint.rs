//! Places at which a test lets the process die. Outside of unit tests they are nothing.

/// Names such a place.
macro_rules! failpoint {
    ($name:literal) => {
        #[cfg(test)]
        fail::fail_point!($name);
    };
}

pub(crate) use failpoint;
