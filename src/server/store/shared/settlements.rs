//! What becomes of holds: sold, given back or expired, many at once.
//!
//! The caller has started a transaction of its own, and calls these functions in the order in which they stand here.

use rustc_hash::FxHashMap;

use super::{
    columns::HoldItemRow,
    query::{Text, query},
};
use crate::{
    model::{
        ids::{BuyerId, HoldId},
        ledger::ChangeKind,
        rung::Rung,
        seat::SeatStatus,
        time::Timestamp,
    },
    server::store::{
        Connection, postgres,
        rows::{EndedHold, NewHoldItem, SaleTaken, count, integer},
    },
};

/// Holds whose time is over, at most so many, each with its units. On PostgreSQL the rows are locked; rows that another transaction has
/// locked are skipped, because that transaction ends them. The time is asked for once, so that an index can be used.
pub async fn lock_due_holds(
    connection: Connection<'_>,
    sale_id: i64,
    limit: u32,
    now: Timestamp,
) -> Result<Vec<(HoldId, u64)>, sqlx::Error> {
    macro_rules! select {
        ($now:literal, $lock:literal) => {
            concat!(
                "SELECT id, CAST((SELECT SUM(quantity) FROM hold_items WHERE hold_id = holds.id) AS BIGINT) FROM holds
                 WHERE sale_id = $1 AND ended_at IS NULL AND due_at <= ",
                $now,
                " ORDER BY due_at LIMIT $2",
                $lock
            )
        };
    }
    let select = Text {
        sqlite: select!("$3", ""),
        postgres: select!("(SELECT store_now())", " FOR UPDATE OF holds SKIP LOCKED"),
    };
    let rows: Vec<(HoldId, i64)> =
        query(connection, select).bind(sale_id).bind(i64::from(limit)).bind_store_now(now).fetch_all().await?;
    Ok(rows.into_iter().map(|(hold, units)| (hold, count(units))).collect())
}

/// Waits until no other transaction decides about these holds, and keeps others waiting until this transaction ends. Several
/// transactions do this in the same order, so they do not wait for each other in a circle. Returns the `seq` of each hold.
pub async fn lock_holds(connection: Connection<'_>, holds: &[HoldId]) -> Result<FxHashMap<HoldId, u64>, sqlx::Error> {
    let lock = Text {
        sqlite: "SELECT id, seq FROM holds WHERE id IN (SELECT unhex(value) FROM json_each($1))",
        postgres: "SELECT id, seq FROM holds WHERE id = ANY ($1) ORDER BY id FOR UPDATE",
    };
    let rows: Vec<(HoldId, i64)> = query(connection, lock).bind_ids(&ids(holds)).fetch_all().await?;
    Ok(rows.into_iter().map(|(hold, seq)| (hold, count(seq))).collect())
}

/// Ends those of these live holds that may end so now: they may be confirmed before their time is over if no payment is under
/// way, or at any time if they are `paid`, released at any time, and expire when they are due. These conditions decide; the
/// holds that are returned have ended, with what was in them.
pub async fn end_holds(
    mut connection: Connection<'_>,
    (holds, paid): (&[HoldId], &[HoldId]),
    kind: ChangeKind,
    now: Timestamp,
) -> Result<Vec<EndedHold>, sqlx::Error> {
    macro_rules! end {
        ($ids:literal, $paid:literal, $now:literal, $latest:literal) => {
            concat!(
                "UPDATE holds SET ended_at = ", $latest, ",
                     status = CASE $2 WHEN 'confirm' THEN 'confirmed' WHEN 'release' THEN 'released' ELSE 'expired' END
                 WHERE id ", $ids, " AND ended_at IS NULL
                   AND CASE $2 WHEN 'confirm' THEN status = 'active' AND expires_at > ", $now, " OR id ", $paid, "
                       WHEN 'release' THEN true
                       ELSE due_at <= ", $now, " END
                 RETURNING id, buyer_id, currency, rung,
                     EXISTS (SELECT 1 FROM payments WHERE hold_id = holds.id AND look_at IS NOT NULL)"
            )
        };
    }
    type Row = (HoldId, BuyerId, String, Option<String>, bool);
    let end = Text {
        sqlite: end!(
            "IN (SELECT unhex(value) FROM json_each($1))",
            "IN (SELECT unhex(value) FROM json_each($3))",
            "$4",
            "max($4, created_at)"
        ),
        postgres: end!("= ANY ($1)", "= ANY ($3)", "store_now()", "store_now()"),
    };
    let end = query(connection.again(), end).bind_ids(&ids(holds)).bind(kind).bind_ids(&ids(paid)).bind_store_now(now);
    let rows: Vec<Row> = end.fetch_all().await?;
    let mut ended: Vec<_> = rows
        .into_iter()
        .map(|(hold, buyer, currency, rung, has_open_payments)| EndedHold {
            hold,
            buyer,
            currency: currency.into(),
            rung: rung.as_deref().and_then(Rung::from_name),
            items: Vec::new(),
            has_open_payments,
        })
        .collect();
    ended.sort_unstable_by_key(|ended| ended.hold);
    for (hold, item) in end_items(connection, &ended).await? {
        let place =
            ended.binary_search_by_key(&hold, |ended| ended.hold).expect("only items of these holds were asked for");
        ended[place].items.push(item);
    }
    Ok(ended)
}

