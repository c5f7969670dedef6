//! Whatever happens and wherever a viewer joins, it ends with the true state. And tests of when frames are made.

use std::time::Duration;

use proptest::prelude::*;
use tokio::{
    runtime::{Builder, Runtime},
    sync::broadcast::{Receiver, error::TryRecvError},
    time::{Instant, sleep, timeout},
};

use super::{
    frame::{Frame, FrameKind},
    hub::Place,
    *,
};
use crate::{
    model::{
        frame::{Delta, Heartbeat, Snapshot, digest},
        limits::{HEARTBEAT_MILLISECONDS, MAX_TICK_MILLISECONDS, TICK_MILLISECONDS},
        sale::{SaleStatus, SaleSwitch, TierCounts},
        seat::SeatStatus,
        time::Timestamp,
    },
    server::clock::Clock,
};

mod sockets; // viewers on real sockets, and their crowds

const SEATS: usize = 12;
const START: Timestamp = Timestamp::from_milliseconds(1_795_000_000_000);

/// The state of a sale, as the engine and as a viewer keep it.
#[derive(Clone, PartialEq, Debug)]
struct State {
    seq: u64,
    seats: Vec<u8>,
    tiers: Vec<TierCounts>,
}

fn tier(id: &str, sold: u64) -> TierCounts {
    TierCounts { id: id.into(), available: 100 - sold, held: 0, sold, price: None }
}

impl State {
    fn new() -> Self {
        Self { seq: 1, seats: vec![b'A'; SEATS], tiers: vec![tier("vip", 0), tier("ga", 0)] }
    }

    fn snapshot(&self) -> Snapshot {
        Snapshot {
            seq: self.seq,
            epoch: "epoch".to_owned(),
            at: START,
            status: SaleStatus::Open,
            seats: String::from_utf8(self.seats.clone()).unwrap(),
            tiers: self.tiers.clone(),
        }
    }

    /// One committed change: a seat gets a new status, and a tier has so many units sold.
    fn change(&mut self, seat: usize, status: SeatStatus, which_tier: usize, sold: u64) -> Change {
        let from = self.seq;
        self.seq += 1;
        self.seats[seat] = status.letter();
        self.tiers[which_tier] = tier(self.tiers[which_tier].id.as_str(), sold);
        let tiers = vec![self.tiers[which_tier].clone()];
        Change { from, seq: self.seq, at: START, seats: vec![(u32::try_from(seat).unwrap(), status)], tiers }
    }

    fn sell(&mut self, seat: usize) -> Change {
        self.change(seat, SeatStatus::Sold, 0, 1)
    }

    /// Applies one frame as a browser does: from its text.
    fn fold(&mut self, bytes: &[u8]) {
        let text = std::str::from_utf8(bytes).unwrap();
        let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
        let data = field("data: ");
        match field("event: ") {
            "snapshot" => {
                let snapshot: Snapshot = serde_json::from_str(data).unwrap();
                (self.seq, self.seats, self.tiers) = (snapshot.seq, snapshot.seats.into_bytes(), snapshot.tiers);
                assert_eq!(field("id: "), self.seq.to_string());
            }
            "delta" => {
                let delta: Delta = serde_json::from_str(data).unwrap();
                assert_eq!(delta.from, self.seq, "a delta begins where the viewer stands");
                assert_eq!(field("id: "), delta.seq.to_string());
                self.seq = delta.seq;
                for (index, letter) in delta.seats {
                    self.seats[index as usize] = u8::try_from(letter).unwrap();
                }
                for tier in delta.tiers {
                    let position = self.tiers.iter().position(|known| known.id == tier.id).unwrap();
                    self.tiers[position] = tier;
                }
            }
            "heartbeat" => {
                let heartbeat: Heartbeat = serde_json::from_str(data).unwrap();
                assert_eq!((heartbeat.seq, heartbeat.digest), (self.seq, digest(&self.seats, &self.tiers)));
            }
            event => assert_eq!(event, "status"),
        }
    }
}

fn announcement() -> Announcement {
    Announcement { switch: SaleSwitch::Open, opens_at: None, message: None }
}

/// A runtime that runs nothing unless the test asks for it, so that only the test makes ticks.
fn still_runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn still_hub(state: &State) -> (std::sync::Arc<Hub>, Runtime) {
    let runtime = still_runtime();
    let hub = Hub::new(state.snapshot(), announcement(), Clock::manual(START), runtime.handle());
    (hub, runtime)
}

