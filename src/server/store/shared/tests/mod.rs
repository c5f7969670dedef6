//! What is written to a store is read back the same, on both databases.

mod answers; // kept answers, decided requests, settings
mod catalogue; // sales, tiers and seats
mod held; // holds and their units
mod sold; // ledger lines, orders, tickets and their recount

use std::sync::Arc;

use uuid::Uuid;

use crate::{
    model::{
        ids::{BuyerId, OrderId, SeatLabel, TicketId, TierId},
        ledger::{ChangeKind, Units},
        order::Contact,
        rung::Rung,
        sale::{Checkout, ContactRule, PriceStep},
        seat::SeatStatus,
        strategy::StrategyKind,
        time::Timestamp,
    },
    server::store::{
        self, NewSaleRecord, NewSeatRecord, NewTicket, NewTierRecord, Purchase, SaleTerms, Store, StoreKind, Writer,
        testing::{Database, STORES},
    },
};

/// 2026-11-20T20:00:00Z.
const NOW: Timestamp = Timestamp::from_milliseconds(1_795_204_800_000);

/// A store on a new database, with one sale: two seats, and five units without seats.
struct House {
    store: Store,
    sale_id: i64,
    /// The seated tier and the one without seats.
    tier_ids: Vec<i64>,
    _database: Database,
}

impl House {
    async fn open(kind: StoreKind) -> Self {
        let database = Database::make(kind).await;
        let store = Store::open(&database.url).await.unwrap();
        let mut writer = store.writer().await.unwrap();
        let (sale_id, tier_ids) = store::insert_sale(writer.connection(), &new_sale("gala")).await.unwrap();
        store::insert_seats(writer.connection(), sale_id, 0, &tier_ids, &new_seats()).await.unwrap();
        drop(writer);
        Self { store, sale_id, tier_ids, _database: database }
    }

    async fn writer(&self) -> Writer {
        self.store.writer().await.unwrap()
    }

    /// Records a purchase of these seats, or of one unit without a seat if there are none.
    async fn sell(&self, seq: u64, buyer: BuyerId, seats: &[u32], key: Option<&str>) -> OrderId {
        self.try_to_sell(seq, buyer, seats, key).await.unwrap()
    }

    async fn try_to_sell(
        &self,
        seq: u64,
        buyer: BuyerId,
        seats: &[u32],
        key: Option<&str>,
    ) -> Result<OrderId, sqlx::Error> {
        let order = OrderId(id_at(NOW.plus_milliseconds(i64::try_from(seq).unwrap())));
        let ticket = |number: u128, tier_id, seat_position| {
            let id = TicketId(Uuid::from_u128(order.0.as_u128() + number));
            NewTicket { id, tier_id, seat_position, code: [seq as u8; 16] }
        };
        let seated = (1..).zip(seats).map(|(number, seat)| ticket(number, self.tier_ids[0], Some(*seat)));
        let tickets = match seats {
            [] => vec![ticket(1, self.tier_ids[1], None)],
            _ => seated.collect(),
        };
        let purchase = Purchase {
            order,
            buyer,
            total: 4_200,
            currency: Arc::from("EUR"),
            seq,
            units: serde_json::to_string(&[units()]).unwrap(),
            hash: [seq as u8; 32],
            tickets,
            rung: (!seats.is_empty()).then_some(Rung::Orphan),
            key: key.map(|key| (key.to_owned(), [7; 16])),
            contact: (!seats.is_empty()).then(contact),
        };
        let mut writer = self.writer().await;
        let mut transaction = writer.begin().await.unwrap();
        store::record(transaction.connection(), self.sale_id, NOW, ChangeKind::Buy, &[&purchase]).await?;
        transaction.commit().await.unwrap();
        writer.settle();
        Ok(order)
    }
}

fn new_sale(slug: &str) -> NewSaleRecord<'_> {
    let tier = |slug: &str, seated, capacity| NewTierRecord {
        slug: slug.into(),
        name: format!("Tier {slug} – ☃"),
        price: u64::from(u32::MAX) + 1,
        price_steps: vec![PriceStep { sold_percent: 50, price: 7 }],
        currency: "EUR".into(),
        seated,
        capacity,
    };
    NewSaleRecord {
        slug,
        name: "Gala “Ünïcode”",
        strategy: StrategyKind::AtomicUpdate,
        rehearsal: true,
        opens_at: Some(NOW),
        terms: terms(),
        max_per_buyer: Some(u32::MAX),
        tiers: vec![tier("floor", true, 2), tier("ga", false, 5)],
        created_at: NOW,
    }
}

const fn terms() -> SaleTerms {
    SaleTerms {
        checkout: Checkout::Paid,
        contact: ContactRule::None,
        hold_ttl_seconds: 86_400,
        hold_extension_seconds: 30,
        hold_extensions: 7,
        payment_grace_seconds: 90,
    }
}

fn contact() -> Contact {
    Contact { email: "ada@example.org".into(), name: Some("Ada “Å”".into()) }
}

fn new_seats() -> Vec<NewSeatRecord> {
    let seat = |number: u32| NewSeatRecord {
        tier_index: 0,
        section: "1 \"left\"".into(),
        row: "Å".into(),
        number,
        label: format!("Å-{number}"),
        status: SeatStatus::Available,
    };
    vec![seat(1), seat(u32::MAX)]
}

fn units() -> Units {
    Units { tier: TierId::from("floor"), seat: Some(SeatLabel::from("Å-1")), quantity: 1 }
}

/// An id that begins with this time, as all ids of orders and requests do.
fn id_at(time: Timestamp) -> Uuid {
    let milliseconds = u64::try_from(time.milliseconds).unwrap();
    uuid::Builder::from_unix_timestamp_millis(milliseconds, &[9; 10]).into_uuid()
}

const fn buyer(number: u128) -> BuyerId {
    BuyerId(Uuid::from_u128(number))
}
