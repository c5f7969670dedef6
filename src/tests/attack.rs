//! The commands that judge a server: `attack` sends buyers and audits, `audit` recounts, `verify` checks a ledger
//! offline.

use std::process::Output;

use onsale::model::simulation::Simulation;
use serde_json::{Value, json};

use crate::support::{Ask, ExportedLedger, TestApp, general_admission, scale, seated};

#[track_caller]
fn assert_exit(output: &Output, code: i32) {
    assert_eq!(
        output.status.code(),
        Some(code),
        "stdout: {}\nstderr: {}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

/// The command ends with exit code 2, a message on standard error, and nothing on standard output.
#[track_caller]
fn assert_gives_up(output: &Output) {
    assert_exit(output, 2);
    assert!(output.stdout.is_empty(), "{}", String::from_utf8_lossy(&output.stdout));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(!told.trim().is_empty() && !told.contains("panicked"), "{told}");
}

fn simulation(output: &Output) -> Simulation {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stdout)))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attack_of_2000_on_100_units_sells_100_and_the_audit_is_clean() {
    let app = TestApp::open_demo().await;
    for _ in 0..scale::rounds(2, 100) {
        Ask::post("/api/v1/sales/rehearsal/reset").send(&app).await.expect(200);
        let output = app.command(["attack", "2000", "--url", &app.url(), "--target", "tier:ga", "--json"]).await;
        assert_exit(&output, 0);
        let run = simulation(&output);
        assert_eq!((run.won, run.refused_in_all(), run.errors, run.buyers), (100, 1_900, 0, 2_000), "{run:?}");
        assert!(run.is_clean(), "{run:?}");
        assert_eq!(app.clean_audit("rehearsal").await.sold, 100);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attack_on_anything_never_sells_more_than_there_is() {
    let app = TestApp::open_demo().await;
    let output = app.command(["attack", "2000", "--url", &app.url()]).await;
    assert_exit(&output, 0);
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(told.to_lowercase().contains("clean"), "an attack ends with the audit's verdict: {told}");
    let audit = app.clean_audit("rehearsal").await;
    assert_eq!((audit.sold, audit.available), (200, 0), "2000 buyers want everything that there is");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attack_on_one_seat_has_one_winner() {
    let app = TestApp::open_demo().await;
    let url = app.url();
    let arguments = ["attack", "300", "--url", &url, "--target", "seat:C-7", "--concurrency", "300", "--json"];
    let output = app.command(arguments).await;
    assert_exit(&output, 0);
    let run = simulation(&output);
    assert_eq!((run.won, run.refused_in_all(), run.errors), (1, 299, 0), "{run:?}");
    assert!(run.winner.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_number_of_buyers_is_a_whole_number_above_0_or_500() {
    let app = TestApp::open_demo().await;
    let url = app.url();
    for (argument, buyers) in [(None, 500), (Some(""), 500), (Some("08"), 8), (Some("1"), 1)] {
        let output = match argument {
            None => app.command(["attack", "--url", &url, "--json"]).await,
            Some(text) => app.command(["attack", text, "--url", &url, "--json"]).await,
        };
        assert_exit(&output, 0);
        assert_eq!(simulation(&output).buyers, buyers, "{argument:?}");
    }
    for argument in ["0", "-5", "abc", "1.5", "1e3", " 5", "99999999999999999999"] {
        assert_gives_up(&app.command(["attack", argument, "--url", &url]).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attack_that_cannot_be_made_says_so_with_exit_2() {
    let app = TestApp::open_demo().await;
    let url = app.url();
    assert_gives_up(&app.command(["attack", "5", "--url", "http://127.0.0.1:9"]).await);
    assert_gives_up(&app.command(["attack", "5", "--url", "nonsense"]).await);
    assert_gives_up(&app.command(["attack", "5", "--url", &url, "--sale", "no-such-sale"]).await);
    assert_gives_up(&app.command(["attack", "5", "--url", &url, "--target", "seat:Z-99"]).await);
    assert_gives_up(&app.command(["attack", "5", "--url", &url, "--target", "nonsense"]).await);
    assert_gives_up(&app.command(["attack", "5", "--url", &url, "--concurrency", "0"]).await);
    assert_gives_up(&app.command(["attack", "5", "--url", &url, "--seed", "9007199254740992"]).await);
    for flags in [["--rate", "0.5"], ["--rate", "many"], ["--over", "3601"], ["--over", "soon"]] {
        assert_gives_up(&app.command(["attack", "5", "--url", &url, flags[0], flags[1]]).await);
    }
    assert_gives_up(&app.command(["attack", "5", "--url", &url, "--rate", "5", "--over", "1"]).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attack_is_spread_over_a_time_or_at_a_rate() {
    let app = TestApp::open_demo().await;
    let url = app.url();
    for (flags, rate) in [(["--over", "2"], 50.0), (["--rate", "50"], 50.0)] {
        Ask::post("/api/v1/sales/rehearsal/reset").send(&app).await.expect(200);
        let arguments = ["attack", "100", "--url", &url, "--target", "tier:ga", flags[0], flags[1], "--json"];
        let output = app.command(arguments).await;
        assert_exit(&output, 0);
        let run = simulation(&output);
        assert_eq!((run.rate, run.won, run.errors), (Some(rate), 100, 0), "{run:?}");
        assert!((1_980..8_000).contains(&run.duration_ms), "the last buyer arrives after 1,980 ms: {run:?}");
    }
    let output = app.command(["attack", "20", "--url", &url, "--over", "0", "--json"]).await;
    assert_exit(&output, 0);
    assert_eq!(simulation(&output).rate, None, "at once");
    let told = app.command(["attack", "20", "--url", &url, "--rate", "40"]).await;
    let told = String::from_utf8_lossy(&told.stdout).into_owned();
    assert!(told.contains("40 a second") && told.contains("from the planned moment of arrival"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_says_clean_not_clean_or_could_not_look_by_its_exit_code() {
    let mut app = TestApp::open().await;
    let sale = app.sale("group_commit", &[general_admission(10), seated(1, 4)]).await;
    app.buy(&sale, json!({ "seat": "A-2" })).await.expect(201);
    let (url, database) = (app.url(), app.database());
    assert_exit(&app.command(["audit", "--url", &url]).await, 0);
    assert_exit(&app.command(["audit", "--database", &database]).await, 0);
    let output = app.command(["audit", "--url", &url, "--sale", &sale, "--json"]).await;
    assert_exit(&output, 0);
    let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert!(told.to_string().contains("\"clean\":true"), "{told}");
    assert_gives_up(&app.command(["audit", "--url", "http://127.0.0.1:9"]).await);
    assert_gives_up(&app.command(["audit", "--database", "sqlite:no-such-file.db"]).await);
    assert_gives_up(&app.command(["audit", "--url", &url, "--sale", "no-such-sale"]).await);
    app.signal("TERM");
    app.wait().await;
    tamper(&app, "UPDATE seats SET status = 'available' WHERE label = 'A-2'").await;
    assert_exit(&app.command(["audit", "--database", &database, "--sale", &sale]).await, 1);
    app.launch().await;
    assert_exit(&app.command(["audit", "--url", &url, "--sale", &sale]).await, 1);
}

/// Changes the database behind the server's back.
async fn tamper(app: &TestApp, sql: &'static str) {
    let store = onsale::server::store::Store::open(&app.database()).await.expect("the database");
    store.run(sql).await.expect("a change");
    store.close().await;
}

/// A sale whose ledger has lines of every kind that the server writes today.
async fn eventful_sale(app: &TestApp) -> String {
    let sale = app.sale("group_commit", &[seated(1, 3), general_admission(20)]).await;
    for body in
        [json!({ "seat": "A-1" }), json!({ "tier": "ga", "quantity": 3 }), json!({ "tier": "floor", "quantity": 2 })]
    {
        app.buy(&sale, body).await.expect(201);
    }
    let path = format!("/api/v1/sales/{sale}");
    let stock = Ask::post(&format!("{path}/stock")).admin().json(json!({ "tier": "ga", "add": 5 }));
    stock.send(app).await.expect(201);
    Ask::post(&format!("{path}/reset")).admin().send(app).await.expect(200);
    app.buy(&sale, json!({ "seat": "A-1" })).await.expect(201);
    sale
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flipped_byte_of_an_exported_ledger_is_named() {
    let app = TestApp::open().await;
    let sale = eventful_sale(&app).await;
    let text = ExportedLedger::read(&app, &sale).await.text;
    let file = app.folder().join("ledger.ndjson");
    let path = file.to_str().expect("a path").to_owned();
    std::fs::write(&file, &text).expect("a file");
    assert_exit(&app.command(["verify", &path]).await, 0);
    let step = scale::rounds(37, 1);
    for position in (0..text.len()).step_by(step) {
        let mut flipped = text.clone().into_bytes();
        flipped[position] ^= 1 << (position % 7);
        std::fs::write(&file, &flipped).expect("a file");
        let output = app.command(["verify", &path]).await;
        assert_exit(&output, 1);
        let line = text[..position].matches('\n').count() + 1;
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(told.contains(&line.to_string()), "byte {position} is in line {line}: {told}");
    }
}

/// As behind `| head`, whose pipe is closed when it has seen enough.
#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_has_gone_does_not_change_the_verdict() {
    let app = TestApp::open().await;
    let sale = eventful_sale(&app).await;
    let (file, url) = (app.folder().join("ledger.ndjson"), app.url());
    let path = file.to_str().expect("a path");
    let whole = ExportedLedger::read(&app, &sale).await.text;
    for (text, exit) in [(whole.as_str(), 0), (&whole.replacen("buy", "bought", 1), 1)] {
        std::fs::write(&file, text).expect("a file");
        let audit = ["audit", "--url", &url];
        for arguments in [&["verify", path][..], &audit, &[&audit[..], &["--json"]].concat()] {
            let output = app.command_unread(arguments).await;
            let exit = if arguments[0] == "verify" { exit } else { 0 };
            assert_exit(&output, exit);
            assert!(output.stderr.is_empty(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_taken_away_put_in_or_moved_is_seen() {
    let app = TestApp::open().await;
    let sale = eventful_sale(&app).await;
    let text = ExportedLedger::read(&app, &sale).await.text;
    let lines: Vec<&str> = text.lines().collect();
    let file = app.folder().join("ledger.ndjson");
    let verify = async |lines: &[&str]| {
        std::fs::write(&file, lines.iter().map(|line| format!("{line}\n")).collect::<String>()).expect("a file");
        app.command(["verify", file.to_str().expect("a path")]).await
    };
    assert_exit(&verify(&lines).await, 0);
    // A ledger without its first lines is valid: it is an export from a later line on, and still a chain.
    assert_exit(&verify(&lines[1..]).await, 0);
    for position in 1..lines.len() - 1 {
        let mut without = lines.clone();
        without.remove(position);
        assert_exit(&verify(&without).await, 1);
        let mut twice = lines.clone();
        twice.insert(position, lines[position]);
        assert_exit(&verify(&twice).await, 1);
        let mut swapped = lines.clone();
        swapped.swap(position, position + 1);
        assert_exit(&verify(&swapped).await, 1);
    }
    assert_gives_up(&app.command(["verify", "no-such-file.ndjson"]).await);
    assert_exit(&app.command(["verify"]).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_is_read_after_its_travels_and_what_is_no_ledger_is_told_for_what_it_is() {
    let app = TestApp::open().await;
    let sale = eventful_sale(&app).await;
    let text = ExportedLedger::read(&app, &sale).await.text;
    let file = app.folder().join("ledger.ndjson");
    let path = file.to_str().expect("a path");
    let verify = async |bytes: &[u8]| {
        std::fs::write(&file, bytes).expect("a file");
        app.command(["verify", path]).await
    };
    let windows = text.replace('\n', "\r\n");
    for travelled in
        [&windows, windows.trim_end(), text.trim_end(), &format!("\u{feff}{windows}"), &format!("{text}\n")]
    {
        assert_exit(&verify(travelled.as_bytes()).await, 0);
    }
    let cut = verify(&text.as_bytes()[..text.len() - 40]).await;
    assert_exit(&cut, 1);
    assert!(String::from_utf8_lossy(&cut.stdout).contains("breaks off"), "{cut:?}");
    let packed = Ask::get(&format!("/api/v1/sales/{sale}/ledger")).header("accept-encoding", "gzip").send(&app).await;
    let utf_16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let refusal = app.get("/api/v1/sales/no-such-sale/ledger").await;
    let page = Ask::get("/no-such-page").header("accept", "text/html").send(&app).await;
    for (bytes, told) in [
        (&packed.body, "gzip"),
        (&utf_16, "UTF-16"),
        (&refusal.body, "refusal of the server (404, There is no such sale.)"),
        (&page.body, "web page"),
        (&Vec::new(), "is empty"),
        (&b"seq,at,kind\n".to_vec(), "is no ledger"),
    ] {
        let output = verify(bytes).await;
        assert_gives_up(&output);
        assert!(String::from_utf8_lossy(&output.stderr).contains(told), "{told}: {output:?}");
    }
    let folder = app.command(["verify", app.folder().to_str().expect("a path")]).await;
    assert_gives_up(&folder);
    assert!(String::from_utf8_lossy(&folder.stderr).contains("is a folder"), "{folder:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_argument_is_exit_2_and_help_is_not() {
    let app = TestApp::open().await;
    for arguments in
        [["serve", "--nonsense"], ["serve", "--addr=nowhere"], ["nonsense", ""], ["serve", "--database=mysql://x"]]
    {
        assert_gives_up(&app.command(arguments).await);
    }
    let taken = format!("--addr={}", app.address());
    assert_gives_up(&app.command(["serve", &taken, "--database=sqlite:other.db"]).await);
    assert_exit(&app.command(["--help"]).await, 0);
    assert_exit(&app.command(["attack", "--help"]).await, 0);
    assert_exit(&app.command(["--version"]).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn migrate_and_seed_make_a_database_that_serves() {
    let app = TestApp::open().await;
    let database = format!("sqlite:{}", app.folder().join("made.db").display());
    assert_exit(&app.command(["migrate", "--database", &database]).await, 0);
    for _ in 0..2 {
        assert_exit(&app.command(["seed", "--database", &database]).await, 0);
    }
    let output = app.command(["audit", "--database", &database, "--json"]).await;
    assert_exit(&output, 0);
    let told = String::from_utf8_lossy(&output.stdout);
    for sale in ["golden-ticket", "club-night", "theatre", "rehearsal"] {
        assert_eq!(told.matches(&format!("\"{sale}\"")).count(), 1, "{told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_does_not_obey_what_files_and_servers_are_called_or_say() {
    let app = TestApp::open().await;
    let sale = eventful_sale(&app).await;
    let text = ExportedLedger::read(&app, &sale).await.text;
    let name = "\u{1b}]0;clean\u{7}\u{202e}.ndjson";
    let file = app.folder().join(name);
    let path = file.to_str().expect("a path").to_owned();
    let is_obeyed = |output: &std::process::Output| {
        let told = String::from_utf8_lossy(&[output.stdout.clone(), output.stderr.clone()].concat()).into_owned();
        assert!(!told.is_empty());
        told.chars().any(|sign| (sign.is_control() && sign != '\n') || sign == '\u{202e}')
    };
    for (content, exit) in [(text.as_str(), 0), (&text[..text.len() / 2], 1), ("<html>", 2)] {
        std::fs::write(&file, content).expect("a file");
        let output = app.command(["verify", &path]).await;
        assert_exit(&output, exit);
        assert!(!is_obeyed(&output), "{output:?}");
    }
    // A server that answers everything with a refusal of its own wording.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        while let Ok((mut client, _)) = listener.accept().await {
            let _ = client.read(&mut [0; 4096]).await;
            let body = r#"{"detail":"\u001b]0;clean\u0007 \u202e is sold out","code":"sold-out","clean":"\u001b[2J"}"#;
            let head = format!("HTTP/1.1 422 \r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
            let _ = client.write_all(format!("{head}{body}").as_bytes()).await;
        }
    });
    for arguments in [["audit", "--url", &url], ["attack", "--url", &url], ["compare", "--url", &url]] {
        let output = app.command(arguments).await;
        assert!(!output.status.success() && !is_obeyed(&output), "{output:?}");
    }
}