/// The frames that a crowd would receive from now on.
fn subscribe(hub: &Hub) -> Receiver<Frame> {
    hub.published.lock().subscribe().unwrap()
}

/// A viewer without a socket, alone in its crowd.
struct Viewer {
    state: State,
    then: Receiver<Frame>,
}

impl Viewer {
    fn join(hub: &Hub, resume: &Resume, mut state: State) -> Self {
        let place = hub.join(resume).unwrap();
        place.first.iter().for_each(|frame| state.fold(&frame.bytes));
        Self { state, then: subscribe(hub) }
    }

    fn read(&mut self, hub: &Hub) {
        loop {
            match self.then.try_recv() {
                Ok(frame) => {
                    if let Some(frame) = frame.as_seen_from(self.state.seq) {
                        self.state.fold(&frame.bytes);
                    }
                }
                Err(TryRecvError::Lagged(_)) => {
                    let place = hub.catch_up(self.state.seq).unwrap();
                    place.first.iter().for_each(|frame| self.state.fold(&frame.bytes));
                }
                Err(_) => return,
            }
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Change(usize, SeatStatus, usize, u64),
    Reset,
    Tick,
    Heartbeat,
    /// A viewer joins with the state that the sale had so many changes ago.
    Join(usize),
    Read(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let status = prop::sample::select(SeatStatus::ALL.to_vec());
    prop_oneof![
        10 => (0..SEATS, status, 0..2_usize, 0..=100_u64).prop_map(|(seat, status, tier, sold)| Step::Change(seat, status, tier, sold)),
        1 => Just(Step::Reset),
        6 => Just(Step::Tick),
        1 => Just(Step::Heartbeat),
        3 => (0..20_usize).prop_map(Step::Join),
        3 => (0..20_usize).prop_map(Step::Read),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_every_viewer_ends_with_the_truth(steps in prop::collection::vec(step(), 1..400)) {
        let mut truth = State::new();
        let (hub, _runtime) = still_hub(&truth);
        // Every state that the sale has had. A viewer may join from any of them, because its page may have been
        // rendered then.
        let mut history = vec![truth.clone()];
        let mut viewers = vec![Viewer::join(&hub, &Resume::New, truth.clone())];
        for step in steps {
            match step {
                Step::Change(seat, status, tier, sold) => {
                    hub.publish(truth.change(seat, status, tier, sold));
                    history.push(truth.clone());
                }
                Step::Reset => {
                    truth = State { seq: truth.seq + 1, ..State::new() };
                    hub.replace(truth.snapshot());
                    history.push(truth.clone());
                }
                Step::Tick => hub.tick(),
                Step::Heartbeat => { hub.tick(); hub.heartbeat(); }
                Step::Join(ago) => {
                    let state = history[history.len().saturating_sub(1 + ago)].clone();
                    let resume = Resume::From { seq: state.seq, epoch: Some("epoch".to_owned()) };
                    viewers.push(Viewer::join(&hub, &resume, state));
                }
                Step::Read(which) => {
                    let count = viewers.len();
                    viewers[which % count].read(&hub);
                }
            }
        }
        hub.tick();
        hub.heartbeat();
        for viewer in &mut viewers {
            viewer.read(&hub);
            prop_assert_eq!(&viewer.state, &truth);
        }
    }
}

fn kinds(frames: &[Frame]) -> Vec<FrameKind> {
    frames.iter().map(|frame| frame.kind).collect()
}

#[test]
fn who_cannot_be_resumed_gets_a_snapshot() {
    let mut truth = State::new();
    let (hub, _runtime) = still_hub(&truth);
    hub.publish(truth.sell(0));
    hub.tick();
    let at = |seq, epoch: Option<&str>| Resume::From { seq, epoch: epoch.map(str::to_owned) };
    let first = |resume: &Resume| kinds(&hub.join(resume).unwrap().first);
    let whole = [FrameKind::Snapshot, FrameKind::Notice];
    assert_eq!(first(&Resume::New), whole[..1]);
    assert_eq!(first(&Resume::Unreadable), whole);
    assert_eq!(first(&at(0, None)), whole, "too old");
    assert_eq!(first(&at(3, None)), whole, "from the future");
    assert_eq!(first(&at(2, Some("another"))), whole, "another life");
    assert_eq!(first(&at(2, Some("epoch"))), [], "nothing missed");
    // A status may have been sent at seq 1 after this viewer left.
    assert_eq!(first(&at(1, None)), [FrameKind::Delta { from: 1 }, FrameKind::Notice]);
    hub.replace(State { seq: 3, ..State::new() }.snapshot());
    hub.tick();
    assert_eq!(first(&at(2, None)), whole, "the window ends at a replacement");
}

#[test]
fn a_status_is_told_when_stock_or_organiser_change_it() {
    let mut truth = State::new();
    truth.tiers = vec![tier("vip", 99)];
    let (hub, _runtime) = still_hub(&truth);
    let mut then = subscribe(&hub);
    let mut texts = || {
        std::iter::from_fn(|| then.try_recv().ok())
            .map(|frame| String::from_utf8(frame.bytes.to_vec()).unwrap())
            .collect::<Vec<_>>()
    };
    hub.publish(truth.change(0, SeatStatus::Sold, 0, 100));
    hub.tick();
    let told = texts();
    assert!(
        told[0].contains("event: delta") && told[1].contains(r#"{"status":"sold_out","opens_at":null,"message":null}"#),
        "{told:?}"
    );
    hub.announce(Announcement { switch: SaleSwitch::Paused, message: Some("Back soon".to_owned()), ..announcement() });
    hub.tick();
    assert_eq!(
        texts(),
        ["id: 2\nevent: status\ndata: {\"status\":\"paused\",\"opens_at\":null,\"message\":\"Back soon\"}\n\n"]
    );
    hub.tick();
    assert!(texts().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_sale_opens_by_the_clock() {
    let clock = Clock::manual(START);
    let opens_at = Some(START.plus_milliseconds(5_000));
    let hub = Hub::new(
        State::new().snapshot(),
        Announcement { opens_at, ..announcement() },
        clock.clone(),
        &tokio::runtime::Handle::current(),
    );
    let (first, mut then) = (hub.join(&Resume::New).unwrap().first, subscribe(&hub));
    assert!(String::from_utf8_lossy(&first[0].bytes).contains(r#""status":"soon""#));
    sleep(Duration::from_secs(3)).await;
    assert!(then.try_recv().is_err());
    clock.advance(5_000);
    let frame = timeout(Duration::from_secs(2), then.recv()).await.unwrap().unwrap();
    assert!(String::from_utf8_lossy(&frame.bytes).contains(r#""status":"open""#));
}

#[tokio::test(start_paused = true)]
async fn a_tick_is_one_frame_and_quiet_is_silent() {
    let (server, _browser) = sockets::connection().await;
    let mut truth = State::new();
    let hub = Hub::new(truth.snapshot(), announcement(), Clock::System, &tokio::runtime::Handle::current());
    let Place { position, frames_sent, .. } = hub.join(&Resume::New).unwrap();
    let _membership = hub.enter(&std::sync::Arc::new(server), position, frames_sent);
    let mut then = subscribe(&hub);
    let quiet = Instant::now();
    hub.publish(truth.sell(0));
    assert_eq!(then.recv().await.unwrap().seq, 2);
    assert!(quiet.elapsed() < Duration::from_millis(TICK_MILLISECONDS), "the first is told at once");
    for seat in 1..10 {
        hub.publish(truth.sell(seat));
        sleep(Duration::from_millis(1)).await;
    }
    let frame = then.recv().await.unwrap();
    assert_eq!((frame.kind, frame.seq), (FrameKind::Delta { from: 2 }, 11), "all of a tick is one frame");
    let heartbeat = then.recv().await.unwrap();
    assert!(heartbeat.bytes.starts_with(b"event: heartbeat"));
    let waited = u64::try_from(quiet.elapsed().as_millis()).unwrap();
    assert!((HEARTBEAT_MILLISECONDS..HEARTBEAT_MILLISECONDS + 200).contains(&waited), "{waited}");
}

#[tokio::test(start_paused = true)]
async fn a_tick_is_stretched_while_frames_are_not_read_but_not_for_ever() {
    let mut truth = State::new();
    let hub = Hub::new(truth.snapshot(), announcement(), Clock::System, &tokio::runtime::Handle::current());
    let (mut quick, _slow) = (subscribe(&hub), subscribe(&hub));
    hub.publish(truth.sell(0));
    quick.recv().await.unwrap();
    let last = Instant::now();
    hub.publish(truth.sell(1));
    quick.recv().await.unwrap();
    let stretched = u64::try_from(last.elapsed().as_millis()).unwrap();
    assert!((MAX_TICK_MILLISECONDS..MAX_TICK_MILLISECONDS + 20).contains(&stretched), "{stretched}");
}
