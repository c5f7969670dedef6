//! Holds, recorded many at once.

use sqlx::{PgConnection, Row, postgres::PgBindIterExt};

use super::claims::{Call, bind_guard, is_not_as_expected};
use crate::{
    model::{rung::Rung, time::Timestamp},
    server::store::{
        hold_rows::{NewHold, NewHoldItem},
        rows::{Guard, integer},
    },
};

/// Takes what `guard` names and records the holds, in one transaction and one round trip; `connection` is not in a
/// transaction. Returns the database's time at which the holds began; `None` if any row was not as expected; then nothing
/// has changed.
pub async fn take_and_hold(
    connection: &mut PgConnection,
    guard: &Guard,
    at: Timestamp,
    holds: &[&NewHold],
) -> Result<Option<Timestamp>, sqlx::Error> {
    let call = sqlx::query(
        "SELECT take_and_hold(
             $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24,
             $25, $26, $27, $28)",
    );
    match bind_holds(bind_guard(call, guard), at, holds).fetch_one(connection).await {
        Ok(row) => Ok(Some(Timestamp::from_milliseconds(row.try_get(0)?))),
        Err(error) if is_not_as_expected(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Records holds of one sale: their rows, items and ledger lines, of which the last becomes the ledger's head. The caller has
/// started the transaction. Returns the database's time at which the holds began.
pub async fn record_holds(
    connection: &mut PgConnection,
    sale_id: i64,
    at: Timestamp,
    holds: &[&NewHold],
) -> Result<Timestamp, sqlx::Error> {
    let call = sqlx::query(
        "WITH recorded AS MATERIALIZED (
             SELECT record_holds(
                 $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21) AS begun_at)
         UPDATE sales SET seq = $22, head_hash = $23 FROM recorded WHERE id = $1 RETURNING recorded.begun_at",
    )
    .bind(sale_id);
    let last = holds.last().expect("there is a hold to record");
    let call = bind_holds(call, at, holds).bind(integer(last.seq)).bind(last.hash);
    let row = call.fetch_one(connection).await?;
    Ok(Timestamp::from_milliseconds(row.try_get(0)?))
}

/// Binds the arguments that both functions end with: the instant of the ledger lines, one array for each column of the holds,
/// and one for each column of their items.
fn bind_holds<'q>(call: Call<'q>, at: Timestamp, holds: &[&NewHold]) -> Call<'q> {
    let keys = || holds.iter().map(|hold| hold.key.as_ref());
    let items = || holds.iter().flat_map(|hold| &hold.items);
    let holds_of_items = holds.iter().flat_map(|hold| hold.items.iter().map(move |_| hold.hold.0));
    let numbers = holds.iter().flat_map(|hold| (0_i64..).zip(&hold.items).map(|(number, _)| number));
    let seat = |position: Option<u32>| position.map(i64::from);
    call.bind(at.milliseconds)
        .bind(holds.iter().map(|hold| hold.hold.0).bind_iter())
        .bind(holds.iter().map(|hold| hold.buyer.0).bind_iter())
        .bind(holds.iter().map(|hold| &*hold.currency).bind_iter())
        .bind(holds.iter().map(|hold| integer(hold.seq)).bind_iter())
        .bind(holds.iter().map(|hold| hold.units.as_str()).bind_iter())
        .bind(holds.iter().map(|hold| hold.hash.as_slice()).bind_iter())
        .bind(holds.iter().map(|hold| hold.rung.map(Rung::name)).bind_iter())
        .bind(holds.iter().map(|hold| hold.life_milliseconds).bind_iter())
        .bind(holds.iter().map(|hold| i64::from(hold.extensions)).bind_iter())
        .bind(keys().map(|key| key.map(|(key, ..)| key.as_str())).bind_iter())
        .bind(keys().map(|key| key.map(|(_, fingerprint, _)| fingerprint.as_slice())).bind_iter())
        .bind(keys().map(|key| key.map(|(.., answer)| answer.as_str())).bind_iter())
        .bind(holds_of_items.bind_iter())
        .bind(numbers.bind_iter())
        .bind(items().map(|item: &NewHoldItem| item.tier_id).bind_iter())
        .bind(items().map(|item| seat(item.seat_position)).bind_iter())
        .bind(items().map(|item| integer(item.quantity)).bind_iter())
        .bind(items().map(|item| integer(item.price)).bind_iter())
        .bind(items().map(|item| seat(item.substitute)).bind_iter())
}
