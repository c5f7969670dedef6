//! Servers and the provider that die in mid-payment, again and again: in the end every cent is explained, and every buyer whose
//! money stayed has tickets.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use onsale::model::payment::{Payment, PaymentList, PaymentStatus};
use rand::RngExt;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::ga;
use crate::support::{Ask, Payer, Shop, general_admission, paying_at, scale};

const PAYERS: usize = 12;
/// Faults of the provider, each with the same chance as none.
const FAULTS: [&str; 6] = ["", "?fault=double", "?fault=reorder", "?fault=late:2", "?fault=error", "?fault=late:3600"];
/// How long it may take until nothing is pending any more.
const PATIENCE: Duration = Duration::from_secs(120);

/// A buyer who has nothing but an address: any request may fail at any moment.
struct Walker {
    http: reqwest::Client,
    shops: Vec<String>,
    token: String,
}

impl Walker {
    /// Sends a request to one of the servers. `None` where there is no good answer.
    async fn post(&self, path: &str, body: Value) -> Option<Value> {
        let shop = &self.shops[rand::rng().random_range(0..self.shops.len())];
        let request = self.http.post(format!("{shop}{path}")).bearer_auth(&self.token);
        let request = request.header("content-type", "application/json").body(body.to_string());
        let answer = request.send().await.ok()?;
        let is_good = answer.status().is_success();
        let text = answer.text().await.ok()?;
        is_good.then(|| serde_json::from_str(&text).ok()).flatten()
    }

    /// Holds, pays and presses the button, once. Returns the hold, where one was made.
    async fn walk(&self, sale: &str) -> Option<String> {
        let hold = self.post(&format!("/api/v1/sales/{sale}/holds"), ga(1)).await?;
        let hold = hold["id"].as_str()?.to_owned();
        let payment = self.post(&format!("/api/v1/holds/{hold}/payments"), json!({})).await;
        if let Some(page) = payment.as_ref().and_then(|payment| payment["redirect_url"].as_str()) {
            let (fault, is_declined) = {
                let mut random = rand::rng();
                (FAULTS[random.random_range(0..FAULTS.len())], random.random_range(0..6) == 0)
            };
            let button = if is_declined { "decline" } else { "pay" };
            let _ = self.http.post(format!("{page}/{button}{fault}")).send().await;
        }
        Some(hold)
    }

    async fn walk_until(self, sale: String, is_over: Arc<AtomicBool>) -> (String, Vec<String>) {
        let mut holds = Vec::new();
        while !is_over.load(Ordering::Relaxed) {
            match self.walk(&sale).await {
                Some(hold) => holds.push(hold),
                None => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
        (self.token, holds)
    }
}

async fn tokens(shop: &Shop) -> Vec<String> {
    let mut tokens = Vec::new();
    for _ in 0..PAYERS {
        tokens.push(Payer::new(&shop.app).await.token);
    }
    tokens
}

/// Lets payers walk while `die` happens, and returns whose holds there are.
async fn storm(
    shops: Vec<String>,
    tokens: Vec<String>,
    sale: &str,
    die: impl AsyncFnOnce(),
) -> Vec<(String, Vec<String>)> {
    let is_over = Arc::new(AtomicBool::new(false));
    let mut payers = JoinSet::new();
    for token in tokens {
        let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        let http = http.timeout(Duration::from_secs(10)).build().expect("a client");
        payers.spawn(Walker { http, shops: shops.clone(), token }.walk_until(sale.to_owned(), is_over.clone()));
    }
    let pause = rand::rng().random_range(100..700);
    tokio::time::sleep(Duration::from_millis(pause)).await;
    die().await;
    is_over.store(true, Ordering::Relaxed);
    payers.join_all().await
}

/// Waits until nothing is pending, and checks that each payment with money has tickets or went back.
async fn settle(shop: &Shop, sale: &str, walked: &[(String, Vec<String>)]) -> (u64, u64) {
    let began = Instant::now();
    let (mut bought, mut refunded) = (0, 0);
    for (token, holds) in walked {
        let payer = Payer { app: &shop.app, token: token.clone() };
        for hold in holds {
            let payments = loop {
                let list: PaymentList =
                    payer.ask(Ask::get(&format!("/api/v1/holds/{hold}/payments"))).await.expect(200).read();
                if list.payments.iter().all(|payment| payment.status != PaymentStatus::Pending) {
                    break list.payments;
                }
                assert!(began.elapsed() < PATIENCE, "{list:?} is pending for ever:\n{}", shop.stand_in.log());
                tokio::time::sleep(Duration::from_millis(100)).await;
            };
            let of = |status| payments.iter().filter(|payment: &&Payment| payment.status == status).count() as u64;
            bought += of(PaymentStatus::Succeeded);
            refunded += of(PaymentStatus::Refunded);
        }
    }
    shop.reconciled().await;
    let audit = shop.app.clean_audit(sale).await;
    assert_eq!(audit.sold, bought, "each payment that stayed has its ticket");
    (bought, refunded)
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_dies_in_mid_payment_every_cent_is_explained() {
    let mut shops = [Shop::open().await, Shop::open_on_postgres().await];
    let (mut bought, mut refunded) = (0, 0);
    for round in 0..scale::rounds(20, 200) {
        let shop = &mut shops[round % 2];
        let terms = json!({ "hold_ttl_seconds": 2, "payment_grace_seconds": 0 });
        // Scarce, so that what was let go is sometimes gone when its money comes.
        let sale = shop.sale(&[general_admission(20)], terms).await;
        let tokens = tokens(shop).await;
        let addresses = vec![shop.app.url()];
        let walked = storm(addresses, tokens, &sale, async || {
            if round % 3 != 1 {
                shop.app.kill();
            }
            if round % 3 != 0 {
                shop.stand_in.kill();
                shop.stand_in.launch().await;
            }
            if round % 3 != 1 {
                shop.app.launch().await;
            }
        })
        .await;
        let ended = settle(shop, &sale, &walked).await;
        (bought, refunded) = (bought + ended.0, refunded + ended.1);
    }
    eprintln!("{bought} payments were good for tickets, {refunded} came in vain and went back");
    assert!(bought > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_share_one_provider_and_one_of_them_dies() {
    let mut shop = Shop::open_on_postgres().await;
    let other = paying_at(Default::default(), &shop.stand_in).with_database(&shop.database_url()).start().await;
    let terms = json!({ "strategy": "atomic_update", "hold_ttl_seconds": 4, "payment_grace_seconds": 0 });
    let sale = shop.sale(&[general_admission(500)], terms).await;
    let tokens = tokens(&shop).await;
    let addresses = vec![shop.app.url(), other.url()];
    // Webhooks go to the one that dies, so the other one has to ask.
    let walked = storm(addresses, tokens, &sale, async || {
        tokio::time::sleep(Duration::from_secs(2)).await;
        shop.app.kill();
        tokio::time::sleep(Duration::from_secs(2)).await;
        shop.app.launch().await;
    })
    .await;
    settle(&shop, &sale, &walked).await;
    assert!(other.clean_audit(&sale).await.sold > 0);
}
