//! The application's shared parts, which every request handler gets.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::{
    auth::Sessions,
    background::Background,
    config::Config,
    engine::{Catalogue, Engine},
    limits::Limits,
    shutdown::Shutdown,
    simulator::Simulations,
    site::Site,
};
use crate::model::sale::Sale;

/// All parts of the application behind one pointer. It is cloned from layer to layer for each request, so it must be
/// small.
#[derive(Clone)]
pub struct App(Arc<Parts>);

/// The parts of an application.
pub struct Parts {
    pub engine: Arc<Engine>,
    pub sessions: Arc<Sessions>,
    pub simulations: Arc<Simulations>,
    pub config: Arc<Config>,
    /// Tells everything that would otherwise run for ever, such as a stream, to end.
    pub shutdown: Shutdown,
    /// How much one client may use.
    pub limits: Limits,
    /// Where pages are rendered, apart from the buyers.
    pub pages: Background,
    /// Where long answers are written and compressed, apart from the buyers.
    pub long_answers: Background,
    /// How many more ledgers may be exported now.
    pub exports: Arc<Semaphore>,
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
    /// Whether anybody may attack and reset this sale: in a demo the rehearsals and the demo's own sales. Elsewhere both
    /// are the organiser's, because they cost the other buyers time.
    pub fn is_playground(&self, sale: &Sale) -> bool {
        self.config.demo && (sale.rehearsal || Catalogue::is_demo_sale(&sale.id))
    }
}
