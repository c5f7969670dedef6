//! One strategy after another, with the same buyers each time. The sale is reset before each run and at the end.

use leptos::prelude::WithUntracked;

use super::{asking::ask, fetch, server};
use crate::{
    api,
    model::{sale::Sale, strategy::StrategyKind},
    ui::simulator::{
        session::{Request, Session, Stage},
        told,
    },
};

/// Makes all runs, or fewer if the visitor cancels, and returns the result in words.
pub async fn run(session: Session, request: Request, strategies: &[StrategyKind]) -> Result<String, String> {
    let address = format!("/api/v1/sales/{}", request.sale);
    let own = fetch::get::<Sale>(&address).await?.strategy;
    let compared = one_after_another(session, &request, strategies).await;
    // This is also needed after a failed run, because the run before it has changed the strategy.
    let is_other = fetch::get::<Sale>(&address).await?.strategy != own;
    if is_other || compared.is_ok() {
        let put_back = ask(|| api::reset(request.sale.clone(), Some(own))).await;
        let put_back = put_back.and_then(|decided| decided.map_err(|refusal| refusal.detail));
        if let (Ok(()), Err(trouble)) = (&compared, put_back) {
            return Err(format!("The sale was not put back to {}: {trouble}", own.name()));
        }
    }
    compared?;
    let told = session.ended.with_untracked(|ended| told::summary(told::newest(ended)));
    Ok(told)
}

async fn one_after_another(session: Session, request: &Request, strategies: &[StrategyKind]) -> Result<(), String> {
    let mut seed = request.seed;
    let of = u32::try_from(strategies.len()).unwrap_or_default();
    for (place, strategy) in (1..).zip(strategies.iter().copied()) {
        let stage = Some(Stage { place, of });
        let run = server::run(session, Request { strategy: Some(strategy), seed, stage, ..request.clone() }).await?;
        // If the visitor has not given a seed, the first run draws it.
        seed = Some(run.simulation.seed);
        session.keep(run);
        if session.is_cancelled() {
            break;
        }
    }
    Ok(())
}
