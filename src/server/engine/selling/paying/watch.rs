//! Asks the provider about payments of which nothing is heard, and sends back money that is to go back.
//!
//! Any number of servers may do this with one store: each takes payments for a while, and the others leave them alone.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use tokio::task::JoinSet;

use super::super::cashier::{Cashier, within};
use crate::{
    model::{
        ids::PaymentId,
        limits::{
            PAYMENT_TAKEN_MILLISECONDS, PAYMENT_WATCH_MILLISECONDS, PROVIDER_CALLS_AT_ONCE,
            PROVIDER_PATIENCE_MILLISECONDS,
        },
    },
    server::{
        engine::{error::EngineError, selling::desk::Selling},
        store,
    },
};

/// What is looked after.
#[derive(Clone, Copy)]
enum What {
    Payments,
    Refunds,
}

/// Looks after payments and refunds, again and again, until the desk is dropped.
pub async fn watch(selling: Weak<Selling>) {
    tokio::join!(watch_over(selling.clone(), What::Payments), watch_over(selling, What::Refunds));
}

async fn watch_over(selling: Weak<Selling>, what: What) {
    let mut calls = JoinSet::new();
    loop {
        tokio::time::sleep(Duration::from_millis(PAYMENT_WATCH_MILLISECONDS)).await;
        let Some(selling) = selling.upgrade().filter(|selling| selling.cashier.is_some()) else { return };
        while calls.try_join_next().is_some() {}
        match selling.take_what_is_due(what, PROVIDER_CALLS_AT_ONCE - calls.len()).await {
            Ok(due) => due.into_iter().for_each(|payment| drop(calls.spawn(look(selling.clone(), what, payment)))),
            Err(error) => tracing::warn!(%error, "payments cannot be looked after just now"),
        }
    }
}

async fn look(selling: Arc<Selling>, what: What, payment: PaymentId) {
    let Some(cashier) = &selling.cashier else { return };
    let looked = match what {
        What::Payments => selling.look_after_one(cashier, payment).await,
        What::Refunds => selling.follow_refund(cashier, payment).await,
    };
    if let Err(error) = looked {
        tracing::warn!(%payment, %error, "a payment cannot be looked after just now");
    }
}

impl Selling {
    /// Takes payments about which, or about whose refunds, the provider is to be asked now. While nothing is due, nothing is
    /// written.
    async fn take_what_is_due(&self, what: What, limit: usize) -> Result<Vec<PaymentId>, EngineError> {
        let (now, limit) = (self.core.clock().now(), u32::try_from(limit).unwrap_or_default());
        let is_due = {
            let mut reader = self.core.desk.store.reader().await?;
            match what {
                What::Payments => store::is_any_payment_to_look_at(reader.connection(), now).await?,
                What::Refunds => store::is_any_refund_to_look_at(reader.connection(), now).await?,
            }
        };
        if !is_due || limit == 0 {
            return Ok(Vec::new());
        }
        let mut writer = self.core.desk.writer().await?;
        let (connection, taken_for) = (writer.in_doubt(), PAYMENT_TAKEN_MILLISECONDS);
        let due = match what {
            What::Payments => store::take_payments_to_look_at(connection, limit, taken_for, now).await?,
            What::Refunds => store::take_refunds_to_look_at(connection, limit, taken_for, now).await?,
        };
        writer.settle();
        Ok(due)
    }

    async fn look_after_one(&self, cashier: &Cashier, payment: PaymentId) -> Result<(), EngineError> {
        match self.payment(payment, None).await? {
            Some(found) => self.look_after(cashier, &found, within(PROVIDER_PATIENCE_MILLISECONDS)).await,
            None => Ok(()),
        }
    }
}
