//! Payments: when each began, what the provider has said of it, and when to ask the provider next.
//!
//! Whoever changes a payment and its hold in one transaction locks the hold first.

use super::query::{Text, query};
use crate::{
    model::{
        hold::HoldStatus,
        ids::{BuyerId, HoldId, OrderId, PaymentId, SaleId},
        limits::PAYING_HOLD_PATIENCE_MILLISECONDS,
        order::Contact,
        payment::PaymentStatus,
        time::Timestamp,
    },
    server::store::{
        Connection,
        payment_rows::{NewPayment, PaymentRecord, UnpaidEnd},
        rows::{count, integer},
    },
};

/// A row of a query: a payment with what is still known of its hold.
#[derive(sqlx::FromRow)]
struct PaymentRow {
    id: PaymentId,
    hold_id: HoldId,
    attempt: i64,
    sale: String,
    buyer_id: BuyerId,
    status: PaymentStatus,
    amount: i64,
    currency: String,
    hold_seq: i64,
    items: String,
    return_url: String,
    contact_email: Option<String>,
    contact_name: Option<String>,
    page_failures: i64,
    session: Option<String>,
    redirect_url: Option<String>,
    session_ends_at: i64,
    payment_intent: Option<String>,
    order_id: Option<OrderId>,
    reason: Option<String>,
    void: bool,
    look_at: Option<Timestamp>,
    hold_status: Option<HoldStatus>,
    hold_expires_at: Option<Timestamp>,
    store_now: Timestamp,
}

