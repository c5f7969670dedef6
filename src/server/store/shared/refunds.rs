//! Money that goes back: decided in the transaction that makes it needless, and then followed until it has gone.

use super::query::{Text, query};
use crate::{
    model::{ids::PaymentId, time::Timestamp},
    server::store::{
        Connection,
        payment_rows::RefundRecord,
        rows::{count, integer},
    },
};

macro_rules! insert_refunds {
    ($now:literal, $condition:literal) => {
        concat!(
            "INSERT INTO refunds (payment_id, created_at, look_at)
             SELECT payments.id, store.now, store.now FROM payments CROSS JOIN (SELECT CAST(",
            $now,
            " AS BIGINT) AS now) AS store WHERE payments.status = 'refunded' AND ",
            $condition,
            " ON CONFLICT DO NOTHING"
        )
    };
}

/// Decides that the money of a payment, which has come in vain, goes back. `false` if it was accounted for before.
pub async fn give_back(
    mut connection: Connection<'_>,
    payment: PaymentId,
    (payment_intent, reason): (Option<&str>, &str),
    now: Timestamp,
) -> Result<bool, sqlx::Error> {
    macro_rules! give_back {
        ($now:literal) => {
            concat!(
                "UPDATE payments SET status = 'refunded', payment_intent = $2, reason = $3, look_at = NULL, decided_at = ",
                $now,
                " WHERE id = $1 AND status IN ('pending', 'declined', 'expired')"
            )
        };
    }
    let given_back = query(connection.again(), Text { sqlite: give_back!("$4"), postgres: give_back!("store_now()") })
        .bind(payment)
        .bind(payment_intent.map(str::to_owned))
        .bind(reason.to_owned())
        .bind_store_now(now)
        .execute()
        .await?;
    let insert = Text {
        sqlite: insert_refunds!("$2", "payments.id = $1"),
        postgres: insert_refunds!("store_now()", "payments.id = $1"),
    };
    query(connection, insert).bind(payment).bind_store_now(now).execute().await?;
    Ok(given_back == 1)
}

/// Gives back the money of all payments of a sale, and notes that money that still comes goes back too. Part of a reset.
pub async fn give_all_back(
    mut connection: Connection<'_>,
    sale_id: i64,
    reason: &str,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let give_back = "UPDATE payments SET status = 'refunded', reason = $2 WHERE sale_id = $1 AND status = 'succeeded'";
    query(connection.again(), give_back).bind(sale_id).bind(reason.to_owned()).execute().await?;
    let insert = Text {
        sqlite: insert_refunds!("$2", "payments.sale_id = $1"),
        postgres: insert_refunds!("store_now()", "payments.sale_id = $1"),
    };
    query(connection.again(), insert).bind(sale_id).bind_store_now(now).execute().await?;
    let void = Text {
        sqlite: "UPDATE payments SET void = true, look_at = CASE WHEN look_at IS NULL THEN NULL ELSE $2 END
                 WHERE sale_id = $1 AND status <> 'refunded' AND NOT void",
        postgres: "UPDATE payments SET void = true, look_at = CASE WHEN look_at IS NULL THEN NULL ELSE store_now() END
                   WHERE sale_id = $1 AND status <> 'refunded' AND NOT void",
    };
    query(connection, void).bind(sale_id).bind_store_now(now).execute().await?;
    Ok(())
}

/// Whether anything in this sale was paid for.
pub async fn is_anything_paid(connection: Connection<'_>, sale_id: i64) -> Result<bool, sqlx::Error> {
    let ask = "SELECT EXISTS (SELECT 1 FROM payments WHERE sale_id = $1 AND status = 'succeeded')";
    let (is_paid,) = query(connection, ask).bind(sale_id).fetch_one().await?;
    Ok(is_paid)
}

/// A row of a query.
#[derive(sqlx::FromRow)]
struct RefundRow {
    payment_id: PaymentId,
    attempt: i64,
    refund: Option<String>,
    payment_intent: Option<String>,
    amount: i64,
    currency: String,
    look_at: Option<Timestamp>,
}

impl From<RefundRow> for RefundRecord {
    fn from(row: RefundRow) -> Self {
        Self {
            payment: row.payment_id,
            attempt: count(row.attempt),
            refund: row.refund,
            payment_intent: row.payment_intent,
            amount: count(row.amount),
            currency: row.currency,
            has_gone: row.look_at.is_none(),
        }
    }
}

macro_rules! select_refunds {
    ($condition:literal) => {
        concat!(
            "SELECT refunds.payment_id, refunds.attempt, refunds.refund, payments.payment_intent, payments.amount,
                    payments.currency, refunds.look_at
             FROM refunds JOIN payments ON payments.id = refunds.payment_id ",
            $condition
        )
    };
}

/// The refund of a payment.
pub async fn find_refund(connection: Connection<'_>, payment: PaymentId) -> Result<Option<RefundRecord>, sqlx::Error> {
    let select = select_refunds!("WHERE refunds.payment_id = $1");
    let row: Option<RefundRow> = query(connection, select).bind(payment).fetch_optional().await?;
    Ok(row.map(RefundRecord::from))
}

/// Takes refunds that are to be asked for now, at most so many, for so long: meanwhile nobody else takes them.
pub async fn take_refunds_to_look_at(
    connection: Connection<'_>,
    limit: u32,
    for_milliseconds: i64,
    now: Timestamp,
) -> Result<Vec<PaymentId>, sqlx::Error> {
    let take = Text {
        sqlite: "UPDATE refunds SET look_at = $3 + $2
                 WHERE payment_id IN (SELECT payment_id FROM refunds WHERE look_at <= $3 ORDER BY look_at LIMIT $1)
                 RETURNING payment_id",
        postgres: "UPDATE refunds SET look_at = store_now() + $2
                   WHERE payment_id IN (SELECT payment_id FROM refunds WHERE look_at <= (SELECT store_now())
                                        ORDER BY look_at LIMIT $1 FOR UPDATE SKIP LOCKED)
                   RETURNING payment_id",
    };
    let rows: Vec<(PaymentId,)> =
        query(connection, take).bind(i64::from(limit)).bind(for_milliseconds).bind_store_now(now).fetch_all().await?;
    Ok(rows.into_iter().map(|(payment,)| payment).collect())
}

/// Whether it is time to ask the provider about any refund.
pub async fn is_any_refund_to_look_at(connection: Connection<'_>, now: Timestamp) -> Result<bool, sqlx::Error> {
    let ask = Text {
        sqlite: "SELECT EXISTS (SELECT 1 FROM refunds WHERE look_at <= $1)",
        postgres: "SELECT EXISTS (SELECT 1 FROM refunds WHERE look_at <= (SELECT store_now()))",
    };
    let (is_due,) = query(connection, ask).bind_store_now(now).fetch_one().await?;
    Ok(is_due)
}

/// Notes what the provider calls a refund of this attempt. With `look_again_in_milliseconds` the money has not gone yet, and the
/// provider is asked again.
pub async fn note_refund(
    connection: Connection<'_>,
    (payment, attempt): (PaymentId, u64),
    refund: &str,
    look_again_in_milliseconds: Option<i64>,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let note = Text {
        sqlite: "UPDATE refunds SET refund = $3, look_at = $4 + $5 WHERE payment_id = $1 AND attempt = $2",
        postgres: "UPDATE refunds SET refund = $3, look_at = $4 + store_now() WHERE payment_id = $1 AND attempt = $2",
    };
    let note = query(connection, note).bind(payment).bind(integer(attempt)).bind(refund.to_owned());
    note.bind(look_again_in_milliseconds).bind_store_now(now).execute().await.map(drop)
}

/// Asks anew, in so many milliseconds, for a refund whose attempt has failed.
pub async fn refund_anew(
    connection: Connection<'_>,
    (payment, attempt): (PaymentId, u64),
    in_milliseconds: i64,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let anew = Text {
        sqlite: "UPDATE refunds SET attempt = attempt + 1, refund = NULL, look_at = $3 + $4
                 WHERE payment_id = $1 AND attempt = $2",
        postgres: "UPDATE refunds SET attempt = attempt + 1, refund = NULL, look_at = $3 + store_now()
                   WHERE payment_id = $1 AND attempt = $2",
    };
    let anew = query(connection, anew).bind(payment).bind(integer(attempt)).bind(in_milliseconds);
    anew.bind_store_now(now).execute().await.map(drop)
}

/// Asks the provider about the refund of this payment in so many milliseconds, even if its money seemed to have gone.
pub async fn look_at_refund(
    connection: Connection<'_>,
    payment: PaymentId,
    in_milliseconds: i64,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let look = Text {
        sqlite: "UPDATE refunds SET look_at = $2 + $3 WHERE payment_id = $1",
        postgres: "UPDATE refunds SET look_at = $2 + store_now() WHERE payment_id = $1",
    };
    query(connection, look).bind(payment).bind(in_milliseconds).bind_store_now(now).execute().await.map(drop)
}
