//! The ledger's lines.

use sqlx::{SqliteConnection, SqliteExecutor};
use uuid::Uuid;

use super::{count, integer};
use crate::{
    model::{
        ledger::{ChangeKind, Units},
        time::Timestamp,
    },
    server::ledger::Hash,
};

/// A line as it is stored: the hash of the line before stands in the line before.
#[derive(Clone, Debug)]
pub struct LedgerRecord {
    pub seq: u64,
    pub at: Timestamp,
    pub kind: ChangeKind,
    pub units: Vec<Units>,
    pub reference: Option<Uuid>,
    pub hash: Hash,
}

/// Appends one line.
pub async fn append(connection: &mut SqliteConnection, sale_id: i64, line: &LedgerRecord) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT INTO ledger (sale_id, seq, at, kind, units, reference, hash) VALUES (?, ?, ?, ?, ?, ?, ?)")
        .bind(sale_id)
        .bind(integer(line.seq))
        .bind(line.at.milliseconds)
        .bind(line.kind.name())
        .bind(serde_json::to_string(&line.units).expect("units are plain data"))
        .bind(line.reference.map(|reference| reference.as_bytes().to_vec()))
        .bind(line.hash.to_vec())
        .execute(connection)
        .await?;
    Ok(())
}

/// Up to `limit` lines from `seq` on, in order. A line that cannot be read is an error of the decoder: it was tampered
/// with.
pub async fn lines_from(
    executor: impl SqliteExecutor<'_>,
    sale_id: i64,
    seq: u64,
    limit: u32,
) -> Result<Vec<LedgerRecord>, sqlx::Error> {
    type Row = (i64, i64, String, String, Option<Vec<u8>>, Vec<u8>);
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT seq, at, kind, units, reference, hash FROM ledger WHERE sale_id = ? AND seq >= ? ORDER BY seq LIMIT ?",
    )
    .bind(sale_id)
    .bind(integer(seq))
    .bind(limit)
    .fetch_all(executor)
    .await?;
    rows.into_iter()
        .map(|(seq, at, kind, units, reference, hash)| {
            let unreadable = || sqlx::Error::Decode(format!("ledger line {seq} cannot be read").into());
            Ok(LedgerRecord {
                seq: count(seq),
                at: Timestamp::from_milliseconds(at),
                kind: ChangeKind::from_name(&kind).ok_or_else(unreadable)?,
                units: serde_json::from_str(&units).map_err(|_| unreadable())?,
                reference: reference.map(|bytes| Uuid::from_slice(&bytes).map_err(|_| unreadable())).transpose()?,
                hash: hash.try_into().map_err(|_| unreadable())?,
            })
        })
        .collect()
}
