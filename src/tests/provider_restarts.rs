//! What the stand-in has acknowledged is still there after it was killed.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use onsale::server::payment::{Provider, Session};
use rand::RngExt;

use crate::{
    provider::{new_session, press, session_for, soon},
    support::{Receiver, StandIn, scale},
};

const STATE: [&str; 2] = ["--state", "state"];

/// Makes and pays sessions until the stand-in is killed. Returns those that were acknowledged, and whether each was paid.
async fn work(client: Provider, name: String, is_over: Arc<AtomicBool>) -> Vec<(Session, bool)> {
    let http =
        reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().expect("a client");
    let mut acknowledged = Vec::new();
    for number in 0.. {
        if is_over.load(Ordering::Relaxed) {
            break;
        }
        let hold = format!("hold-{name}-{number}");
        let Ok(session) = client.create_session(&session_for(&hold), &hold, soon()).await else { break };
        let url = format!("{}/pay", session.url.as_deref().expect("it is open"));
        let paid = http.post(url).send().await;
        acknowledged.push((session, paid.is_ok_and(|answer| answer.status() == 303)));
    }
    acknowledged
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_was_acknowledged_is_lost_by_a_kill() {
    let receiver = Receiver::start().await;
    let mut stand_in = StandIn::start(&receiver, &STATE).await;
    let mut acknowledged = Vec::new();
    for round in 0..scale::rounds(4, 60) {
        let is_over = Arc::new(AtomicBool::new(false));
        let workers: Vec<_> = (0..4)
            .map(|worker| tokio::spawn(work(stand_in.client(), format!("{round}-{worker}"), is_over.clone())))
            .collect();
        let pause = rand::rng().random_range(50..400);
        tokio::time::sleep(Duration::from_millis(pause)).await;
        stand_in.kill();
        is_over.store(true, Ordering::Relaxed);
        for worker in workers {
            acknowledged.extend(worker.await.expect("a worker"));
        }
        stand_in.launch().await;
    }
    assert!(acknowledged.len() > 20, "{} sessions", acknowledged.len());
    let client = stand_in.client();
    let mut paid_in_all = 0;
    for (session, was_paid) in &acknowledged {
        let now = client.session(&session.id, soon()).await.expect("it is still there");
        assert!(now.is_paid() || !was_paid, "{session:?} was paid and is not");
        paid_in_all += usize::from(*was_paid);
        let hold = session.reference.as_deref().expect("it has one");
        let again = client.create_session(&session_for(hold), hold, soon()).await;
        assert_eq!(again.map(|again| again.id), Ok(session.id.clone()), "the key still stands for this session");
    }
    assert!(paid_in_all > 10, "{paid_in_all} payments");
    for (session, was_paid) in acknowledged.iter().filter(|(_, was_paid)| *was_paid) {
        let told = receiver.wait_for(&session.id, 1).await;
        assert!(told.iter().all(|one| one.verdict.is_ok()) && *was_paid, "{told:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_on_its_way_survives_a_kill() {
    let receiver = Receiver::start().await;
    let mut stand_in = StandIn::start(&receiver, &STATE).await;
    let session = new_session(&stand_in.client(), "hold").await;
    assert_eq!(press(&session, "pay", "?fault=late:1.5").await.status, 303);
    stand_in.kill();
    assert!(receiver.about(&session.id).is_empty());
    stand_in.launch().await;
    receiver.wait_for(&session.id, 1).await;
    let (status, _) = stand_in.stop("TERM");
    assert!(status.success());
    stand_in.launch().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(receiver.about(&session.id).len(), 1, "what was taken before does not come again");
    assert!(stand_in.client().session(&session.id, soon()).await.expect("it is there").is_paid());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_seed_and_the_same_requests_give_the_same_ids() {
    let receiver = Receiver::start().await;
    let mut all = Vec::new();
    for seed in ["7", "7", "8"] {
        let stand_in = StandIn::start(&receiver, &["--seed", seed]).await;
        let client = stand_in.client();
        let session = new_session(&client, "hold").await;
        press(&session, "decline", "").await;
        press(&session, "pay", "").await;
        let charges = client.charges(None, soon()).await.expect("a page").items;
        all.push((session.id, charges.into_iter().map(|charge| charge.id).collect::<Vec<_>>()));
    }
    assert_eq!(all[0], all[1]);
    assert!(all[0].0 != all[2].0 && all[0].1 != all[2].1);
}
