//! The guarded writes that decide who gets what, and the rows that record it.
//!
//! A round trip costs some 50 microseconds, and a commit costs a flush. So one call of a function that the migration
//! creates decides and records a whole batch, however many buyers it holds.

use sqlx::{
    PgConnection, Postgres,
    postgres::{PgArguments, PgBindIterExt},
    query::Query,
};

use super::numbers::all_small;
use crate::{
    model::{ledger::ChangeKind, rung::Rung, seat::SeatStatus, time::Timestamp},
    server::store::rows::{Guard, Purchase, SaleTaken, integer},
};

/// The error code that `take_and_record` raises if a row is not as expected.
const NOT_AS_EXPECTED: &str = "ON001";

/// Takes what `guard` names and records the purchases, in one transaction and one round trip; `connection` is not in a
/// transaction. `false` if any row was not as expected; then nothing has changed.
pub async fn take_and_record(
    connection: &mut PgConnection,
    guard: &Guard,
    at: Timestamp,
    purchases: &[&Purchase],
) -> Result<bool, sqlx::Error> {
    let call = sqlx::query(
        "SELECT take_and_record(
             $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24,
             $25, $26)",
    );
    let call = bind_guard(call, guard);
    match bind_purchases(call, at, purchases).execute(connection).await {
        Ok(_) => Ok(true),
        Err(error) if is_not_as_expected(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Binds the arguments that the functions which take from a sale begin with.
pub fn bind_guard<'q>(call: Call<'q>, guard: &Guard) -> Call<'q> {
    call.bind(guard.sale_id)
        .bind(integer(guard.seq))
        .bind(integer(guard.revision))
        .bind(integer(guard.decisions))
        .bind(guard.head_hash)
        .bind(guard.seats.iter().map(|position| i64::from(*position)).bind_iter())
        .bind(guard.tiers.iter().map(|(tier_id, _)| *tier_id).bind_iter())
        .bind(guard.tiers.iter().map(|(_, units)| integer(*units)).bind_iter())
}

/// Whether an error says that a row was not as expected.
pub fn is_not_as_expected(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Database(error) if error.code().as_deref() == Some(NOT_AS_EXPECTED))
}

/// Records purchases of one sale, made at one instant: buyers, orders, tickets and ledger lines of this kind, of which the last
/// becomes the ledger's head. The caller has started the transaction.
pub async fn record(
    connection: &mut PgConnection,
    sale_id: i64,
    at: Timestamp,
    kind: ChangeKind,
    purchases: &[&Purchase],
) -> Result<(), sqlx::Error> {
    let call = sqlx::query(
        "WITH recorded AS MATERIALIZED (
             SELECT record_purchases(
                 $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20))
         UPDATE sales SET seq = $21, head_hash = $22 FROM recorded WHERE id = $1",
    )
    .bind(sale_id);
    let last = purchases.last().expect("there is a purchase to record");
    let call = bind_purchases(call, at, purchases).bind(kind.name());
    call.bind(integer(last.seq)).bind(last.hash).execute(connection).await?;
    Ok(())
}

pub type Call<'q> = Query<'q, Postgres, PgArguments>;

