//! The catalogue's desk over the core.

use std::sync::Arc;

use crate::server::engine::core::Core;

/// Keeps the catalogue of sales.
#[derive(Clone)]
pub struct Catalogue {
    pub(super) core: Arc<Core>,
}

impl Catalogue {
    pub(in crate::server::engine) fn new(core: Arc<Core>) -> Self {
        Self { core }
    }
}
