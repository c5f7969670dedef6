//! What every request handler is handed.

use std::sync::Arc;

use super::{auth::Sessions, config::Config, engine::Engine, simulator::Simulations};

#[derive(Clone)]
pub struct App {
    pub engine: Arc<Engine>,
    pub sessions: Arc<Sessions>,
    pub simulations: Arc<Simulations>,
    pub config: Arc<Config>,
}
