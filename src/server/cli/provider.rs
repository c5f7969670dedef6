//! `onsale provider`: a stand-in for a payment provider, for trying and testing.

use std::{io::Write, net::SocketAddr, path::PathBuf, process::ExitCode, time::Duration};

use clap::Args;

use super::exit::give_up;
use crate::server::{
    config::{LogFormat, Secret},
    provider::{self, Options, ServerFaults, seconds},
    shutdown::Shutdown,
    telemetry::logs,
};

/// What is logged unless ONSALE_LOG says otherwise.
const LOG_FILTER: &str = "info";

#[derive(Args)]
pub struct ProviderArgs {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:3900")]
    addr: SocketAddr,
    /// Where webhooks go.
    #[arg(long, default_value = "http://127.0.0.1:3000/api/v1/payments/webhook")]
    webhook: String,
    /// The secret key that callers have to show; drawn and printed where it is missing.
    #[arg(long, env = "ONSALE_PAYMENT_KEY", hide_env_values = true)]
    key: Option<String>,
    /// The secret that webhooks are signed with; drawn and printed where it is missing.
    #[arg(long, env = "ONSALE_PAYMENT_WEBHOOK_SECRET", hide_env_values = true)]
    secret: Option<String>,
    /// A file that keeps everything; without it nothing outlives the process.
    #[arg(long)]
    state: Option<PathBuf>,
    /// Decides ids and choices.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Decline every card.
    #[arg(long)]
    declines: bool,
    /// Answer calls that change something with 500, after the change.
    #[arg(long)]
    errors: bool,
    /// Answer no call of the API for so long.
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "0")]
    hangs: Duration,
    /// Answer everything with 503 for so long.
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "0")]
    down: Duration,
    /// Answer every call of the API so much later.
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "0")]
    late: Duration,
}

pub async fn run(arguments: ProviderArgs) -> ExitCode {
    match serve(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => give_up(reason),
    }
}

async fn serve(arguments: ProviderArgs) -> Result<(), String> {
    let filter = std::env::var("ONSALE_LOG").ok().filter(|filter| !filter.trim().is_empty());
    logs::install(filter.as_deref().unwrap_or(LOG_FILTER), LogFormat::Auto)?;
    let shutdown = Shutdown::new();
    shutdown.start_at_signal().map_err(|error| format!("cannot listen to signals: {error}"))?;
    let ProviderArgs { addr, webhook, key, secret, state, seed, declines, errors, hangs, down, late } = arguments;
    let (key, secret) = (given("the key", key)?, given("the secret", secret)?);
    let is_drawn = [key.is_none(), secret.is_none()];
    let running = provider::start(Options {
        addr,
        webhook: Some(webhook),
        key: key.unwrap_or_else(|| Options::drawn_secret("sk_test_")),
        webhook_secret: secret.unwrap_or_else(|| Options::drawn_secret("whsec_")),
        state,
        seed,
        faults: ServerFaults { declines, errors, hangs, down, late },
    })
    .await?;
    let settings = running.settings();
    let mut welcome = format!("The payment provider's stand-in is open at {}\n", settings.url.expose());
    if is_drawn[0] {
        welcome += &format!("  ONSALE_PAYMENT_KEY={}\n", settings.key.expose());
    }
    if is_drawn[1] {
        welcome += &format!("  ONSALE_PAYMENT_WEBHOOK_SECRET={}\n", settings.webhook_secret.expose());
    }
    // Nobody may read this, and that is no reason to stop.
    let _ = std::io::stdout().write_all(welcome.as_bytes());
    let _ = std::io::stdout().flush();
    shutdown.started().await;
    running.stop().await;
    Ok(())
}

/// A secret from a flag or a variable; an empty one counts as missing.
fn given(name: &str, text: Option<String>) -> Result<Option<Secret>, String> {
    let text = text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    match text {
        Some(text) if !text.chars().all(|sign| sign.is_ascii_graphic()) => {
            Err(format!("{name} has blanks or other signs that no key has"))
        }
        text => Ok(text.map(Secret::new)),
    }
}
