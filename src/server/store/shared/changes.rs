//! Changes what a hold has. The caller has started a transaction of its own.

use super::{
    columns::HoldItemRow,
    query::{Text, query},
};
use crate::{
    model::{
        ids::{BuyerId, HoldId},
        rung::Rung,
        time::Timestamp,
    },
    server::store::{
        Connection,
        hold_rows::NewHoldItem,
        postgres,
        rows::{SaleTaken, integer},
    },
};

/// Locks a buyer's hold for a change. `false` if it is not active or its time is over.
pub async fn begin_change(
    connection: Connection<'_>,
    hold: HoldId,
    buyer: BuyerId,
    now: Timestamp,
) -> Result<bool, sqlx::Error> {
    macro_rules! begin {
        ($now:literal) => {
            concat!(
                "UPDATE holds SET seq = seq WHERE id = $1 AND buyer_id = $2 AND status = 'active' AND expires_at > ",
                $now
            )
        };
    }
    let begin = Text { sqlite: begin!("$3"), postgres: begin!("store_now()") };
    Ok(query(connection, begin).bind(hold).bind(buyer).bind_store_now(now).execute().await? == 1)
}

/// What a hold has, in the order of its items.
pub async fn items_of(connection: Connection<'_>, hold: HoldId) -> Result<Vec<NewHoldItem>, sqlx::Error> {
    let rows: Vec<HoldItemRow> = query(
        connection,
        "SELECT hold_id, number, tier_id, seat_position, quantity, price, substitute FROM hold_items
         WHERE hold_id = $1 ORDER BY number",
    )
    .bind(hold)
    .fetch_all()
    .await?;
    rows.into_iter().map(HoldItemRow::into_item).collect()
}

/// Gives units of a tier back and takes others, if enough are left. The row stays locked until the transaction ends.
pub async fn change_tier(
    mut connection: Connection<'_>,
    tier_id: i64,
    gives: u64,
    takes: u64,
) -> Result<bool, sqlx::Error> {
    let changed = query(
        connection.again(),
        "UPDATE tiers SET available = available + $1 - $2, held = held - $1 + $2, version = version + 1
         WHERE id = $3 AND held >= $1 AND available + $1 >= $2",
    )
    .bind(integer(gives))
    .bind(integer(takes))
    .bind(tier_id)
    .execute()
    .await?;
    if let (Connection::Postgres(connection), true) = (connection, changed == 1) {
        return postgres::change_units(connection, tier_id, integer(gives) - integer(takes)).await;
    }
    Ok(changed == 1)
}

/// Gives units of the sale's own counter back and takes others, and takes so many `seq`s. Returns the last of them, and the
/// hash of the line before the first. `None` if too few units are left, or if units are taken and the sale is not open.
pub async fn change_sale(
    connection: Connection<'_>,
    sale_id: i64,
    (gives, takes): (u64, u64),
    decisions: u64,
) -> Result<Option<SaleTaken>, sqlx::Error> {
    let row = query(
        connection,
        "UPDATE sales SET available = available + $1 - $2, held = held - $1 + $2, seq = seq + $3
         WHERE id = $4 AND held >= $1 AND available + $1 >= $2 AND ($2 = 0 OR switch = 'open')
         RETURNING seq, head_hash, revision",
    )
    .bind(integer(gives))
    .bind(integer(takes))
    .bind(integer(decisions))
    .bind(sale_id)
    .fetch_optional()
    .await?;
    Ok(row.map(SaleTaken::from_row))
}

/// Replaces what a hold has, as of this change of the sale. Without a `seq` nothing is given back or taken.
pub async fn replace_items(
    mut connection: Connection<'_>,
    sale_id: i64,
    hold: HoldId,
    (items, rung): (&[NewHoldItem], Option<Rung>),
    seq: Option<u64>,
) -> Result<(), sqlx::Error> {
    query(connection.again(), "DELETE FROM hold_items WHERE hold_id = $1").bind(hold).execute().await?;
    let insert = Text {
        sqlite: "INSERT INTO hold_items (hold_id, sale_id, number, tier_id, seat_position, quantity, price, substitute)
                 SELECT $1, $2, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5
                 FROM json_each($3)",
        postgres: "INSERT INTO hold_items (hold_id, sale_id, number, tier_id, seat_position, quantity, price, substitute)
                   SELECT $1, $2, (item ->> 0)::BIGINT, (item ->> 1)::BIGINT, (item ->> 2)::BIGINT, (item ->> 3)::BIGINT,
                          (item ->> 4)::BIGINT, (item ->> 5)::BIGINT
                   FROM json_array_elements($3::JSON) AS items (item)",
    };
    let row = |(number, item): (usize, &NewHoldItem)| {
        (number, item.tier_id, item.seat_position, item.quantity, item.price, item.substitute)
    };
    let rows: Vec<_> = items.iter().enumerate().map(row).collect();
    let rows = serde_json::to_string(&rows).expect("numbers are plain data");
    query(connection.again(), insert).bind(hold).bind(sale_id).bind(rows).execute().await?;
    query(connection, "UPDATE holds SET seq = COALESCE($1, seq), rung = $2 WHERE id = $3")
        .bind(seq.map(integer))
        .bind(rung.map(Rung::name))
        .bind(hold)
        .execute()
        .await?;
    Ok(())
}
