//! Whoever can write to Redis buys nothing, and whoever can read it or the database learns no idempotency key.

use redis::aio::MultiplexedConnection;

use super::{
    queue::{buyer, entry, join, key, length, options, outcome, redis, signed, status, stream, tell},
    *,
};
use crate::{
    model::{
        ids::{OrderId, RequestId},
        request::RequestState,
    },
    server::telemetry::metrics,
};

fn unit() -> BuyBody {
    BuyBody::tier("ga".into(), 1)
}

fn new_request() -> RequestId {
    RequestId(uuid::Uuid::now_v7())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_no_server_of_ours_signed_buys_nothing_and_holds_nobody_up() {
    metrics::install().unwrap();
    for kind in STORES {
        let house = House::open(kind).await;
        let sale = house.sale(StrategyKind::Queued, vec![general_admission(5)]).await;
        let (redis, line) = (redis().await, stream(&house.engine, "rest"));
        let forged = entry(new_request(), buyer(99), false);
        let misplaced = signed(&house.engine, &stream(&house.engine, "first"), &forged);
        let truncated = &signed(&house.engine, &line, &forged)[..60];
        for payload in [b"\xff\xfe".as_slice(), b"{}", forged.as_bytes(), misplaced.as_bytes(), truncated.as_bytes()] {
            let _: String = tell(&redis, &[b"XADD", line.as_bytes(), b"*", b"payload", payload]).await;
        }
        let _: String = tell(&redis, &["XADD", &line, "*", "nothing", "to see"]).await;
        assert_eq!(house.storm(&sale, 10, &unit()).await.0, 5, "{kind:?}");
        nodes::wait_until(|| async { length(&redis, &line).await == 0 }).await;
        assert_eq!(length(&redis, &stream(&house.engine, "dead")).await, 0, "{kind:?}: real letters stay readable");
        assert!(house.engine.selling.orders(buyer(99), None, None).await.unwrap().orders.is_empty(), "{kind:?}");
        assert!(house.audit(&sale).await.clean);
    }
    let counted = metrics::render();
    let counted = counted.lines().find_map(|line| line.strip_prefix("onsale_redis_forged_entries_total "));
    assert!(counted.unwrap().parse::<u32>().unwrap() >= 12, "six in each store: {counted:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outcome_that_no_server_of_ours_signed_is_not_told() {
    for kind in STORES {
        let database = Database::make(kind).await;
        let house = House { engine: House::engine_with(&database.url, &redis_url(), options(0)).await, database };
        let sale = house.sale(StrategyKind::Queued, vec![general_admission(5)]).await;
        let (redis, mine) = (redis().await, join(&house.engine, &sale, 1, "ga", None).await);
        let place = |request| stream(&house.engine, &format!("request:{request}"));
        let invented = new_request();
        let granted = format!("{} confirmed {}", buyer(1), OrderId(invented.0));
        let () = tell(&redis, &["SET", &place(invented), &granted]).await;
        assert_eq!(status(&house.engine, 1, invented).await, None, "{kind:?}");
        // One that a server of ours signed for another request is not believed either.
        let () = tell(&redis, &["SET", &place(mine), &signed(&house.engine, &place(invented), &granted)]).await;
        let pending = status(&house.engine, 1, mine).await.expect("its server remembers it");
        assert_eq!(pending.status, RequestState::Pending, "{kind:?}");
        let left: Option<String> = tell(&redis, &["GET", &place(invented)]).await;
        assert_eq!(left, None, "{kind:?}: it is removed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_planted_in_the_place_of_a_key_or_of_the_line_stops_nobody() {
    for kind in STORES {
        let house = House::open(kind).await;
        let sale = house.sale(StrategyKind::Queued, vec![general_admission(5)]).await;
        let redis = redis().await;
        let kept = house.engine.core.keys.kept(&key("mine").unwrap());
        let planted = format!("{} {}", new_request(), "0".repeat(32));
        for (number, command, value) in [(1, "SET", planted.as_str()), (2, "LPUSH", "no text")] {
            let place = stream(&house.engine, &format!("key:{}:{}", buyer(number), kept.as_str()));
            let _: redis::Value = tell(&redis, &[command, &place, value]).await;
            let request = join(&house.engine, &sale, number, "ga", key("mine")).await;
            assert!(outcome(&house.engine, number, request).await.order.is_some(), "{kind:?}");
        }
        // Nor is anybody in line because somebody says so in Redis.
        let in_line = stream(&house.engine, &format!("buyer:{}", buyer(8)));
        let () = tell(&redis, &["SET", &in_line, "no set"]).await;
        assert!(house.engine.selling.inherits(buyer(8), buyer(9), None).await.unwrap(), "{kind:?}");
        let () = tell(&redis, &["SET", &in_line, "no set"]).await;
        let mine = join(&house.engine, &sale, 8, "ga", None).await;
        assert!(outcome(&house.engine, 8, mine).await.order.is_some(), "{kind:?}");
        let in_line = stream(&house.engine, &format!("buyer:{}", buyer(7)));
        for noted in [mine.to_string(), new_request().to_string(), "no id".to_owned()] {
            let () = tell(&redis, &["SADD", &in_line, &noted]).await;
        }
        assert!(house.engine.selling.inherits(buyer(7), buyer(9), None).await.unwrap(), "{kind:?}");
        let line = stream(&house.engine, "rest");
        let () = tell(&redis, &["SET", &line, "no stream"]).await;
        nodes::wait_until(|| async {
            let kind: String = tell(&redis, &["TYPE", &line]).await;
            kind == "stream"
        })
        .await;
        let request = join(&house.engine, &sale, 3, "ga", None).await;
        assert!(outcome(&house.engine, 3, request).await.order.is_some(), "{kind:?}");
    }
}

/// Everything that Redis keeps for this database, as text.
async fn everything(redis: &MultiplexedConnection, engine: &Engine) -> String {
    let keys: Vec<String> = tell(redis, &["KEYS", &format!("onsale:{}:*", engine.core.epoch)]).await;
    let mut all = keys.join("\n");
    for key in keys {
        let bytes: Vec<u8> = tell(redis, &["DUMP", &key]).await;
        all.push_str(&String::from_utf8_lossy(&bytes));
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn no_key_can_be_read_in_redis_or_in_the_database() {
    const KEY: &str = "0190a5c8-7e1b-7abc-8def-0123456789ab";
    for kind in STORES {
        let database = Database::make(kind).await;
        let house = House { engine: House::engine_with(&database.url, &redis_url(), options(0)).await, database };
        let sale = house.sale(StrategyKind::Queued, vec![general_admission(5)]).await;
        let request = join(&house.engine, &sale, 1, "ga", key(KEY)).await;
        let kept = everything(&redis().await, &house.engine).await;
        assert!(kept.contains(&request.to_string()) && !kept.contains(KEY) && !kept.contains("7abc-8def"), "{kept}");
        house.engine.close().await;
        let engine = House::engine_with(&house.database.url, &redis_url(), options(1)).await;
        assert!(outcome(&engine, 1, request).await.order.is_some());
        let keyed = Keyed { buyer: buyer(2), key: key(KEY).unwrap() };
        let stock = StockBody { tier: "ga".into(), add: 1 };
        engine.catalogue.add_stock(&sale, stock, Some(keyed)).await.unwrap().unwrap();
        let mut reader = engine.core.desk.store.reader().await.unwrap();
        let stored = store::answers_since(reader.connection(), Timestamp::from_milliseconds(0)).await.unwrap();
        assert_eq!(stored.len(), 2, "{kind:?}");
        assert!(stored.iter().all(|(_, key)| key.starts_with('~') && !key.contains("7abc")), "{stored:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_an_older_version_kept_is_still_replayed() {
    for kind in STORES {
        let house = House::open(kind).await;
        let sale = house.sale(StrategyKind::GroupCommit, vec![general_admission(5)]).await;
        let buy = async |house: &House| {
            house.engine.selling.buy(&sale, buyer(1), unit(), key("sent-to-an-older-version")).await.unwrap()
        };
        let BuyOutcome::Bought { order, .. } = buy(&house).await else { panic!("there is enough") };
        let stock = async |house: &House| {
            let keyed = Keyed { buyer: buyer(1), key: key("an-organisers").unwrap() };
            house.engine.catalogue.add_stock(&sale, StockBody { tier: "ga".into(), add: 1 }, Some(keyed)).await
        };
        assert!(matches!(stock(&house).await.unwrap().unwrap(), Answer::Fresh(_)));
        house.tamper("UPDATE orders SET key = 'sent-to-an-older-version'").await.unwrap();
        house.tamper("UPDATE idempotency_keys SET key = 'an-organisers'").await.unwrap();
        let house = house.reopen().await;
        assert_eq!(buy(&house).await, BuyOutcome::Bought { order, replayed: true }, "{kind:?}");
        assert!(matches!(stock(&house).await.unwrap().unwrap(), Answer::Replayed { .. }), "{kind:?}");
        let mut reader = house.engine.core.desk.store.reader().await.unwrap();
        let stored = store::answers_since(reader.connection(), Timestamp::from_milliseconds(0)).await.unwrap();
        assert!(stored.iter().all(|(_, key)| key.starts_with('~')), "{stored:?}");
    }
}
