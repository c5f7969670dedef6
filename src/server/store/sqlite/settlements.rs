//! Moves held units of many holds in one hop to the connection's thread.

use sqlx::SqliteConnection;

use crate::server::store::{
    hold_rows::Settling,
    rows::{SaleTaken, integer},
};

/// The statements. Each checks with `changes()` whether the statement before it changed as many rows as there should be. If not,
/// it writes a value that a CHECK forbids. `$are_settled` is that check for what comes before the tiers.
macro_rules! settle {
    ($seats:literal, $are_settled:literal) => {
        concat!(
            $seats,
            "UPDATE tiers
             SET held = iif(",
            $are_settled,
            ", held - settled.units, -1),
                 available = available + iif($2 = 'available', settled.units, 0),
                 sold = sold + iif($2 = 'sold', settled.units, 0), version = version + 1
             FROM (SELECT value ->> 0 AS tier_id, value ->> 1 AS units FROM json_each($3)) AS settled
             WHERE tiers.id = settled.tier_id AND tiers.held >= settled.units;
             UPDATE sales
             SET held = iif(changes() = $4, held - $5, -1), available = available + iif($2 = 'available', $5, 0),
                 sold = sold + iif($2 = 'sold', $5, 0), seq = seq + $6
             WHERE id = $1 AND held >= $5
             RETURNING seq, head_hash, revision"
        )
    };
}

const WITHOUT_SEATS: &str = settle!("", "true");
const WITH_SEATS: &str = settle!(
    "UPDATE seats SET status = $2, version = version + 1
     WHERE sale_id = $1 AND status = 'held' AND position IN (SELECT value FROM json_each($7));",
    "changes() = $8"
);

/// Moves held units in tiers, seats and the sale's own counter, and takes as many `seq`s as there are decisions. Returns the last
/// of them, and the hash of the line before the first. `None` if not all of it is held; the transaction must then be undone.
pub async fn settle_stock(
    connection: &mut SqliteConnection,
    sale_id: i64,
    settling: &Settling,
) -> Result<Option<SaleTaken>, sqlx::Error> {
    let Settling { seats, tiers, decisions, to, .. } = settling;
    let units: u64 = tiers.iter().map(|(_, units)| units).sum();
    let row = sqlx::query_as(if seats.is_empty() { WITHOUT_SEATS } else { WITH_SEATS })
        .bind(sale_id)
        .bind(to.name())
        .bind(serde_json::to_string(tiers).expect("numbers are plain data"))
        .bind(integer(tiers.len() as u64))
        .bind(integer(units))
        .bind(integer(*decisions))
        .bind(serde_json::to_string(seats).expect("numbers are plain data"))
        .bind(integer(seats.len() as u64))
        .fetch_optional(connection)
        .await;
    match row {
        Ok(row) => Ok(row.map(SaleTaken::from_row)),
        Err(sqlx::Error::Database(error)) if error.is_check_violation() => Ok(None),
        Err(error) => Err(error),
    }
}
