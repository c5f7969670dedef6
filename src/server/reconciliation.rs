//! Compares the payment provider's books with ours: every charge has its tickets or goes back, and every ticket that costs
//! something has its charge.

use std::{collections::HashMap, time::Duration};

use tokio::time::Instant;
use uuid::Uuid;

use super::{
    clock::Clock,
    currency,
    payment::{Charge, Provider, ProviderError},
    store::{self, PaymentRecord, Store},
};
use crate::{
    model::{
        ids::{OrderId, PaymentId, SaleId},
        limits::PROVIDER_PATIENCE_MILLISECONDS,
        payment::PaymentStatus,
    },
    ui::kit::money::money,
};

/// The name under which the provider repeats the id of a payment.
const PAYMENT: &str = "payment";
/// Payments that are read at once.
const AT_ONCE: u32 = 1_000;
/// How long to wait before a difference is believed: money may have been on its way between the two looks.
const SECOND_LOOK: Duration = Duration::from_secs(2);

/// Our books.
struct Books {
    payments: Vec<PaymentRecord>,
    unpaid_orders: Vec<(OrderId, SaleId, u64)>,
}

/// What the two books do not agree on, a line each; nothing where every cent is explained.
///
/// # Errors
/// One sentence for the operator, if either of the books cannot be read.
pub async fn unexplained(store: &Store, provider: &Provider) -> Result<Vec<String>, String> {
    let first = look(store, provider).await?;
    if first.is_empty() {
        return Ok(first);
    }
    tokio::time::sleep(SECOND_LOOK).await;
    let second = look(store, provider).await?;
    Ok(second.into_iter().filter(|line| first.contains(line)).collect())
}

async fn look(store: &Store, provider: &Provider) -> Result<Vec<String>, String> {
    let books = read_books(store).await.map_err(|error| format!("the database cannot be read: {error}"))?;
    let charges = all_charges(provider).await.map_err(|error| error.to_string())?;
    Ok(compare(&books, charges))
}

async fn read_books(store: &Store) -> Result<Books, sqlx::Error> {
    let now = Clock::System.now();
    let mut reader = store.reader().await?;
    let mut transaction = reader.begin().await?;
    let mut payments: Vec<PaymentRecord> = Vec::new();
    loop {
        let after = payments.last().map_or(PaymentId(Uuid::nil()), |payment| payment.payment);
        let page = store::payments_after(transaction.connection(), after, AT_ONCE, now).await?;
        if page.is_empty() {
            break;
        }
        payments.extend(page);
    }
    Ok(Books { payments, unpaid_orders: store::unpaid_orders(transaction.connection()).await? })
}

async fn all_charges(provider: &Provider) -> Result<Vec<Charge>, ProviderError> {
    let mut charges = Vec::new();
    let mut after = None;
    loop {
        let deadline = Instant::now() + Duration::from_millis(PROVIDER_PATIENCE_MILLISECONDS);
        let page = provider.charges(after.as_deref(), deadline).await?;
        charges.extend(page.items);
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(charges),
        }
    }
}

/// Compares the books. Charges that name no payment were not made by this shop.
fn compare(books: &Books, charges: Vec<Charge>) -> Vec<String> {
    let mut of_payment: HashMap<String, Vec<Charge>> = HashMap::new();
    for charge in charges.into_iter().filter(|charge| charge.is_paid) {
        if let Some(payment) = charge.metadata.get(PAYMENT).cloned() {
            of_payment.entry(payment).or_default().push(charge);
        }
    }
    let mut lines = Vec::new();
    for payment in &books.payments {
        let charges = of_payment.remove(&payment.payment.to_string()).unwrap_or_default();
        lines.extend(compare_payment(payment, &charges));
    }
    let mut unknown: Vec<_> = of_payment.into_values().flatten().filter(|charge| kept(charge) > 0).collect();
    unknown.sort_by(|one, other| one.id.cmp(&other.id));
    lines.extend(unknown.iter().map(|charge| {
        format!("charge without tickets: {} of {}, for a payment that is not known", charge.id, amount_of(charge))
    }));
    lines.extend(books.unpaid_orders.iter().map(|(order, sale, total)| {
        format!(
            "tickets without a charge: order {order} of {sale}, {total} in minor units, which no payment belongs to"
        )
    }));
    lines
}

/// What of a charge has not gone back.
fn kept(charge: &Charge) -> u64 {
    charge.amount.saturating_sub(charge.amount_refunded)
}