/// Takes the items off these holds, and returns them in the order of their holds and numbers.
async fn end_items(connection: Connection<'_>, ended: &[EndedHold]) -> Result<Vec<(HoldId, NewHoldItem)>, sqlx::Error> {
    macro_rules! end {
        ($ids:literal) => {
            concat!(
                "UPDATE hold_items SET live = false WHERE hold_id ",
                $ids,
                "
                 RETURNING hold_id, number, tier_id, seat_position, quantity, price, substitute"
            )
        };
    }
    let end = Text { sqlite: end!("IN (SELECT unhex(value) FROM json_each($1))"), postgres: end!("= ANY ($1)") };
    let ids: Vec<_> = ended.iter().map(|ended| ended.hold.0).collect();
    let mut rows: Vec<HoldItemRow> = query(connection, end).bind_ids(&ids).fetch_all().await?;
    rows.sort_unstable_by_key(|row| (row.hold_id, row.number));
    rows.into_iter().map(|row| Ok((row.hold_id, row.into_item()?))).collect()
}

/// Moves held units of a tier. `false` if fewer are held. The row stays locked until the transaction ends.
pub async fn settle_tier(
    mut connection: Connection<'_>,
    tier_id: i64,
    units: u64,
    to: SeatStatus,
) -> Result<bool, sqlx::Error> {
    let moved = query(
        connection.again(),
        "UPDATE tiers SET held = held - $1, available = available + CASE $3 WHEN 'available' THEN $1 ELSE 0 END,
                          sold = sold + CASE $3 WHEN 'sold' THEN $1 ELSE 0 END, version = version + 1
         WHERE id = $2 AND held >= $1",
    )
    .bind(integer(units))
    .bind(tier_id)
    .bind(to)
    .execute()
    .await?;
    if let (Connection::Postgres(connection), SeatStatus::Available) = (connection, to) {
        postgres::put_units_back(connection, tier_id, integer(units)).await?;
    }
    Ok(moved == 1)
}

/// Moves those of these seats that are held, and returns how many it moved.
pub async fn settle_seats(
    connection: Connection<'_>,
    sale_id: i64,
    positions: &[u32],
    to: SeatStatus,
) -> Result<u64, sqlx::Error> {
    let settle = Text {
        sqlite: "UPDATE seats SET status = $3, version = version + 1
                 WHERE position IN (SELECT value FROM json_each($1)) AND sale_id = $2 AND status = 'held'",
        postgres: "UPDATE seats SET status = $3, version = version + 1
                   FROM (SELECT ctid AS place FROM seats WHERE position = ANY ($1) AND sale_id = $2 ORDER BY position FOR UPDATE)
                        AS locked
                   WHERE seats.ctid = locked.place AND seats.status = 'held'",
    };
    let positions: Vec<_> = positions.iter().map(|position| i64::from(*position)).collect();
    query(connection, settle).bind_numbers(&positions).bind(sale_id).bind(to).execute().await
}

/// Moves held units of the sale's own counter, and takes so many `seq`s. Returns the last of them, and the hash of the line
/// before the first. `None` if fewer units are held.
pub async fn settle_sale(
    connection: Connection<'_>,
    sale_id: i64,
    units: u64,
    decisions: u64,
    to: SeatStatus,
) -> Result<Option<SaleTaken>, sqlx::Error> {
    let row = query(
        connection,
        "UPDATE sales SET held = held - $1, available = available + CASE $3 WHEN 'available' THEN $1 ELSE 0 END,
                          sold = sold + CASE $3 WHEN 'sold' THEN $1 ELSE 0 END, seq = seq + $4
         WHERE id = $2 AND held >= $1
         RETURNING seq, head_hash, revision",
    )
    .bind(integer(units))
    .bind(sale_id)
    .bind(to)
    .bind(integer(decisions))
    .fetch_optional()
    .await?;
    Ok(row.map(SaleTaken::from_row))
}

fn ids(holds: &[HoldId]) -> Vec<uuid::Uuid> {
    holds.iter().map(|hold| hold.0).collect()
}
