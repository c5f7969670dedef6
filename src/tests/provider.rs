//! The payment provider's stand-in and our client for it, call by call.

use std::{collections::BTreeMap, time::Duration};

use onsale::server::payment::{
    EventKind, LineItem, NewRefund, NewSession, PaymentStatus, Provider, ProviderError, RefundStatus, Session,
    SessionStatus,
};
use reqwest::{Method, StatusCode, redirect::Policy};
use tokio::time::Instant;

use crate::support::{
    Receiver, StandIn,
    stand_in::{PAYMENT_KEY, payment_client},
    wire,
};

/// A deadline that no call should need.
pub fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

/// A session for two seats.
pub fn session_for(hold: &str) -> NewSession {
    NewSession {
        reference: hold.to_owned(),
        currency: "EUR".to_owned(),
        items: vec![
            LineItem { name: "Stalls <b>A-1</b> & \"A-2\"".to_owned(), price: 4_500, quantity: 2 },
            LineItem { name: "Programme".to_owned(), price: 250, quantity: 1 },
        ],
        success_url: "http://127.0.0.1:1/done?session={CHECKOUT_SESSION_ID}&a=1".to_owned(),
        cancel_url: "http://127.0.0.1:1/cancel?a=1&b=2".to_owned(),
        metadata: BTreeMap::from([("hold".to_owned(), hold.to_owned())]),
        email: Some("ann@example.org".to_owned()),
        expires_at: None,
    }
}

/// Makes a session for this hold, with the hold's name as idempotency key.
pub async fn new_session(client: &Provider, hold: &str) -> Session {
    client.create_session(&session_for(hold), hold, soon()).await.expect("a session")
}

/// An answer to a browser that follows nothing.
pub struct Page {
    pub status: StatusCode,
    pub location: Option<String>,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
}

/// Asks as a browser does.
pub async fn browse(method: Method, url: &str) -> Page {
    let client = reqwest::Client::builder().no_proxy().redirect(Policy::none()).build().expect("a client");
    let answer = client.request(method, url).header("cookie", "session=1; onsale=2").send().await.expect("an answer");
    let (status, headers) = (answer.status(), answer.headers().clone());
    let location = headers.get("location").map(|value| value.to_str().expect("ASCII").to_owned());
    Page { status, location, headers, text: answer.text().await.expect("a text") }
}

