//! Acknowledged purchases survive a loss of power. Killing a process cannot show that, because the kernel keeps what a
//! killed process wrote.
//!
//! A server sells while strace records what it does to its files. From the recording the test makes images of the disk
//! as a loss of power at any moment may leave it. Each image has to open, to be consistent, and to hold everything that
//! had been acknowledged until that moment.

use std::{collections::BTreeSet, fmt, ops::Range, path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use onsale::{
    model::{ids::SaleId, order::Order, tally::Answer, time::Timestamp},
    server::{
        engine,
        simulator::client::{Connection, Server},
        store::{self, Store},
    },
};
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use tempfile::TempDir;
use tokio::{runtime::Handle, task::JoinSet};
use uuid::Uuid;

use crate::support::{
    STRATEGIES, Setup,
    disk::{self, Disk, Image},
    general_admission,
    recording::{self, Call, DATABASE, Kind, LOG, Moment},
    scale, seated,
};

/// Buyers who send requests without a pause during a storm.
const BUYERS: usize = 12;
const STORMS: usize = 3;
const STORM: Duration = Duration::from_millis(250);
/// The pause between storms: long enough that the log is folded into the database completely, and the next storm starts
/// the log anew.
const PAUSE: Duration = Duration::from_millis(800);
/// How many images are judged at once.
const AT_ONCE: usize = 4;
/// Images per recording. For more images a new recording is made.
const IMAGES_OF_RECORDING: usize = 5_000;
/// Images in which a planted bug has to show.
const IMAGES_OF_CONTROL: usize = 60;

/// What a server did to its files, and what it acknowledged when.
struct Evidence {
    calls: Vec<Call>,
    sales: Vec<(Moment, SaleId)>,
    /// In the order in which the answers arrived.
    acknowledged: Vec<(Moment, Order)>,
}

/// What is wrong with an image.
#[derive(Debug)]
enum Damage {
    /// Something that was acknowledged is missing.
    Lost(String),
    /// The image does not open, or is inconsistent.
    Broken(String),
}

impl fmt::Display for Damage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost(what) => write!(formatter, "lost: {what}"),
            Self::Broken(how) => write!(formatter, "broken: {how}"),
        }
    }
}

async fn buy_for_a_while(server: Server, sale: SaleId, first: usize) -> Vec<(Moment, Order)> {
    let mut connection = Connection::open(Arc::new(server)).await.expect("a connection");
    let path = format!("/api/v1/sales/{sale}/buy");
    let (started, mut acknowledged) = (std::time::Instant::now(), Vec::new());
    for turn in first.. {
        if started.elapsed() > STORM {
            break;
        }
        let tier = if turn % 3 == 0 { "floor" } else { "ga" };
        let body = Bytes::from(format!("{{\"tier\":\"{tier}\"}}"));
        let reply = connection.post(&path, Some(&Uuid::now_v7().to_string()), body).await.expect("an answer");
        let at = recording::now();
        match Answer::read(reply.status.as_u16(), &reply.body) {
            Answer::Won(order) => acknowledged.push((at, order)),
            other => panic!("there is stock for all: {other:?}"),
        }
    }
    acknowledged
}

/// Records a server from its first start on an empty folder until its stop, with storms of purchases in between.
async fn record() -> Evidence {
    let mut app = Setup::default().with_admin().prepare();
    app.wrap(recording::recorder(app.folder()));
    app.launch().await;
    let (mut sales, mut acknowledged) = (Vec::new(), Vec::new());
    for strategy in STRATEGIES {
        let sale = app.sale(strategy, &[general_admission(1_000_000), seated(100, 40)]).await;
        sales.push((recording::now(), SaleId(sale)));
    }
    for _ in 0..STORMS {
        tokio::time::sleep(PAUSE).await;
        let mut buyers = JoinSet::new();
        for buyer in 0..BUYERS {
            let (_, sale) = &sales[buyer % sales.len()];
            buyers.spawn(buy_for_a_while(app.server(), sale.clone(), buyer));
        }
        acknowledged.extend(buyers.join_all().await.into_iter().flatten());
    }
    acknowledged.sort_by_key(|(at, _)| *at);
    tokio::time::sleep(PAUSE).await;
    let calls = recording::stop_and_read(&mut app).await;
    assert_complete(&calls, app.folder());
    let evidence = Evidence { calls, sales, acknowledged };
    evidence.assert_eventful();
    evidence
}

