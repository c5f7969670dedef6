//! When to ask the payment provider about which payment, and what it has told by itself.

use uuid::Uuid;

use super::query::{Text, query};
use crate::{
    model::{
        ids::{HoldId, PaymentId},
        time::Timestamp,
    },
    server::store::Connection,
};

/// Asks the provider no more about this payment.
pub async fn stop_looking(connection: Connection<'_>, payment: PaymentId) -> Result<(), sqlx::Error> {
    let stop = "UPDATE payments SET look_at = NULL WHERE id = $1 AND status <> 'pending'";
    query(connection, stop).bind(payment).execute().await?;
    Ok(())
}

/// Asks the provider about this payment next in so many milliseconds, instead of at `instead_of`. Where somebody has set another
/// time meanwhile, that stays.
pub async fn look_again(
    connection: Connection<'_>,
    payment: PaymentId,
    instead_of: Timestamp,
    in_milliseconds: i64,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let again = Text {
        sqlite: "UPDATE payments SET look_at = $2 + $4 WHERE id = $1 AND look_at = $3",
        postgres: "UPDATE payments SET look_at = $2 + store_now() WHERE id = $1 AND look_at = $3",
    };
    query(connection, again).bind(payment).bind(in_milliseconds).bind(instead_of).bind_store_now(now).execute().await?;
    Ok(())
}

/// Asks the provider at once about all payments of these holds of which something may still become.
pub async fn look_at_payments_of(
    connection: Connection<'_>,
    holds: &[HoldId],
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let look = Text {
        sqlite: "UPDATE payments SET look_at = $2
                 WHERE look_at IS NOT NULL AND hold_id IN (SELECT unhex(value) FROM json_each($1))",
        postgres: "UPDATE payments SET look_at = store_now() WHERE look_at IS NOT NULL AND hold_id = ANY ($1)",
    };
    let ids: Vec<Uuid> = holds.iter().map(|hold| hold.0).collect();
    query(connection, look).bind_ids(&ids).bind_store_now(now).execute().await?;
    Ok(())
}

/// Whether it is time to ask the provider about any payment.
pub async fn is_any_payment_to_look_at(connection: Connection<'_>, now: Timestamp) -> Result<bool, sqlx::Error> {
    let ask = Text {
        sqlite: "SELECT EXISTS (SELECT 1 FROM payments WHERE look_at <= $1)",
        postgres: "SELECT EXISTS (SELECT 1 FROM payments WHERE look_at <= (SELECT store_now()))",
    };
    let (is_due,) = query(connection, ask).bind_store_now(now).fetch_one().await?;
    Ok(is_due)
}

/// Takes payments about which the provider is to be asked now, at most so many, for so long: meanwhile nobody else takes them.
pub async fn take_payments_to_look_at(
    connection: Connection<'_>,
    limit: u32,
    for_milliseconds: i64,
    now: Timestamp,
) -> Result<Vec<PaymentId>, sqlx::Error> {
    let take = Text {
        sqlite: "UPDATE payments SET look_at = $3 + $2
                 WHERE id IN (SELECT id FROM payments WHERE look_at <= $3 ORDER BY look_at LIMIT $1) RETURNING id",
        postgres: "UPDATE payments SET look_at = store_now() + $2
                   WHERE id IN (SELECT id FROM payments WHERE look_at <= (SELECT store_now()) ORDER BY look_at LIMIT $1
                                FOR UPDATE SKIP LOCKED) RETURNING id",
    };
    let rows: Vec<(PaymentId,)> =
        query(connection, take).bind(i64::from(limit)).bind(for_milliseconds).bind_store_now(now).fetch_all().await?;
    Ok(rows.into_iter().map(|(payment,)| payment).collect())
}

/// Whether an event of the provider was heard before.
pub async fn is_event_known(connection: Connection<'_>, event: &str) -> Result<bool, sqlx::Error> {
    let (is_known,) = query(connection, "SELECT EXISTS (SELECT 1 FROM payment_events WHERE id = $1)")
        .bind(event.to_owned())
        .fetch_one()
        .await?;
    Ok(is_known)
}

/// Notes that an event of the provider was heard and acted upon.
pub async fn keep_event(connection: Connection<'_>, event: &str, now: Timestamp) -> Result<(), sqlx::Error> {
    let keep = Text {
        sqlite: "INSERT INTO payment_events (id, received_at) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        postgres: "INSERT INTO payment_events (id, received_at) VALUES ($1, store_now()) ON CONFLICT DO NOTHING",
    };
    query(connection, keep).bind(event.to_owned()).bind_store_now(now).execute().await?;
    Ok(())
}

/// Forgets at most so many events that were heard longer ago than this, and returns how many. The payments remember what
/// became of them, so an event that comes again does no harm.
pub async fn forget_events(
    connection: Connection<'_>,
    age_milliseconds: i64,
    limit: u32,
    now: Timestamp,
) -> Result<u64, sqlx::Error> {
    let forget = Text {
        sqlite: "DELETE FROM payment_events
                 WHERE id IN (SELECT id FROM payment_events WHERE received_at < $3 - $1 ORDER BY received_at LIMIT $2)",
        postgres: "DELETE FROM payment_events
                   WHERE id IN (SELECT id FROM payment_events WHERE received_at < (SELECT store_now()) - $1
                                ORDER BY received_at LIMIT $2)",
    };
    query(connection, forget).bind(age_milliseconds).bind(i64::from(limit)).bind_store_now(now).execute().await
}
