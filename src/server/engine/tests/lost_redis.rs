//! Redis is killed, flushed, or wrong about the sale, in the middle of that sale.

use std::{
    process::{Child, Command, Stdio},
    time::Duration,
};

use futures_util::future::join_all;
use redis::{AsyncCommands, aio::MultiplexedConnection};

use super::*;
use crate::server::{redis::Redis, strategy::compare_gate};

const ALL: [StrategyKind; 3] = [StrategyKind::RedisLock, StrategyKind::RedisGate, StrategyKind::Queued];

/// A Redis server that belongs to one test, which may kill it.
pub(super) struct Server {
    child: Child,
    port: u16,
}

impl Server {
    pub(super) async fn start() -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut server = Self { child: Self::launch(port), port };
        server.wait().await;
        server
    }

    fn launch(port: u16) -> Child {
        Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed")
    }

    async fn wait(&mut self) {
        for _ in 0..200 {
            if self.connect().await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        panic!("redis-server does not answer");
    }

    pub(super) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub(super) async fn connect(&self) -> redis::RedisResult<MultiplexedConnection> {
        redis::Client::open(self.url())?.get_multiplexed_async_connection().await
    }

    pub(super) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends a signal to the server. `STOP` freezes it: it answers nobody, and forgets nothing. `CONT` wakes it.
    pub(super) fn signal(&self, name: &str) {
        let kill = format!("kill -s {name} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }

    pub(super) async fn restart(&mut self) {
        self.child = Self::launch(self.port);
        self.wait().await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn open(kind: StoreKind, server: &Server) -> House {
    let database = Database::make(kind).await;
    House { engine: House::engine(&database.url, &server.url()).await, database }
}

/// Lets buyers ask again and again, as long as they are told that units may be left. Returns how many buyers won.
async fn persistent_storm(house: &House, sale: &SaleId, buyers: u128, disturb: impl AsyncFnOnce()) -> usize {
    let claims = (1..=buyers).map(|buyer| {
        let (engine, sale) = (house.engine.clone(), sale.clone());
        tokio::spawn(async move {
            loop {
                let buyer = BuyerId(uuid::Uuid::from_u128(buyer));
                match engine
                    .selling
                    .buy_and_wait(&sale, buyer, BuyBody::tier("ga".into(), 1), None, PATIENCE)
                    .await
                    .unwrap()
                {
                    BuyOutcome::Bought { .. } => return true,
                    BuyOutcome::Refused(refusal) if refusal.code == Code::Contended => {}
                    BuyOutcome::Refused(_) => return false,
                    BuyOutcome::Waiting { .. } => panic!("still in line"),
                }
            }
        })
    });
    let claims = claims.collect::<Vec<_>>();
    disturb().await;
    join_all(claims).await.into_iter().filter(|won| *won.as_ref().unwrap()).count()
}

async fn assert_exact(house: &House, sale: &SaleId, capacity: u64) {
    // The gate may have been too high or too low for a moment. A comparison with the database corrects it within a
    // second.
    let started = std::time::Instant::now();
    while house.engine.catalogue.sale(sale).await.unwrap().available > 0 {
        house.buy(sale, 999, BuyBody::tier("ga".into(), 1)).await;
        assert!(started.elapsed() < Duration::from_secs(10), "units are stranded");
    }
    let audit = house.audit(sale).await;
    assert!(audit.clean && audit.sold == capacity, "{audit:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_killed_and_started_again_in_mid_sale_costs_time_and_nothing_else() {
    for kind in STORES {
        let mut server = Server::start().await;
        let house = open(kind, &server).await;
        for strategy in ALL {
            let sale = house.sale(strategy, vec![general_admission(60)]).await;
            persistent_storm(&house, &sale, 80, async || {
                tokio::time::sleep(Duration::from_millis(20)).await;
                server.kill();
                tokio::time::sleep(Duration::from_millis(300)).await;
                server.restart().await;
            })
            .await;
            assert_exact(&house, &sale, 60).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_flushed_in_mid_sale_lets_nobody_in_twice() {
    let server = Server::start().await;
    for kind in STORES {
        let house = open(kind, &server).await;
        for strategy in ALL {
            let sale = house.sale(strategy, vec![general_admission(60)]).await;
            persistent_storm(&house, &sale, 80, async || {
                let mut connection = server.connect().await.unwrap();
                for _ in 0..10 {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                    let () = redis::cmd("FLUSHALL").query_async(&mut connection).await.unwrap();
                }
            })
            .await;
            assert_exact(&house, &sale, 60).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn units_that_left_the_gate_with_a_node_that_died_come_back() {
    let server = Server::start().await;
    let house = open(StoreKind::Sqlite, &server).await;
    let sale = house.sale(StrategyKind::RedisGate, vec![general_admission(10)]).await;
    house.buy(&sale, 1, BuyBody::tier("ga".into(), 1)).await;
    let desk = house.engine.core.known(&sale).unwrap();
    let redis = house.engine.core.redis.clone().unwrap();
    let gate = redis.key(&format!("gate:{{{}}}", desk.sale_id));
    let mut connection = server.connect().await.unwrap();
    // As if a node had let in a claim for seven units, noted it, and died.
    let now = house.engine.clock().now().milliseconds;
    let _: i64 = connection.hincr(&gate, "0", -7).await.unwrap();
    let _: i64 = connection.zadd(format!("{gate}:notes"), "0:7:dead", now + 5_000).await.unwrap();
    compare_gate(&house.engine.core.desk, &redis, &desk).await.unwrap();
    let left: i64 = connection.hget(&gate, "0").await.unwrap();
    assert_eq!(left, 2, "while its note stands the claim may still be alive");
    house.engine.clock().advance(5_001);
    compare_gate(&house.engine.core.desk, &redis, &desk).await.unwrap();
    let left: i64 = connection.hget(&gate, "0").await.unwrap();
    assert_eq!(left, 9, "the gate says what the database says");
    // A gate that would let in too many claims is corrected too, once no claim is on its way.
    let _: i64 = connection.hincr(&gate, "0", 100).await.unwrap();
    compare_gate(&house.engine.core.desk, &redis, &desk).await.unwrap();
    let left: i64 = connection.hget(&gate, "0").await.unwrap();
    assert_eq!(left, 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_at_the_gate_is_refused_without_asking_the_database() {
    let server = Server::start().await;
    let house = open(StoreKind::Postgres, &server).await;
    let sale = house.sale(StrategyKind::RedisGate, vec![general_admission(10)]).await;
    house.buy(&sale, 1, BuyBody::tier("ga".into(), 1)).await;
    let desk = house.engine.core.known(&sale).unwrap();
    let gate = house.engine.core.redis.as_ref().unwrap().key(&format!("gate:{{{}}}", desk.sale_id));
    let mut connection = server.connect().await.unwrap();
    // As if another server had let in a claim for all nine units that are left.
    let _: i64 = connection.hset(&gate, "0", 0).await.unwrap();
    let runs_out = house.engine.clock().now().milliseconds + 60_000;
    let _: i64 = connection.zadd(format!("{gate}:notes"), "0:9;somebody", runs_out).await.unwrap();
    let (engine, of_sale) = (house.engine.clone(), sale.clone());
    let waiting = tokio::spawn(async move {
        engine.selling.buy(&of_sale, BuyerId(uuid::Uuid::from_u128(2)), BuyBody::tier("ga".into(), 1), None).await
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!waiting.is_finished(), "who is on the way may fail: nobody knows yet");
    // The other server sells the nine units, and the news arrive here.
    let there = House::engine(&house.database.url, "redis://127.0.0.1:1").await;
    for _ in 0..9 {
        let unit = BuyBody::tier("ga".into(), 1);
        there.selling.buy(&sale, BuyerId(uuid::Uuid::from_u128(3)), unit, None).await.unwrap();
    }
    assert_eq!(code(&waiting.await.unwrap().unwrap()), Some(Code::SoldOut));
    assert_eq!(house.engine.selling.refused_by_database(&sale), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_that_ran_out_cannot_be_given_back_by_its_old_owner() {
    let server = Server::start().await;
    let house = open(StoreKind::Sqlite, &server).await;
    let sale = house.sale(StrategyKind::RedisLock, vec![seated(1, 2)]).await;
    let desk = house.engine.core.known(&sale).unwrap();
    let lease = house.engine.core.redis.as_ref().unwrap().key(&format!("lease:{}:seat:0", desk.sale_id));
    let mut connection = server.connect().await.unwrap();
    let _: () = connection.pset_ex(&lease, "somebody else", 150).await.unwrap();
    let outcome = house.buy(&sale, 1, BuyBody::seat("A-1".into())).await;
    assert_eq!(code(&outcome), None, "the lease of one who died runs out, and the seat is sold");
    let _: () = connection.pset_ex(&lease, "somebody else", 60_000).await.unwrap();
    assert_eq!(code(&house.buy(&sale, 2, BuyBody::seat("A-1".into())).await), Some(Code::SeatTaken), "refused early");
    let second = lease.replace(":seat:0", ":seat:1");
    let _: () = connection.pset_ex(&second, "somebody else", 60_000).await.unwrap();
    assert_eq!(code(&house.buy(&sale, 2, BuyBody::seat("A-2".into())).await), Some(Code::Contended));
    tokio::time::sleep(Duration::from_millis(50)).await;
    let owner: String = connection.get(&second).await.unwrap();
    assert_eq!(owner, "somebody else", "a lease is its owner's");
}

#[tokio::test(flavor = "multi_thread")]
async fn news_come_by_redis_and_by_the_database_where_it_is_lost() {
    let mut server = Server::start().await;
    let (here, there) = (
        Redis::open(&server.url(), "epoch", b"secret").unwrap(),
        Redis::open(&server.url(), "epoch", b"secret").unwrap(),
    );
    let mut heard = there.listen("there").await.unwrap();
    assert_eq!((there.tell("there").await, here.tell("here").await), (1, 1));
    assert_eq!(heard.next().await, Some(()), "the other's word, and not its own");
    server.kill();
    assert_eq!(heard.next().await, None, "the connection broke");
    assert_eq!(here.tell("here").await, 0);
    // The other server learns what one server sells, with Redis and without.
    let database = Database::make(StoreKind::Postgres).await;
    let nodes = [House::engine(&database.url, &server.url()).await, House::engine(&database.url, &server.url()).await];
    let house = House { engine: nodes[0].clone(), database };
    let sale = house.sale(StrategyKind::GroupCommit, vec![general_admission(10)]).await;
    for sold in 1..=2 {
        assert_eq!(code(&house.buy(&sale, 1, BuyBody::tier("ga".into(), 1)).await), None);
        nodes::wait_until(|| async { nodes[1].catalogue.sale(&sale).await.is_some_and(|seen| seen.sold == sold) })
            .await;
        if sold == 1 {
            server.restart().await;
        }
    }
}