/// Checks that the recording is complete: replaying it must give the files as they are. A call that the end of the
/// process cut short may be done or not, so both are accepted.
fn assert_complete(calls: &[Call], folder: &Path) {
    let made_of = |calls: &mut dyn Iterator<Item = &Call>| {
        let mut disk = Disk::new(calls);
        disk.advance(Moment::MAX);
        disk.whole()
    };
    let with_all = made_of(&mut calls.iter());
    let with_finished = made_of(&mut calls.iter().filter(|call| call.ended < Moment::MAX));
    for name in recording::FILES {
        let found = std::fs::read(folder.join(name)).ok();
        let is_made = [with_all.get(name), with_finished.get(name)].contains(&found.as_ref());
        assert!(is_made, "{name} is not what was recorded");
    }
}

impl Evidence {
    /// The time from the first acknowledgement to the last.
    fn selling(&self) -> Range<Moment> {
        let moment = |acknowledged: Option<&(Moment, Order)>| acknowledged.expect("purchases").0;
        moment(self.acknowledged.first())..moment(self.acknowledged.last())
    }

    /// Checks that enough has happened: many purchases, and meanwhile the log was folded into the database and begun
    /// anew.
    fn assert_eventful(&self) {
        let selling = self.selling();
        let count = |is: &dyn Fn(&Call) -> bool| {
            self.calls.iter().filter(|call| selling.contains(&call.began) && is(call)).count()
        };
        assert!(self.acknowledged.len() > BUYERS * STORMS, "{} purchases", self.acknowledged.len());
        assert!(count(&|call| call.file == LOG && call.is_flush()) > STORMS, "commits were flushed");
        assert!(count(&|call| call.file == DATABASE && call.is_flush()) > 1, "the log was folded among purchases");
        assert!(count(&Call::begins_log) > 0, "the log was begun anew among purchases");
    }

    /// Moments at which the power is lost, in order: around flushes, just after acknowledgements, and anywhere.
    fn moments(&self, count: usize, random: &mut StdRng) -> Vec<Moment> {
        let flushes: Vec<_> = self.calls.iter().filter(|call| call.is_flush()).collect();
        let first = self.calls.first().expect("calls").began;
        let last = self.calls.last().expect("calls").began;
        let one = |random: &mut StdRng| match random.random_range(0..4) {
            0 => flushes.choose(random).expect("flushes").began,
            1 => flushes.choose(random).expect("flushes").ended,
            2 => self.acknowledged.choose(random).expect("purchases").0 + 1,
            _ => random.random_range(first..=last),
        };
        let mut moments: Vec<_> = (0..count).map(|_| one(random)).collect();
        moments.sort_unstable();
        moments
    }

