//! Configuration: flags over environment over Leptos.toml.
pub struct Config {}
