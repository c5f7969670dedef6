//! What becomes of holds: sold, given back or expired, many at once.
//!
//! The caller has started a transaction of its own. The rows of holds are locked first, then those of their units.

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
        Connection,
        hold_rows::{EndedHold, Ending, Settling},
        postgres,
        rows::{SaleTaken, count, integer},
        sqlite,
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

/// An item of a hold that has just ended, with what there is of the hold itself.
#[derive(sqlx::FromRow)]
struct EndedRow {
    #[sqlx(flatten)]
    item: HoldItemRow,
    buyer_id: BuyerId,
    currency: String,
    rung: Option<String>,
    has_open_payments: bool,
}

/// Ends those of these live holds that may end so now, and takes the items off them: holds may be confirmed before their time
/// is over if no payment is under way, or at any time if they are paid, released at any time, and expire when they are due.
/// These conditions decide; the holds that are returned have ended, with what was in them, in the order of their ids.
pub async fn end_holds(
    connection: Connection<'_>,
    endings: &[Ending],
    kind: ChangeKind,
    now: Timestamp,
) -> Result<Vec<EndedHold>, sqlx::Error> {
    // `$1` lists the endings, `$2` is the kind, `$3` has the holds' ids, by which PostgreSQL is sure to find rows through an
    // index, and `$now` is how the text asks for the store's time.
    macro_rules! end {
        ($now:literal, $ended_at:literal, $asked:literal, $ids:literal) => {
            concat!(
                "UPDATE holds SET ended_at = ", $ended_at, ",
                     status = CASE $2 WHEN 'confirm' THEN 'confirmed' WHEN 'release' THEN 'released' ELSE 'expired' END
                 FROM (", $asked, ") AS asked
                 WHERE holds.id = asked.hold_id", $ids, " AND ended_at IS NULL AND (asked.as_of IS NULL OR seq = asked.as_of)
                   AND CASE $2 WHEN 'confirm' THEN status = 'active' AND expires_at > ", $now, " OR asked.is_paid
                       WHEN 'release' THEN true
                       ELSE due_at <= ", $now, " END"
            )
        };
    }
    let end = Text {
        // Whatever is live of a hold that has ended was live until now.
        sqlite: concat!(
            end!(
                "$4",
                "max($4, created_at)",
                "SELECT unhex(value ->> 0) AS hold_id, value ->> 1 AS as_of, value ->> 2 AS is_paid FROM json_each($1)",
                ""
            ),
            ";
            UPDATE hold_items SET live = false
            WHERE hold_id IN (SELECT unhex(value) FROM json_each($3)) AND live
              AND (SELECT ended_at FROM holds WHERE id = hold_id) IS NOT NULL
            RETURNING hold_id, number, tier_id, seat_position, quantity, price, substitute,
                (SELECT buyer_id FROM holds WHERE id = hold_id) AS buyer_id,
                (SELECT currency FROM holds WHERE id = hold_id) AS currency,
                (SELECT rung FROM holds WHERE id = hold_id) AS rung,
                EXISTS (SELECT 1 FROM payments WHERE payments.hold_id = hold_items.hold_id AND look_at IS NOT NULL)
                    AS has_open_payments"
        ),
        postgres: concat!(
            "WITH ended AS (",
            end!(
                "store_now()",
                "store_now()",
                "SELECT (value ->> 0)::UUID AS hold_id, (value ->> 1)::BIGINT AS as_of, (value ->> 2)::BOOLEAN AS is_paid
                 FROM json_array_elements($1::JSON) AS endings (value)",
                " AND holds.id = ANY ($3)"
            ),
            " RETURNING holds.id, buyer_id, currency, rung)
            UPDATE hold_items SET live = false FROM ended WHERE hold_id = ended.id AND hold_id = ANY ($3)
            RETURNING hold_id, number, tier_id, seat_position, quantity, price, substitute, buyer_id, currency, rung,
                EXISTS (SELECT 1 FROM payments WHERE payments.hold_id = ended.id AND look_at IS NOT NULL)
                    AS has_open_payments"
        ),
    };
    let row = |ending: &Ending| (ending.hold.0.simple().to_string(), ending.as_of, ending.is_paid);
    let rows = serde_json::to_string(&endings.iter().map(row).collect::<Vec<_>>()).expect("endings are plain data");
    let ids: Vec<_> = endings.iter().map(|ending| ending.hold.0).collect();
    let end = query(connection, end).bind(rows).bind(kind).bind_ids(&ids).bind_store_now(now);
    let mut rows: Vec<EndedRow> = end.fetch_all().await?;
    rows.sort_unstable_by_key(|row| (row.item.hold_id, row.item.number));
    let mut ended: Vec<EndedHold> = Vec::new();
    for EndedRow { item, buyer_id: buyer, currency, rung, has_open_payments } in rows {
        let (hold, item) = (item.hold_id, item.into_item()?);
        match ended.last_mut().filter(|last| last.hold == hold) {
            Some(last) => last.items.push(item),
            None => ended.push(EndedHold {
                hold,
                buyer,
                currency: currency.into(),
                rung: rung.as_deref().and_then(Rung::from_name),
                items: vec![item],
                has_open_payments,
            }),
        }
    }
    Ok(ended)
}

/// The `seq` of each of these holds.
pub async fn seqs_of_holds(
    connection: Connection<'_>,
    holds: &[HoldId],
) -> Result<FxHashMap<HoldId, u64>, sqlx::Error> {
    let select = Text {
        sqlite: "SELECT id, seq FROM holds WHERE id IN (SELECT unhex(value) FROM json_each($1))",
        postgres: "SELECT id, seq FROM holds WHERE id = ANY ($1)",
    };
    let ids: Vec<_> = holds.iter().map(|hold| hold.0).collect();
    let rows: Vec<(HoldId, i64)> = query(connection, select).bind_ids(&ids).fetch_all().await?;
    Ok(rows.into_iter().map(|(hold, seq)| (hold, count(seq))).collect())
}

/// Moves held units in tiers, seats and the sale's own counter, and takes as many `seq`s as there are decisions. Returns the last
/// of them, and the hash of the line before the first. `None` if not all of it is held; the transaction must then be undone.
pub async fn settle_stock(
    connection: Connection<'_>,
    sale_id: i64,
    settling: &Settling,
) -> Result<Option<SaleTaken>, sqlx::Error> {
    let mut connection = match connection {
        // A statement costs a hop there, and nobody else has locked anything.
        Connection::Sqlite(connection) => return sqlite::settle_stock(connection, sale_id, settling).await,
        connection => connection,
    };
    let Settling { seats, tiers, decisions, to, are_seats_first } = settling;
    let (seats_before, seats_after) = if *are_seats_first { (&seats[..], &[][..]) } else { (&[][..], &seats[..]) };
    if settle_seats(connection.again(), sale_id, seats_before, *to).await? != seats_before.len() as u64 {
        return Ok(None);
    }
    for (tier_id, units) in tiers {
        if !settle_tier(connection.again(), *tier_id, *units, *to).await? {
            return Ok(None);
        }
    }
    if settle_seats(connection.again(), sale_id, seats_after, *to).await? != seats_after.len() as u64 {
        return Ok(None);
    }
    let units = tiers.iter().map(|(_, units)| units).sum();
    settle_sale(connection, sale_id, units, *decisions, *to).await
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
    if positions.is_empty() {
        return Ok(0);
    }
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
