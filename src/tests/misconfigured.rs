//! The server corrects an operator's mistake if it can, and otherwise explains it in one sentence.

use std::net::SocketAddr;

use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::support::{ADMIN_TOKEN, Ask, Setup, TestApp};

#[tokio::test(flavor = "multi_thread")]
async fn a_token_with_a_line_end_lets_the_organiser_in() {
    for ending in ["\n", "\r\n", " "] {
        let app = Setup::default().with_env("ONSALE_ADMIN_TOKEN", &format!("{ADMIN_TOKEN}{ending}")).start().await;
        let sale = json!({ "name": "Gala", "tiers": [{ "name": "GA", "price": 1, "quantity": 1 }] });
        Ask::post("/api/v1/sales").bearer(ADMIN_TOKEN).json(sale).send(&app).await.expect(201);
        assert!(app.whole_log().contains("ONSALE_ADMIN_TOKEN") && !app.whole_log().contains(ADMIN_TOKEN));
    }
    let app = Setup::default().with_env("ONSALE_ADMIN_TOKEN", "la clé d'été 2026").start().await;
    let reply = Ask::get("/api/v1/me").bearer("la clé d'été 2026").send(&app).await.expect(200);
    assert_eq!(reply.json()["kind"], "admin", "a token may hold any letters");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_with_a_line_break_inside_stops_the_start_and_an_empty_one_is_told() {
    for name in ["ONSALE_ADMIN_TOKEN", "ONSALE_SECRET", "REDIS_URL"] {
        let mut app = Setup::default().with_env(name, "first line\nsecond line").prepare();
        app.try_launch().await.expect_err("a value that cannot be meant");
        let log = app.whole_log();
        assert!(log.contains(name) && log.contains("line break") && !log.contains("second line"), "{log}");
    }
    let app = Setup::default().with_env("ONSALE_ADMIN_TOKEN", " \n").start().await;
    assert!(app.whole_log().contains("ONSALE_ADMIN_TOKEN is empty and counts as not set"), "{}", app.whole_log());
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_payment_provider_stops_the_start_without_showing_a_secret() {
    const URL: &str = "ONSALE_PAYMENT_URL";
    const KEY: &str = "ONSALE_PAYMENT_KEY";
    const SECRET: &str = "ONSALE_PAYMENT_WEBHOOK_SECRET";
    for (url, key, secret, told) in [
        ("", "sk_swordfish", "whsec_swordfish", URL),
        ("http://127.0.0.1:3900", "", "whsec_swordfish", KEY),
        ("http://127.0.0.1:3900", "sk_swordfish", "", SECRET),
        ("127.0.0.1:3900", "sk_swordfish", "whsec_swordfish", URL),
        ("http://me:swordfish@127.0.0.1:3900", "sk_swordfish", "whsec_swordfish", URL),
        ("http://127.0.0.1:3900", "sk sword fish", "whsec_swordfish", KEY),
        ("http://127.0.0.1:3900", "sk_sword\nfish", "whsec_swordfish", KEY),
    ] {
        let setup = Setup::default().with_env(URL, url).with_env(KEY, key).with_env(SECRET, secret);
        let mut app = setup.prepare();
        app.try_launch().await.expect_err("it cannot be meant");
        let log = app.whole_log();
        let lines: Vec<_> = log.lines().filter(|line| line.starts_with("onsale: ")).collect();
        assert!(lines.len() == 1 && lines[0].contains(told), "{told}: {log}");
        assert!(!log.contains("swordfish") && !log.contains("sword fish"), "{log}");
    }
    let file =
        "[payment]\nurl = \"http://127.0.0.1:3900\"\nkey = \"sk_swordfish\"\nwebhook_secret = \"whsec_swordfish\"";
    let app = Setup::default().with_configuration(file).with_env("ONSALE_LOG", "debug").start().await;
    assert!(!app.whole_log().contains("swordfish"), "{}", app.whole_log());
    let mut app = Setup::default().with_configuration("[payment]\nkey = swordfish").prepare();
    app.try_launch().await.expect_err("the file is broken");
    assert!(app.whole_log().contains("line 2") && !app.whole_log().contains("swordfish"), "{}", app.whole_log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_could_be_guessed_stops_the_start() {
    for name in ["ONSALE_ADMIN_TOKEN", "ONSALE_SECRET", "ONSALE_PREVIOUS_SECRET"] {
        let mut app = Setup::default().with_env(name, "fifteen letters").prepare();
        app.try_launch().await.expect_err("a short secret");
        let log = app.whole_log();
        assert!(log.contains(name) && log.contains("fewer than 16") && !log.contains("fifteen letters"), "{log}");
    }
}

/// A stand-in for PgBouncer. It refuses every connection with the error that PgBouncer gives for a startup parameter that
/// it does not support.
async fn refusing_pooler() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut start = [0; 1024];
            let _ = client.read(&mut start).await;
            let fields = b"SFATAL\0VFATAL\0C08P01\0Munsupported startup parameter: options\0\0";
            let length = u32::try_from(fields.len() + 4).expect("short").to_be_bytes();
            let _ = client.write_all(&[b"E".as_slice(), &length, fields].concat()).await;
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_in_front_of_the_database_is_told_as_such() {
    let database = format!("postgres://onsale@{}/sales", refusing_pooler().await);
    let app = Setup::default().prepare();
    for arguments in [["migrate", "--database", &database], ["audit", "--database", &database]] {
        let output = app.command(arguments).await;
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.contains("PgBouncer") && told.contains("give the address of PostgreSQL itself"), "{told}");
        assert_eq!(told.trim_end().lines().count(), 1, "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_an_unknown_kind_is_told_with_examples() {
    let app = TestApp::open().await;
    let output = app.command(["migrate", "--database", "mysql://localhost/sales"]).await;
    assert!(String::from_utf8_lossy(&output.stderr).contains("sqlite:onsale.db"), "{output:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_none_stops_the_start_with_a_sentence() {
    let configuration = "[server]\nallowed_hosts = [\"https://shop.example\"]";
    let mut app = Setup::default().with_configuration(configuration).prepare();
    app.try_launch().await.expect_err("it would answer nobody");
    let log = app.whole_log();
    assert!(log.contains("https://shop.example") && log.contains("is no host such as"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_in_an_address_is_never_told() {
    let app = Setup::default().prepare();
    for database in [
        "postgres://ann:sword%2Ffish@127.0.0.1:1/sales",
        "postgres://ann:sword/fish@127.0.0.1:1/sales",
        "postgres:///sales?host=127.0.0.1&port=1&user=ann&password=swordfish&sslpassword=swordfish",
        "postgres://127.0.0.1:1/sales?sslmode=swordfish",
        "host=127.0.0.1 user=ann password=swordfish",
        "mysql://ann:swordfish@127.0.0.1:1/sales",
        "sqlite:sales.db?key=swordfish",
    ] {
        for command in ["migrate", "audit", "seed"] {
            let output = app.command([command, "--database", database]).await;
            let told = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(2), "{database}: {told}");
            let is_value_of_no_secret = database.contains("sslmode=");
            assert!(is_value_of_no_secret || !told.contains("fish"), "{command} {database}: {told}");
        }
    }
    let mut app = Setup::default().with_env("REDIS_URL", "redis://:sword/fish@127.0.0.1:1").prepare();
    app.try_launch().await.expect_err("it is no address");
    assert!(!app.whole_log().contains("fish"), "{}", app.whole_log());
}
