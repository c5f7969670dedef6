//! Both sides of the payment seam against clients that are not ours: PyPI's `stripe`, which the provider's customers use,
//! and `localstripe`, another stand-in. `scripts/setup-stripe-clients.sh` installs them.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use onsale::server::{
    config::Secret,
    payment::{EventKind, NewRefund, ProviderError, SIGNATURE_HEADER, WebhookError, sign, verify},
};
use serde_json::{Value, json};
use tokio::{io::AsyncWriteExt, process::Command};

use crate::{
    provider::{new_session, press, session_for, soon},
    support::{
        Receiver, StandIn, free_address,
        stand_in::{PAYMENT_KEY, WEBHOOK_SECRET, now, payment_client},
    },
};

/// The Python that has both clients.
fn python() -> PathBuf {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = variable("ONSALE_CACHE")
        .or_else(|| variable("XDG_CACHE_HOME").map(|folder| folder.join("onsale")))
        .or_else(|| variable("HOME").map(|folder| folder.join(".cache/onsale")));
    let python = cache.expect("a home").join("stripe-clients/bin/python");
    assert!(python.exists(), "{} is missing: run scripts/setup-stripe-clients.sh", python.display());
    python
}

fn talk(arguments: &[&str]) -> Command {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/stripe-clients/talk.py");
    let mut command = Command::new(python());
    // No proxy of this machine stands between two programs on it.
    command.arg(script).args(arguments).env("NO_PROXY", "*").env("no_proxy", "*").kill_on_drop(true);
    command
}