/// Presses a button of a session's page: `pay` or `decline`, with a query such as `?fault=double`.
pub async fn press(session: &Session, verb: &str, query: &str) -> Page {
    let url = session.url.as_deref().expect("an open session");
    browse(Method::POST, &format!("{url}/{verb}{query}")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_made_once_looked_at_and_ended() {
    let receiver = Receiver::start().await;
    let stand_in = StandIn::start(&receiver, &[]).await;
    let client = stand_in.client();
    let session = new_session(&client, "hold-1").await;
    assert_eq!((session.status, session.payment_status), (SessionStatus::Open, PaymentStatus::Unpaid));
    assert_eq!((session.amount_total, session.currency.as_deref()), (Some(9_250), Some("EUR")));
    assert_eq!((session.reference.as_deref(), session.metadata["hold"].as_str()), (Some("hold-1"), "hold-1"));
    assert!(session.id.starts_with("cs_") && session.payment_intent.is_none());
    assert_eq!(new_session(&client, "hold-1").await, session, "the same key makes no second one");
    let other = client.create_session(&session_for("hold-2"), "hold-1", soon()).await.unwrap_err();
    assert!(
        matches!(&other, ProviderError::Refused { status: 400, message, .. } if message.contains("same parameters"))
    );
    assert_eq!(client.session(&session.id, soon()).await, Ok(session.clone()));

    let ended = client.expire_session(&session.id, soon()).await.expect("it was open");
    assert_eq!((ended.status, ended.url), (SessionStatus::Expired, None));
    let again = client.expire_session(&session.id, soon()).await.unwrap_err();
    assert!(matches!(again, ProviderError::Refused { status: 400, .. }) && again.is_final());
    let told = receiver.wait_for(&session.id, 1).await;
    assert!(matches!(&told[0].verdict, Ok(event) if matches!(&event.kind, EventKind::SessionExpired(_))));
    let late = press(&session, "pay", "").await;
    assert_eq!((late.status, late.location), (StatusCode::GONE, None));
    for unknown in ["cs_test_none", "a/../b", "é", "", "?x=1"] {
        let error = client.session(unknown, soon()).await.unwrap_err();
        assert!(matches!(error, ProviderError::Refused { status: 404, .. }), "{unknown}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_buyer_pays_once_on_a_page_that_shows_what_for() {
    let receiver = Receiver::start().await;
    let stand_in = StandIn::start(&receiver, &[]).await;
    let client = stand_in.client();
    let session = new_session(&client, "hold-1").await;
    let page = browse(Method::GET, session.url.as_deref().unwrap()).await;
    assert_eq!(page.status, StatusCode::OK);
    for shown in [
        "Stalls &lt;b&gt;A-1&lt;/b&gt; &amp; &quot;A-2&quot;",
        "2 × €45.00",
        "€92.50",
        "data-testid=\"provider-pay\"",
        "data-testid=\"provider-decline\"",
        "href=\"http://127.0.0.1:1/cancel?a=1&amp;b=2\"",
    ] {
        assert!(page.text.contains(shown), "{shown}: {}", page.text);
    }
    assert!(!page.text.contains("<script") && !page.text.contains("<b>A-1"), "{}", page.text);
    assert!(page.headers.contains_key("content-security-policy") && !page.headers.contains_key("set-cookie"));

    let paid = press(&session, "pay", "").await;
    let done = format!("http://127.0.0.1:1/done?session={}&a=1", session.id);
    assert_eq!((paid.status, paid.location), (StatusCode::SEE_OTHER, Some(done.clone())));
    let again = press(&session, "pay", "").await;
    assert_eq!((again.status, again.location), (StatusCode::SEE_OTHER, Some(done)), "a double click pays once");
    let declined = press(&session, "decline", "").await;
    assert_eq!(declined.status, StatusCode::SEE_OTHER);
    let session = client.session(&session.id, soon()).await.unwrap();
    assert!(session.is_paid());
    let charges = client.charges(None, soon()).await.unwrap();
    assert_eq!((charges.items.len(), charges.next), (1, None));
    let charge = &charges.items[0];
    assert_eq!((charge.amount, charge.amount_refunded, charge.currency.as_str()), (9_250, 0, "EUR"));
    assert_eq!((charge.payment_intent.clone(), charge.metadata["hold"].as_str()), (session.payment_intent, "hold-1"));
    let told = receiver.wait_for(&session.id, 1).await;
    let Ok(event) = &told[0].verdict else { panic!("{told:?}") };
    assert!(matches!(&event.kind, EventKind::SessionCompleted(session) if session.is_paid()), "{event:?}");
    assert_eq!(browse(Method::GET, &format!("{}/pay/cs_test_none", stand_in.url())).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_declined_buyer_stays_on_the_page_and_may_pay_with_another_card() {
    let receiver = Receiver::start().await;
    let stand_in = StandIn::start(&receiver, &[]).await;
    let client = stand_in.client();
    let session = new_session(&client, "hold-1").await;
    let declined = press(&session, "decline", "").await;
    assert_eq!((declined.status, &declined.location), (StatusCode::SEE_OTHER, &session.url));
    let page = browse(Method::GET, session.url.as_deref().unwrap()).await;
    assert!(page.text.contains("role=\"alert\"") && page.text.contains("another card"), "{}", page.text);
    let told = receiver.wait_for("payment_intent.payment_failed", 1).await;
    let Ok(event) = &told[0].verdict else { panic!("{told:?}") };
    let EventKind::PaymentFailed { metadata, reason, payment_intent } = &event.kind else { panic!("{event:?}") };
    assert_eq!(metadata["hold"], "hold-1");
    assert!(reason.as_ref().is_some_and(|reason| page.text.contains(reason.as_str())), "{reason:?}");
    let open = client.session(&session.id, soon()).await.unwrap();
    assert_eq!((open.status, open.payment_intent.as_ref()), (SessionStatus::Open, Some(payment_intent)));

    assert_eq!(press(&session, "pay", "").await.status, StatusCode::SEE_OTHER);
    let paid = client.session(&session.id, soon()).await.unwrap();
    assert!(paid.is_paid() && paid.payment_intent.as_ref() == Some(payment_intent), "the same payment goes on");
    let charges = client.charges(None, soon()).await.unwrap().items;
    assert_eq!(charges.iter().map(|charge| charge.is_paid).collect::<Vec<_>>(), [true, false], "newest first");
}

#[tokio::test(flavor = "multi_thread")]
async fn money_goes_back_once_and_never_more_than_was_paid() {
    let receiver = Receiver::start().await;
    let stand_in = StandIn::start(&receiver, &[]).await;
    let client = stand_in.client();
    let session = new_session(&client, "hold-1").await;
    press(&session, "pay", "").await;
    let payment_intent = client.session(&session.id, soon()).await.unwrap().payment_intent.expect("a payment");
    let refund = |amount| NewRefund {
        payment_intent: payment_intent.clone(),
        amount,
        currency: "EUR".to_owned(),
        metadata: BTreeMap::from([("refund".to_owned(), "r".to_owned())]),
    };
    let part = client.refund(&refund(Some(250)), "refund-1", soon()).await.expect("a part");
    assert_eq!((part.amount, part.status, part.metadata["refund"].as_str()), (250, RefundStatus::Succeeded, "r"));
    assert_eq!(client.refund(&refund(Some(250)), "refund-1", soon()).await, Ok(part.clone()), "the same key, once");
    let much = client.refund(&refund(Some(9_001)), "refund-2", soon()).await.unwrap_err();
    assert!(much.is_final(), "{much}");
    let rest = client.refund(&refund(None), "refund-3", soon()).await.expect("the rest");
    assert_eq!(rest.amount, 9_000);
    let again = client.refund(&refund(None), "refund-4", soon()).await.unwrap_err();
    assert!(again.has_code("charge_already_refunded"), "{again}");
    let unknown = NewRefund { payment_intent: "pi_none".to_owned(), ..refund(None) };
    let unknown = client.refund(&unknown, "refund-5", soon()).await.unwrap_err();
    assert!(matches!(unknown, ProviderError::Refused { status: 404, .. }), "{unknown}");

    let charge = client.charges(None, soon()).await.unwrap().items.remove(0);
    assert_eq!((charge.amount, charge.amount_refunded), (9_250, 9_250));
    assert_eq!(client.refunds(None, soon()).await.unwrap().items, [rest, part]);
    let told = receiver.wait_for("refund.created", 2).await;
    assert!(told.iter().all(|one| matches!(&one.verdict, Ok(event) if matches!(event.kind, EventKind::Refunded(_)))));
    receiver.wait_for("charge.refunded", 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_whole_page_by_page() {
    let receiver = Receiver::start().await;
    let stand_in = StandIn::start(&receiver, &[]).await;
    let client = stand_in.client();
    for number in 0..205 {
        let session = new_session(&client, &format!("hold-{number}")).await;
        press(&session, "pay", "").await;
    }
    let (mut holds, mut after) = (Vec::new(), None);
    loop {
        let page = client.charges(after.as_deref(), soon()).await.expect("a page");
        holds.extend(page.items.into_iter().map(|charge| charge.metadata["hold"].clone()));
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    let expected: Vec<_> = (0..205).rev().map(|number| format!("hold-{number}")).collect();
    assert_eq!(holds, expected);
    let error = client.charges(Some("ch_none"), soon()).await.unwrap_err();
    assert!(matches!(error, ProviderError::Refused { status: 404, .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn amounts_are_shown_with_the_digits_of_their_currency() {
    let receiver = Receiver::start().await;
    let stand_in = StandIn::start(&receiver, &[]).await;
    let client = stand_in.client();
    for (currency, price, shown) in
        [("JPY", 5_000, "¥5,000<"), ("KWD", 10_500, "KWD\u{a0}10.500"), ("ISK", 5_000, "ISK\u{a0}5,000.00")]
    {
        let items = vec![LineItem { name: "Seat".to_owned(), price, quantity: 1 }];
        let new = NewSession { currency: currency.to_owned(), items, ..session_for("hold") };
        let session = client.create_session(&new, currency, soon()).await.expect("a session");
        assert_eq!(session.amount_total, Some(price), "{currency}");
        let page = browse(Method::GET, session.url.as_deref().unwrap()).await;
        assert!(page.text.contains(shown), "{currency}: {}", page.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_meant_is_answered_as_the_provider_does() {
    let receiver = Receiver::start().await;
    let stand_in = StandIn::start(&receiver, &[]).await;
    let http = reqwest::Client::builder().no_proxy().build().expect("a client");
    let long = "x".repeat(300 * 1024);
    let form = "application/x-www-form-urlencoded";
    for (method, path, media_type, body, status) in [
        (Method::GET, "/", form, "", 404),
        (Method::GET, "/v1/", form, "", 404),
        (Method::GET, "/v2/charges", form, "", 404),
        (Method::GET, "/v1/checkout/sessions", form, "", 404),
        (Method::DELETE, "/v1/charges", form, "", 404),
        (Method::PUT, "/v1/refunds", form, "a=b", 404),
        (Method::POST, "/v1/charges", form, "amount=5", 404),
        (Method::POST, "/v1/checkout/sessions/cs_none/pay", form, "", 404),
        (Method::POST, "/v1/checkout/sessions/cs_none/expire", form, "", 404),
        (Method::POST, "/pay/cs_none", form, "", 404),
        (Method::GET, "/v1/charges?limit=0", form, "", 400),
        (Method::GET, "/v1/charges?limit=101", form, "", 400),
        (Method::GET, "/v1/charges?limit=x&y[[=%ff", form, "", 400),
        (Method::GET, "/v1/refunds?starting_after=re_none", form, "", 404),
        (Method::POST, "/v1/checkout/sessions", "application/json", "{}", 400),
        (Method::POST, "/v1/checkout/sessions", form, "", 400),
        (Method::POST, "/v1/checkout/sessions", form, "mode=payment&line_items=x", 400),
        (Method::POST, "/v1/checkout/sessions", form, "%ff[[]]=&mode[a][b]=%", 400),
        (Method::POST, "/v1/checkout/sessions", form, long.as_str(), 413),
        (Method::POST, "/v1/refunds", form, "amount=5", 400),
        (Method::POST, "/v1/refunds", form, "payment_intent=pi_1&charge=ch_1", 400),
        (Method::POST, "/v1/refunds", form, "payment_intent=pi_1&amount=-1", 400),
        (Method::POST, "/_faults", form, "sleep=5", 400),
    ] {
        let request = http.request(method.clone(), format!("{}{path}", stand_in.url())).bearer_auth(PAYMENT_KEY);
        let answer = request.header("content-type", media_type).body(body.to_owned()).send().await.expect("an answer");
        assert_eq!(answer.status(), status, "{method} {path}");
        let answer: serde_json::Value = answer.json().await.expect("JSON");
        let error = &answer["error"];
        assert!(error["type"].is_string() && error["message"].is_string(), "{method} {path}: {answer}");
    }
    for key in ["x".repeat(256), String::new()] {
        let request = http.post(format!("{}/v1/refunds", stand_in.url())).bearer_auth(PAYMENT_KEY);
        assert_eq!(request.header("idempotency-key", key).send().await.expect("an answer").status(), 400);
    }
    for path in ["/v1/charges", "/_faults", "/_deliveries", "/v1/unknown"] {
        let url = format!("{}{path}", stand_in.url());
        let answer = http.get(&url).send().await.expect("an answer");
        assert_eq!(answer.status(), 401, "{path}");
        let answer = http.get(&url).bearer_auth("sk_test_wrong").send().await.expect("an answer");
        assert_eq!(answer.status(), 401, "{path}");
    }
    let odd = b"POST /v1/refunds HTTP/1.1\r\nhost: x\r\nauthorization: Bearer \xff\xfe\r\ncontent-length: 5\r\n\r\n\xff\xfe\x00=&";
    assert_eq!(wire::statuses(&wire::exchange(stand_in.address(), odd).await), [401]);
    assert!(!stand_in.log().contains("panicked"), "{}", stand_in.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_without_an_answer_says_why() {
    let receiver = Receiver::start().await;
    let mut stand_in = StandIn::start(&receiver, &["--hangs", "3600"]).await;
    let began = Instant::now();
    let hanging = stand_in.client().charges(None, Instant::now() + Duration::from_millis(300)).await;
    assert_eq!(hanging, Err(ProviderError::TimedOut));
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    let wrong = stand_in.client_with_key("sk_test_swordfish");
    stand_in.kill();
    let error = wrong.charges(None, soon()).await.unwrap_err();
    assert!(matches!(error, ProviderError::Unreachable(_)) && !error.is_final(), "{error}");
    stand_in = StandIn::start(&receiver, &[]).await;
    let error = stand_in.client_with_key("sk_test_swordfish").charges(None, soon()).await.unwrap_err();
    assert!(matches!(error, ProviderError::Refused { status: 401, .. }), "{error}");
    assert!(!format!("{error} {error:?}").contains("swordfish"), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_breaks_off_or_is_no_json_says_so() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let answers = [
        "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"id\":",
        "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n<html>",
        "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n",
        "no HTTP\r\n\r\n",
    ];
    tokio::spawn(async move {
        for answer in answers {
            let (mut socket, _) = listener.accept().await.expect("a connection");
            let mut request = [0; 4096];
            let _ = socket.read(&mut request).await;
            socket.write_all(answer.as_bytes()).await.expect("it reads");
        }
    });
    let client = payment_client(&url, PAYMENT_KEY);
    let broken = client.session("cs_1", soon()).await.unwrap_err();
    assert!(matches!(broken, ProviderError::Unreachable(_)), "{broken:?}");
    let page = client.session("cs_1", soon()).await.unwrap_err();
    assert!(matches!(page, ProviderError::Unreadable(_)), "{page:?}");
    let moved = client.session("cs_1", soon()).await.unwrap_err();
    assert!(matches!(moved, ProviderError::Refused { status: 302, .. }), "{moved:?}");
    let odd = client.session("cs_1", soon()).await.unwrap_err();
    assert!(matches!(odd, ProviderError::Unreachable(_)), "{odd:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn signals_end_it_cleanly_and_mistakes_are_told_in_one_line() {
    let receiver = Receiver::start().await;
    for signal in ["TERM", "INT"] {
        let mut stand_in = StandIn::start(&receiver, &["--hangs", "3600"]).await;
        let client = stand_in.client();
        let hanging = tokio::spawn(async move { client.charges(None, soon()).await });
        tokio::time::sleep(Duration::from_millis(100)).await;
        let url = stand_in.url();
        assert!(stand_in.log().contains(&url), "{}", stand_in.log());
        let (status, took) = stand_in.stop(signal);
        assert!(status.success() && took < Duration::from_secs(2), "{signal}: {status} after {took:?}");
        let _ = hanging.await;
    }
    let taken = StandIn::start(&receiver, &[]).await;
    let address = taken.address().to_string();
    let command = |arguments: &[&str], key: &str| {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_onsale"));
        command.arg("provider").args(arguments).env("ONSALE_PAYMENT_KEY", key).kill_on_drop(true).output()
    };
    for (arguments, key, told) in [
        (&["--addr", address.as_str()][..], "sk_1", address.as_str()),
        (&["--addr", "nowhere"], "sk_1", "nowhere"),
        (&["--addr", "127.0.0.1:0", "--webhook", "shop.example"], "sk_1", "shop.example"),
        (&["--addr", "127.0.0.1:0", "--state", "/nonexistent/state"], "sk_1", "/nonexistent/state"),
        (&["--addr", "127.0.0.1:0"], "sword fish", "the key has blanks"),
        (&["--addr", "127.0.0.1:0", "--late=-1"], "sk_1", "seconds"),
    ] {
        let output = command(arguments, key).await.expect("the binary under test");
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {error}");
        assert!(error.contains(told) && !error.contains("fish"), "{arguments:?}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_key_one_is_drawn_and_told() {
    let address = crate::support::free_address().to_string();
    let mut child = tokio::process::Command::new(env!("CARGO_BIN_EXE_onsale"))
        .args(["provider", "--addr", &address])
        .env_remove("ONSALE_PAYMENT_KEY")
        .env("ONSALE_PAYMENT_WEBHOOK_SECRET", "")
        .stdout(std::process::Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("the binary under test");
    let mut lines =
        tokio::io::AsyncBufReadExt::lines(tokio::io::BufReader::new(child.stdout.take().expect("its output")));
    let mut next = async || lines.next_line().await.expect("a text").expect("a line");
    assert!(next().await.ends_with(&format!("http://{address}")));
    let key = next().await.trim().strip_prefix("ONSALE_PAYMENT_KEY=").expect("the key").to_owned();
    assert!(next().await.trim().starts_with("ONSALE_PAYMENT_WEBHOOK_SECRET=whsec_"));
    let client = payment_client(&format!("http://{address}"), &key);
    assert!(client.charges(None, soon()).await.is_ok());
}
