//! Configuration: flags over environment over `Leptos.toml` over defaults. It is read once, at start. An unreadable
//! value stops the start with one line that names it.

use std::{
    net::{SocketAddr, ToSocketAddrs},
    path::Path,
};

use leptos::config::{LeptosOptions, get_config_from_str};

use crate::model::{ids::TierId, limits::MIN_SECRET_CHARACTERS};

mod error; // why the configuration cannot be used
mod file; // our own sections of Leptos.toml
mod host; // hosts that are answered
mod network; // addresses of trusted proxies
mod payment; // the payment provider
mod public_url; // under which address visitors reach the server
mod secret; // text that must not appear in logs
mod service_url; // addresses of services, which may hold passwords
mod variables; // values from the environment and the command line

pub use error::ConfigError;
pub use file::LogFormat;
pub use host::AllowedHost;
pub use network::Network;
pub use payment::PaymentSettings;
pub use public_url::PublicUrl;
pub use secret::Secret;
pub use service_url::ServiceUrl;

use file::FileSettings;
use variables::{Variables, read_environment};

/// The name of the run-time configuration's file, in the working directory.
const FILE_NAME: &str = "Leptos.toml";
/// The configuration that the binary was built with, used where there is no file.
const SHIPPED_FILE: &str = include_str!("../../Leptos.toml");

/// Set for the program by `cargo leptos watch`.
pub const WATCHED_VARIABLE: &str = "LEPTOS_WATCH";

/// Everything that an operator can decide.
#[derive(Clone, Debug)]
pub struct Config {
    pub addr: SocketAddr,
    /// Such as `sqlite:onsale.db`.
    pub database: ServiceUrl,
    /// Such as `redis://127.0.0.1`; without it, the strategies that need Redis cannot be run.
    pub redis: Option<ServiceUrl>,
    /// Makes the demo sales, opens the simulator to everyone, lifts all limits per client.
    pub demo: bool,
    /// The Bearer token of the admin; without it there is no admin.
    pub admin_token: Option<Secret>,
    /// The secret that signs sessions; without it one is generated once and kept in the database.
    pub secret: Option<Secret>,
    /// The secret before that one. Its sessions are still accepted, and renewed under the new one.
    pub previous_secret: Option<Secret>,
    /// The scheme and host under which visitors reach the server, such as `https://tickets.example.org`.
    pub public_url: Option<PublicUrl>,
    /// The payment provider; without it nothing can be paid.
    pub payment: Option<PaymentSettings>,
    /// Proxies whose forwarding headers are believed.
    pub trusted_proxies: Vec<Network>,
    /// Hosts that are answered; empty means all.
    pub allowed_hosts: Vec<AllowedHost>,
    /// Threads for buyers and pages; `None` means one per core. Viewers have a thread of their own.
    pub buyer_threads: Option<usize>,
    /// Tiers whose purchases are served first when they wait in a queue.
    pub first_tiers: Vec<TierId>,
    /// At most this many open connections; any more are refused.
    pub max_connections: usize,
    /// At most this many waiting claims; any more are refused with 503.
    pub request_queue: usize,
    /// At most this many open streams of one session, and of one address; lifted by `demo`.
    pub streams_per_session: usize,
    pub streams_per_address: usize,
    /// At most this many open connections of one address, and per address so many requests, new guests and purchases
    /// in the given time; 0 lifts a limit, `demo` lifts them all.
    pub connections_per_address: usize,
    pub requests_per_second: u32,
    pub new_guests_per_minute: u32,
    pub purchases_per_minute: u32,
    /// At most this many units held from one address, over all sales; 0 means any number, as `demo` does. Counted in
    /// memory, for the holds that are made or changed through this server.
    pub max_held_per_address: u32,
    /// So many wrong tokens of an address within a quarter of an hour lock it out.
    pub wrong_tokens: u32,
    /// Directives such as `info` or `onsale=debug,info`.
    pub log_filter: String,
    pub log_format: LogFormat,
    /// Where the browser's half lies and what it is called.
    pub leptos: LeptosOptions,
    /// Whether `cargo leptos watch` started the server: then the browser's half changes while it serves.
    pub is_watched: bool,
    /// Remarks for the operator about how this configuration was read, one sentence each.
    pub remarks: Vec<String>,
}

