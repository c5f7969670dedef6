//! What the stand-in does wrong on request. Whatever it is, exactly one charge is made, and the truth is told by a signed
//! webhook in the end.

use std::{collections::BTreeSet, time::Duration};

use onsale::server::payment::{EventKind, ProviderError, Session, SessionStatus};
use reqwest::StatusCode;
use serde_json::Value;
use tokio::time::Instant;

use crate::{
    provider::{browse, new_session, press, session_for, soon},
    support::{
        Receiver, StandIn,
        stand_in::{PAYMENT_KEY, Received},
    },
};

/// Faults of one payment; each is tried alone and with each other one.
const FAULTS: [&str; 6] = ["double", "reorder", "forged", "late:0.6", "error", "bounced"];
/// How long after the last expected webhook a further one would have come.
const QUIET: Duration = Duration::from_secs(2);

/// Each fault alone, each pair, none and all.
fn combinations() -> Vec<Vec<&'static str>> {
    let mut all = vec![Vec::new(), FAULTS.to_vec()];
    for (position, first) in FAULTS.into_iter().enumerate() {
        all.push(vec![first]);
        all.extend(FAULTS[position + 1..].iter().map(|second| vec![first, second]));
    }
    all
}

async fn set_faults(stand_in: &StandIn, form: &str) -> Value {
    let http = reqwest::Client::builder().no_proxy().build().expect("a client");
    let request = http.post(format!("{}/_faults", stand_in.url())).bearer_auth(PAYMENT_KEY);
    let request = request.header("content-type", "application/x-www-form-urlencoded").body(form.to_owned());
    request.send().await.expect("an answer").json().await.expect("JSON")
}

async fn deliveries(stand_in: &StandIn) -> Vec<Value> {
    let http = reqwest::Client::builder().no_proxy().build().expect("a client");
    let request = http.get(format!("{}/_deliveries", stand_in.url())).bearer_auth(PAYMENT_KEY);
    let told: Value = request.send().await.expect("an answer").json().await.expect("JSON");
    told["deliveries"].as_array().expect("a list").clone()
}

/// The word for what a believed webhook says.
fn word(received: &Received) -> Option<&'static str> {
    Some(match &received.verdict.as_ref().ok()?.kind {
        EventKind::SessionCompleted(_) => "completed",
        EventKind::SessionFailedLater(_) => "failed later",
        EventKind::SessionExpired(_) => "expired",
        EventKind::PaymentFailed { .. } => "failed",
        _ => "other",
    })
}

/// What a payment with these faults tells, in order.
fn expected(verb: &str, faults: &[&str]) -> Vec<&'static str> {
    let has = |fault: &str| faults.contains(&fault);
    let mut words = match (verb, has("reorder"), has("bounced")) {
        ("decline", _, _) => vec!["failed"],
        (_, true, true) => vec!["failed later", "completed", "failed"],
        (_, true, false) => vec!["completed", "failed"],
        (_, false, true) => vec!["completed", "failed later"],
        (_, false, false) => vec!["completed"],
    };
    if has("double") {
        words = words.into_iter().flat_map(|word| [word, word]).collect();
    }
    words
}

/// Presses a button with these faults and judges all that comes of it.
async fn press_with(stand_in: &StandIn, receiver: &Receiver, verb: &str, faults: &[&str]) {
    let what = format!("{verb} {faults:?}");
    let has = |fault: &str| faults.contains(&fault);
    let hold = format!("hold-{verb}-{}.", faults.join("-"));
    let client = stand_in.client();
    let session = new_session(&client, &hold).await;
    let pressed = Instant::now();
    let query = format!("?fault={}", faults.join("&fault="));
    let page = press(&session, verb, if faults.is_empty() { "" } else { &query }).await;
    let status = if has("error") { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::SEE_OTHER };
    assert_eq!(page.status, status, "{what}");

    let expected = expected(verb, faults);
    let count = expected.len() + usize::from(has("forged"));
    receiver.wait_for(&hold, count).await;
    tokio::time::sleep(QUIET).await;
    let received = receiver.about(&hold);
    assert_eq!(received.len(), count, "{what}: {received:#?}");
    let words: Vec<_> = received.iter().filter_map(word).collect();
    assert_eq!(words, expected, "{what}");
    assert_eq!(received[0].verdict.is_err(), has("forged"), "{what}: a forged webhook comes first");
    if has("late:0.6") {
        let first = received[0].at.duration_since(pressed.into_std());
        assert!(first >= Duration::from_millis(600), "{what}: {first:?}");
    }
    let events: BTreeSet<_> =
        received.iter().filter_map(|one| one.verdict.as_ref().ok()).map(|event| &event.id).collect();
    assert_eq!(
        events.len(),
        expected.iter().collect::<BTreeSet<_>>().len(),
        "{what}: a copy has the id of its original"
    );
    assert_books(&client, &session, &hold, verb == "pay" && !has("bounced"), &what).await;
}