/// Binds the arguments that both functions end with: the instant, one array for each column of the purchases, and one
/// for each column of their tickets.
fn bind_purchases<'q>(call: Call<'q>, at: Timestamp, purchases: &[&Purchase]) -> Call<'q> {
    let keys = || purchases.iter().map(|purchase| purchase.key.as_ref());
    let contacts = || purchases.iter().map(|purchase| purchase.contact.as_ref());
    let tickets = || purchases.iter().flat_map(|purchase| &purchase.tickets);
    let orders_of_tickets =
        purchases.iter().flat_map(|purchase| purchase.tickets.iter().map(move |_| purchase.order.0));
    call.bind(at.milliseconds)
        .bind(purchases.iter().map(|purchase| purchase.order.0).bind_iter())
        .bind(purchases.iter().map(|purchase| purchase.buyer.0).bind_iter())
        .bind(purchases.iter().map(|purchase| integer(purchase.total)).bind_iter())
        .bind(purchases.iter().map(|purchase| &*purchase.currency).bind_iter())
        .bind(purchases.iter().map(|purchase| integer(purchase.seq)).bind_iter())
        .bind(purchases.iter().map(|purchase| purchase.units.as_str()).bind_iter())
        .bind(purchases.iter().map(|purchase| purchase.hash.as_slice()).bind_iter())
        .bind(keys().map(|key| key.map(|(key, _)| key.as_str())).bind_iter())
        .bind(keys().map(|key| key.map(|(_, fingerprint)| fingerprint.as_slice())).bind_iter())
        .bind(tickets().map(|ticket| ticket.id.0).bind_iter())
        .bind(orders_of_tickets.bind_iter())
        .bind(tickets().map(|ticket| ticket.tier_id).bind_iter())
        .bind(tickets().map(|ticket| ticket.seat_position.map(i64::from)).bind_iter())
        .bind(tickets().map(|ticket| ticket.code.as_slice()).bind_iter())
        .bind(purchases.iter().map(|purchase| purchase.rung.map(Rung::name)).bind_iter())
        .bind(contacts().map(|contact| contact.map(|contact| contact.email.as_str())).bind_iter())
        .bind(contacts().map(|contact| contact.and_then(|contact| contact.name.as_deref())).bind_iter())
}

/// Takes the available ones of these seats, and returns their positions in order. It locks the seats in order, so that
/// two transactions that want the same seats cannot deadlock. It waits for a seat that another transaction has locked,
/// because only then it is known whether that seat is sold.
pub async fn take_seats(
    connection: &mut PgConnection,
    sale_id: i64,
    positions: &[u32],
    to: SeatStatus,
) -> Result<Vec<u32>, sqlx::Error> {
    let taken: Vec<i64> = sqlx::query_scalar(
        "WITH locked AS (
             SELECT ctid AS place FROM seats
             WHERE sale_id = $1 AND position = ANY ($2) AND status = 'available' ORDER BY position FOR UPDATE)
         UPDATE seats SET status = $3, version = version + 1 FROM locked WHERE seats.ctid = locked.place
         RETURNING position",
    )
    .bind(sale_id)
    .bind(positions.iter().map(|position| i64::from(*position)).collect::<Vec<_>>())
    .bind(to.name())
    .fetch_all(connection)
    .await?;
    let mut positions = all_small(taken)?;
    positions.sort_unstable();
    Ok(positions)
}

/// Takes the first `units` available seats of a tier, and returns their positions; fewer only if the tier has fewer. It
/// waits for seats that other transactions have locked, because only then it is known whether those seats are sold.
pub async fn take_any_seats(
    connection: &mut PgConnection,
    sale_id: i64,
    tier_id: i64,
    units: u64,
    to: SeatStatus,
) -> Result<Vec<u32>, sqlx::Error> {
    let positions: Vec<i64> = sqlx::query_scalar("SELECT take_any_seats($1, $2, $3, $4)")
        .bind(sale_id)
        .bind(tier_id)
        .bind(integer(units))
        .bind(to.name())
        .fetch_one(connection)
        .await?;
    let mut positions = all_small(positions)?;
    positions.sort_unstable();
    Ok(positions)
}

/// Takes units from the sale's own counter, takes its next `seq`, and returns that with the hash of the ledger line
/// before. `None` if fewer units are left or the sale is not open.
pub async fn sale_head(
    connection: &mut PgConnection,
    sale_id: i64,
    units: u64,
    to: SeatStatus,
) -> Result<Option<SaleTaken>, sqlx::Error> {
    let row = sqlx::query_as(
        "UPDATE sales SET available = available - $1, held = held + CASE $3 WHEN 'held' THEN $1 ELSE 0 END,
                          sold = sold + CASE $3 WHEN 'sold' THEN $1 ELSE 0 END, seq = seq + 1
         WHERE id = $2 AND available >= $1 AND switch = 'open'
         RETURNING seq, head_hash, revision",
    )
    .bind(integer(units))
    .bind(sale_id)
    .bind(to.name())
    .fetch_optional(connection)
    .await?;
    Ok(row.map(SaleTaken::from_row))
}