/// The values of the command line; they win over all others.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    pub addr: Option<String>,
    pub database: Option<String>,
    pub redis: Option<String>,
    pub demo: bool,
}

impl Config {
    /// Reads `Leptos.toml` in the working directory and the environment.
    pub fn load(flags: Flags) -> Result<Self, ConfigError> {
        let text = match std::fs::read_to_string(FILE_NAME) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => SHIPPED_FILE.to_owned(),
            Err(error) => return Err(ConfigError(format!("{FILE_NAME} cannot be read: {error}"))),
        };
        let environment = read_environment()?;
        let mut config = Self::from_sources(flags, |name| environment.get(name).cloned(), &text)?;
        config.leptos.site_root = existing_site_root(&config.leptos.site_root).into();
        Ok(config)
    }

    /// Reads the configuration from the given sources. A variable that is set but empty counts as not set.
    pub fn from_sources(
        flags: Flags,
        environment: impl Fn(&str) -> Option<String>,
        file: &str,
    ) -> Result<Self, ConfigError> {
        let settings = FileSettings::parse(file).map_err(|error| ConfigError(format!("{FILE_NAME}: {error}")))?;
        let mut leptos = leptos_options(file)?;
        let variables = Variables::new(environment);
        if let Some(addr) = variables.flag_or("--addr", flags.addr, "ONSALE_ADDR")? {
            leptos.site_addr = resolve(&addr)
                .ok_or_else(|| ConfigError(format!("{addr:?} is not an address such as 127.0.0.1:3000")))?;
        }
        let database = variables.flag_or("--database", flags.database, "DATABASE_URL")?;
        let redis = variables.flag_or("--redis", flags.redis, "REDIS_URL")?.unwrap_or(settings.server.redis);
        let public_url = variables.variable("ONSALE_PUBLIC_URL")?.or(Some(settings.server.public_url));
        let mut remarks = Vec::new();
        let payment = PaymentSettings::read(&variables, &settings.payment, &mut remarks)?;
        Ok(Self {
            addr: leptos.site_addr,
            database: ServiceUrl::new(database.unwrap_or(settings.server.database)),
            redis: (!redis.is_empty()).then(|| ServiceUrl::new(redis)),
            demo: flags.demo || settings.server.demo,
            admin_token: long_secret(&variables, "ONSALE_ADMIN_TOKEN")?,
            secret: long_secret(&variables, "ONSALE_SECRET")?,
            previous_secret: long_secret(&variables, "ONSALE_PREVIOUS_SECRET")?,
            public_url: public_url.filter(|url| !url.is_empty()).map(|url| PublicUrl::parse(&url)).transpose()?,
            payment,
            trusted_proxies: match variables.variable("ONSALE_TRUSTED_PROXIES")? {
                Some(list) => networks(&list)?,
                None => settings.server.trusted_proxies,
            },
            allowed_hosts: settings.server.allowed_hosts,
            buyer_threads: (settings.server.buyer_threads > 0).then_some(settings.server.buyer_threads),
            first_tiers: settings.server.first_tiers,
            max_connections: settings.limits.connections,
            request_queue: settings.limits.request_queue,
            streams_per_session: settings.limits.streams_per_session,
            streams_per_address: settings.limits.streams_per_address,
            connections_per_address: settings.limits.connections_per_address,
            requests_per_second: settings.limits.requests_per_second,
            new_guests_per_minute: settings.limits.new_guests_per_minute,
            purchases_per_minute: settings.limits.purchases_per_minute,
            max_held_per_address: settings.limits.max_held_per_address,
            wrong_tokens: settings.limits.wrong_tokens,
            log_filter: variables.variable("ONSALE_LOG")?.unwrap_or(settings.log.filter),
            log_format: settings.log.format,
            leptos,
            is_watched: variables.variable(WATCHED_VARIABLE)?.is_some(),
            remarks: [variables.remarks(), remarks].concat(),
        })
    }
}

