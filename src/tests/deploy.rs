//! The set-up in `deploy/` and the lists of tools keep what they promise: no password that everybody knows, no right that
//! is not needed, nothing installed that is not what we have seen. No container is started here; the texts are read.

use std::{collections::BTreeMap, path::Path};

use onsale::server::config::{Config, Flags};
use serde_json::Value;

/// Headers that the server believes from a listed proxy.
const BELIEVED: [&str; 9] = [
    "Forwarded",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Port",
    "X-Forwarded-Proto",
    "X-Forwarded-Scheme",
    "X-Real-IP",
    "CloudFront-Viewer-Address",
    "CloudFront-Forwarded-Proto",
];

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The lines of a file without those that are comments alone.
fn lines(path: &str) -> Vec<String> {
    read(path).lines().filter(|line| !line.trim_start().starts_with('#')).map(str::to_owned).collect()
}

/// The blocks of `compose.yaml` that describe containers, by name: the services, and what they share.
fn containers() -> BTreeMap<String, String> {
    let mut blocks: BTreeMap<String, String> = BTreeMap::new();
    let (mut is_of_services, mut name) = (false, None);
    for line in lines("deploy/compose.yaml") {
        let depth = line.len() - line.trim_start().len();
        if depth == 0 && !line.is_empty() {
            is_of_services = line == "services:";
            name = line.starts_with("x-").then(|| line.split(':').next().unwrap_or_default().to_owned());
        } else if is_of_services && depth == 2 {
            name = line.trim().split(':').next().map(str::to_owned);
        }
        if let Some(name) = &name {
            let block = blocks.entry(name.clone()).or_default();
            block.push_str(&line);
            block.push('\n');
        }
    }
    blocks
}

#[test]
fn there_is_no_password_that_everybody_knows() {
    let text = lines("deploy/compose.yaml").join("\n");
    let variables: Vec<&str> =
        text.split("${").skip(1).map(|rest| rest.split('}').next().unwrap_or_default()).collect();
    for wanted in ["ONSALE_ADMIN_TOKEN", "ONSALE_DATABASE_PASSWORD", "POSTGRES_PASSWORD", "REDIS_PASSWORD"] {
        assert!(variables.iter().any(|variable| variable.starts_with(wanted)), "{wanted}");
    }
    for variable in variables {
        assert!(variable.contains(":?"), "{variable}: where it is missing, the start has to stop with a sentence");
    }
    for line in text.lines().filter(|line| line.contains("PASSWORD") || line.contains("TOKEN")) {
        assert!(line.contains("${") || line.contains("$$"), "{line}");
    }
}

#[test]
fn every_container_is_confined() {
    let containers = containers();
    let confined = &containers["x-confined"];
    for right in ["cap_drop: [ALL]", "no-new-privileges:true", "read_only: true", "pids_limit:"] {
        assert!(confined.contains(right), "{right}: {confined}");
    }
    for (name, block) in &containers {
        if name == "x-confined" || block.contains(": *server") {
            continue;
        }
        for wanted in ["<<: *confined", "mem_limit:", "cpus:", "tmpfs:", "networks:"] {
            assert!(block.contains(wanted), "{name} has no {wanted}");
        }
        // The image of the servers names its user itself.
        assert!(block.contains("user: ") || name == "x-server", "{name} runs as root");
        assert!(!block.contains("privileged: true") && !block.contains("cap_add"), "{name}");
    }
    assert!(read("deploy/Containerfile").contains("\nUSER onsale\n"));
    for service in ["first", "second", "third", "balancer", "postgres", "redis"] {
        assert!(containers.contains_key(service), "{service}");
    }
    let published: Vec<_> = containers.iter().filter(|(_, block)| block.contains("ports:")).collect();
    assert!(matches!(published[..], [(name, _)] if name == "balancer"), "{published:?}");
}

#[test]
fn the_servers_are_no_administrators_of_their_stores() {
    let (script, containers) = (read("deploy/database.sh"), containers());
    assert!(script.contains("CREATE ROLE onsale LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE"), "{script}");
    assert!(containers["x-server"].contains("postgres://onsale:${ONSALE_DATABASE_PASSWORD:?"));
    assert!(!containers["x-server"].contains("POSTGRES_PASSWORD"));
    assert!(!containers["postgres"].contains("POSTGRES_USER"), "the administrator is not called onsale");
    assert!(containers["redis"].contains("requirepass $$REDIS_PASSWORD"));
}

#[test]
fn the_balancer_tells_who_asks_and_nobody_else_does() {
    let balancer = lines("deploy/balancer.conf").join("\n");
    for header in BELIEVED {
        assert!(balancer.contains(&format!("proxy_set_header {header} ")), "{header}: a client could write it");
    }
    assert!(balancer.contains("proxy_set_header X-Forwarded-For $remote_addr;"));
    assert!(balancer.contains("location = /metrics {\n        return 404;"));
    let config = Config::from_sources(Flags::default(), |_| None, &read("deploy/onsale.toml")).expect("it is readable");
    let containers = containers();
    let address = containers["balancer"].split("ipv4_address: ").nth(1).expect("it has a fixed address");
    let address = address.split([' ', '}']).next().unwrap_or_default();
    let [trusted] = config.trusted_proxies[..] else { panic!("{:?}", config.trusted_proxies) };
    assert_eq!(Ok(trusted), address.parse(), "the balancer, and nobody else");
}

#[test]
fn secrets_and_databases_are_kept_out_of_the_image() {
    let ignored = lines(".dockerignore");
    for wanted in [".git", "**/.env", "**/*.db", "**/*.db-wal", "**/*.db-shm", "**/node_modules", "target"] {
        assert!(ignored.iter().any(|line| line == wanted), "{wanted}");
    }
}

#[test]
fn tools_from_a_registry_are_what_we_have_seen() {
    for folder in ["end2end", "scripts/web-tools"] {
        let lock: Value = serde_json::from_str(&read(&format!("{folder}/package-lock.json"))).expect("JSON");
        let packages = lock["packages"].as_object().expect("its packages");
        assert!(packages.len() > 2, "{folder}");
        for (name, package) in packages.iter().filter(|(name, _)| !name.is_empty()) {
            let is_seen = package["integrity"].as_str().is_some_and(|digest| digest.starts_with("sha512-"));
            assert!(is_seen, "{folder}: {name} has no digest");
            assert!(package.get("resolved").is_none(), "{folder}: {name} names a registry");
        }
    }
    let list = lines("scripts/stripe-clients/requirements.txt").join("\n").replace("\\\n", "");
    let requirements: Vec<&str> = list.lines().filter(|line| !line.trim().is_empty()).collect();
    assert!(requirements.len() > 10, "{requirements:?}");
    for requirement in requirements {
        assert!(requirement.contains("==") && requirement.contains("--hash=sha256:"), "{requirement}");
    }
    assert!(
        lines("scripts/setup-stripe-clients.sh")
            .join("\n")
            .contains("pip install --quiet --disable-pip-version-check --require-hashes --no-deps")
    );
    for script in ["scripts/setup-web-tools.sh", "scripts/setup-browser-tests.sh"] {
        let text = lines(script).join("\n");
        assert!(text.contains("npm ci ") && text.contains("--ignore-scripts"), "{script}");
        assert!(!text.contains("npm install"), "{script}");
    }
}
