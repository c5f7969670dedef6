//! The payment provider's stand-in as a child process, and a receiver for its webhooks.

use std::{
    fs::File,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use onsale::{
    model::time::Timestamp,
    server::{
        clock::Clock,
        config::{PaymentSettings, Secret, ServiceUrl},
        payment::{Event, Provider, SIGNATURE_HEADER, WebhookError, verify},
    },
};
use tempfile::TempDir;

use super::app::{free_address, send_signal};

pub const PAYMENT_KEY: &str = "sk_test_of_the_tests";
pub const WEBHOOK_SECRET: &str = "whsec_of_the_tests";
/// How long a start, a stop and a webhook may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A stand-in. It is killed when this is dropped.
pub struct StandIn {
    child: Option<Child>,
    address: SocketAddr,
    arguments: Vec<String>,
    /// Further variables.
    environment: Vec<(String, String)>,
    folder: TempDir,
}

impl StandIn {
    /// Starts one with these further arguments. Its webhooks go to the receiver.
    pub async fn start(receiver: &Receiver, arguments: &[&str]) -> Self {
        let mut stand_in = Self::prepare(&receiver.url(), arguments);
        stand_in.launch().await;
        stand_in
    }

    /// One that is not started yet.
    pub fn prepare(webhook: &str, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the state");
        let address = free_address();
        let fixed = ["provider", "--addr", &address.to_string(), "--webhook", webhook];
        let arguments = fixed.iter().chain(arguments).map(|argument| (*argument).to_owned()).collect();
        Self { child: None, address, arguments, environment: Vec::new(), folder }
    }

    /// Sends webhooks there from the next launch on.
    pub fn with_webhook(mut self, webhook: &str) -> Self {
        let place = self.arguments.iter().position(|argument| argument == "--webhook").expect("it is always there");
        webhook.clone_into(&mut self.arguments[place + 1]);
        self
    }

    pub fn with_env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Starts it again at the same address. A relative `--state` lies in its folder.
    pub async fn launch(&mut self) {
        let log = File::options().create(true).append(true).open(self.log_path()).expect("a log file");
        let child = Command::new(env!("CARGO_BIN_EXE_onsale"))
            .args(&self.arguments)
            .env("ONSALE_PAYMENT_KEY", PAYMENT_KEY)
            .env("ONSALE_PAYMENT_WEBHOOK_SECRET", WEBHOOK_SECRET)
            .envs(self.environment.iter().cloned())
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle of the log"))
            .stderr(log)
            .spawn();
        self.child = Some(child.expect("the binary under test"));
        let started = Instant::now();
        while tokio::net::TcpStream::connect(self.address).await.is_err() {
            let child = self.child.as_mut().expect("just started");
            let status = child.try_wait().expect("a child");
            assert!(status.is_none() && started.elapsed() < PATIENCE, "it does not answer: {status:?}\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Sends it a signal such as `STOP`.
    pub fn signal(&self, name: &str) {
        send_signal(name, self.child.as_ref().expect("it runs").id());
    }

    /// Kills it without warning.
    pub fn kill(&mut self) {
        let mut child = self.child.take().expect("it runs");
        child.kill().expect("a running child");
        child.wait().expect("a killed child");
    }

    /// Sends it a signal and waits for its end.
    pub fn stop(&mut self, signal: &str) -> (ExitStatus, Duration) {
        let mut child = self.child.take().expect("it runs");
        let began = Instant::now();
        send_signal(signal, child.id());
        loop {
            if let Some(status) = child.try_wait().expect("a child") {
                return (status, began.elapsed());
            }
            assert!(began.elapsed() < PATIENCE, "it does not stop:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Our own client for it.
    pub fn client(&self) -> Provider {
        self.client_with_key(PAYMENT_KEY)
    }

    pub fn client_with_key(&self, key: &str) -> Provider {
        payment_client(&self.url(), key)
    }

    fn log_path(&self) -> PathBuf {
        self.folder.path().join("provider.log")
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.log_path()).unwrap_or_default()
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            eprintln!("the stand-in's log:\n{}", self.log());
        }
    }
}

/// Our own client for a provider.
pub fn payment_client(url: &str, key: &str) -> Provider {
    let (url, key, webhook_secret) = (ServiceUrl::new(url), Secret::new(key), Secret::new(WEBHOOK_SECRET));
    Provider::new(&PaymentSettings { url, key, webhook_secret }).expect("a client")
}

/// A webhook as it came.
#[derive(Clone, Debug)]
pub struct Received {
    pub header: String,
    pub body: String,
    pub at: Instant,
    /// What our own check says.
    pub verdict: Result<Event, WebhookError>,
}

/// Takes webhooks: 200 for those that our check believes, 401 for others.
#[derive(Clone)]
pub struct Receiver {
    address: SocketAddr,
    secret: String,
    received: Arc<Mutex<Vec<Received>>>,
    /// How many more webhooks are answered 500 although they are good.
    failures: Arc<Mutex<u32>>,
}

impl Receiver {
    pub async fn start() -> Self {
        Self::with_secret(WEBHOOK_SECRET).await
    }

    pub async fn with_secret(secret: &str) -> Self {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let secret = secret.to_owned();
        let receiver = Self { address, secret, received: Arc::default(), failures: Arc::default() };
        let router = Router::new().route("/webhook", post(take)).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        receiver
    }

    pub fn url(&self) -> String {
        format!("http://{}/webhook", self.address)
    }

    /// Answers so many of the next webhooks with 500.
    pub fn fail(&self, times: u32) {
        *self.failures.lock().expect("no panic") = times;
    }

    pub fn all(&self) -> Vec<Received> {
        self.received.lock().expect("no panic").clone()
    }

    /// The webhooks with this text in their bodies.
    pub fn about(&self, text: &str) -> Vec<Received> {
        self.all().into_iter().filter(|received| received.body.contains(text)).collect()
    }

    /// Waits until there are at least so many webhooks about this.
    pub async fn wait_for(&self, text: &str, count: usize) -> Vec<Received> {
        let began = Instant::now();
        loop {
            let received = self.about(text);
            if received.len() >= count {
                return received;
            }
            assert!(began.elapsed() < PATIENCE, "{} of {count} webhooks about {text}: {received:#?}", received.len());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

async fn take(State(receiver): State<Receiver>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let header = headers.get(SIGNATURE_HEADER).map(|value| value.as_bytes().to_vec()).unwrap_or_default();
    let verdict = verify(&header, &body, &Secret::new(receiver.secret.clone()), now());
    let is_good = verdict.is_ok();
    let received = Received {
        header: String::from_utf8_lossy(&header).into_owned(),
        body: String::from_utf8_lossy(&body).into_owned(),
        at: Instant::now(),
        verdict,
    };
    receiver.received.lock().expect("no panic").push(received);
    let mut failures = receiver.failures.lock().expect("no panic");
    if is_good && *failures > 0 {
        *failures -= 1;
        return StatusCode::INTERNAL_SERVER_ERROR;
    }
    if is_good { StatusCode::OK } else { StatusCode::UNAUTHORIZED }
}

pub fn now() -> Timestamp {
    Clock::System.now()
}