/// A secret that cannot be found by trying.
fn long_secret(
    variables: &Variables<impl Fn(&str) -> Option<String>>,
    name: &str,
) -> Result<Option<Secret>, ConfigError> {
    let secret = variables.secret(name)?;
    if secret.as_ref().is_some_and(|secret| secret.chars().count() < MIN_SECRET_CHARACTERS) {
        return Err(ConfigError(format!(
            "{name} has fewer than {MIN_SECRET_CHARACTERS} characters and could be guessed: `openssl rand -hex 32` makes a \
             good one"
        )));
    }
    Ok(secret.map(Secret::new))
}

/// Networks separated by commas.
fn networks(list: &str) -> Result<Vec<Network>, ConfigError> {
    let named = list.split(',').map(str::trim).filter(|text| !text.is_empty());
    named.map(|text| text.parse().map_err(|error| ConfigError(format!("ONSALE_TRUSTED_PROXIES: {error}")))).collect()
}

/// An address with its port; the host may be a name, such as `localhost`.
fn resolve(addr: &str) -> Option<SocketAddr> {
    addr.to_socket_addrs().ok()?.next()
}

/// The keys of cargo-leptos, from the file if it has them, or else from the shipped one.
fn leptos_options(file: &str) -> Result<LeptosOptions, ConfigError> {
    let source = if file::has_leptos_section(file) { file } else { SHIPPED_FILE };
    get_config_from_str(source).map_err(|error| ConfigError(format!("{FILE_NAME}: {error}")))
}

