//! The audit must catch planted bugs, because a check that cannot fail is worse than none.
//!
//! Two strategies with one fault each take the place of a correct strategy. The storm of buyers that correct strategies
//! survive must end in a verdict that names the damage.

use std::sync::Arc;

use onsale::{
    model::{
        audit::Audit,
        body::{BuyBody, NewSale, NewTier},
        ids::{BuyerId, OrderId, SaleId},
        ledger::ChangeKind,
        outcome::BuyOutcome,
        strategy::StrategyKind,
    },
    server::{
        clock::Clock,
        engine::{Engine, EngineOptions},
        stock::{
            Asked, Desk, Listeners, Part, Sold, What,
            decide::{Grant, Granted, Place},
            sold_out,
        },
        store::{self, Connection, NewTicket, Purchase, Store, Transaction},
        strategy::{Claim, Deciding, Strategy, Verdict, Won},
    },
};
use tokio::{
    sync::{Barrier, Mutex},
    task::JoinSet,
};
use uuid::Uuid;

/// What is wrong with a planted strategy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fault {
    /// Reads how many units are left, and later writes that number minus one. Buyers in between take the same unit.
    LosesUpdates,
    /// Takes the unit from the counters, but records no order for it.
    Leaks,
}

/// A strategy with a fault, which takes the place of `atomic_update`.
struct Planted {
    fault: Fault,
    desk: Desk,
    /// Makes all buyers read before the first of them writes: an interleaving that happens on a busy server by chance.
    readers: Barrier,
    writing: Mutex<()>,
}

impl Planted {
    async fn start(fault: Fault, url: &str, buyers: usize) -> Arc<Self> {
        let store = Store::open(url).await.expect("the database");
        let desk = Desk::new(store, Clock::System, Listeners::default());
        Arc::new(Self { fault, desk, readers: Barrier::new(buyers), writing: Mutex::new(()) })
    }

    async fn sell(&self, claim: &Claim) -> Result<Verdict, sqlx::Error> {
        let stock = claim.sale.stock.read().clone();
        let [Part { tier_index, what: What::Units(1) }] = *claim.wish.parts() else {
            panic!("the storm asks for one unit each")
        };
        let tier_id = stock.tiers[tier_index].tier_id;
        let (_, left) = store::read_tier(self.desk.store.reader().await?.connection(), tier_id).await?;
        let left = i64::try_from(left).expect("few");
        self.readers.wait().await;
        if left < 1 {
            return Ok(Verdict::Refused(sold_out(&stock.id)));
        }
        let _turn = self.writing.lock().await;
        let mut writer = self.desk.writer().await?;
        let mut transaction = writer.begin().await?;
        let counters = match self.fault {
            Fault::LosesUpdates => {
                "UPDATE tiers SET available = ?1 - 1, sold = capacity - held - (?1 - 1) WHERE id = ?2"
            }
            Fault::Leaks => {
                "UPDATE tiers SET available = available - 1, sold = sold + 1 WHERE ?1 > 0 AND id = ?2 AND available > 0"
            }
        };
        let Connection::Sqlite(connection) = transaction.connection() else { panic!("an embedded database") };
        sqlx::query(counters).bind(left).bind(tier_id).execute(connection).await?;
        let order = OrderId(self.desk.identifiers.next(self.desk.clock.now()));
        let grant = self.record(&mut transaction, claim, tier_index, order).await?;
        transaction.commit().await?;
        let sold = Sold::new(&self.desk.identifiers, &stock, (claim.buyer, order), grant, Asked::default());
        Ok(Verdict::Won(Won::Order(Box::new(sold.order(&stock)))))
    }