/// Checks that money was taken once, or not at all.
async fn assert_books(
    client: &onsale::server::payment::Provider,
    session: &Session,
    hold: &str,
    is_paid: bool,
    what: &str,
) {
    assert_eq!(client.session(&session.id, soon()).await.expect("it exists").is_paid(), is_paid, "{what}");
    let charges = client.charges(None, soon()).await.expect("a page").items;
    let taken = charges.iter().filter(|charge| charge.metadata["hold"] == hold && charge.is_paid).count();
    assert_eq!(taken, usize::from(is_paid), "{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_fault_and_each_pair_of_faults_ends_in_the_truth() {
    let receiver = Receiver::start().await;
    let stand_in = StandIn::start(&receiver, &[]).await;
    let all: Vec<_> =
        combinations().into_iter().flat_map(|faults| [("pay", faults.clone()), ("decline", faults)]).collect();
    let presses = all.iter().map(|(verb, faults)| press_with(&stand_in, &receiver, verb, faults));
    futures_util::future::join_all(presses).await;
    let forged: Vec<_> = deliveries(&stand_in).await.into_iter().filter(|one| one["is_forged"] == true).collect();
    assert!(forged.len() > 10 && forged.iter().all(|one| one["last_status"] == 401 && one["tries"] == 1), "{forged:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_fault_is_told_and_changes_nothing() {
    let receiver = Receiver::start().await;
    let stand_in = StandIn::start(&receiver, &[]).await;
    let session = new_session(&stand_in.client(), "hold").await;
    for fault in ["triple", "late", "late:-1", "late:soon"] {
        assert_eq!(press(&session, "pay", &format!("?fault={fault}")).await.status, 400, "{fault}");
    }
    assert_eq!(stand_in.client().session(&session.id, soon()).await.expect("it exists").status, SessionStatus::Open);
    let page = format!("{}?fault=double&fault=late:1", session.url.as_deref().expect("it is open"));
    let page = browse(reqwest::Method::GET, &page).await;
    assert!(page.text.contains("/pay?fault=double&amp;fault=late:1\""), "the buttons keep faults: {}", page.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_that_nobody_takes_comes_again_newly_signed_with_growing_pauses() {
    let receiver = Receiver::start().await;
    let stand_in = StandIn::start(&receiver, &[]).await;
    receiver.fail(3);
    let session = new_session(&stand_in.client(), "hold").await;
    press(&session, "pay", "").await;
    let received = receiver.wait_for(&session.id, 4).await;
    tokio::time::sleep(QUIET).await;
    assert_eq!(receiver.about(&session.id).len(), 4, "taken once, it does not come again");
    assert!(received.iter().all(|one| one.verdict.is_ok() && one.body == received[0].body));
    let pauses: Vec<_> = received.windows(2).map(|pair| pair[1].at - pair[0].at).collect();
    assert!(pauses.is_sorted() && pauses[0] >= Duration::from_millis(500), "{pauses:?}");
    let signed: BTreeSet<_> = received.iter().map(|one| one.header.as_str()).collect();
    assert!(signed.len() > 1, "signed anew: {signed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_stand_in_goes_wrong_on_request_and_recovers() {
    let receiver = Receiver::start().await;
    let stand_in = StandIn::start(&receiver, &["--declines"]).await;
    let client = stand_in.client();
    let session = new_session(&client, "hold-1").await;
    assert_eq!(press(&session, "pay", "").await.location, session.url, "every card is declined");
    set_faults(&stand_in, "declines=false").await;
    press(&session, "pay", "").await;
    assert!(client.session(&session.id, soon()).await.expect("it exists").is_paid());

    set_faults(&stand_in, "errors=true").await;
    let error = client.create_session(&session_for("hold-2"), "hold-2", soon()).await.unwrap_err();
    assert!(matches!(error, ProviderError::Refused { status: 500, .. }) && !error.is_final(), "{error}");
    set_faults(&stand_in, "errors=false").await;
    let made = new_session(&client, "hold-2").await;
    assert!(made.created <= session.created.max(made.created) && made.id != session.id);

    set_faults(&stand_in, "hangs=1.5").await;
    let began = Instant::now();
    let hanging = client.create_session(&session_for("hold-3"), "hold-3", began + Duration::from_millis(200)).await;
    assert_eq!(hanging, Err(ProviderError::TimedOut));
    let made = new_session(&client, "hold-3").await;
    assert!(began.elapsed() >= Duration::from_millis(1_200), "it hung for {:?}", began.elapsed());
    assert_eq!(new_session(&client, "hold-3").await, made, "what was asked for in vain was done once");

    set_faults(&stand_in, "late=0.4").await;
    let began = Instant::now();
    new_session(&client, "hold-4").await;
    assert!(began.elapsed() >= Duration::from_millis(400));
    set_faults(&stand_in, "late=0&down=3600").await;
    let error = client.session(&session.id, soon()).await.unwrap_err();
    assert!(matches!(error, ProviderError::Refused { status: 503, .. }) && !error.is_final(), "{error}");
    assert_eq!(press(&made, "pay", "").await.status, StatusCode::SERVICE_UNAVAILABLE);
    let told = set_faults(&stand_in, "down=0").await;
    assert_eq!(told["down"], 0.0, "{told}");
    assert!(client.session(&session.id, soon()).await.is_ok());
}