/// The folder with the browser's half: as configured, or beside the folder of the executable, so that the server may be
/// started from anywhere.
fn existing_site_root(configured: &str) -> String {
    if Path::new(configured).is_dir() {
        return configured.to_owned();
    }
    let executable = std::env::current_exe().ok();
    let beside = executable.as_deref().and_then(Path::parent).and_then(Path::parent).map(|folder| folder.join("site"));
    match beside {
        Some(folder) if folder.is_dir() => folder.to_string_lossy().into_owned(),
        _ => configured.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nothing(_: &str) -> Option<String> {
        None
    }

    #[test]
    fn the_shipped_file_says_the_defaults() {
        assert_eq!(FileSettings::parse(SHIPPED_FILE).unwrap(), FileSettings::default());
    }

    #[test]
    fn flags_win_over_environment_over_file() {
        let environment = |name: &str| match name {
            "ONSALE_ADDR" => Some("127.0.0.1:4000".to_owned()),
            "DATABASE_URL" => Some("sqlite:environment.db".to_owned()),
            "ONSALE_LOG" => Some(String::new()),
            _ => None,
        };
        let flags = Flags { addr: Some("127.0.0.1:5000".to_owned()), ..Flags::default() };
        let config = Config::from_sources(flags, environment, "[log]\nfilter = \"warn\"").unwrap();
        assert_eq!(config.addr.port(), 5000);
        assert_eq!(config.database.expose(), "sqlite:environment.db");
        assert_eq!(config.log_filter, "warn");
        assert!(!config.demo);
    }

    #[test]
    fn an_empty_file_starts_with_the_defaults() {
        let config = Config::from_sources(Flags::default(), nothing, "").unwrap();
        assert_eq!(config.addr.to_string(), "127.0.0.1:3000");
        assert_eq!(&*config.leptos.output_name, "onsale");
        assert_eq!(config.buyer_threads, None);
    }

    #[test]
    fn what_cannot_be_understood_is_named() {
        let flags = Flags { addr: Some("nowhere".to_owned()), ..Flags::default() };
        assert!(Config::from_sources(flags, nothing, "").unwrap_err().0.contains("nowhere"));
        let error = Config::from_sources(Flags::default(), nothing, "[server]\ndemmo = true").unwrap_err();
        assert!(error.0.contains("demmo"), "{error}");
    }

    #[test]
    fn secrets_do_not_show() {
        let environment = |name: &str| (name == "ONSALE_SECRET").then(|| "swordfish and more".to_owned());
        let config = Config::from_sources(Flags::default(), environment, "").unwrap();
        assert_eq!(config.secret.as_ref().unwrap().expose(), "swordfish and more");
        assert!(!format!("{config:?}").contains("swordfish"));
    }

    #[test]
    fn a_short_secret_stops_the_start_without_showing_it() {
        for name in ["ONSALE_ADMIN_TOKEN", "ONSALE_SECRET", "ONSALE_PREVIOUS_SECRET"] {
            let read = |value: &str| {
                let environment = |asked: &str| (asked == name).then(|| value.to_owned());
                Config::from_sources(Flags::default(), environment, "")
            };
            let error = read("fifteen letters").unwrap_err();
            assert!(error.0.contains(name) && !error.0.contains("fifteen letters"), "{error}");
            assert!(read("sixteen letters!").is_ok());
        }
    }

    #[test]
    fn proxies_and_the_public_address_can_be_set_by_variables() {
        let environment = |name: &str| match name {
            "ONSALE_TRUSTED_PROXIES" => Some("127.0.0.1, 10.0.0.0/8".to_owned()),
            "ONSALE_PUBLIC_URL" => Some("https://Tickets.example.org/".to_owned()),
            _ => None,
        };
        let config = Config::from_sources(Flags::default(), environment, "").unwrap();
        assert_eq!(config.trusted_proxies, ["127.0.0.1", "10.0.0.0/8"].map(|text| text.parse().unwrap()));
        assert!(config.public_url.unwrap().is_https_of("tickets.example.org"));
        let environment = |name: &str| (name == "ONSALE_TRUSTED_PROXIES").then(|| "the proxy".to_owned());
        assert!(Config::from_sources(Flags::default(), environment, "").unwrap_err().0.contains("the proxy"));
    }

    #[test]
    fn a_token_from_a_file_with_a_line_end_is_the_token() {
        let environment = |name: &str| match name {
            "ONSALE_ADMIN_TOKEN" => Some("an organiser's token\r\n".to_owned()),
            "ONSALE_SECRET" => Some(" \n".to_owned()),
            "DATABASE_URL" => Some(" sqlite:a.db\n".to_owned()),
            "REDIS_URL" => Some("\tredis://127.0.0.1 ".to_owned()),
            "ONSALE_ADDR" => Some("127.0.0.1:4000\n".to_owned()),
            _ => None,
        };
        let config = Config::from_sources(Flags::default(), environment, "").unwrap();
        assert_eq!(config.admin_token.as_ref().map(Secret::expose), Some("an organiser's token"));
        assert_eq!((config.secret, config.addr.port()), (None, 4000));
        let redis = config.redis.as_ref().map(ServiceUrl::expose);
        assert_eq!((config.database.expose(), redis), ("sqlite:a.db", Some("redis://127.0.0.1")));
        let remarks = config.remarks.join("\n");
        for name in ["ONSALE_ADMIN_TOKEN", "ONSALE_SECRET", "DATABASE_URL", "REDIS_URL", "ONSALE_ADDR"] {
            assert!(remarks.contains(name), "{remarks}");
        }
        assert!(!remarks.contains("organiser"), "{remarks}");
    }

    #[test]
    fn keys_shared_with_the_manifest_are_equal() {
        let shipped: toml::Table = SHIPPED_FILE.parse().unwrap();
        let manifest: toml::Table = include_str!("../../Cargo.toml").parse().unwrap();
        let of_manifest = &manifest["package"]["metadata"]["leptos"];
        for (key, value) in shipped["package"]["metadata"]["leptos"].as_table().unwrap() {
            assert_eq!(of_manifest.get(key), Some(value), "{key}");
        }
    }
}