fn compare_payment(payment: &PaymentRecord, charges: &[Charge]) -> Option<String> {
    let (id, sale) = (payment.payment, &payment.sale);
    let paid: u64 = charges.iter().map(kept).sum();
    let told = |amount| money(amount, &payment.currency, currency::digits(&payment.currency));
    match payment.status {
        PaymentStatus::Succeeded if charges.is_empty() => {
            let order = payment.order.map_or_else(String::new, |order| order.to_string());
            Some(format!("tickets without a charge: order {order} of {sale}, {}, payment {id}", told(payment.amount)))
        }
        PaymentStatus::Succeeded
            if paid != payment.amount || charges.iter().any(|one| one.currency != payment.currency) =>
        {
            Some(format!(
                "another amount than the tickets cost: payment {id} of {sale} has {}, and {} is owed",
                told(paid),
                told(payment.amount)
            ))
        }
        PaymentStatus::Refunded if charges.is_empty() => {
            Some(format!("a refund without a charge: payment {id} of {sale}"))
        }
        PaymentStatus::Refunded if paid > 0 => {
            Some(format!("a refund under way: payment {id} of {sale}, {}", told(paid)))
        }
        PaymentStatus::Pending | PaymentStatus::Declined | PaymentStatus::Expired if paid > 0 => Some(format!(
            "a charge without tickets: payment {id} of {sale} is {}, and {} was paid",
            payment.status.name(),
            told(paid)
        )),
        _ => None,
    }
}

fn amount_of(charge: &Charge) -> String {
    money(charge.amount, &charge.currency, currency::digits(&charge.currency))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::model::{
        hold::HoldStatus,
        ids::{BuyerId, HoldId},
        time::Timestamp,
    };

    fn payment(number: u128, status: PaymentStatus) -> PaymentRecord {
        PaymentRecord {
            payment: PaymentId(Uuid::from_u128(number)),
            hold: HoldId(Uuid::from_u128(number)),
            attempt: 1,
            sale: SaleId::from("theatre"),
            buyer: BuyerId(Uuid::nil()),
            status,
            amount: 1_050,
            currency: "EUR".to_owned(),
            hold_seq: 1,
            return_url: "http://127.0.0.1/".to_owned(),
            contact: None,
            items: String::new(),
            page_failures: 0,
            session: None,
            redirect_url: None,
            session_ends_at_seconds: 0,
            payment_intent: None,
            order: (status == PaymentStatus::Succeeded).then(|| OrderId(Uuid::from_u128(number))),
            reason: None,
            is_void: false,
            look_at: None,
            hold_status: Some(HoldStatus::Confirmed),
            hold_expires_at: None,
            store_now: Timestamp::from_milliseconds(0),
        }
    }

    fn charge(number: u128, amount: u64, amount_refunded: u64) -> Charge {
        Charge {
            id: format!("ch_{number}"),
            payment_intent: None,
            amount,
            amount_refunded,
            currency: "EUR".to_owned(),
            metadata: BTreeMap::from([(PAYMENT.to_owned(), Uuid::from_u128(number).to_string())]),
            created: None,
            is_paid: true,
        }
    }

    fn compared(payments: &[PaymentRecord], charges: &[Charge]) -> Vec<String> {
        compare(&Books { payments: payments.to_vec(), unpaid_orders: Vec::new() }, charges.to_vec())
    }

    #[test]
    fn books_that_agree_leave_nothing_to_explain() {
        use PaymentStatus::{Declined, Expired, Pending, Refunded, Succeeded};
        let payments: Vec<_> = (1..)
            .zip([Succeeded, Refunded, Pending, Declined, Expired])
            .map(|(id, status)| payment(id, status))
            .collect();
        let failed = Charge { is_paid: false, ..charge(4, 1_050, 0) };
        let foreign = Charge { metadata: BTreeMap::new(), ..charge(9, 77, 0) };
        let charges = [charge(1, 1_050, 0), charge(2, 1_050, 1_050), failed, foreign];
        assert_eq!(compared(&payments, &charges), Vec::<String>::new());
    }

    #[test]
    fn each_difference_is_told() {
        use PaymentStatus::{Expired, Refunded, Succeeded};
        for (payments, charges, told) in [
            (vec![payment(1, Succeeded)], vec![], "tickets without a charge"),
            (vec![payment(1, Succeeded)], vec![charge(1, 1_000, 0)], "another amount"),
            (vec![payment(1, Succeeded)], vec![charge(1, 1_050, 50)], "another amount"),
            (vec![payment(1, Succeeded)], vec![charge(1, 1_050, 0), charge(1, 1_050, 0)], "another amount"),
            (vec![payment(1, Refunded)], vec![charge(1, 1_050, 1_000)], "a refund under way"),
            (vec![payment(1, Refunded)], vec![], "a refund without a charge"),
            (vec![payment(1, Expired)], vec![charge(1, 1_050, 0)], "a charge without tickets"),
            (vec![], vec![charge(1, 1_050, 0)], "charge without tickets"),
        ] {
            let lines = compared(&payments, &charges);
            assert!(lines.len() == 1 && lines[0].contains(told), "{told}: {lines:?}");
        }
    }
}
