//! The ledger's lines.

use uuid::Uuid;

use super::query::{Text, query};
use crate::{
    model::{ids::BuyerId, ledger::ChangeKind, time::Timestamp},
    server::{
        ledger::hexadecimal,
        store::{
            Connection,
            rows::{ChangeRecord, LedgerRecord, count, integer},
        },
    },
};

/// Appends one line to a ledger.
pub async fn append(connection: Connection<'_>, sale_id: i64, line: &LedgerRecord) -> Result<(), sqlx::Error> {
    query(
        connection,
        "INSERT INTO ledger (sale_id, seq, at, kind, units, reference, hash) VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(sale_id)
    .bind(integer(line.seq))
    .bind(line.at)
    .bind(line.kind)
    .bind(serde_json::to_string(&line.units).expect("units are plain data"))
    .bind(line.reference)
    .bind(line.hash.as_slice())
    .execute()
    .await?;
    Ok(())
}

/// Appends these lines to a ledger, and makes the last of them its head.
pub async fn append_all(connection: Connection<'_>, sale_id: i64, lines: &[LedgerRecord]) -> Result<(), sqlx::Error> {
    let append = Text {
        sqlite: "INSERT INTO ledger (sale_id, seq, at, kind, units, reference, hash)
                 SELECT $1, value ->> 0, value ->> 1, value ->> 2, value ->> 3, unhex(value ->> 4), unhex(value ->> 5)
                 FROM json_each($2);
                 UPDATE sales SET seq = $3, head_hash = $4 WHERE id = $1",
        postgres: "WITH appended AS (
                       INSERT INTO ledger (sale_id, seq, at, kind, units, reference, hash)
                       SELECT $1, (line ->> 0)::BIGINT, (line ->> 1)::BIGINT, line ->> 2, line ->> 3, (line ->> 4)::UUID,
                              decode(line ->> 5, 'hex')
                       FROM json_array_elements($2::JSON) AS lines (line))
                   UPDATE sales SET seq = $3, head_hash = $4 WHERE id = $1",
    };
    let last = lines.last().expect("there is a line to append");
    let row = |line: &LedgerRecord| {
        let units = serde_json::to_string(&line.units).expect("units are plain data");
        let reference = line.reference.map(|reference| reference.simple().to_string());
        (line.seq, line.at.milliseconds, line.kind.name(), units, reference, hexadecimal(&line.hash))
    };
    let rows: Vec<_> = lines.iter().map(row).collect();
    let rows = serde_json::to_string(&rows).expect("lines are plain data");
    let (seq, hash) = (integer(last.seq), last.hash.as_slice());
    query(connection, append).bind(sale_id).bind(rows).bind(seq).bind(hash).execute().await?;
    Ok(())
}

/// Where a sale's ledger ends.
pub async fn seq_of(connection: Connection<'_>, sale_id: i64) -> Result<u64, sqlx::Error> {
    let (seq,) = query(connection, "SELECT seq FROM sales WHERE id = $1").bind(sale_id).fetch_one().await?;
    Ok(count(seq))
}

/// Where a sale's ledger ends, and whether its stock is as it was made: nothing but stock has been added since the last
/// reset.
pub async fn untouched_at(connection: Connection<'_>, sale_id: i64) -> Result<(u64, bool), sqlx::Error> {
    let (seq, last_kind): (i64, Option<ChangeKind>) = query(
        connection,
        "SELECT seq, (SELECT kind FROM ledger WHERE sale_id = $1 AND kind <> 'stock' ORDER BY seq DESC LIMIT 1)
         FROM sales WHERE id = $1",
    )
    .bind(sale_id)
    .fetch_one()
    .await?;
    Ok((count(seq), last_kind.is_none_or(|kind| kind == ChangeKind::Reset)))
}

/// Up to `limit` lines from `seq` on, in order. A line that cannot be read was tampered with; it gives
/// [`sqlx::Error::Decode`].
pub async fn lines_from(
    connection: Connection<'_>,
    sale_id: i64,
    seq: u64,
    limit: u32,
) -> Result<Vec<LedgerRecord>, sqlx::Error> {
    let rows: Vec<LineRow> = query(
        connection,
        "SELECT seq, at, kind, units, reference, hash FROM ledger
         WHERE sale_id = $1 AND seq >= $2 ORDER BY seq LIMIT $3",
    )
    .bind(sale_id)
    .bind(integer(seq))
    .bind(i64::from(limit))
    .fetch_all()
    .await?;
    rows.into_iter().map(LineRow::line).collect()
}

/// Up to `limit` lines after `seq`, in order, each with its buyer.
pub async fn changes_after(
    connection: Connection<'_>,
    sale_id: i64,
    seq: u64,
    limit: u32,
) -> Result<Vec<ChangeRecord>, sqlx::Error> {
    #[derive(sqlx::FromRow)]
    struct ChangeRow {
        #[sqlx(flatten)]
        line: LineRow,
        buyer_id: Option<BuyerId>,
    }
    let rows: Vec<ChangeRow> = query(
        connection,
        "SELECT ledger.seq, ledger.at, ledger.kind, ledger.units, ledger.reference, ledger.hash,
                COALESCE(orders.buyer_id, holds.buyer_id) AS buyer_id
         FROM ledger
         LEFT JOIN orders ON orders.id = ledger.reference LEFT JOIN holds ON holds.id = ledger.reference
         WHERE ledger.sale_id = $1 AND ledger.seq > $2 ORDER BY ledger.seq LIMIT $3",
    )
    .bind(sale_id)
    .bind(integer(seq))
    .bind(i64::from(limit))
    .fetch_all()
    .await?;
    rows.into_iter().map(|row| Ok(ChangeRecord { line: row.line.line()?, buyer: row.buyer_id })).collect()
}

#[derive(sqlx::FromRow)]
struct LineRow {
    seq: i64,
    at: Timestamp,
    kind: ChangeKind,
    units: String,
    reference: Option<Uuid>,
    hash: Vec<u8>,
}

impl LineRow {
    fn line(self) -> Result<LedgerRecord, sqlx::Error> {
        let unreadable = || sqlx::Error::Decode(format!("ledger line {} cannot be read", self.seq).into());
        Ok(LedgerRecord {
            seq: count(self.seq),
            at: self.at,
            kind: self.kind,
            units: serde_json::from_str(&self.units).map_err(|_| unreadable())?,
            reference: self.reference,
            hash: self.hash.try_into().map_err(|_| unreadable())?,
        })
    }
}
