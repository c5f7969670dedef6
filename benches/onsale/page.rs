//! What a visitor waits for and downloads: the server-rendered page, the client's weight, the time to hydration.

use std::{collections::BTreeSet, path::Path, process::Command, time::Instant};

use super::{
    Failure, Measured, Settings,
    report::{Goal, sample},
    server::Server,
    wire::{self, Wire},
};

const PAGE: &str = "/sales/theatre";
/// All pages that a buyer sees.
const BUYER_PAGES: [&str; 3] = ["/", PAGE, "/tickets"];
/// What the heaviest of them may weigh, in WebAssembly and script as brotli sends them.
const BUDGET_KB: f64 = 190.0;
/// Times the page is asked for.
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

/// The weight of the heaviest page that a buyer sees.
async fn heaviest_kb(wire: &mut Wire, server: &Server) -> Result<Option<f64>, Failure> {
    let mut heaviest: Option<f64> = None;
    for path in BUYER_PAGES {
        let reply = wire.exchange(&wire::request("GET", path, server.address, "Accept: text/html\r\n", b"")).await?;
        let html = String::from_utf8(reply.body.to_vec())?;
        if let Some(weight) = weight_kb(wire, server, &html).await? {
            heaviest = Some(heaviest.map_or(weight, |heaviest| heaviest.max(weight)));
        }
    }
    Ok(heaviest)
}

/// Everything wasm and js that the page names, as the server sends it to a browser that takes brotli. `None` where the
/// client was not built.
async fn weight_kb(wire: &mut Wire, server: &Server, html: &str) -> Result<Option<f64>, Failure> {
    let files: BTreeSet<&str> = html
        .split(['"', '\''])
        .filter(|text| text.starts_with('/') && [".wasm", ".js"].iter().any(|ending| text.ends_with(ending)))
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

/// Milliseconds from navigation to hydration, in the browser of the browser tests. `None` where they are not set up.
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