/// Selects payments; `$now` is how the text asks for the store's time.
macro_rules! select_payments {
    ($now:literal, $rest:literal) => {
        concat!(
            "SELECT payments.id, payments.hold_id, payments.attempt, sales.slug AS sale, payments.buyer_id, payments.status,
                    payments.amount, payments.currency, payments.hold_seq, payments.items, payments.return_url,
                    payments.contact_email, payments.contact_name, payments.page_failures, payments.session,
                    payments.redirect_url, payments.session_ends_at,
                    payments.payment_intent, payments.order_id, payments.reason, payments.void, payments.look_at,
                    holds.status AS hold_status, holds.expires_at AS hold_expires_at, CAST(",
            $now,
            " AS BIGINT) AS store_now
             FROM payments JOIN sales ON sales.id = payments.sale_id LEFT JOIN holds ON holds.id = payments.hold_id ",
            $rest
        )
    };
}

macro_rules! select_payments_on_both {
    ($rest:literal, $now_in_sqlite:literal) => {
        Text { sqlite: select_payments!($now_in_sqlite, $rest), postgres: select_payments!("store_now()", $rest) }
    };
}

impl From<PaymentRow> for PaymentRecord {
    fn from(row: PaymentRow) -> Self {
        Self {
            payment: row.id,
            hold: row.hold_id,
            attempt: count(row.attempt),
            sale: SaleId(row.sale),
            buyer: row.buyer_id,
            status: row.status,
            amount: count(row.amount),
            currency: row.currency,
            hold_seq: count(row.hold_seq),
            items: row.items,
            return_url: row.return_url,
            contact: row.contact_email.map(|email| Contact { email, name: row.contact_name }),
            page_failures: count(row.page_failures),
            session: row.session,
            redirect_url: row.redirect_url,
            session_ends_at_seconds: count(row.session_ends_at),
            payment_intent: row.payment_intent,
            order: row.order_id,
            reason: row.reason,
            is_void: row.void,
            look_at: row.look_at,
            hold_status: row.hold_status,
            hold_expires_at: row.hold_expires_at,
            store_now: row.store_now,
        }
    }
}

/// Makes a buyer's active hold wait for a payment, if it has not been changed since `seq` and its time is not over. The first
/// payment of a hold makes it live on for some time at least. `None` if not; else the end of the hold.
pub async fn begin_paying(
    connection: Connection<'_>,
    (hold, buyer, seq): (HoldId, BuyerId, u64),
    now: Timestamp,
) -> Result<Option<Timestamp>, sqlx::Error> {
    macro_rules! begin {
        ($latest:literal, $now:literal) => {
            begin!(
                $now,
                concat!(
                    "CASE WHEN EXISTS (SELECT 1 FROM payments WHERE hold_id = $1) THEN expires_at
                      ELSE ",
                    $latest,
                    "(expires_at, ",
                    $now,
                    " + 1000 * payment_grace_seconds) END"
                ),
            )
        };
        ($now:literal, $end:expr,) => {
            concat!(
                "UPDATE holds SET status = 'paying', expires_at = ",
                $end,
                ", due_at = $4 + ",
                $end,
                " WHERE id = $1 AND buyer_id = $2 AND seq = $3 AND status = 'active' AND expires_at > ",
                $now,
                " RETURNING expires_at"
            )
        };
    }
    let begin = Text { sqlite: begin!("max", "$5"), postgres: begin!("greatest", "store_now()") };
    let row: Option<(Timestamp,)> = query(connection, begin)
        .bind(hold)
        .bind(buyer)
        .bind(integer(seq))
        .bind(PAYING_HOLD_PATIENCE_MILLISECONDS)
        .bind_store_now(now)
        .fetch_optional()
        .await?;
    Ok(row.map(|(expires_at,)| expires_at))
}

/// Makes a hold active again that has waited for a payment, if it waits for none any more. It ends when its time is over.
pub async fn end_paying(connection: Connection<'_>, hold: HoldId) -> Result<(), sqlx::Error> {
    let end = "UPDATE holds SET status = 'active', due_at = expires_at WHERE id = $1 AND status = 'paying'
                 AND NOT EXISTS (SELECT 1 FROM payments WHERE hold_id = $1 AND status = 'pending')";
    query(connection, end).bind(hold).execute().await?;
    Ok(())
}

/// Adds a payment that is pending.
pub async fn insert_payment(connection: Connection<'_>, new: &NewPayment, now: Timestamp) -> Result<(), sqlx::Error> {
    macro_rules! insert {
        ($now:literal) => {
            concat!(
                "INSERT INTO payments (id, hold_id, attempt, sale_id, buyer_id, status, amount, currency, hold_seq, items,
                                       return_url, contact_email, contact_name, session_ends_at, look_at, created_at)
                 SELECT $1, $2, COALESCE((SELECT MAX(attempt) FROM payments WHERE hold_id = $2), 0) + 1, $3, $4, 'pending', $5,
                        $6, $7, $8, $9, $10, $11, $12, $13, CAST(",
                $now,
                " AS BIGINT)"
            )
        };
    }
    let contact = new.contact.as_ref();
    query(connection, Text { sqlite: insert!("$14"), postgres: insert!("store_now()") })
        .bind(new.payment)
        .bind(new.hold)
        .bind(new.sale_id)
        .bind(new.buyer)
        .bind(integer(new.amount))
        .bind(new.currency.clone())
        .bind(integer(new.hold_seq))
        .bind(new.items.clone())
        .bind(new.return_url.clone())
        .bind(contact.map(|contact| contact.email.clone()))
        .bind(contact.and_then(|contact| contact.name.clone()))
        .bind(integer(new.session_ends_at_seconds))
        .bind(new.look_at)
        .bind_store_now(now)
        .execute()
        .await?;
    Ok(())
}

/// A payment by its id. With `buyer`, only if it is that buyer's.
pub async fn find_payment(
    connection: Connection<'_>,
    payment: PaymentId,
    buyer: Option<BuyerId>,
    now: Timestamp,
) -> Result<Option<PaymentRecord>, sqlx::Error> {
    let select = select_payments_on_both!("WHERE payments.id = $1 AND ($2 IS NULL OR payments.buyer_id = $2)", "$3");
    let row: Option<PaymentRow> =
        query(connection, select).bind(payment).bind(buyer).bind_store_now(now).fetch_optional().await?;
    Ok(row.map(PaymentRecord::from))
}

/// All payments of a hold, the oldest first.
pub async fn payments_of(
    connection: Connection<'_>,
    hold: HoldId,
    now: Timestamp,
) -> Result<Vec<PaymentRecord>, sqlx::Error> {
    let select = select_payments_on_both!("WHERE payments.hold_id = $1 ORDER BY payments.attempt", "$2");
    let rows: Vec<PaymentRow> = query(connection, select).bind(hold).bind_store_now(now).fetch_all().await?;
    Ok(rows.into_iter().map(PaymentRecord::from).collect())
}

/// Payments in the order of their ids, those after `after`, at most so many.
pub async fn payments_after(
    connection: Connection<'_>,
    after: PaymentId,
    limit: u32,
    now: Timestamp,
) -> Result<Vec<PaymentRecord>, sqlx::Error> {
    let select = select_payments_on_both!("WHERE payments.id > $1 ORDER BY payments.id LIMIT $2", "$3");
    let rows: Vec<PaymentRow> =
        query(connection, select).bind(after).bind(i64::from(limit)).bind_store_now(now).fetch_all().await?;
    Ok(rows.into_iter().map(PaymentRecord::from).collect())
}

/// Valid orders of sales whose orders are paid, other than rehearsals, that cost something and that no payment belongs to.
pub async fn unpaid_orders(connection: Connection<'_>) -> Result<Vec<(OrderId, SaleId, u64)>, sqlx::Error> {
    let rows: Vec<(OrderId, String, i64)> = query(
        connection,
        "SELECT orders.id, sales.slug, orders.total FROM orders JOIN sales ON sales.id = orders.sale_id
         WHERE sales.checkout = 'paid' AND NOT sales.rehearsal AND NOT orders.void AND orders.total > 0
           AND NOT EXISTS (SELECT 1 FROM payments WHERE payments.order_id = orders.id AND payments.status = 'succeeded')
         ORDER BY orders.id",
    )
    .fetch_all()
    .await?;
    Ok(rows.into_iter().map(|(order, sale, total)| (order, SaleId(sale), count(total))).collect())
}

/// Notes the page that the provider made for a payment, if no other one is noted. Where the payment has ended meanwhile, the
/// provider is asked at once, which closes the page.
pub async fn note_session(
    connection: Connection<'_>,
    payment: PaymentId,
    session: &str,
    redirect_url: &str,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    macro_rules! note {
        ($now:literal) => {
            concat!(
                "UPDATE payments SET session = $2, redirect_url = $3,
                                     look_at = CASE WHEN status = 'pending' THEN look_at ELSE ",
                $now,
                " END
                 WHERE id = $1 AND (session IS NULL OR session = $2)"
            )
        };
    }
    let note = query(connection, Text { sqlite: note!("$4"), postgres: note!("store_now()") });
    let note = note.bind(payment).bind(session.to_owned()).bind(redirect_url.to_owned()).bind_store_now(now);
    note.execute().await.map(drop)
}

/// Notes that the provider failed to make a page, so that it is asked anew, as of so many failures.
pub async fn note_page_failure(
    connection: Connection<'_>,
    payment: PaymentId,
    page_failures: u64,
) -> Result<(), sqlx::Error> {
    let note = "UPDATE payments SET page_failures = page_failures + 1
                WHERE id = $1 AND page_failures = $2 AND session IS NULL";
    query(connection, note).bind(payment).bind(integer(page_failures)).execute().await.map(drop)
}

/// Ends a pending payment without money. `false` if it is not pending any more, or has a page although it may not.
pub async fn end_payment(
    connection: Connection<'_>,
    payment: PaymentId,
    end: &UnpaidEnd<'_>,
    now: Timestamp,
) -> Result<bool, sqlx::Error> {
    macro_rules! end {
        ($now:literal) => {
            concat!(
                "UPDATE payments SET status = $2, reason = $3, look_at = CASE WHEN $4 THEN look_at END, decided_at = ",
                $now,
                " WHERE id = $1 AND status = 'pending' AND (session IS NULL OR NOT $5)"
            )
        };
    }
    let ended = query(connection, Text { sqlite: end!("$6"), postgres: end!("store_now()") })
        .bind(payment)
        .bind(end.status)
        .bind(end.reason.to_owned())
        .bind(end.look_again)
        .bind(end.only_without_page)
        .bind_store_now(now);
    Ok(ended.execute().await? == 1)
}

/// Notes that the money for an order has come. `false` if the payment's money was accounted for before.
pub async fn succeed(
    connection: Connection<'_>,
    payment: PaymentId,
    order: OrderId,
    payment_intent: Option<&str>,
    now: Timestamp,
) -> Result<bool, sqlx::Error> {
    macro_rules! succeed {
        ($now:literal) => {
            concat!(
                "UPDATE payments SET status = 'succeeded', order_id = $2, payment_intent = $3, reason = NULL, look_at = NULL,
                                     decided_at = ",
                $now,
                " WHERE id = $1 AND status IN ('pending', 'declined', 'expired') AND NOT void"
            )
        };
    }
    let succeeded = query(connection, Text { sqlite: succeed!("$4"), postgres: succeed!("store_now()") })
        .bind(payment)
        .bind(order)
        .bind(payment_intent.map(str::to_owned))
        .bind_store_now(now);
    Ok(succeeded.execute().await? == 1)
}
