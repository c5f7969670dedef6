//! Sales, tiers and seats.

use super::*;
use crate::{
    model::sale::{Counts, SaleSwitch},
    server::{
        ledger::FIRST_PREVIOUS,
        store::{PatchRecord, SaleRecord},
    },
};

async fn find(house: &House, slug: &str) -> Option<SaleRecord> {
    store::find_sale(house.writer().await.connection(), slug).await.unwrap()
}

#[tokio::test]
async fn a_sale_comes_back_as_it_was_made() {
    for kind in STORES {
        let house = House::open(kind).await;
        let sale = find(&house, "gala").await.unwrap();
        let made = new_sale("gala");
        assert_eq!((sale.id, sale.slug.as_str(), sale.name.as_str()), (house.sale_id, made.slug, made.name));
        assert_eq!((sale.switch, sale.strategy, sale.rehearsal), (SaleSwitch::Open, made.strategy, made.rehearsal));
        assert_eq!((sale.opens_at, sale.message), (made.opens_at, None));
        assert_eq!((sale.terms, sale.max_per_buyer), (made.terms, made.max_per_buyer));
        assert_eq!((sale.seq, sale.revision, sale.head_hash), (0, 0, FIRST_PREVIOUS));
        assert!(sale.had.is_empty());
        for ((tier, id), made) in sale.tiers.iter().zip(&house.tier_ids).zip(&made.tiers) {
            assert_eq!((tier.id, &tier.slug, &tier.name), (*id, &made.slug, &made.name));
            assert_eq!((tier.price, &tier.currency, tier.seated), (made.price, &made.currency, made.seated));
            assert_eq!(tier.counts, Counts { available: made.capacity, held: 0, sold: 0 });
        }
        assert_eq!(sale.tiers.len(), made.tiers.len());
        let seats = |seats: &[NewSeatRecord]| format!("{seats:?}");
        assert_eq!(seats(&sale.seats), seats(&new_seats()));
        assert!(find(&house, "ga").await.is_none());
    }
}

#[tokio::test]
async fn sales_are_listed_in_the_order_in_which_they_were_made() {
    for kind in STORES {
        let house = House::open(kind).await;
        let mut writer = house.writer().await;
        for slug in ["gala-2", "galaxy", "a"] {
            store::insert_sale(writer.connection(), &new_sale(slug)).await.unwrap();
        }
        let sales = store::load_sales(writer.connection()).await.unwrap();
        assert_eq!(sales.iter().map(|sale| sale.slug.as_str()).collect::<Vec<_>>(), ["gala", "gala-2", "galaxy", "a"]);
        assert_eq!(sales.iter().map(|sale| sale.seats.len()).collect::<Vec<_>>(), [2, 0, 0, 0]);
        let heads = store::heads(writer.connection()).await.unwrap();
        assert_eq!(
            heads.iter().map(|head| head.sale_id).collect::<Vec<_>>(),
            sales.iter().map(|s| s.id).collect::<Vec<_>>()
        );
        let mut like = store::slugs_like(writer.connection(), "gala").await.unwrap();
        like.sort();
        assert_eq!(like, ["gala", "gala-2"]);
    }
}

#[tokio::test]
async fn a_patch_changes_what_it_names_and_nothing_else() {
    for kind in STORES {
        let house = House::open(kind).await;
        let patch = async |patch| {
            store::patch_sale(house.writer().await.connection(), house.sale_id, &patch).await.unwrap();
            find(&house, "gala").await.unwrap()
        };
        let later = NOW.plus_milliseconds(1);
        let all = PatchRecord {
            name: Some("Grand Gala"),
            switch: Some(SaleSwitch::Paused),
            opens_at: Some(Some(later)),
            message: Some(Some("Back soon")),
            max_per_buyer: Some(Some(3)),
            hold_ttl_seconds: Some(60),
            hold_extension_seconds: Some(20),
            hold_extensions: Some(0),
            payment_grace_seconds: Some(100),
            contact: Some(ContactRule::Optional),
        };
        let sale = patch(all).await;
        let kept = |sale: &SaleRecord| {
            let texts = (sale.name.clone(), sale.message.clone());
            (texts, sale.switch, sale.opens_at, sale.max_per_buyer, sale.terms)
        };
        let terms = SaleTerms {
            contact: ContactRule::Optional,
            hold_ttl_seconds: 60,
            hold_extension_seconds: 20,
            hold_extensions: 0,
            payment_grace_seconds: 100,
            ..terms()
        };
        let texts = |message: Option<&str>| ("Grand Gala".to_owned(), message.map(str::to_owned));
        assert_eq!(kept(&sale), (texts(Some("Back soon")), SaleSwitch::Paused, Some(later), Some(3), terms));
        let untouched = patch(PatchRecord::default()).await;
        assert_eq!((kept(&untouched), untouched.revision), (kept(&sale), 2));
        let silent = patch(PatchRecord { message: Some(None), ..PatchRecord::default() }).await;
        assert_eq!(kept(&silent), (texts(None), SaleSwitch::Paused, Some(later), Some(3), terms));
        let bare = PatchRecord { opens_at: Some(None), max_per_buyer: Some(None), ..PatchRecord::default() };
        assert_eq!(kept(&patch(bare).await), (texts(None), SaleSwitch::Paused, None, None, terms));
    }
}

#[tokio::test]
async fn stock_and_strategy_and_head_are_written_as_they_are_read() {
    for kind in STORES {
        let house = House::open(kind).await;
        let mut writer = house.writer().await;
        store::add_stock(writer.connection(), house.sale_id, house.tier_ids[1], 10, &[1; 32]).await.unwrap();
        store::set_strategy(writer.connection(), house.sale_id, StrategyKind::Optimistic).await.unwrap();
        let sale = store::find_sale(writer.connection(), "gala").await.unwrap().unwrap();
        assert_eq!(sale.tiers[1].counts.available, 15);
        assert_eq!((sale.seq, sale.revision, sale.head_hash, sale.strategy), (1, 2, [1; 32], StrategyKind::Optimistic));
        let identity = store::sale_identity(writer.connection(), "gala").await.unwrap().unwrap();
        assert_eq!((identity.sale_id, identity.strategy), (house.sale_id, StrategyKind::Optimistic));
        store::set_head(writer.connection(), house.sale_id, 9, &[2; 32]).await.unwrap();
        let heads = store::heads(writer.connection()).await.unwrap();
        assert_eq!((heads[0].slug.as_str(), heads[0].seq, heads[0].revision), ("gala", 9, 2));
        let recount = store::recount(writer.connection(), house.sale_id).await.unwrap();
        assert_eq!((recount.head_hash, recount.counters), (vec![2; 32], Counts { available: 17, held: 0, sold: 0 }));
    }
}
