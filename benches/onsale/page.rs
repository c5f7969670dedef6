//! What a visitor waits for and downloads: the server-rendered page, the size of the client, the time to hydration.

use std::{collections::BTreeSet, path::Path, process::Command, time::Instant};

use super::{
    report::{Goal, sample},
    server::Server,
    settings::{Failure, Measured, Settings},
    wire::{self, Wire},
};

const PAGE: &str = "/sales/theatre";
/// All pages that a buyer sees.
const BUYER_PAGES: [&str; 3] = ["/", PAGE, "/tickets"];
/// The most WebAssembly and script, compressed by brotli, that any of these pages may load.
const BUDGET_KB: f64 = 190.0;
/// How often the page is requested.
const REQUESTS: usize = 50;
const HYDRATION_SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/onsale/hydration.mjs");
const BROWSER_TESTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/end2end");

pub fn measure(_: &Settings) -> Measured {
    let server = Server::start()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (html_ms, weight_kb) = runtime.block_on(async {
        let mut wire = Wire::open(server.address).await?;
        let request = wire::request("GET", PAGE, server.address, "Accept: text/html\r\n", b"");
        let mut times = Vec::with_capacity(REQUESTS);
        for _ in 0..REQUESTS {
            let begun = Instant::now();
            let reply = wire.exchange(&request).await?;
            times.push(begun.elapsed().as_secs_f64() * 1000.0);
            if reply.status != 200 {
                return Err(format!("{PAGE} answered {}", reply.status).into());
            }
        }
        times.sort_by(f64::total_cmp);
        Ok::<_, Failure>((times[REQUESTS / 2], heaviest_kb(&mut wire, &server).await?))
    })?;
    let mut samples = vec![sample("sale page: server-rendered HTML", html_ms, "ms", Goal::AtMost(100.0))];
    match weight_kb {
        Some(weight) => samples.push(sample("heaviest page of a buyer, brotli", weight, "KB", Goal::AtMost(BUDGET_KB))),
        None => eprintln!("the page asks for no client: build it first (make build)"),
    }
    samples.extend(hydration_ms(&server)?.map(|time| sample("sale page: hydrated", time, "ms", Goal::AtMost(1500.0))));
    Ok(samples)
}

/// The size of the code of the buyers' page that loads the most.
async fn heaviest_kb(wire: &mut Wire, server: &Server) -> Result<Option<f64>, Failure> {
    let mut heaviest: Option<f64> = None;
    for path in BUYER_PAGES {
        let reply = wire.exchange(&wire::request("GET", path, server.address, "Accept: text/html\r\n", b"")).await?;
        let html = std::str::from_utf8(reply.body)?.to_owned();
        if let Some(weight) = weight_kb(wire, server, &html).await? {
            heaviest = Some(heaviest.map_or(weight, |heaviest| heaviest.max(weight)));
        }
    }
    Ok(heaviest)
}

/// The size of all WebAssembly and script files that the page links to, as the server sends them to a browser that accepts
/// brotli. It names further ones, which the browser fetches when they are needed. `None` if the client was not built.
async fn weight_kb(wire: &mut Wire, server: &Server, html: &str) -> Result<Option<f64>, Failure> {
    let files: BTreeSet<&str> = html
        .split("href=\"")
        .filter_map(|rest| rest.split('"').next())
        .filter(|address| [".wasm", ".js"].iter().any(|ending| address.ends_with(ending)))
        .collect();
    let mut bytes = 0;
    for file in &files {
        let request = wire::request("GET", file, server.address, "Accept-Encoding: br\r\n", b"");
        let reply = wire.exchange(&request).await?;
        if reply.status != 200 {
            return Err(format!("{file} answered {}", reply.status).into());
        }
        bytes += reply.body.len();
    }
    #[allow(clippy::cast_precision_loss)] // some hundred thousand
    Ok((!files.is_empty()).then_some(bytes as f64 / 1000.0))
}

/// Milliseconds from navigation to hydration, in the browser that the browser tests use. `None` if they are not set up.
fn hydration_ms(server: &Server) -> Result<Option<f64>, Failure> {
    if !Path::new(BROWSER_TESTS).join("node_modules/@playwright/test").exists() {
        eprintln!("the browser tests are not set up: no time of hydration");
        return Ok(None);
    }
    let url = format!("http://{}{PAGE}", server.address);
    let output = Command::new("node").arg(HYDRATION_SCRIPT).arg(url).current_dir(BROWSER_TESTS).output()?;
    if !output.status.success() {
        return Err(format!("the browser failed: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(Some(String::from_utf8(output.stdout)?.trim().parse()?))
}
