//! A shop with a payment provider: the server under test and the stand-in, each a process of its own.

use std::time::{Duration, Instant};

use onsale::model::{
    hold::Hold,
    payment::{Payment, PaymentStatus},
};
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{
    Ask, Database, Setup, StandIn, TestApp,
    stand_in::{PAYMENT_KEY, WEBHOOK_SECRET},
};

/// How long money and refunds may be on their way on a busy machine.
const PATIENCE: Duration = Duration::from_secs(40);

/// A server whose buyers pay at a stand-in.
pub struct Shop {
    pub app: TestApp,
    pub stand_in: StandIn,
    database: Option<Database>,
}

/// The setup of a server that pays at this stand-in.
pub fn paying_at(setup: Setup, stand_in: &StandIn) -> Setup {
    setup
        .with_admin()
        .with_env("ONSALE_PAYMENT_URL", &stand_in.url())
        .with_env("ONSALE_PAYMENT_KEY", PAYMENT_KEY)
        .with_env("ONSALE_PAYMENT_WEBHOOK_SECRET", WEBHOOK_SECRET)
}

impl Shop {
    /// On a new embedded database.
    pub async fn open() -> Self {
        Self::open_with(&|setup| setup).await
    }

    pub async fn open_with(setup: &dyn Fn(Setup) -> Setup) -> Self {
        Self::start(setup(Setup::default()), None).await
    }

    /// On a new database of the PostgreSQL server.
    pub async fn open_on_postgres() -> Self {
        let database = Database::make().await;
        Self::start(Setup::default().with_database(&database.url()), Some(database)).await
    }

    async fn start(setup: Setup, database: Option<Database>) -> Self {
        let stand_in = StandIn::prepare("", &["--state", "state"]);
        let mut app = paying_at(setup, &stand_in).prepare();
        let mut stand_in = stand_in.with_webhook(&format!("{}/api/v1/payments/webhook", app.url()));
        stand_in.launch().await;
        app.launch().await;
        Self { app, stand_in, database }
    }

    /// The address of the shared database, for further servers.
    pub fn database_url(&self) -> String {
        self.database.as_ref().map_or_else(|| self.app.database(), Database::url)
    }

    /// Makes a sale whose orders are paid, without asking for a contact.
    pub async fn sale(&self, tiers: &[Value], fields: Value) -> String {
        let mut sale = json!({ "checkout": "paid", "contact": "optional", "tiers": tiers });
        let more = fields.as_object().expect("fields").clone();
        sale.as_object_mut().expect("fields").extend(more);
        self.app.sale_with(sale).await
    }

    /// Presses a button of the provider's page, `pay` or `decline`, with a query such as `?fault=double`. Returns the status.
    pub async fn press(&self, payment: &Payment, button: &str) -> StatusCode {
        let url = payment.redirect_url.as_deref().expect("a page");
        let client = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build();
        let request = client.expect("a client").post(format!("{url}/{button}"));
        request.send().await.map_or(StatusCode::SERVICE_UNAVAILABLE, |answer| answer.status())
    }

    /// Lets something happen while the provider answers nothing and tells nothing.
    pub async fn while_the_provider_is_silent(&self, story: impl AsyncFnOnce()) {
        self.stand_in.signal("STOP");
        story().await;
        self.stand_in.signal("CONT");
    }

    /// Waits until the provider's books and ours agree on every cent.
    pub async fn reconciled(&self) {
        let began = Instant::now();
        loop {
            let output = self.reconcile().await;
            if output.status.success() {
                assert_eq!(String::from_utf8_lossy(&output.stdout), "");
                return;
            }
            let told = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
            assert!(began.elapsed() < PATIENCE, "the books never agree:\n{told}\n{}", self.stand_in.log());
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Runs `onsale reconcile` once.
    pub async fn reconcile(&self) -> std::process::Output {
        let url = self.stand_in.url();
        let environment = [
            ("ONSALE_PAYMENT_URL", url.as_str()),
            ("ONSALE_PAYMENT_KEY", PAYMENT_KEY),
            ("ONSALE_PAYMENT_WEBHOOK_SECRET", WEBHOOK_SECRET),
        ];
        let database = self.database_url();
        self.app.command_with(&["reconcile", "--database", &database], &environment).await
    }
}

/// A buyer who pays.
pub struct Payer<'a> {
    pub app: &'a TestApp,
    pub token: String,
}

impl<'a> Payer<'a> {
    pub async fn new(app: &'a TestApp) -> Self {
        let token = app.get("/api/v1/me").await.expect(200).session().expect("a new guest").to_owned();
        Self { app, token }
    }

    pub async fn ask(&self, ask: Ask) -> super::Reply {
        ask.bearer(&self.token).send(self.app).await
    }

    pub async fn hold(&self, sale: &str, body: Value) -> Hold {
        self.ask(Ask::post(&format!("/api/v1/sales/{sale}/holds")).json(body)).await.expect(201).read()
    }

    pub async fn read(&self, hold: &Hold) -> Hold {
        self.ask(Ask::get(&format!("/api/v1/holds/{}", hold.id))).await.expect(200).read()
    }

    /// Begins to pay.
    pub async fn pay(&self, hold: &Hold) -> Payment {
        self.try_pay(hold, json!({})).await.expect(201).read()
    }

    pub async fn try_pay(&self, hold: &Hold, body: Value) -> super::Reply {
        self.ask(Ask::post(&format!("/api/v1/holds/{}/payments", hold.id)).json(body)).await
    }

    pub async fn payment(&self, payment: &Payment) -> Payment {
        self.ask(Ask::get(&format!("/api/v1/payments/{}", payment.id))).await.expect(200).read()
    }

    /// Waits until a payment has this status, and returns it.
    pub async fn until(&self, payment: &Payment, status: PaymentStatus) -> Payment {
        let began = Instant::now();
        loop {
            let now = self.payment(payment).await;
            if now.status == status {
                return now;
            }
            assert!(began.elapsed() < PATIENCE, "{now:?} is never {}", status.name());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}
