//! Changes of the database behind the engine's back are found and named, and never lead to a wrong sale.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_mirror_never_decides_whichever_row_is_not_as_it_expects() {
    for kind in STORES {
        a_stale_mirror_never_decides(kind).await;
    }
}

async fn a_stale_mirror_never_decides(kind: StoreKind) {
    let unit = || BuyBody::tier("ga".into(), 1);
    for (behind_its_back, wish, expected) in [
        // Another process sells behind the engine's back, with all rows that belong to the sale or with only one of
        // them.
        (
            "UPDATE seats SET status = 'sold' WHERE label = 'A-1';
             UPDATE tiers SET available = available - 1, sold = sold + 1 WHERE seated;
             UPDATE sales SET available = available - 1, sold = sold + 1, seq = seq + 1",
            BuyBody::seat("A-1".into()),
            Some(Code::SeatTaken),
        ),
        ("UPDATE seats SET status = 'sold' WHERE label = 'A-1'", BuyBody::seat("A-1".into()), Some(Code::SeatTaken)),
        ("UPDATE tiers SET available = 0, sold = capacity WHERE NOT seated", unit(), Some(Code::SoldOut)),
        ("UPDATE sales SET seq = seq + 1", unit(), None),
    ] {
        let house = House::open(kind).await;
        let sale = house.sale(StrategyKind::GroupCommit, vec![general_admission(5), seated(1, 4)]).await;
        house.tamper(behind_its_back).await.unwrap();
        let outcome = house.buy(&sale, 1, wish).await;
        assert_eq!(code(&outcome), expected, "{behind_its_back}");
        assert_eq!(house.audit(&sale).await.orders, u64::from(expected.is_none()), "{behind_its_back}");
        if let BuyOutcome::Bought { order, .. } = outcome {
            assert_eq!(order.seq, 3, "behind the stock and what happened behind the engine's back");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_names_what_is_wrong() {
    for kind in STORES {
        the_audit_names_it(kind).await;
    }
}

async fn the_audit_names_it(kind: StoreKind) {
    type IsCaught = fn(&Audit) -> bool;
    let tampering: [(&str, IsCaught); 5] = [
        ("UPDATE seats SET status = 'sold' WHERE label = 'A-4'", |audit| audit.leaks == 1),
        ("UPDATE seats SET status = 'available' WHERE label = 'A-1'", |audit| audit.phantoms == 1),
        (
            match kind {
                StoreKind::Sqlite => {
                    "DROP INDEX one_owner_per_seat;
                     INSERT INTO tickets (id, order_id, sale_id, tier_id, seat_position, code)
                     SELECT randomblob(16), order_id, sale_id, tier_id, seat_position, code
                     FROM tickets WHERE seat_position IS NOT NULL LIMIT 1"
                }
                StoreKind::Postgres => {
                    "DROP INDEX one_owner_per_seat;
                     INSERT INTO tickets (id, order_id, sale_id, tier_id, seat_position, code)
                     SELECT gen_random_uuid(), order_id, sale_id, tier_id, seat_position, code
                     FROM tickets WHERE seat_position IS NOT NULL LIMIT 1"
                }
            },
            |audit| audit.phantoms >= 1,
        ),
        ("UPDATE tiers SET available = available - 1, sold = sold + 1 WHERE slug = 'ga'", |audit| {
            audit.leaks == 1 && audit.phantoms == 0
        }),
        (
            match kind {
                StoreKind::Sqlite => {
                    "DROP TRIGGER ledger_lines_never_change;
                     UPDATE ledger SET units = replace(units, 'A-1', 'A-3') WHERE seq = 2"
                }
                StoreKind::Postgres => {
                    "DROP TRIGGER ledger_lines_never_change ON ledger;
                     UPDATE ledger SET units = replace(units, 'A-1', 'A-3') WHERE seq = 2"
                }
            },
            |audit| !audit.ledger.verified,
        ),
    ];
    for (sql, is_caught) in tampering {
        let house = House::open(kind).await;
        let sale = house.sale(StrategyKind::GroupCommit, vec![seated(1, 4), general_admission(4)]).await;
        house.buy(&sale, 1, BuyBody::seat("A-1".into())).await;
        house.buy(&sale, 2, BuyBody::tier("ga".into(), 1)).await;
        assert!(house.audit(&sale).await.clean);
        house.tamper(sql).await.unwrap();
        let audit = house.audit(&sale).await;
        assert!(!audit.clean && is_caught(&audit), "{sql}: {audit:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ticket_that_names_another_sale_is_a_phantom_of_its_order() {
    for kind in STORES {
        let house = House::open(kind).await;
        let tiers = || vec![general_admission(4)];
        let first = house.sale(StrategyKind::GroupCommit, tiers()).await;
        let second = house.sale(StrategyKind::GroupCommit, tiers()).await;
        for sale in [&first, &second] {
            house.buy(sale, 1, BuyBody::tier("ga".into(), 1)).await;
        }
        let id = match kind {
            StoreKind::Sqlite => "randomblob(16)",
            StoreKind::Postgres => "gen_random_uuid()",
        };
        // A ticket of the first sale's order, for a unit of the second sale.
        let plant = format!(
            "INSERT INTO tickets (id, order_id, sale_id, tier_id, code)
             SELECT {id}, orders.id, tickets.sale_id, tickets.tier_id, tickets.code FROM orders, tickets
             WHERE orders.sale_id = (SELECT MIN(id) FROM sales) AND tickets.sale_id <> orders.sale_id"
        );
        house.tamper(plant.leak()).await.unwrap();
        let audit = house.audit(&first).await;
        assert!(!audit.clean && audit.phantoms == 1, "{kind:?}: {audit:?}");
        assert!(house.audit(&second).await.clean, "{kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ledger_cannot_be_rewritten() {
    for kind in STORES {
        let house = House::open(kind).await;
        house.sale(StrategyKind::GroupCommit, vec![general_admission(4)]).await;
        for sql in ["UPDATE ledger SET at = 0", "DELETE FROM ledger"] {
            let refused = house.tamper(sql).await.unwrap_err();
            assert!(refused.to_string().contains("append-only"), "{refused}");
        }
    }
}

/// Statements that would leave a row that refers to nothing. The wrong row stands alone or beside a right one, or a row
/// that others refer to is changed or deleted.
const DANGLING: [&str; 20] = [
    "INSERT INTO orders (id, sale_id, seq, buyer_id, total, currency, created_at)
     SELECT buyer_id, sale_id + 1000, seq, buyer_id, total, currency, created_at FROM orders",
    "INSERT INTO orders (id, sale_id, seq, buyer_id, total, currency, created_at)
     SELECT buyer_id, sale_id, seq, CASE seq WHEN 2 THEN id ELSE buyer_id END, total, currency, created_at FROM orders",
    "INSERT INTO tickets (id, order_id, sale_id, tier_id, code)
     SELECT order_id, CASE WHEN seat_position IS NULL THEN id ELSE order_id END, sale_id, tier_id, code FROM tickets",
    "INSERT INTO tickets (id, order_id, sale_id, tier_id, code)
     SELECT order_id, order_id, sale_id, CASE WHEN seat_position IS NULL THEN 1000 ELSE tier_id END, code FROM tickets",
    "INSERT INTO tickets (id, order_id, sale_id, tier_id, seat_position, code)
     SELECT order_id, order_id, sale_id, tier_id, seat_position + 1000, code FROM tickets",
    "INSERT INTO ledger (sale_id, seq, at, kind, units, hash)
     SELECT sale_id + 1000, seq, at, kind, units, hash FROM ledger",
    "INSERT INTO orders (id, sale_id, seq, buyer_id, total, currency, created_at)
     SELECT id, sale_id, seq, buyer_id, total, currency, created_at FROM orders WHERE seq = 2
     ON CONFLICT (id) DO UPDATE SET buyer_id = excluded.id",
    "UPDATE orders SET sale_id = sale_id + 1000",
    "UPDATE orders SET buyer_id = id",
    "UPDATE orders SET id = buyer_id",
    "UPDATE tickets SET order_id = id",
    "UPDATE tickets SET tier_id = tier_id + 1000",
    "UPDATE tickets SET seat_position = seat_position + 1000",
    "UPDATE seats SET position = position + 1000",
    "UPDATE buyers SET id = (SELECT orders.id FROM orders WHERE orders.buyer_id = buyers.id)",
    "DELETE FROM orders",
    "DELETE FROM buyers",
    "DELETE FROM seats",
    "DELETE FROM tiers",
    "DELETE FROM sales",
];

#[tokio::test(flavor = "multi_thread")]
async fn no_row_refers_to_nothing() {
    for kind in STORES {
        let house = House::open(kind).await;
        let sale = house.sale(StrategyKind::GroupCommit, vec![seated(1, 4), general_admission(4)]).await;
        house.buy(&sale, 1, BuyBody::seat("A-1".into())).await;
        house.buy(&sale, 2, BuyBody::tier("ga".into(), 1)).await;
        for sql in DANGLING {
            let refused = house.tamper(sql).await.expect_err(sql);
            assert!(
                refused.as_database_error().is_some_and(|error| error.is_foreign_key_violation()),
                "{sql}: {refused}"
            );
        }
        if kind == StoreKind::Postgres {
            for sql in ["TRUNCATE sales CASCADE", "TRUNCATE buyers", "TRUNCATE orders"] {
                house.tamper(sql).await.expect_err(sql);
            }
        }
        assert!(house.audit(&sale).await.clean);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn plans_that_build_on_a_batch_that_failed_are_made_anew() {
    for kind in STORES {
        let house = House::open(kind).await;
        let sale = house.sale(StrategyKind::GroupCommit, vec![general_admission(300), seated(10, 20)]).await;
        let claims = (1..=700_u128).map(|buyer| {
            let (engine, sale) = (house.engine.clone(), sale.clone());
            let tier = if buyer % 2 == 0 { "ga" } else { "floor" };
            tokio::spawn(async move {
                // The claims come one after the other, so that there are many batches.
                tokio::time::sleep(std::time::Duration::from_micros(buyer as u64 * 300)).await;
                engine
                    .selling
                    .buy(&sale, BuyerId(uuid::Uuid::from_u128(buyer)), BuyBody::tier(tier.into(), 1), None)
                    .await
            })
        });
        let claims = claims.collect::<Vec<_>>();
        let desk = house.engine.core.known(&sale).unwrap();
        for _ in 0..20 {
            let before = desk.stock.read().seq;
            house.tamper("UPDATE sales SET revision = revision + 1").await.unwrap();
            // On a slow machine a batch that is disturbed at every try would give up.
            while desk.stock.read().seq == before && !claims.iter().all(tokio::task::JoinHandle::is_finished) {
                tokio::time::sleep(std::time::Duration::from_millis(8)).await;
            }
        }
        let mut seqs = BTreeSet::new();
        for claim in claims {
            if let BuyOutcome::Bought { order, .. } = claim.await.unwrap().unwrap() {
                assert!(seqs.insert(order.seq), "{kind:?}: {} was given twice", order.seq);
            }
        }
        assert_eq!(seqs.len(), 500, "{kind:?}");
        let audit = house.audit(&sale).await;
        assert!(audit.clean && audit.sold == 500, "{audit:?}");
    }
}