    /// Judges so many images made from these calls. Returns the damage of each damaged image, with the moment of its
    /// loss of power. The calls are those of the recording, or some of them.
    async fn damages<'r>(
        self: &Arc<Self>,
        calls: impl IntoIterator<Item = &'r Call>,
        images: usize,
        random: &mut StdRng,
    ) -> Vec<(Moment, Damage)> {
        let (mut disk, mut found) = (Disk::new(calls), Vec::new());
        let mut judging = JoinSet::new();
        let mut take = |moment, judged: Result<(), Damage>| found.extend(judged.err().map(|damage| (moment, damage)));
        for moment in self.moments(images, random) {
            disk.advance(moment);
            let (image, evidence) = (disk.image(random), self.clone());
            let runtime = Handle::current();
            judging.spawn_blocking(move || (moment, runtime.block_on(evidence.judge(image, moment))));
            if judging.len() == AT_ONCE {
                let (moment, judged) = judging.join_next().await.expect("several").expect("a judgement");
                take(moment, judged);
            }
        }
        for (moment, judged) in judging.join_all().await {
            take(moment, judged);
        }
        found
    }

    /// Compares an image with what had been acknowledged when the power was lost.
    async fn judge(&self, image: Image, lost_at: Moment) -> Result<(), Damage> {
        let folder = folder_in_memory();
        disk::write(&image, folder.path());
        let url = format!("sqlite:{}", folder.path().join(DATABASE).display());
        let store = Store::open(&url).await.map_err(|error| Damage::Broken(format!("does not open: {error}")))?;
        let judged = self.judge_opened(&store, lost_at).await;
        store.close().await;
        judged.map_err(|error| Damage::Broken(format!("cannot be read: {error}")))?
    }

    async fn judge_opened(&self, store: &Store, lost_at: Moment) -> Result<Result<(), Damage>, sqlx::Error> {
        let mut reader = store.reader().await?;
        let store::Connection::Sqlite(connection) = reader.connection() else { panic!("an embedded database") };
        let integrity: Vec<String> = sqlx::query_scalar("PRAGMA integrity_check").fetch_all(&mut *connection).await?;
        if integrity != ["ok"] {
            return Ok(Err(Damage::Broken(integrity.join("; "))));
        }
        let dangling = sqlx::query("PRAGMA foreign_key_check").fetch_all(&mut *connection).await?;
        if !dangling.is_empty() {
            return Ok(Err(Damage::Broken(format!("{} rows refer to nothing", dangling.len()))));
        }
        let orders: Vec<(Uuid, i64)> = sqlx::query_as("SELECT id, seq FROM orders").fetch_all(&mut *connection).await?;
        drop(reader);
        let mut counted = 0;
        for (made_at, sale) in &self.sales {
            match engine::audit(store, sale, Timestamp::from_milliseconds(0)).await? {
                Some(audit) if !audit.clean => return Ok(Err(Damage::Broken(format!("{audit:?}")))),
                Some(audit) => counted += audit.orders,
                None if *made_at < lost_at => return Ok(Err(Damage::Lost(format!("the sale {sale}")))),
                None => {}
            }
        }
        if counted != orders.len() as u64 {
            return Ok(Err(Damage::Broken(format!("{counted} of {} orders belong to a sale", orders.len()))));
        }
        let orders: BTreeSet<_> = orders.into_iter().collect();
        let is_there =
            |order: &Order| orders.contains(&(order.id.0, i64::try_from(order.seq).expect("a small number")));
        let before = self.acknowledged.iter().take_while(|(at, _)| *at < lost_at);
        let lost = before.filter(|(_, order)| !is_there(order)).count();
        Ok(if lost == 0 { Ok(()) } else { Err(Damage::Lost(format!("{lost} orders"))) })
    }

    /// All calls except the flushes that make commits durable. These are the calls of SQLite with `synchronous=NORMAL`,
    /// which flushes the log only when it begins it anew and before it folds it into the database.
    fn without_flushed_commits(&self) -> Vec<&Call> {
        let is_flush_of_commit = |place: usize, call: &Call| {
            let before = self.calls[..place].iter().rev().find(|before| before.thread == call.thread);
            let is_commit = before
                .is_some_and(|before| before.file == LOG && matches!(before.kind, Kind::Write { offset: 1.., .. }));
            call.file == LOG && call.is_flush() && is_commit
        };
        let calls = self.calls.iter().enumerate();
        calls.filter(|(place, call)| !is_flush_of_commit(*place, call)).map(|(_, call)| call).collect()
    }
}

/// A folder in memory, if the system has a place for one. SQLite flushes images too, and in memory that takes no time.
fn folder_in_memory() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder for an image")
}

/// How many images are damaged, and what the first damage is.
fn summary(damages: &[(Moment, Damage)]) -> String {
    let first = damages.first().map(|(moment, damage)| format!(", the first at {moment}: {damage}"));
    format!("{} damaged images{}", damages.len(), first.unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledged_purchase_survives_a_loss_of_power() {
    let images = scale::rounds(200, 100_000);
    for made in (0..images).step_by(IMAGES_OF_RECORDING) {
        let evidence = Arc::new(record().await);
        let seed = rand::random();
        let wanted = IMAGES_OF_RECORDING.min(images - made);
        let damages = evidence.damages(&evidence.calls, wanted, &mut StdRng::seed_from_u64(seed)).await;
        assert!(damages.is_empty(), "seed {seed}, {wanted} images: {}", summary(&damages));
        println!("{wanted} images of {} calls and {} purchases", evidence.calls.len(), evidence.acknowledged.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_flush_of_its_commit_an_acknowledged_purchase_is_lost_and_the_checker_says_so() {
    let evidence = Arc::new(record().await);
    let seed = rand::random();
    let random = &mut StdRng::seed_from_u64(seed);
    let calls = evidence.without_flushed_commits();
    assert!(calls.len() < evidence.calls.len());
    let forgetful = evidence.damages(calls, IMAGES_OF_CONTROL, random).await;
    assert!(!forgetful.is_empty(), "seed {seed}: nothing was lost");
    let broken: Vec<_> = forgetful.iter().filter(|(_, damage)| matches!(damage, Damage::Broken(_))).collect();
    assert!(broken.is_empty(), "seed {seed}: such a database forgets, but stays whole: {broken:?}");
    // Without any flush of the files, images are not even consistent.
    let calls = evidence.calls.iter().filter(|call| !call.is_flush() || call.file == recording::FOLDER);
    let damaged = evidence.damages(calls, IMAGES_OF_CONTROL, random).await;
    let is_broken = |(_, damage): &(Moment, Damage)| matches!(damage, Damage::Broken(_));
    assert!(damaged.iter().any(is_broken), "seed {seed}: {}", summary(&damaged));
    println!("without commits' flushes: {}; without any: {}", summary(&forgetful), summary(&damaged));
}
