//! `onsale audit`: checks that what was sold matches the stock. Asks a running server, or recounts a database by
//! itself.

use std::{process::ExitCode, sync::Arc};

use clap::Args;
use serde::Serialize;

use super::{
    attack::Verdict,
    exit::{give_up, say},
    terminal::printable_json,
};
use crate::{
    model::{
        audit::Audit,
        ids::SaleId,
        sale::{Sale, SaleList},
    },
    server::{
        clock::Clock,
        config::{Config, Flags},
        engine,
        simulator::{
            client::{Connection, Server},
            workload::read,
        },
        store::{self, Store},
    },
};

/// The exit code when a sale is not exact.
const NOT_CLEAN: u8 = 1;

#[derive(Args)]
pub struct AuditArgs {
    /// Ask a running server, such as http://127.0.0.1:3000.
    #[arg(long, conflicts_with = "database")]
    pub url: Option<String>,
    /// Read a database, such as sqlite:onsale.db, whether a server runs on it or not; nothing is written. Without this
    /// and --url, the configured one.
    #[arg(long)]
    pub database: Option<String>,
    /// One sale; all of them where it is missing.
    #[arg(long)]
    pub sale: Option<String>,
    /// Print the result as JSON.
    #[arg(long)]
    pub json: bool,
}

/// The audits of all sales, and the verdict on the whole.
#[derive(Serialize)]
struct All<'a> {
    clean: bool,
    audits: &'a [Audit],
}

pub async fn run(arguments: AuditArgs) -> ExitCode {
    let sale = arguments.sale.map(SaleId);
    let audits = match arguments.url {
        Some(url) => ask(&url, sale.as_ref()).await,
        None => recount(arguments.database, sale.as_ref()).await,
    };
    match audits {
        Err(reason) => give_up(reason),
        Ok(audits) => {
            let is_clean = audits.iter().all(|audit| audit.clean);
            print(&audits, is_clean, sale.is_some(), arguments.json);
            if is_clean { ExitCode::SUCCESS } else { ExitCode::from(NOT_CLEAN) }
        }
    }
}

/// Prints one sale's audit as the API gives it, or a list for all sales with the verdict on the whole.
fn print(audits: &[Audit], is_clean: bool, one: bool, as_json: bool) {
    if as_json {
        let text = match audits {
            [audit] if one => serde_json::to_string_pretty(audit),
            _ => serde_json::to_string_pretty(&All { clean: is_clean, audits }),
        };
        say(printable_json(&text.expect("audits are plain data")));
    } else {
        for audit in audits {
            say(Verdict(audit));
        }
    }
}

/// The audits as a running server makes them.
async fn ask(url: &str, sale: Option<&SaleId>) -> Result<Vec<Audit>, String> {
    let server = Server::find(url).await.map_err(|fault| fault.to_string())?;
    let mut connection = Connection::open(Arc::new(server)).await.map_err(|fault| fault.to_string())?;
    let sales = match sale {
        Some(sale) => vec![sale.clone()],
        None => {
            let list: SaleList = read(&mut connection, "/api/v1/sales").await.map_err(|error| error.to_string())?;
            list.sales.into_iter().map(|Sale { id, .. }| id).collect()
        }
    };
    let mut audits = Vec::with_capacity(sales.len());
    for sale in sales {
        let path = format!("/api/v1/sales/{sale}/audit");
        audits.push(read(&mut connection, &path).await.map_err(|error| error.to_string())?);
    }
    Ok(audits)
}

/// The audits made here, from the database alone.
async fn recount(database: Option<String>, sale: Option<&SaleId>) -> Result<Vec<Audit>, String> {
    let config = Config::load(Flags { database, ..Flags::default() }).map_err(|error| error.to_string())?;
    let unusable = |error: &dyn std::fmt::Display| {
        format!("the database {} cannot be read: {}", config.database, config.database.hide_in(&error))
    };
    let store = Store::open_read_only(config.database.expose()).await.map_err(|error| unusable(&error))?;
    let sales = match sale {
        Some(sale) => vec![sale.clone()],
        None => all_sales(&store).await.map_err(|error| unusable(&error))?,
    };
    let mut audits = Vec::with_capacity(sales.len());
    for sale in sales {
        let audit = engine::audit(&store, &sale, Clock::System.now()).await.map_err(|error| unusable(&error))?;
        audits.push(audit.ok_or_else(|| format!("there is no sale {sale}"))?);
    }
    store.close().await;
    Ok(audits)
}

async fn all_sales(store: &Store) -> Result<Vec<SaleId>, sqlx::Error> {
    let mut reader = store.reader().await?;
    Ok(store::heads(reader.connection()).await?.into_iter().map(|sale| SaleId(sale.slug)).collect())
}
