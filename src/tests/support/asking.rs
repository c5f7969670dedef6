//! Requests that many tests send to the server under test.

use std::time::Duration;

use onsale::model::{
    audit::Audit,
    ids::SimulationId,
    sale::Sale,
    seat::SeatList,
    simulation::{Simulation, SimulationStatus},
};
use serde_json::{Value, json};

use super::{
    app::TestApp,
    client::{Ask, Reply},
};

/// How long a simulation of these tests may take.
const RUN_TIMEOUT: Duration = Duration::from_secs(30);

impl TestApp {
    pub async fn get(&self, path: &str) -> Reply {
        Ask::get(path).send(self).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Reply {
        Ask::post(path).json(body).send(self).await
    }

    /// Makes a sale of these tiers and returns its id.
    pub async fn sale(&self, strategy: &str, tiers: &[Value]) -> String {
        self.sale_with(json!({ "strategy": strategy, "tiers": tiers })).await
    }

    /// Makes a sale with these fields. Its name is `Test` unless they give another.
    pub async fn sale_with(&self, mut fields: Value) -> String {
        fields.as_object_mut().expect("fields").entry("name").or_insert(json!("Test"));
        let reply = Ask::post("/api/v1/sales").admin().json(fields).send(self).await;
        reply.expect(201).json()["id"].as_str().expect("a sale has an id").to_owned()
    }

    pub async fn read_sale(&self, sale: &str) -> Sale {
        self.get(&format!("/api/v1/sales/{sale}")).await.expect(200).read()
    }

    pub async fn seats(&self, sale: &str) -> SeatList {
        self.get(&format!("/api/v1/sales/{sale}/seats")).await.expect(200).read()
    }

    pub async fn audit(&self, sale: &str) -> Audit {
        self.get(&format!("/api/v1/sales/{sale}/audit")).await.expect(200).read()
    }

    pub async fn patch(&self, sale: &str, fields: Value) -> Reply {
        Ask::patch(&format!("/api/v1/sales/{sale}")).admin().json(fields).send(self).await
    }

    /// Buys as a new guest, without a key.
    pub async fn buy(&self, sale: &str, body: Value) -> Reply {
        self.post(&format!("/api/v1/sales/{sale}/buy"), body).await
    }

    /// Waits until a simulation has ended, and returns its figures.
    pub async fn finished(&self, simulation: SimulationId) -> Simulation {
        let ended = async {
            loop {
                let now: Simulation = self.get(&format!("/api/v1/simulations/{simulation}")).await.expect(200).read();
                if now.status != SimulationStatus::Running {
                    return now;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(RUN_TIMEOUT, ended).await.expect("a run ends")
    }

    /// The audit of a sale. Fails unless it is clean.
    pub async fn clean_audit(&self, sale: &str) -> Audit {
        let audit = self.audit(sale).await;
        assert!(audit.clean && audit.phantoms == 0 && audit.leaks == 0 && audit.ledger.verified, "{audit:?}");
        assert_eq!(audit.available + audit.held + audit.sold, audit.capacity, "{audit:?}");
        audit
    }
}
