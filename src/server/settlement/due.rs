//! Releases holds whose time is over.
//!
//! Nothing depends on a timer: who would be refused while a hold may be over asks for this first. The sweeper does the same
//! work a little earlier, so that viewers see it.

use std::sync::{Arc, Weak};

use super::settle::{Which, settle};
use crate::{
    model::{
        ledger::ChangeKind,
        limits::SWEEP_MILLISECONDS,
        outcome::{Code, Refusal},
        time::Timestamp,
    },
    server::{
        stock::{Desk, SaleDesk},
        store,
    },
};

/// How often whoever gets a refusal asks again because holds were released. Each time others may be quicker.
pub const MAX_DECISIONS: u32 = 8;

/// Releases what is over, where that may turn this refusal into a success. Returns whether who got it should ask again: also
/// where others have released it meanwhile. `came_back` is the mirror's figure from before the refusal.
///
/// # Errors
/// Where the store fails.
pub async fn may_be_freed(
    desk: &Desk,
    sale: &Arc<SaleDesk>,
    refusal: &Refusal,
    came_back: u64,
) -> Result<bool, sqlx::Error> {
    let is_of_stock = matches!(refusal.code, Code::SoldOut | Code::SeatTaken | Code::LimitReached);
    Ok(is_of_stock && (release_due(desk, sale).await? || sale.stock.read().came_back != came_back))
}

/// Releases the holds of a sale whose time is over. Returns whether some may have been released since the call. Costs nothing
/// while no hold may be over.
///
/// # Errors
/// Where the store fails.
pub async fn release_due(desk: &Desk, sale: &Arc<SaleDesk>) -> Result<bool, sqlx::Error> {
    if !may_be_due(desk, sale) {
        return Ok(false);
    }
    let _alone = sale.releasing.lock().await;
    // Whoever had the lock before has released what was due then. Reading is cheaper than beginning to write, so the store
    // is asked first: a sale knows only when its holds may be due, and may be wrong.
    while may_be_due(desk, sale) && is_due(desk, sale).await? {
        let done = settle(desk, sale, ChangeKind::Expire, &Which::Due).await?;
        if done.ended.is_empty() {
            // Another server has locked these rows and is about to release them.
            break;
        }
    }
    if desk.store.is_shared() {
        // Another server may have released what was due, and whoever asks again looks at this server's memory.
        desk.bring_up_now(sale).await?;
    }
    Ok(true)
}

/// Asks the store whether the time of any hold is over, and notes when the next one may be.
async fn is_due(desk: &Desk, sale: &SaleDesk) -> Result<bool, sqlx::Error> {
    let now = desk.clock.now();
    sale.stock.write().live_holds.begin_asking();
    let (first_due, store_now) = {
        let mut reader = desk.store.reader().await?;
        store::next_due(reader.connection(), sale.sale_id, now).await?
    };
    desk.note_store_time(now, store_now);
    sale.stock.write().live_holds.end_asking(first_due);
    Ok(first_due.is_some_and(|due_at| due_at <= store_now))
}

fn may_be_due(desk: &Desk, sale: &SaleDesk) -> bool {
    sale.stock.read().live_holds.first_due().is_some_and(|due_at: Timestamp| due_at <= desk.store_now())
}

/// Releases what is due in all sales, again and again, until the desk is dropped.
pub async fn sweep(desk: Weak<Desk>) {
    loop {
        tokio::time::sleep(std::time::Duration::from_millis(SWEEP_MILLISECONDS)).await;
        let Some(desk) = desk.upgrade() else { return };
        let sales: Vec<_> = desk.sales.read().values().cloned().collect();
        for sale in sales {
            if let Err(error) = release_due(&desk, &sale).await {
                tracing::warn!(%error, "holds whose time is over cannot be released just now");
            }
        }
    }
}
