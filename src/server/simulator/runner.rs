//! Lets the virtual buyers act: each makes one purchase or one journey, over the public API and a real socket. A buyer sends a key of
//! its own and no session, so the server takes each for a new guest.
//!
//! The runner never touches the engine, so it reports what any client would have seen.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use hyper::{HeaderMap, StatusCode};
use parking_lot::Mutex;
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, sleep, sleep_until},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    auditor::{self, Win},
    client::{Connection, Reply, Server},
    journey::End,
    run_error::RunError,
    workload::{Workload, read, read_ledger},
};
use crate::model::{
    arrivals::Arrivals,
    audit::Audit,
    hold::Hold,
    ids::{SaleId, SimulationId},
    outcome::{BuyOutcome, Refusal},
    request::{Receipt, RequestStatus},
    retry::{MAX_RETRIES, pause_before},
    sale::Sale,
    simulation::{Simulation, SimulationStatus, Target, Workload as Kind},
    tally::{Answer, Latencies, Tally},
};

/// The pause before a buyer in the queue asks for the outcome for the first time. It doubles from one time to the next.
const FIRST_LOOK: Duration = Duration::from_millis(10);
/// The longest pause before a buyer asks for the outcome again.
const LONGEST_LOOK: Duration = Duration::from_millis(500);
/// How long a buyer goes on asking for the outcome.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often the progress is updated while the buyers act.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);

/// The parameters of a run. The caller has checked their bounds.
#[derive(Clone, Debug)]
pub struct Plan {
    pub sale: SaleId,
    pub target: Target,
    pub workload: Kind,
    pub buyers: u32,
    /// The most requests in flight at once. Each has a connection of its own.
    pub concurrency: u32,
    pub arrivals: Arrivals,
    /// How long the run may go on after the last planned arrival. Then it is cancelled.
    pub overtime: Duration,
    pub seed: u64,
}

impl Plan {
    /// The state of the run before its first request.
    pub fn begun(&self, id: SimulationId) -> Simulation {
        let mut begun = Simulation::begun(id, self.sale.clone(), self.buyers, self.concurrency, self.seed);
        begun.rate = self.arrivals.rate();
        begun
    }

    /// How long the run may last, from the moment when the first buyer may act.
    fn time_limit(&self) -> Duration {
        self.arrivals.last_moment(self.buyers) + self.overtime
    }
}

/// Reads how many claims on the sale were refused so far after the database was asked.
pub type RefusalMeter = dyn Fn() -> u64 + Send + Sync;

/// Makes the run. `progress` is updated every 100 ms while the buyers act, and holds the verdict at the end.
///
/// When the run is cancelled, no further buyer acts, requests in flight finish, and the answers so far are judged.
/// `meter` is given if this process is the server that sells.
///
/// Fails if no connection can be opened, or if the sale cannot be read before or after the buyers act. A purchase that
/// fails is only counted.
pub async fn run(
    server: Server,
    plan: Plan,
    meter: Option<&RefusalMeter>,
    progress: &watch::Sender<Simulation>,
    cancel: CancellationToken,
) -> Result<(), RunError> {
    let server = Arc::new(server);
    let mut first = open(&server).await?;
    let workload = Workload::draw(&mut first, &plan.sale, &plan.target, plan.buyers, plan.workload, plan.seed).await?;
    let before = workload.before.clone();
    progress.send_modify(|simulation| simulation.strategy = Some(before.strategy));
    let mut connections = vec![first];
    while connections.len() < plan.concurrency.min(plan.buyers) as usize {
        connections.push(open(&server).await?);
    }

    let metered = meter.map(|meter| (meter, meter()));
    let race = Arc::new(Race::new(workload, plan.workload, plan.arrivals, cancel));
    let mut slots = JoinSet::new();
    for connection in connections {
        slots.spawn(Arc::clone(&race).serve(connection));
    }
    let mut idle = watch_until_done(&race, &mut slots, &plan, metered, progress).await;
    let mut connection = match idle.pop() {
        Some(connection) => connection,
        None => open(&server).await?,
    };
    let wins = std::mem::take(&mut *race.wins.lock());
    let (audit, contradictions) = judge(&mut connection, &before, &wins).await?;
    progress.send_modify(|simulation| {
        let all_answered = simulation.answered() == u64::from(simulation.buyers);
        simulation.status = if all_answered { SimulationStatus::Done } else { SimulationStatus::Cancelled };
        simulation.audit = Some(audit);
        simulation.contradictions = contradictions;
    });
    Ok(())
}

async fn open(server: &Arc<Server>) -> Result<Connection, RunError> {
    Connection::open(Arc::clone(server)).await.map_err(RunError::Unreachable)
}

