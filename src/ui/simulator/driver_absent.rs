//! Stands in for the driver where there is no browser: a page rendered on the server starts nothing.

use super::session::{Request, Run, Session};
use crate::model::{ids::SaleId, strategy::StrategyKind};

pub fn start(_: Session, _: Request) {}

pub fn compare(_: Session, _: Request, _: Vec<StrategyKind>) {}

pub fn reset(_: Session, _: SaleId) {}

pub fn save_json(_: &str, _: &[Run]) {}

pub fn save_page(_: &str, _: &str, _: &[Run]) {}
