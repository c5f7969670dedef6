//! Reads a sale over the public API and draws the plan of a run: one request per virtual buyer, written beforehand.

use bytes::Bytes;
use tokio::time::sleep;

use super::{
    client::{Connection, Fault, Reply},
    run_error::RunError,
};
use crate::model::{
    ids::SaleId,
    ledger::LedgerLine,
    outcome::Problem,
    retry::{MAX_RETRIES, leaves_outcome_open, pause_before, unexpected_status},
    sale::Sale,
    scenario::{Stock, wishes},
    seat::SeatList,
    simulation::Target,
};

/// What every buyer of a run will ask for, and the sale as it stood before the first of them.
pub struct Workload {
    pub before: Sale,
    /// Where purchases are posted.
    pub path: String,
    /// The body of each buyer's request, in the order of arrival.
    pub bodies: Vec<Bytes>,
}

impl Workload {
    pub async fn draw(
        connection: &mut Connection,
        sale: &SaleId,
        target: &Target,
        buyers: u32,
        seed: u64,
    ) -> Result<Self, RunError> {
        let before: Sale = read(connection, &format!("/api/v1/sales/{sale}")).await?;
        let list: SeatList = read(connection, &format!("/api/v1/sales/{sale}/seats")).await?;
        let stock = Stock::aimed_at(target, &before, &list.seats)
            .map_err(|_| RunError::Refused(format!("the sale {sale} has no {target}")))?;
        let wishes = wishes(&stock, buyers, seed);
        if wishes.is_empty() {
            return Err(RunError::Refused(format!("the sale {sale} has no stock to ask for")));
        }
        let bodies = wishes.iter().map(|wish| Bytes::from(serde_json::to_vec(wish).expect("a wish is plain data")));
        Ok(Self { before, path: format!("/api/v1/sales/{sale}/buy"), bodies: bodies.collect() })
    }
}

/// Gets `path` and parses it; a problem document becomes the refusal that it tells of.
pub async fn read<T: serde::de::DeserializeOwned>(connection: &mut Connection, path: &str) -> Result<T, RunError> {
    parse(path, &get(connection, path).await?)
}

/// Parses what came back from `path`; a problem document becomes the refusal that it tells of.
pub fn parse<T: serde::de::DeserializeOwned>(path: &str, reply: &Reply) -> Result<T, RunError> {
    check(path, reply)?;
    serde_json::from_slice(&reply.body).map_err(|error| RunError::Unreadable(format!("{path}: {error}")))
}

/// The ledger lines after `seq`, as the server exports them.
pub async fn read_ledger(connection: &mut Connection, sale: &SaleId, seq: u64) -> Result<Vec<LedgerLine>, RunError> {
    let path = format!("/api/v1/sales/{sale}/ledger?after={seq}");
    let reply = get(connection, &path).await?;
    let lines = reply.body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines
        .map(|line| serde_json::from_slice(line).map_err(|error| RunError::Unreadable(format!("{path}: {error}"))))
        .collect()
}

/// Gets `path`, again and again for a moment while something in between answers instead of the server, or nothing does.
async fn get(connection: &mut Connection, path: &str) -> Result<Reply, RunError> {
    let mut retry = 0;
    loop {
        let answer = connection.get(path).await;
        if retry == MAX_RETRIES || !is_from_in_between(&answer) {
            let reply = answer.map_err(RunError::Unreachable)?;
            check(path, &reply)?;
            return Ok(reply);
        }
        retry += 1;
        sleep(pause_before(retry)).await;
    }
}

/// Whether this is no answer of the server's: nothing, or a failure without its words.
pub fn is_from_in_between(answer: &Result<Reply, Fault>) -> bool {
    answer.as_ref().map_or(true, |reply| {
        let status = reply.status.as_u16();
        !reply.status.is_success() && leaves_outcome_open(status) && problem(reply).is_none()
    })
}

fn problem(reply: &Reply) -> Option<Problem> {
    serde_json::from_slice(&reply.body).ok()
}

fn check(path: &str, reply: &Reply) -> Result<(), RunError> {
    if reply.status.is_success() {
        return Ok(());
    }
    Err(match problem(reply) {
        Some(problem) => RunError::Refused(problem.detail),
        None => RunError::Unreadable(format!("{path}: {}", unexpected_status(reply.status.as_u16()))),
    })
}
