//! Our own sections of `Leptos.toml`. The section of cargo-leptos comes last in the file, and Leptos itself reads it.

use serde::Deserialize;

use super::{host::AllowedHost, network::Network, secret::Secret};
use crate::model::{ids::TierId, limits};

#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FileSettings {
    pub server: ServerSection,
    pub limits: LimitsSection,
    pub log: LogSection,
    pub payment: PaymentSection,
    /// `[package.metadata.leptos]`, read elsewhere.
    package: Package,
}

#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServerSection {
    pub database: String,
    pub redis: String,
    pub demo: bool,
    pub public_url: String,
    pub trusted_proxies: Vec<Network>,
    pub allowed_hosts: Vec<AllowedHost>,
    pub buyer_threads: usize,
    pub first_tiers: Vec<TierId>,
}

#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsSection {
    pub connections: usize,
    pub request_queue: usize,
    pub streams_per_session: usize,
    pub streams_per_address: usize,
    pub connections_per_address: usize,
    pub requests_per_second: u32,
    pub new_guests_per_minute: u32,
    pub purchases_per_minute: u32,
    pub max_held_per_address: u32,
    pub wrong_tokens: u32,
}

#[derive(Clone, PartialEq, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogSection {
    pub filter: String,
    pub format: LogFormat,
}

#[derive(Clone, PartialEq, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PaymentSection {
    pub url: String,
    pub key: Secret,
    pub webhook_secret: Secret,
}

/// How log lines look.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    #[default]
    Auto,
    Text,
    Json,
}

/// Accepts anything in cargo-leptos's section.
#[derive(Clone, Debug, Default, Deserialize)]
struct Package {}

impl PartialEq for Package {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Default for ServerSection {
    fn default() -> Self {
        Self {
            database: "sqlite:onsale.db".to_owned(),
            redis: String::new(),
            demo: false,
            public_url: String::new(),
            trusted_proxies: Vec::new(),
            allowed_hosts: Vec::new(),
            buyer_threads: 0,
            first_tiers: vec![TierId::from("vip")],
        }
    }
}

impl Default for LimitsSection {
    fn default() -> Self {
        Self {
            connections: limits::DEFAULT_CONNECTIONS,
            request_queue: limits::DEFAULT_REQUEST_QUEUE,
            streams_per_session: limits::MAX_STREAMS_PER_SESSION,
            streams_per_address: limits::MAX_STREAMS_PER_ADDRESS,
            connections_per_address: limits::MAX_CONNECTIONS_PER_ADDRESS,
            requests_per_second: limits::MAX_REQUESTS_PER_SECOND,
            new_guests_per_minute: limits::MAX_NEW_GUESTS_PER_MINUTE,
            purchases_per_minute: limits::MAX_PURCHASES_PER_MINUTE,
            max_held_per_address: limits::MAX_HELD_PER_ADDRESS,
            wrong_tokens: limits::MAX_WRONG_TOKENS,
        }
    }
}

impl Default for LogSection {
    fn default() -> Self {
        Self { filter: "info".to_owned(), format: LogFormat::Auto }
    }
}

impl FileSettings {
    pub fn parse(text: &str) -> Result<Self, String> {
        // The library's whole message draws the line of the mistake, and that line may hold a secret.
        toml::from_str(text).map_err(|error| {
            let message = error.message().split_whitespace().collect::<Vec<_>>().join(" ");
            let line = |start: usize| text.get(..start).unwrap_or_default().matches('\n').count() + 1;
            match error.span() {
                Some(span) => format!("line {}: {message}", line(span.start)),
                None => message,
            }
        })
    }
}

/// Whether the file has the section that Leptos reads.
pub fn has_leptos_section(text: &str) -> bool {
    text.lines().any(|line| line.starts_with("[package.metadata.leptos]"))
}
