//! Reads a sale over the public API, and draws the request of each virtual buyer. All requests are written before the
//! run starts, so that writing them takes no time from it.

use bytes::Bytes;
use tokio::time::sleep;

use super::{
    client::{Connection, Fault, Reply},
    journey::{End, ends},
    run_error::RunError,
};
use crate::model::{
    body::{BuyBody, HoldBody, Quantity},
    ids::{SaleId, TierId},
    ledger::LedgerLine,
    outcome::Problem,
    retry::{MAX_RETRIES, leaves_outcome_open, pause_before, unexpected_status},
    sale::Sale,
    scenario::{Stock, wishes},
    seat::SeatList,
    simulation::{Target, Workload as Kind},
};

/// What every buyer of a run will ask for, and the sale before the first of them acts.
pub struct Workload {
    pub before: Sale,
    /// The path to which purchases or holds are posted.
    pub path: String,
    /// The JSON body of each buyer's first request, in the order of arrival.
    pub bodies: Vec<Bytes>,
    /// How each buyer's journey is to end, if something is held. Empty where buyers buy at once.
    pub ends: Vec<End>,
}

impl Workload {
    /// Reads the sale and its seats, and draws one request for each of `buyers`. The same seed draws the same requests
    /// from the same stock.
    ///
    /// Fails with [`RunError::Refused`] if the sale does not have the target or has no stock at all, and with the errors
    /// of [`read`].
    pub async fn draw(
        connection: &mut Connection,
        sale: &SaleId,
        target: &Target,
        buyers: u32,
        kind: Kind,
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
        let written = |body: serde_json::Result<Vec<u8>>| Bytes::from(body.expect("a wish is plain data"));
        let (path, bodies, ends) = match kind {
            Kind::Buy => ("buy", wishes.iter().map(|wish| written(serde_json::to_vec(wish))).collect(), Vec::new()),
            Kind::Journey => {
                let bodies = wishes.iter().map(|wish| written(serde_json::to_vec(&to_hold(wish))));
                ("holds", bodies.collect(), ends(buyers, seed))
            }
        };
        Ok(Self { before, path: format!("/api/v1/sales/{sale}/{path}"), bodies, ends })
    }
}

/// The same wish as a request to hold.
fn to_hold(wish: &BuyBody) -> HoldBody {
    let seats = wish.seat.iter().chain(wish.seats.iter().flatten()).cloned().collect::<Vec<_>>();
    let item = |tier: &TierId| Quantity { tier: tier.clone(), quantity: wish.quantity.unwrap_or(1) };
    HoldBody {
        seats: (!seats.is_empty()).then_some(seats),
        items: wish.tier.as_ref().map(|tier| vec![item(tier)]),
        ..HoldBody::default()
    }
}

/// Gets `path` and parses the answer as JSON. Fails as [`parse`] does, and with [`RunError::Unreachable`] if no answer
/// comes.
pub async fn read<T: serde::de::DeserializeOwned>(connection: &mut Connection, path: &str) -> Result<T, RunError> {
    parse(path, &get(connection, path).await?)
}

/// Parses the answer from `path` as JSON. A problem document becomes [`RunError::Refused`] with its detail. Any other
/// failure, and a body that is not the expected JSON, becomes [`RunError::Unreadable`].
pub fn parse<T: serde::de::DeserializeOwned>(path: &str, reply: &Reply) -> Result<T, RunError> {
    check(path, reply)?;
    serde_json::from_slice(&reply.body).map_err(|error| RunError::Unreadable(format!("{path}: {error}")))
}

/// Reads the ledger lines after `seq`. The server exports one JSON object per line.
pub async fn read_ledger(connection: &mut Connection, sale: &SaleId, seq: u64) -> Result<Vec<LedgerLine>, RunError> {
    let path = format!("/api/v1/sales/{sale}/ledger?after={seq}");
    let reply = get(connection, &path).await?;
    let lines = reply.body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines
        .map(|line| serde_json::from_slice(line).map_err(|error| RunError::Unreadable(format!("{path}: {error}"))))
        .collect()
}

/// Gets `path`. Asks again, up to `MAX_RETRIES` times, while no answer comes or a proxy answers in the server's place.
///
/// A read changes nothing, so it is safe to repeat. Without the retries, one lost answer before or after the buyers act
/// would make the whole run fail.
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

/// Whether the server's own answer did not arrive: no answer came at all, or a proxy between client and server answered
/// with a status of 500 or more. The server's own failures carry a problem document, so one without it is a proxy's.
///
/// The server may have acted on the request all the same. So the caller may repeat only a read, or a request with a key.
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
