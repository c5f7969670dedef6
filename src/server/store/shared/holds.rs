//! Reads what is held, for whom and until when, and changes a hold's time.

use super::query::{Query, Text, query};
use crate::{
    model::{
        hold::{Hold, HoldItem, HoldStatus},
        ids::{BuyerId, HoldId, OrderId, SaleId, SeatLabel, TierId},
        rung::Rung,
        sale::ContactRule,
        time::Timestamp,
    },
    server::{
        currency,
        store::{Connection, hold_rows::LiveHoldRecord, rows::count},
    },
};

/// A hold with what is told to nobody.
#[derive(Clone, Debug)]
pub struct FoundHold {
    pub hold: Hold,
    pub buyer: BuyerId,
    /// Whether its buyer is asked how they can be reached, as its sale said when the hold was made.
    pub contact: ContactRule,
}

/// A row of a query: one item with its hold.
#[derive(sqlx::FromRow)]
struct ItemRow {
    id: HoldId,
    buyer_id: BuyerId,
    contact: ContactRule,
    sale: String,
    status: HoldStatus,
    currency: String,
    rung: Option<String>,
    seq: i64,
    expires_at: Timestamp,
    extensions_left: i64,
    store_now: Timestamp,
    tier: String,
    seat: Option<String>,
    quantity: i64,
    price: i64,
    substitute: Option<String>,
}

