//! What every request handler is handed.

use std::sync::Arc;

use super::{auth::Sessions, config::Config, engine::Engine, http::Site, shutdown::Shutdown, simulator::Simulations};

#[derive(Clone)]
pub struct App {
    pub engine: Arc<Engine>,
    pub sessions: Arc<Sessions>,
    pub simulations: Arc<Simulations>,
    pub config: Arc<Config>,
    /// Heard by everything that would otherwise go on for ever, such as a stream.
    pub shutdown: Shutdown,
    /// The built client and the public files.
    pub site: Arc<Site>,
}
