//! How an engine is set up.

use std::sync::Arc;

use crate::{
    model::limits::DEFAULT_REQUEST_QUEUE,
    server::{
        clock::Clock,
        payment::Provider,
        strategy::{QueueOptions, Strategy},
    },
};

/// How an engine is set up.
pub struct EngineOptions {
    pub clock: Clock,
    /// How many claims may wait or be decided at once. Further claims are refused as overloaded.
    pub request_queue: usize,
    /// The runtime on which the feed ticks and the viewers are served, apart from the buyers.
    pub viewers: tokio::runtime::Handle,
    /// The configured secret; without it, the one in the database is used. Signs what is put into Redis, and turns keys into
    /// the form in which they are kept.
    pub secret: Option<Vec<u8>>,
    /// The runtime on which audits recount, apart from the buyers and from the viewers.
    pub recount: tokio::runtime::Handle,
    /// The address of Redis, if there is one.
    pub redis_url: Option<String>,
    /// How buyers can pay.
    pub till: Till,
    /// The payment provider, or what stands in for it.
    pub provider: Option<Provider>,
    /// How `queued` works on its queue.
    pub queue: QueueOptions,
    /// Strategies to add to the registry. Each replaces the registry's strategy of the same kind.
    pub strategies: Vec<Arc<dyn Strategy>>,
}

impl EngineOptions {
    /// The defaults: system clock, no Redis, a queue of the usual length, audits on the viewers' runtime.
    pub fn new(viewers: tokio::runtime::Handle) -> Self {
        Self {
            clock: Clock::System,
            request_queue: DEFAULT_REQUEST_QUEUE,
            recount: viewers.clone(),
            viewers,
            secret: None,
            redis_url: None,
            till: Till::default(),
            provider: None,
            queue: QueueOptions::default(),
            strategies: Vec::new(),
        }
    }
}

/// How buyers can pay.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Till {
    /// Whether the operator has a payment provider.
    pub has_provider: bool,
    /// Whether payments without money are allowed in every sale, and limits for one buyer are lifted: only in a demo.
    pub is_demo: bool,
}