/// Selects holds with their items; `$now` is how the text asks for the store's time.
macro_rules! select_holds {
    ($now:literal, $condition:literal) => {
        concat!(
            "SELECT holds.id, holds.buyer_id, holds.contact, sales.slug AS sale, holds.status, holds.currency, holds.rung,
                    holds.seq, holds.expires_at, holds.extensions_left, CAST(",
            $now,
            " AS BIGINT) AS store_now, tiers.slug AS tier, seats.label AS seat, hold_items.quantity, hold_items.price,
                    asked.label AS substitute
             FROM holds
             JOIN sales ON sales.id = holds.sale_id
             JOIN hold_items ON hold_items.hold_id = holds.id
             JOIN tiers ON tiers.id = hold_items.tier_id
             LEFT JOIN seats ON seats.sale_id = holds.sale_id AND seats.position = hold_items.seat_position
             LEFT JOIN seats AS asked ON asked.sale_id = holds.sale_id AND asked.position = hold_items.substitute
             WHERE ",
            $condition,
            " ORDER BY holds.id, hold_items.number"
        )
    };
}

/// Those of these holds that there are.
pub async fn find_holds(
    connection: Connection<'_>,
    holds: &[HoldId],
    now: Timestamp,
) -> Result<Vec<FoundHold>, sqlx::Error> {
    let select = Text {
        sqlite: select_holds!("$2", "holds.id IN (SELECT unhex(value) FROM json_each($1))"),
        postgres: select_holds!("store_now()", "holds.id = ANY ($1)"),
    };
    let ids: Vec<_> = holds.iter().map(|hold| hold.0).collect();
    read(query(connection, select).bind_ids(&ids).bind_store_now(now)).await
}

/// A hold by its id. With `buyer`, only if it is that buyer's.
pub async fn find_hold(
    connection: Connection<'_>,
    hold: HoldId,
    buyer: Option<BuyerId>,
    now: Timestamp,
) -> Result<Option<Hold>, sqlx::Error> {
    let found = find_holds(connection, &[hold], now).await?.pop();
    Ok(found.filter(|found| buyer.is_none_or(|buyer| found.buyer == buyer)).map(|found| found.hold))
}

/// The buyer of the hold with this id; `None` where there is no such hold.
pub async fn holder_of(connection: Connection<'_>, hold: HoldId) -> Result<Option<BuyerId>, sqlx::Error> {
    let row: Option<(BuyerId,)> =
        query(connection, "SELECT buyer_id FROM holds WHERE id = $1").bind(hold).fetch_optional().await?;
    Ok(row.map(|(buyer,)| buyer))
}

/// A buyer's live holds, the oldest first, in all sales or in one. A hold whose time is over is among them until somebody
/// releases it.
pub async fn live_holds_of(
    connection: Connection<'_>,
    buyer: BuyerId,
    sale_id: Option<i64>,
    now: Timestamp,
) -> Result<Vec<Hold>, sqlx::Error> {
    macro_rules! select_live {
        ($now:literal) => {
            select_holds!($now, "holds.buyer_id = $1 AND holds.ended_at IS NULL AND ($2 IS NULL OR holds.sale_id = $2)")
        };
    }
    let select = Text { sqlite: select_live!("$3"), postgres: select_live!("store_now()") };
    let found = read(query(connection, select).bind(buyer).bind(sale_id).bind_store_now(now)).await?;
    Ok(found.into_iter().map(|found| found.hold).collect())
}

async fn read(query: Query<'_>) -> Result<Vec<FoundHold>, sqlx::Error> {
    Ok(group(query.fetch_all().await?))
}

/// Groups items into holds. The items of one hold must follow each other.
fn group(rows: Vec<ItemRow>) -> Vec<FoundHold> {
    let mut holds: Vec<FoundHold> = Vec::new();
    for row in rows {
        let item = HoldItem {
            tier: TierId(row.tier),
            seat: row.seat.map(SeatLabel),
            quantity: count(row.quantity),
            price: count(row.price),
            substitute: row.substitute.map(SeatLabel),
        };
        if holds.last().is_none_or(|found| found.hold.id != row.id) {
            let hold = Hold {
                id: row.id,
                sale: SaleId(row.sale),
                status: row.status,
                items: Vec::new(),
                rung: row.rung.as_deref().and_then(Rung::from_name),
                total: 0,
                currency_digits: currency::digits(&row.currency),
                currency: row.currency,
                expires_at: row.expires_at,
                extensions_left: u32::try_from(row.extensions_left).expect("the schema keeps extensions few"),
                server_now: row.store_now,
                seq: count(row.seq),
                order: (row.status == HoldStatus::Confirmed).then_some(OrderId(row.id.0)),
            };
            holds.push(FoundHold { hold, buyer: row.buyer_id, contact: row.contact });
        }
        let hold = &mut holds.last_mut().expect("one was just added").hold;
        hold.total += item.price * item.quantity;
        hold.items.push(item);
    }
    holds
}

/// The live holds of a sale, with how many units each has.
pub async fn live_holds(connection: Connection<'_>, sale_id: i64) -> Result<Vec<LiveHoldRecord>, sqlx::Error> {
    let rows: Vec<(HoldId, BuyerId, i64, Timestamp)> = query(
        connection,
        "SELECT holds.id, holds.buyer_id, CAST(SUM(hold_items.quantity) AS BIGINT), holds.due_at
         FROM holds JOIN hold_items ON hold_items.hold_id = holds.id
         WHERE holds.sale_id = $1 AND holds.ended_at IS NULL GROUP BY holds.id, holds.buyer_id, holds.due_at",
    )
    .bind(sale_id)
    .fetch_all()
    .await?;
    let record = |(hold, buyer, units, due_at)| LiveHoldRecord { hold, buyer, units: count(units), due_at };
    Ok(rows.into_iter().map(record).collect())
}

/// How many live holds a buyer has in a sale, and how many units are in them.
pub async fn held_by(connection: Connection<'_>, sale_id: i64, buyer: BuyerId) -> Result<(u64, u64), sqlx::Error> {
    let (holds, units): (i64, i64) = query(
        connection,
        "SELECT COUNT(DISTINCT holds.id), CAST(COALESCE(SUM(hold_items.quantity), 0) AS BIGINT)
         FROM holds JOIN hold_items ON hold_items.hold_id = holds.id
         WHERE holds.buyer_id = $1 AND holds.sale_id = $2 AND holds.ended_at IS NULL",
    )
    .bind(buyer)
    .bind(sale_id)
    .fetch_one()
    .await?;
    Ok((count(holds), count(units)))
}

/// The store's time. The embedded store has the time of this process, which is `now`.
pub async fn store_now(connection: Connection<'_>, now: Timestamp) -> Result<Timestamp, sqlx::Error> {
    let select = Text { sqlite: "SELECT CAST($1 AS BIGINT)", postgres: "SELECT store_now()" };
    let (store_now,) = query(connection, select).bind_store_now(now).fetch_one().await?;
    Ok(store_now)
}

/// From when on the first live hold of a sale may be released by others, and the store's time. The first is `None` if nothing
/// is held.
pub async fn next_due(
    connection: Connection<'_>,
    sale_id: i64,
    now: Timestamp,
) -> Result<(Option<Timestamp>, Timestamp), sqlx::Error> {
    let select = Text {
        sqlite: "SELECT MIN(due_at), CAST($2 AS BIGINT) FROM holds WHERE sale_id = $1 AND ended_at IS NULL",
        postgres: "SELECT MIN(due_at), store_now() FROM holds WHERE sale_id = $1 AND ended_at IS NULL",
    };
    query(connection, select).bind(sale_id).bind_store_now(now).fetch_one().await
}

/// Moves the end of an active hold, if its time is not over and it may be extended once more. `false` if not.
pub async fn extend_hold(
    connection: Connection<'_>,
    hold: HoldId,
    buyer: BuyerId,
    now: Timestamp,
) -> Result<bool, sqlx::Error> {
    macro_rules! extend {
        ($now:literal) => {
            concat!(
                "UPDATE holds SET extensions_left = extensions_left - 1,
                     expires_at = expires_at + 1000 * extension_seconds, due_at = due_at + 1000 * extension_seconds
                 WHERE id = $1 AND buyer_id = $2 AND status = 'active' AND extensions_left > 0 AND expires_at > ",
                $now
            )
        };
    }
    let extend = Text { sqlite: extend!("$3"), postgres: extend!("store_now()") };
    Ok(query(connection, extend).bind(hold).bind(buyer).bind_store_now(now).execute().await? == 1)
}

/// Deletes at most `limit` holds that ended longer ago than `age_milliseconds` by the store's clock, and returns how many it
/// deleted. Their orders and their ledger lines stay.
pub async fn forget_ended_holds(
    mut connection: Connection<'_>,
    age_milliseconds: i64,
    limit: u32,
    now: Timestamp,
) -> Result<u64, sqlx::Error> {
    // The time is asked for once, so that the index on `ended_at` can be used.
    let select = Text {
        sqlite: "SELECT id FROM holds WHERE ended_at < $3 - $1 ORDER BY ended_at LIMIT $2",
        postgres: "SELECT id FROM holds WHERE ended_at < (SELECT store_now()) - $1 ORDER BY ended_at LIMIT $2",
    };
    let ended: Vec<(HoldId,)> = query(connection.again(), select)
        .bind(age_milliseconds)
        .bind(i64::from(limit))
        .bind_store_now(now)
        .fetch_all()
        .await?;
    let ids: Vec<_> = ended.into_iter().map(|(hold,)| hold.0).collect();
    let forget_items = Text {
        sqlite: "DELETE FROM hold_items WHERE hold_id IN (SELECT unhex(value) FROM json_each($1))",
        postgres: "DELETE FROM hold_items WHERE hold_id = ANY ($1)",
    };
    let forget_holds = Text {
        sqlite: "DELETE FROM holds WHERE id IN (SELECT unhex(value) FROM json_each($1))",
        postgres: "DELETE FROM holds WHERE id = ANY ($1)",
    };
    query(connection.again(), forget_items).bind_ids(&ids).execute().await?;
    query(connection, forget_holds).bind_ids(&ids).execute().await
}