/// Updates the progress until every slot has finished, and cancels the run when its time is up. Returns the slots'
/// connections.
async fn watch_until_done(
    race: &Race,
    slots: &mut JoinSet<Connection>,
    plan: &Plan,
    metered: Option<(&RefusalMeter, u64)>,
    progress: &watch::Sender<Simulation>,
) -> Vec<Connection> {
    let mut ticks = interval(PROGRESS_INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut idle = Vec::new();
    let mut time_limit = pin!(sleep_until(race.started + plan.time_limit()));
    let for_one_seat = matches!(plan.target, Target::Seat(_));
    let tell = || {
        let elapsed = u64::try_from(race.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        progress.send_modify(|simulation| {
            let (tally, latencies) = &*race.tally.lock();
            tally.write_to(simulation, elapsed, for_one_seat);
            latencies.write_to(simulation);
            simulation.refusals_by_database = metered.map(|(meter, before)| meter() - before);
        });
    };
    loop {
        tokio::select! {
            _ = ticks.tick() => tell(),
            () = &mut time_limit, if !race.cancel.is_cancelled() => race.cancel.cancel(),
            finished = slots.join_next() => match finished {
                Some(Ok(connection)) => idle.push(connection),
                Some(Err(error)) => std::panic::resume_unwind(error.into_panic()),
                None => break,
            },
        }
    }
    tell();
    idle
}

/// Compares the server's ledger and audit with the answers that the buyers got.
async fn judge(connection: &mut Connection, before: &Sale, wins: &[Win]) -> Result<(Audit, Vec<String>), RunError> {
    let ledger = read_ledger(connection, &before.id, before.seq).await?;
    let audit: Audit = read(connection, &format!("/api/v1/sales/{}/audit", before.id)).await?;
    let contradictions = auditor::contradictions(before, wins, &ledger, &audit);
    Ok((audit, auditor::sentences(&contradictions)))
}

/// What all slots of one run share. A slot is a task with one connection that lets one buyer after the other act.
struct Race {
    workload: Workload,
    arrivals: Arrivals,
    cancel: CancellationToken,
    started: Instant,
    next_buyer: AtomicUsize,
    tally: Mutex<(Tally, Latencies)>,
    wins: Mutex<Vec<Win>>,
}

impl Race {
    fn new(workload: Workload, kind: Kind, arrivals: Arrivals, cancel: CancellationToken) -> Self {
        Self {
            workload,
            arrivals,
            cancel,
            started: Instant::now(),
            next_buyer: AtomicUsize::new(0),
            tally: Mutex::new((Tally::new(kind), Latencies::default())),
            wins: Mutex::default(),
        }
    }

    /// Lets one buyer after the other act, until none is left or the run is cancelled. Returns the connection.
    async fn serve(self: Arc<Self>, mut connection: Connection) -> Connection {
        while !self.cancel.is_cancelled() {
            let buyer = self.next_buyer.fetch_add(1, Ordering::Relaxed);
            let Some(body) = self.workload.bodies.get(buyer) else { break };
            let Some(arrived) = self.arrival(buyer).await else { break };
            let key = Uuid::now_v7().to_string();
            let sent = Instant::now();
            let asked = self.ask(&mut connection, &self.workload.path, &key, body.clone(), None).await;
            let (answer, sent) = match self.workload.ends.get(buyer) {
                None => (asked.answer(), sent),
                Some(end) => self.go_on(&mut connection, asked, *end).await,
            };
            self.record(answer, arrived, sent);
        }
        connection
    }

    /// Goes on with the journey of a buyer who has asked for a hold. Also returns when the last request was sent.
    async fn go_on(&self, connection: &mut Connection, asked: Asked, end: End) -> (Answer, Instant) {
        let sent = Instant::now();
        let Asked::Replied(reply) = asked else { return (asked.answer(), sent) };
        if reply.status != StatusCode::CREATED {
            return (Asked::Replied(reply).answer(), sent);
        }
        let hold = match serde_json::from_slice::<Hold>(&reply.body) {
            Ok(hold) => format!("/api/v1/holds/{}", hold.id),
            Err(error) => return (Answer::Failed(format!("The answer 201 carries no hold: {error}.")), sent),
        };
        let answer = match end {
            End::WalksAway => Answer::Left(end.name()),
            End::GivesBack => match connection.delete_as(&reply.headers, &hold).await {
                Ok(given) if given.status == StatusCode::NO_CONTENT => Answer::Left(end.name()),
                Ok(given) => Answer::read(given.status.as_u16(), &given.body),
                Err(fault) => Answer::Failed(format!("No answer came back: {fault}.")),
            },
            End::Pays | End::IsDeclined => {
                let key = Uuid::now_v7().to_string();
                let path = format!("{hold}/confirm");
                let confirmed = self.ask(connection, &path, &key, end.confirmation(), Some(&reply.headers)).await;
                match &confirmed {
                    Asked::Replied(reply) if reply.status == StatusCode::PAYMENT_REQUIRED => Answer::Left(end.name()),
                    _ => confirmed.answer(),
                }
            }
        };
        (answer, sent)
    }

    /// Waits until this buyer arrives, and returns the moment of arrival; `None` if the run is cancelled meanwhile.
    ///
    /// With a rate, this is the planned moment, even if every slot was busy then. A slow answer delays later buyers, and
    /// their latency includes that delay (the correction for coordinated omission).
    async fn arrival(&self, buyer: usize) -> Option<Instant> {
        if self.arrivals == Arrivals::AtOnce {
            return Some(Instant::now());
        }
        let planned = self.started + self.arrivals.moment(buyer);
        tokio::select! {
            () = sleep_until(planned) => Some(planned),
            () = self.cancel.cancelled() => None,
        }
    }

    /// Sends a request, and sends it again while its outcome is unknown: after a lost connection or the 502 of a proxy, or
    /// while the server is still deciding an earlier attempt. The key stays the same, so that nothing is bought twice.
    /// Once the run is cancelled, the request is not sent again. `introduction` is the answer that has introduced the
    /// buyer, if there was one.
    async fn ask(
        &self,
        connection: &mut Connection,
        path: &str,
        key: &str,
        body: Bytes,
        introduction: Option<&HeaderMap>,
    ) -> Asked {
        let mut retries = 0;
        loop {
            let replied = match introduction {
                None => connection.post(path, Some(key), body.clone()).await,
                Some(introduction) => connection.post_as(introduction, path, key, body.clone()).await,
            };
            let asked = match replied {
                Ok(reply) if reply.status == StatusCode::ACCEPTED => match follow(connection, &reply).await {
                    Some(asked) => return asked,
                    // The server does not know the request any more. It is safe to ask again, because the key is the same.
                    None => Asked::Answered(Answer::Failed("The server has forgotten the request.".to_owned())),
                },
                Ok(reply) if is_decided(&reply) => return Asked::Replied(reply),
                Ok(reply) => Asked::Replied(reply),
                Err(fault) => Asked::Answered(Answer::Failed(format!("No answer came back: {fault}."))),
            };
            if retries == MAX_RETRIES || self.cancel.is_cancelled() {
                return asked;
            }
            retries += 1;
            sleep(pause_before(retries)).await;
        }
    }

    fn record(&self, answer: Answer, arrived: Instant, sent: Instant) {
        let answered = Instant::now();
        let latency = u64::try_from((answered - arrived).as_micros()).unwrap_or(u64::MAX);
        {
            let (tally, latencies) = &mut *self.tally.lock();
            tally.count(&answer);
            latencies.record(latency);
        }
        if let Answer::Won(order) = answer {
            self.wins.lock().push(Win { order, sent: sent - self.started, answered: answered - self.started });
        }
    }
}

/// What came of a request.
enum Asked {
    /// The server's reply.
    Replied(Reply),
    /// There is no reply, or the outcome was told in another way.
    Answered(Answer),
}

impl Asked {
    /// What the buyer was told, if the request was for an order.
    fn answer(self) -> Answer {
        match self {
            Self::Replied(reply) => Answer::read(reply.status.as_u16(), &reply.body),
            Self::Answered(answer) => answer,
        }
    }
}

/// Whether a reply says what became of the request.
fn is_decided(reply: &Reply) -> bool {
    let status = reply.status.as_u16();
    reply.status.is_success() || !Answer::read(status, &reply.body).leaves_outcome_open(status)
}

/// Asks for the outcome of a request that got a receipt, until it is decided or `PATIENCE` is over. `None` if the server
/// does not know the request any more.
async fn follow(connection: &mut Connection, receipt: &Reply) -> Option<Asked> {
    let failed = |why: &str| Some(Asked::Answered(Answer::Failed(why.to_owned())));
    let buyer = &receipt.headers;
    let Ok(Receipt { status_url, .. }) = serde_json::from_slice(&receipt.body) else {
        return failed("The answer 202 carries no receipt.");
    };
    let (asked_since, mut pause) = (Instant::now(), FIRST_LOOK);
    while asked_since.elapsed() < PATIENCE {
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_LOOK);
        let Ok(reply) = connection.get_as(buyer, &status_url).await else { continue };
        if reply.status == StatusCode::NOT_FOUND {
            return None;
        }
        let Ok(status) = serde_json::from_slice::<RequestStatus>(&reply.body) else { continue };
        let path = match (status.order, status.hold, status.code) {
            (Some(order), ..) => format!("/api/v1/orders/{order}"),
            (_, Some(hold), _) => format!("/api/v1/holds/{hold}"),
            (_, _, Some(code)) => return Some(Asked::Answered(BuyOutcome::Refused(Refusal::new(code, "")).into())),
            (None, None, None) => continue,
        };
        let Ok(made) = connection.get_as(buyer, &path).await else { continue };
        if made.status.is_server_error() {
            continue;
        }
        // As if it had been answered at once, with the introduction that came with the receipt.
        return Some(Asked::Replied(Reply { status: StatusCode::CREATED, headers: buyer.clone(), body: made.body }));
    }
    failed("The request still waits in the queue.")
}
