//! The payment provider, and who may call it.

use std::{collections::HashMap, time::Duration};

use parking_lot::Mutex;
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::Instant,
};

use crate::{
    model::{
        ids::PaymentId,
        limits::{PAYMENT_GLANCE_MILLISECONDS, PROVIDER_CALLS_AT_ONCE},
    },
    server::payment::{Provider, ProviderError, Session},
};

/// The status of the provider's answer where a page cannot be closed because it is not open any more.
const NOT_OPEN: u16 = 400;
/// When so many glances are remembered, old ones are forgotten.
const REMEMBERED_GLANCES: usize = 4_096;

/// The payment provider of this server.
pub struct Cashier {
    pub provider: Provider,
    /// Places for calls that buyers wait for. A provider that is slow takes no more than these.
    calls: Semaphore,
    /// When a buyer last made this server ask about a payment.
    glances: Mutex<HashMap<PaymentId, Instant>>,
}

impl Cashier {
    pub fn new(provider: Provider) -> Self {
        Self { provider, calls: Semaphore::new(PROVIDER_CALLS_AT_ONCE), glances: Mutex::default() }
    }

    /// A place for a call that a buyer waits for; `None` where too many are under way. Then nobody waits: the call is made
    /// later.
    pub fn place(&self) -> Option<SemaphorePermit<'_>> {
        self.calls.try_acquire().ok()
    }

    /// Whether the provider may be asked about a payment again because its buyer asks.
    pub fn may_glance(&self, payment: PaymentId) -> bool {
        let (now, pause) = (Instant::now(), Duration::from_millis(PAYMENT_GLANCE_MILLISECONDS));
        let mut glances = self.glances.lock();
        if glances.len() >= REMEMBERED_GLANCES {
            glances.retain(|_, last| now - *last < pause);
        }
        let is_late_enough = glances.get(&payment).is_none_or(|last| now - *last >= pause);
        if is_late_enough {
            glances.insert(payment, now);
        }
        is_late_enough
    }

    /// Ends a page, so that nobody can pay there any more. Returns what has become of it, which may be that somebody has paid.
    ///
    /// # Errors
    /// See [`ProviderError`].
    pub async fn close(&self, session: &str, deadline: Instant) -> Result<Session, ProviderError> {
        match self.provider.expire_session(session, deadline).await {
            Err(ProviderError::Refused { status: NOT_OPEN, .. }) => self.provider.session(session, deadline).await,
            closed => closed,
        }
    }
}

/// The instant at which a call has taken too long.
pub fn within(milliseconds: u64) -> Instant {
    Instant::now() + Duration::from_millis(milliseconds)
}
