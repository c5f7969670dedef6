//! What every request handler is handed.

use std::sync::Arc;

use super::{
    auth::Sessions,
    config::Config,
    engine::{Catalogue, Engine},
    limits::StreamCaps,
    shutdown::Shutdown,
    simulator::Simulations,
    site::Site,
};
use crate::model::sale::Sale;

/// Handed from layer to layer for each request, so one pointer stands for all of it.
#[derive(Clone)]
pub struct App(Arc<Parts>);

/// What an application consists of.
pub struct Parts {
    pub engine: Arc<Engine>,
    pub sessions: Arc<Sessions>,
    pub simulations: Arc<Simulations>,
    pub config: Arc<Config>,
    /// Heard by everything that would otherwise go on for ever, such as a stream.
    pub shutdown: Shutdown,
    /// Open live streams, by session and by address.
    pub streams: Arc<StreamCaps>,
    /// The built client and the public files.
    pub site: Arc<Site>,
}

impl std::ops::Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl From<Parts> for App {
    fn from(parts: Parts) -> Self {
        Self(Arc::new(parts))
    }
}

impl App {
    /// Whether anybody may put this sale's stock back as it was made: rehearsals, and in a demo the demo sales.
    pub fn is_playground(&self, sale: &Sale) -> bool {
        sale.rehearsal || (self.config.demo && Catalogue::is_demo_sale(&sale.id))
    }
}