    /// Computes the ledger line. Unless the fault is `Leaks`, it also records the line, the order and its ticket.
    async fn record(
        &self,
        transaction: &mut Transaction<'_>,
        claim: &Claim,
        tier_index: usize,
        order: OrderId,
    ) -> Result<Grant, sqlx::Error> {
        let (sale_id, tier) = {
            let stock = claim.sale.stock.read();
            (stock.sale_id, stock.tiers[tier_index].clone())
        };
        let at = self.desk.clock.now();
        let next_seq = match self.fault {
            Fault::LosesUpdates => "UPDATE sales SET seq = seq + 1 WHERE id = ? RETURNING seq, head_hash",
            Fault::Leaks => "SELECT seq + 1, head_hash FROM sales WHERE id = ?",
        };
        let Connection::Sqlite(connection) = transaction.connection() else { panic!("an embedded database") };
        let (seq, head): (i64, Vec<u8>) = sqlx::query_as(next_seq).bind(sale_id).fetch_one(connection).await?;
        let seq = u64::try_from(seq).expect("a seq is positive");
        let previous = head.try_into().expect("32 bytes");
        let place = Place { at, written_at: &at.to_string(), seq, previous: &previous };
        let parts = vec![Granted { tier_index, seats: Vec::new(), quantity: 1, price: tier.price, rung: None }];
        let grant = Grant::new(&claim.sale.stock.read(), ChangeKind::Buy, order.0, parts, &place);
        let hash = grant.hash;
        if self.fault == Fault::Leaks {
            return Ok(grant);
        }
        let purchase = Purchase {
            order,
            buyer: claim.buyer,
            total: tier.price,
            currency: tier.currency,
            seq,
            units: serde_json::to_string(&grant.units).expect("plain data"),
            hash,
            tickets: vec![NewTicket {
                id: onsale::model::ids::TicketId(self.desk.identifiers.next(at)),
                tier_id: tier.tier_id,
                seat_position: None,
                code: rand::random(),
            }],
            rung: None,
            key: None,
            contact: None,
        };
        store::record(transaction.connection(), sale_id, at, ChangeKind::Buy, &[&purchase]).await?;
        Ok(grant)
    }
}

impl Strategy for Planted {
    fn kind(&self) -> StrategyKind {
        StrategyKind::AtomicUpdate
    }

    fn claim(&self, claim: Claim) -> Deciding<'_> {
        Box::pin(async move { self.sell(&claim).await.unwrap_or_else(Verdict::Unknown) })
    }
}

const TICKETS: u64 = 100;
const BUYERS: usize = 150;

/// Sends 150 buyers for 100 tickets to an engine with this fault, or without one. Returns how many won, and the
/// verdict.
async fn storm(fault: Option<Fault>) -> (u64, Audit) {
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("sqlite:{}", folder.path().join("onsale.db").display());
    let mut options = EngineOptions::new(tokio::runtime::Handle::current());
    let store = Store::open(&url).await.expect("a database");
    if let Some(fault) = fault {
        options.strategies.push(Planted::start(fault, &url, BUYERS).await);
    }
    let engine = Engine::open(store, options).await.expect("an engine");
    let sale = sale(&engine).await;
    let mut buyers = JoinSet::new();
    for _ in 0..BUYERS {
        let (engine, sale) = (engine.clone(), sale.clone());
        let buyer = BuyerId(Uuid::now_v7());
        buyers.spawn(async move {
            engine.selling.buy(&sale, buyer, BuyBody::tier("ga".into(), 1), None).await.expect("a verdict")
        });
    }
    let outcomes = buyers.join_all().await;
    let won = outcomes.iter().filter(|outcome| matches!(outcome, BuyOutcome::Bought { .. })).count() as u64;
    let audit = engine.recount.audit(&sale).await.expect("a recount").expect("a sale");
    (won, audit)
}

async fn sale(engine: &Arc<Engine>) -> SaleId {
    let tier = NewTier { name: "GA".into(), price: 1_000, quantity: Some(TICKETS), ..NewTier::default() };
    let body = NewSale {
        name: "Planted".into(),
        strategy: Some(StrategyKind::AtomicUpdate),
        rehearsal: Some(true),
        tiers: vec![tier],
        ..NewSale::default()
    };
    engine.catalogue.create_sale(body, None).await.expect("a store").expect("a valid sale").into_fresh().id
}

#[tokio::test(flavor = "multi_thread")]
async fn the_storm_is_survived_by_the_right_strategy() {
    let (won, audit) = storm(None).await;
    assert!(audit.clean, "{audit:?}");
    assert_eq!((won, audit.sold, audit.phantoms, audit.leaks), (TICKETS, TICKETS, 0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_update_is_caught_as_phantoms() {
    let (won, audit) = storm(Some(Fault::LosesUpdates)).await;
    assert_eq!(won, BUYERS as u64, "each buyer read that there was stock");
    assert!(!audit.clean, "{audit:?}");
    assert_eq!(audit.phantoms, BUYERS as u64 - TICKETS, "{audit:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unit_taken_and_not_recorded_is_caught_as_a_leak() {
    let (_, audit) = storm(Some(Fault::Leaks)).await;
    assert!(!audit.clean, "{audit:?}");
    assert_eq!((audit.leaks, audit.phantoms, audit.tickets), (TICKETS, 0, 0), "{audit:?}");
}
