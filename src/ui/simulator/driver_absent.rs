//! Stands in for the driver where there is no browser: a page rendered on the server starts nothing.

use super::session::{Request, Run, Session};
use crate::model::ids::SaleId;

pub fn start(_: Session, _: Request) {}

pub fn reset(_: Session, _: SaleId) {}

pub fn save(_: &[Run]) {}
