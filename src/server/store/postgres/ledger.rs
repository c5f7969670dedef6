//! The ledger's lines.

use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    model::{ids::BuyerId, ledger::ChangeKind, time::Timestamp},
    server::store::rows::{ChangeRecord, LedgerRecord, count, integer},
};

/// Appends one line.
pub async fn append(connection: &mut PgConnection, sale_id: i64, line: &LedgerRecord) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO ledger (sale_id, seq, at, kind, units, reference, hash) VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(sale_id)
    .bind(integer(line.seq))
    .bind(line.at.milliseconds)
    .bind(line.kind.name())
    .bind(serde_json::to_string(&line.units).expect("units are plain data"))
    .bind(line.reference)
    .bind(line.hash)
    .execute(connection)
    .await?;
    Ok(())
}

/// Up to `limit` lines from `seq` on, in order. A line that cannot be read is an error of the decoder: it was tampered
/// with.
pub async fn lines_from(
    connection: &mut PgConnection,
    sale_id: i64,
    seq: u64,
    limit: u32,
) -> Result<Vec<LedgerRecord>, sqlx::Error> {
    let rows: Vec<LineRow> = sqlx::query_as(
        "SELECT seq, at, kind, units, reference, hash FROM ledger
         WHERE sale_id = $1 AND seq >= $2 ORDER BY seq LIMIT $3",
    )
    .bind(sale_id)
    .bind(integer(seq))
    .bind(i64::from(limit))
    .fetch_all(connection)
    .await?;
    rows.into_iter().map(LineRow::line).collect()
}

/// Up to `limit` lines behind `seq`, in order, each with its buyer.
pub async fn changes_after(
    connection: &mut PgConnection,
    sale_id: i64,
    seq: u64,
    limit: u32,
) -> Result<Vec<ChangeRecord>, sqlx::Error> {
    #[derive(sqlx::FromRow)]
    struct ChangeRow {
        #[sqlx(flatten)]
        line: LineRow,
        buyer_id: Option<Uuid>,
    }
    let rows: Vec<ChangeRow> = sqlx::query_as(
        "SELECT ledger.seq, ledger.at, ledger.kind, ledger.units, ledger.reference, ledger.hash, orders.buyer_id
         FROM ledger LEFT JOIN orders ON orders.id = ledger.reference
         WHERE ledger.sale_id = $1 AND ledger.seq > $2 ORDER BY ledger.seq LIMIT $3",
    )
    .bind(sale_id)
    .bind(integer(seq))
    .bind(i64::from(limit))
    .fetch_all(connection)
    .await?;
    let change = |row: ChangeRow| Ok(ChangeRecord { line: row.line.line()?, buyer: row.buyer_id.map(BuyerId) });
    rows.into_iter().map(change).collect()
}

#[derive(sqlx::FromRow)]
struct LineRow {
    seq: i64,
    at: i64,
    kind: String,
    units: String,
    reference: Option<Uuid>,
    hash: Vec<u8>,
}

impl LineRow {
    fn line(self) -> Result<LedgerRecord, sqlx::Error> {
        let unreadable = || sqlx::Error::Decode(format!("ledger line {} cannot be read", self.seq).into());
        Ok(LedgerRecord {
            seq: count(self.seq),
            at: Timestamp::from_milliseconds(self.at),
            kind: ChangeKind::from_name(&self.kind).ok_or_else(unreadable)?,
            units: serde_json::from_str(&self.units).map_err(|_| unreadable())?,
            reference: self.reference,
            hash: self.hash.as_slice().try_into().map_err(|_| unreadable())?,
        })
    }
}
