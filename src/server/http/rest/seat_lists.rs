//! Long lists of seats: written beside the buyers, once for all who ask at the same time, and kept until the sale
//! changes.

use std::{collections::VecDeque, sync::Arc};

use axum::body::Bytes;
use parking_lot::Mutex;

use crate::{
    model::{
        ids::SaleId,
        limits::{KEPT_SEAT_LISTS, LONG_LIST_ENTRIES},
        seat::SeatStatus,
    },
    server::{
        app::App,
        background::{Begun, Runs},
    },
};

/// The whole lists of sales with many seats.
pub struct SeatLists {
    runs: Runs<SaleId, Option<Bytes>>,
    /// The newest last; one for each sale.
    kept: Mutex<VecDeque<Kept>>,
}

struct Kept {
    sale: SaleId,
    seq: u64,
    text: Bytes,
}

impl SeatLists {
    pub fn new() -> Arc<Self> {
        Arc::new(Self { runs: Runs::default(), kept: Mutex::default() })
    }

    /// The seats of a sale as JSON, optionally only those of one tier or status. `None` for an unknown sale.
    pub async fn text(
        self: &Arc<Self>,
        app: &App,
        sale: &SaleId,
        tier: Option<String>,
        status: Option<SeatStatus>,
    ) -> Option<Bytes> {
        let (seats, seq) = app.engine.catalogue.seats_and_seq(sale)?;
        if seats < LONG_LIST_ENTRIES {
            return write(app, sale, tier.as_deref(), status).map(|(_, text)| text);
        }
        if tier.is_some() || status.is_some() {
            let (filtered, sale) = (app.clone(), sale.clone());
            let writing = async move { write(&filtered, &sale, tier.as_deref(), status).map(|(_, text)| text) };
            return app.long_answers.run(writing).await;
        }
        match self.kept(sale, seq) {
            Some(text) => Some(text),
            None => self.whole(app, sale).await,
        }
    }

    /// The whole list as of a commit that was the last one during this call.
    async fn whole(self: &Arc<Self>, app: &App, sale: &SaleId) -> Option<Bytes> {
        let (lists, sale, key) = (self.clone(), sale.clone(), sale.clone());
        let app = app.clone();
        let run = move |begun: Begun<_>| {
            let background = app.long_answers.clone();
            let writing = async move {
                begun.report();
                let (_, seq) = app.engine.catalogue.seats_and_seq(&sale)?;
                // Somebody who began earlier may have just written this very list.
                if let Some(text) = lists.kept(&sale, seq) {
                    return Some(text);
                }
                let (seq, text) = write(&app, &sale, None, None)?;
                lists.keep(Kept { sale, seq, text: text.clone() });
                Some(text)
            };
            async move { background.run(writing).await }
        };
        self.runs.share(key, run).await
    }

    fn kept(&self, sale: &SaleId, seq: u64) -> Option<Bytes> {
        let kept = self.kept.lock();
        kept.iter().find(|kept| kept.sale == *sale && kept.seq == seq).map(|kept| kept.text.clone())
    }

    fn keep(&self, list: Kept) {
        let mut kept = self.kept.lock();
        kept.retain(|other| other.sale != list.sale);
        kept.push_back(list);
        if kept.len() > KEPT_SEAT_LISTS {
            kept.pop_front();
        }
    }
}

/// The list as JSON, and the `seq` in it.
fn write(app: &App, sale: &SaleId, tier: Option<&str>, status: Option<SeatStatus>) -> Option<(u64, Bytes)> {
    let list = app.engine.catalogue.seats(sale)?.list(tier, status);
    let text = serde_json::to_vec(&list).expect("seats are plain data");
    Some((list.seq, text.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_newest_list_of_a_few_sales_is_kept_and_found_by_its_seq() {
        let lists = SeatLists::new();
        for (sale, seq) in [("a", 1), ("b", 1), ("a", 2), ("c", 1), ("d", 1), ("e", 1)] {
            lists.keep(Kept { sale: sale.into(), seq, text: Bytes::from(format!("{sale} {seq}")) });
        }
        let text = |sale: &str, seq| lists.kept(&sale.into(), seq);
        assert_eq!(text("b", 1), None, "the oldest made room");
        assert_eq!((text("a", 1), text("a", 2)), (None, Some("a 2".into())), "a sale has one list");
        assert_eq!(text("e", 1), Some("e 1".into()));
    }
}