/// Runs one of the script's commands.
async fn ask(arguments: &[&str], input: Value) -> Value {
    let mut child = talk(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("Python starts");
    let mut stdin = child.stdin.take().expect("its input");
    let _ = stdin.write_all(input.to_string().as_bytes()).await;
    drop(stdin);
    let output = child.wait_with_output().await.expect("it ends");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_provider_s_own_client_makes_every_call_of_the_stand_in() {
    let receiver = Receiver::start().await;
    let stand_in = StandIn::start(&receiver, &[]).await;
    let told = ask(&["calls", &stand_in.url(), PAYMENT_KEY], Value::Null).await;
    let session = told["session"].as_str().expect("an id");
    assert!(stand_in.client().session(session, soon()).await.expect("it is there").is_paid());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_provider_s_own_client_believes_the_stand_in_s_webhooks_and_not_the_forged_one() {
    let receiver = Receiver::start().await;
    let stand_in = StandIn::start(&receiver, &[]).await;
    let session = new_session(&stand_in.client(), "hold-é").await;
    press(&session, "pay", "?fault=forged").await;
    for received in receiver.wait_for(&session.id, 2).await {
        let given = json!({ "header": received.header, "body": received.body, "secret": WEBHOOK_SECRET });
        let told = ask(&["verify"], given).await;
        match received.verdict {
            Ok(event) => {
                let expected = json!({ "event": event.id, "type": "checkout.session.completed", "object": session.id });
                assert_eq!(told, expected);
            }
            Err(error) => {
                assert_eq!(error, WebhookError::BadSignature);
                assert_eq!(told["error"], "SignatureVerificationError", "{told}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn signatures_are_the_same_as_those_of_the_provider_s_own_client() {
    let secret = Secret::new(WEBHOOK_SECRET);
    for body in [
        r#"{"id":"evt_1","object":"event","type":"ping","data":{"object":{"id":"x"}}}"#,
        "{\n  \"id\": \"evt_2\", \"object\": \"event\", \"type\": \"é\u{1f3ab}\", \"data\": {\"object\": {\"id\": \"x\"}}\n}",
    ] {
        let now = now();
        let at = now.milliseconds / 1_000;
        let theirs = ask(&["sign"], json!({ "body": body, "secret": WEBHOOK_SECRET, "at": at })).await;
        let theirs = theirs["header"].as_str().expect("a header");
        let ours = sign(body.as_bytes(), &secret, now);
        assert_eq!(ours, theirs);
        let event = verify(theirs.as_bytes(), body.as_bytes(), &secret, now).expect("it is believed");
        let told = ask(&["verify"], json!({ "header": ours, "body": body, "secret": WEBHOOK_SECRET })).await;
        assert_eq!(told["event"], event.id);
        for (wrong, later) in [("x", 0), (WEBHOOK_SECRET, 301)] {
            let old = sign(body.as_bytes(), &secret, now.plus_milliseconds(-later * 1_000));
            let told = ask(&["verify"], json!({ "header": old, "body": body, "secret": wrong })).await;
            assert_eq!(told["error"], "SignatureVerificationError", "both refuse it");
            assert!(verify(old.as_bytes(), body.as_bytes(), &Secret::new(wrong), now).is_err());
        }
    }
}

/// Takes one request and returns its body.
async fn record_one_form() -> (String, tokio::sync::oneshot::Receiver<String>) {
    let (sender, form) = tokio::sync::oneshot::channel();
    let sender = std::sync::Arc::new(std::sync::Mutex::new(Some(sender)));
    let take = move |body: String| {
        let sender = sender.lock().expect("no panic").take();
        async move {
            let _ = sender.map(|sender| sender.send(body));
            r#"{"id":"cs_1"}"#
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let router = axum::Router::new().fallback(take);
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, form)
}

#[tokio::test(flavor = "multi_thread")]
async fn our_form_means_the_same_to_others_and_is_written_as_the_provider_s_own_client_writes_it() {
    let (url, form) = record_one_form().await;
    let new = session_for("hold é&=%+[]");
    payment_client(&url, PAYMENT_KEY).create_session(&new, "key", soon()).await.expect("it has an id");
    let form = form.await.expect("a form");
    let read = ask(&["nest"], json!({ "form": form })).await["parameters"].clone();
    let line = |name: &str, price: &str, quantity: &str| {
        let price = json!({ "currency": "eur", "unit_amount": price, "product_data": { "name": name } });
        json!({ "quantity": quantity, "price_data": price })
    };
    let expected = json!({
        "mode": "payment",
        "payment_method_types": ["card"],
        "client_reference_id": "hold é&=%+[]",
        "success_url": new.success_url,
        "cancel_url": new.cancel_url,
        "customer_email": "ann@example.org",
        "line_items": [line("Stalls <b>A-1</b> & \"A-2\"", "4500", "2"), line("Programme", "250", "1")],
        "metadata": { "hold": "hold é&=%+[]" },
        "payment_intent_data": { "metadata": { "hold": "hold é&=%+[]" } },
    });
    assert_eq!(read, expected);
    let theirs = ask(&["encode"], json!({ "parameters": expected })).await;
    let pairs = |form: &str| {
        let mut pairs: Vec<_> = url::form_urlencoded::parse(form.as_bytes()).into_owned().collect();
        pairs.sort();
        pairs
    };
    assert_eq!(pairs(&form), pairs(theirs["form"].as_str().expect("a form")));
}

/// Another stand-in, and its address. It ends when the process is dropped.
async fn localstripe() -> (tokio::process::Child, String) {
    let address = free_address();
    let child = talk(&["localstripe", &address.port().to_string()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("Python starts");
    let url = format!("http://{address}");
    for _ in 0..600 {
        if tokio::net::TcpStream::connect(address).await.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    (child, url)
}

async fn post_to_localstripe(url: &str, path: &str, form: &str) -> Value {
    let http = reqwest::Client::builder().no_proxy().build().expect("a client");
    let request = http.post(format!("{url}{path}")).bearer_auth(PAYMENT_KEY);
    let request = request.header("content-type", "application/x-www-form-urlencoded").body(form.to_owned());
    let answer = request.send().await.expect("an answer");
    let (status, text) = (answer.status(), answer.text().await.expect("a text"));
    assert!(status.is_success(), "{path}: {status} {text}");
    serde_json::from_str(&text).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn our_client_speaks_with_another_stand_in_and_believes_its_webhooks() {
    let receiver = Receiver::start().await;
    let (_child, url) = localstripe().await;
    let hook = format!("url={}&secret={WEBHOOK_SECRET}", receiver.url());
    post_to_localstripe(&url, "/_config/webhooks/ours", &hook).await;
    let card = "type=card&card[number]=4242424242424242&card[exp_month]=12&card[exp_year]=2040&card[cvc]=123";
    let card = post_to_localstripe(&url, "/v1/payment_methods", card).await;
    let form = format!(
        "amount=1050&currency=eur&confirm=true&metadata[hold]=h&payment_method={}",
        card["id"].as_str().expect("an id")
    );
    let payment = post_to_localstripe(&url, "/v1/payment_intents", &form).await;
    let payment_intent = payment["id"].as_str().expect("an id").to_owned();

    let client = payment_client(&url, PAYMENT_KEY);
    let charges = client.charges(None, soon()).await.expect("a page").items;
    assert_eq!(charges.iter().map(|charge| (charge.amount, charge.is_paid)).collect::<Vec<_>>(), [(1_050, true)]);
    assert_eq!((charges[0].currency.as_str(), charges[0].payment_intent.as_ref()), ("EUR", Some(&payment_intent)));
    let new = NewRefund {
        payment_intent: payment_intent.clone(),
        amount: Some(450),
        currency: "EUR".to_owned(),
        metadata: [("refund".to_owned(), "r".to_owned())].into(),
    };
    let refund = client.refund(&new, "key", soon()).await.expect("a refund");
    assert_eq!((refund.amount, refund.payment_intent.as_ref()), (450, Some(&payment_intent)));
    assert_eq!(client.refunds(None, soon()).await.expect("a page").items, [refund]);
    let unknown = NewRefund { payment_intent: "pi_none".to_owned(), ..new };
    let error = client.refund(&unknown, "key-2", soon()).await.unwrap_err();
    assert!(matches!(error, ProviderError::Refused { status: 404, .. }), "{error}");
    let error = client.session("cs_none", soon()).await.unwrap_err();
    assert!(matches!(error, ProviderError::Refused { status: 404, .. }), "it has no checkout: {error}");

    let told = receiver.wait_for("payment_intent.succeeded", 1).await;
    let Ok(event) = &told[0].verdict else { panic!("{SIGNATURE_HEADER}: {told:?}") };
    assert_eq!(event.kind, EventKind::Other("payment_intent.succeeded".to_owned()));
}
