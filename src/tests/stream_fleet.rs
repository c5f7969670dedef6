//! Many viewers who come and go. When nothing changes any more, each of them has the state of the database.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use rand::RngExt;
use serde_json::json;
use tokio::{task::JoinSet, time::timeout};

use crate::support::{
    Ask, Fold, Position, STRATEGIES, TestApp, Viewer, general_admission, scale, seated, storm, wishes_for_seat,
    wishes_for_tier,
};

/// How long a viewer may take to see the last change.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long it may take until viewers were cut off as often as the test wants.
const NEMESIS: Duration = Duration::from_secs(600);
/// The most events that a viewer receives before it is cut off.
const MAX_EVENTS: usize = 8;
/// How many earlier states a viewer remembers, to resume from.
const REMEMBERED: usize = 40;

/// How streams began. The test needs to see each way.
#[derive(Default)]
struct Seen {
    by_snapshot: AtomicUsize,
    by_window: AtomicUsize,
}

impl Seen {
    fn count(&self, first_event: &str) {
        match first_event {
            "snapshot" => self.by_snapshot.fetch_add(1, Ordering::Relaxed),
            "delta" => self.by_window.fetch_add(1, Ordering::Relaxed),
            _ => 0, // the viewer had missed nothing
        };
    }

    fn cuts(&self) -> usize {
        self.by_snapshot.load(Ordering::Relaxed) + self.by_window.load(Ordering::Relaxed)
    }
}

/// A position from which a viewer resumes, and the state that it knew there.
fn position(known: &VecDeque<Fold>) -> (Position, Option<Fold>) {
    let mut random = rand::rng();
    let last = known.back().expect("a first snapshot");
    match random.random_range(0..10) {
        0 => (Position::new(), None),
        1 => (Position::last_event_id(u64::MAX - random.random_range(0..1_000)), None),
        2 => (Position::raw_event_id(b"junk"), None),
        3 => (Position::last_event_id(last.seq).query("epoch=another"), None),
        4 | 5 => {
            let earlier = known[random.random_range(0..known.len())].clone();
            (Position::last_event_id(earlier.seq), Some(earlier))
        }
        6 => (Position::new().query(&format!("since={}&epoch={}", last.seq, last.epoch)), Some(last.clone())),
        _ => (Position::last_event_id(last.seq), Some(last.clone())),
    }
}

/// Watches until the view has reached the last `seq`, cutting its connection every few events. Returns the view.
async fn watch(app: Arc<TestApp>, sale: String, last_seq: Arc<AtomicU64>, seen: Arc<Seen>) -> Fold {
    let mut known = VecDeque::new();
    loop {
        let is_back = !known.is_empty();
        let (place, resumed) = if is_back { position(&known) } else { (Position::new(), None) };
        let mut viewer = Viewer::open(&app, &sale, place).await;
        let mut fold = resumed;
        let events = rand::rng().random_range(1..=MAX_EVENTS);
        for number in 0..events {
            let is_at_rest =
                |fold: &Option<Fold>| fold.as_ref().is_some_and(|fold| fold.seq == last_seq.load(Ordering::SeqCst));
            if is_at_rest(&fold) {
                return fold.expect("a view at rest");
            }
            // Without an event for a while the viewer opens a new stream.
            let Ok(event) = timeout(Duration::from_millis(500), viewer.next()).await else { break };
            let event = event.expect("only the viewer ends a stream here");
            if is_back && number == 0 {
                seen.count(&event.kind);
            }
            match &mut fold {
                Some(fold) => fold.take(&event),
                None => fold = Some(Fold::begin(&event)),
            }
            known.extend(fold.clone());
            if known.len() > REMEMBERED {
                known.pop_front();
            }
        }
    }
}

/// Makes purchases, and now and then a reset or more seats, until viewers have come back so often.
async fn keep_moving(app: &TestApp, sale: &str, seen: &Seen, cuts: usize) {
    let path = format!("/api/v1/sales/{sale}");
    for round in 1_u32.. {
        storm(app, sale, wishes_for_tier("ga", 1, 10)).await;
        storm(app, sale, wishes_for_tier("floor", 3, 3)).await;
        storm(app, sale, wishes_for_seat("T-20", 2)).await;
        if round % 40 == 0 {
            Ask::post(&format!("{path}/reset")).admin().send(app).await.expect(200);
        }
        if round % 60 == 0 {
            let stock = Ask::post(&format!("{path}/stock")).admin();
            stock.json(json!({ "tier": "floor", "add": 1 })).send(app).await.expect(201);
        }
        if seen.cuts() >= cuts {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn at_rest_every_viewer_believes_what_the_database_says_however_often_it_was_cut_off() {
    for strategy in STRATEGIES {
        let app = Arc::new(TestApp::open_demo().await);
        let sale = app.sale(strategy, &[seated(20, 20), general_admission(1_000_000)]).await;
        let (last_seq, seen) = (Arc::new(AtomicU64::new(u64::MAX)), Arc::new(Seen::default()));
        let mut viewers = JoinSet::new();
        for _ in 0..scale::rounds(60, 2_000) {
            viewers.spawn(watch(app.clone(), sale.clone(), last_seq.clone(), seen.clone()));
        }
        let moving = keep_moving(&app, &sale, &seen, scale::rounds(400, 20_000));
        timeout(NEMESIS, moving).await.expect("viewers come back again and again");
        last_seq.store(app.read_sale(&sale).await.seq, Ordering::SeqCst);
        let views = timeout(PATIENCE, viewers.join_all()).await.expect("every viewer learns the last change");
        for view in &views {
            assert_eq!((view.seq, &view.seats, &view.tiers), (views[0].seq, &views[0].seats, &views[0].tiers));
        }
        views[0].assert_equals_database(&app, &sale).await;
        app.clean_audit(&sale).await;
        let (by_snapshot, by_window) = (&seen.by_snapshot, &seen.by_window);
        let both = by_snapshot.load(Ordering::Relaxed) > 0 && by_window.load(Ordering::Relaxed) > 0;
        assert!(both, "resumed by snapshot {by_snapshot:?}, by window {by_window:?} times");
    }
}
