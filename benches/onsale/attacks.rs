//! What strangers can do to others, without `--demo`: the longest wait of another buyer and of `/readyz` while one client
//! goes on as badly as it can, and how much memory and log the server then has. Each attack lasts a few seconds, and all
//! of it stays on this machine's loopback addresses: the buyer has one, the attacker another.
//!
//! `ONSALE_BENCH_BINARY` names another build of the server, so that an older one can be measured the same way.

use std::{
    net::{Ipv4Addr, SocketAddr},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    runtime::Runtime,
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{
    load::{Pace, run},
    report::{Goal, sample},
    server::Server,
    settings::{Failure, Measured, Settings},
    wire::{Wire, request},
};

/// How long each attack lasts.
const ATTACK: Duration = Duration::from_secs(5);
/// Pauses between two purchases and between two looks at `/readyz` and at the memory.
const BUY_EVERY: Duration = Duration::from_millis(200);
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Orders of the sale whose audits are asked for, and seats of the one whose pages are.
const ORDERS: u64 = 20_000;
const BIG_ROWS: u32 = 1_000;
const BIG_PER_ROW: u32 = 100;
/// The longest wait of a purchase and of `/readyz` that nobody should notice, in milliseconds.
const LONGEST_PURCHASE_MS: f64 = 500.0;
const LONGEST_READY_MS: f64 = 500.0;

pub fn measure_on_sqlite(settings: &Settings) -> Measured {
    measure(settings, Server::start()?, "SQLite")
}

pub fn measure_on_postgres(settings: &Settings) -> Measured {
    measure(settings, Server::start_on_postgres()?, "PostgreSQL")
}

fn measure(_: &Settings, mut server: Server, store: &str) -> Measured {
    let arena = Arena::prepare(&mut server)?;
    let mut samples = Vec::new();
    for (number, attack) in ATTACKS.iter().enumerate() {
        let seen = arena.watch(&server, u8::try_from(number).expect("few attacks"), *attack)?;
        let row = |what: &str| format!("{store}, {}: {what}", attack.name);
        samples.extend([
            sample(row("longest purchase"), seen.purchase_ms, "ms", Goal::AtMost(LONGEST_PURCHASE_MS)),
            sample(row("longest /readyz"), seen.ready_ms, "ms", Goal::AtMost(LONGEST_READY_MS)),
            sample(row("memory, most"), seen.memory_kib / 1024.0, "MiB", Goal::None),
            sample(row("log"), seen.log_kib, "KiB", Goal::None),
        ]);
    }
    Ok(samples)
}

/// What a client does without end.
#[derive(Clone, Copy)]
struct Attack {
    name: &'static str,
    connections: usize,
    behaviour: Behaviour,
}

#[derive(Clone, Copy)]
enum Behaviour {
    /// Nothing: what the buyer sees without an attack.
    Rest,
    /// Sends this request again as soon as it is answered.
    Repeat(fn(&Arena, SocketAddr) -> Vec<u8>),
    /// Sends this request and reads nothing.
    Deaf(fn(&Arena, SocketAddr) -> Vec<u8>),
    /// Opens the live stream, reads it, and sends as much as it can.
    Upload,
    /// Opens connections and says nothing.
    Open,
}

const ATTACKS: [Attack; 10] = [
    Attack { name: "no attack", connections: 0, behaviour: Behaviour::Rest },
    Attack { name: "resets", connections: 32, behaviour: Behaviour::Repeat(|arena, to| arena.reset(to)) },
    Attack { name: "audits", connections: 100, behaviour: Behaviour::Repeat(|arena, to| arena.get(to, "audit")) },
    Attack { name: "ledgers", connections: 32, behaviour: Behaviour::Repeat(|arena, to| arena.get(to, "ledger")) },
    Attack { name: "large pages", connections: 60, behaviour: Behaviour::Repeat(|arena, to| arena.page(to)) },
    Attack { name: "seat lists", connections: 60, behaviour: Behaviour::Repeat(|arena, to| arena.seats(to)) },
    Attack {
        name: "readers who do not read",
        connections: 100,
        behaviour: Behaviour::Deaf(|arena, to| arena.seats(to)),
    },
    Attack { name: "an uploading viewer", connections: 4, behaviour: Behaviour::Upload },
    Attack { name: "3,000 connections", connections: 3_000, behaviour: Behaviour::Open },
    Attack { name: "lines of the log", connections: 32, behaviour: Behaviour::Repeat(|_, to| foreign(to)) },
];

/// The sales that are attacked, and the one that somebody else buys from.
struct Arena {
    rehearsal: String,
    sold: String,
    big: String,
    bought: String,
    runtime: Runtime,
}

/// The worst that was seen during an attack.
#[derive(Clone, Copy, Default)]
struct Seen {
    purchase_ms: f64,
    ready_ms: f64,
    memory_kib: f64,
    log_kib: f64,
}

impl Arena {
    /// Makes the sales with a demo, in which nothing is limited, and starts the server again without it.
    fn prepare(server: &mut Server) -> Result<Self, Failure> {
        let seats = json!({ "sections": 1, "rows": BIG_ROWS, "per_row": BIG_PER_ROW });
        let sold = server.general_admission("Sold", ORDERS)?;
        let path = format!("/api/v1/sales/{sold}/buy");
        let address = server.address;
        let compose = move |_: usize, _: u64, bytes: &mut Vec<u8>| {
            let key = format!("Idempotency-Key: {}\r\n", uuid::Uuid::now_v7());
            bytes.extend_from_slice(&request("POST", &path, address, &key, br#"{"tier":"ga"}"#));
            true
        };
        run(address, 64, Duration::from_secs(3), Pace::Closed, Rc::new(compose))?;
        let arena = Self {
            rehearsal: server.sale("Attacked", &json!({ "name": "GA", "price": 1000, "quantity": 100 }))?,
            sold,
            big: server.sale("Big", &json!({ "name": "Floor", "price": 1000, "seats": seats }))?,
            bought: server.general_admission("Bought", 1_000_000)?,
            runtime: tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?,
        };
        server.restart_without_demo()?;
        Ok(arena)
    }

    fn get(&self, to: SocketAddr, what: &str) -> Vec<u8> {
        request("GET", &format!("/api/v1/sales/{}/{what}", self.sold), to, "", b"")
    }

    fn seats(&self, to: SocketAddr) -> Vec<u8> {
        request("GET", &format!("/api/v1/sales/{}/seats", self.big), to, "", b"")
    }

    fn page(&self, to: SocketAddr) -> Vec<u8> {
        request("GET", &format!("/sales/{}", self.big), to, "Accept: text/html\r\n", b"")
    }

    fn reset(&self, to: SocketAddr) -> Vec<u8> {
        request("POST", &format!("/api/v1/sales/{}/reset", self.rehearsal), to, "", b"{}")
    }

    /// Lets the attack go on while another client buys and asks whether the server is ready.
    fn watch(&self, server: &Server, number: u8, attack: Attack) -> Result<Seen, Failure> {
        let (to, until) = (server.address, Instant::now() + ATTACK);
        let attacker = Ipv4Addr::new(127, 0, 1, number + 1);
        let buyer = Ipv4Addr::new(127, 0, 2, number + 1);
        let log_before = server.log_bytes();
        self.runtime.spawn(self.attack(attack, attacker, to, until));
        let seen = std::thread::scope(|scope| {
            let memory = scope.spawn(|| {
                let mut most = 0.0_f64;
                while Instant::now() < until {
                    most = most.max(server.resident_kib().unwrap_or_default());
                    std::thread::sleep(LOOK_EVERY);
                }
                most
            });
            let buying =
                scope.spawn(|| longest_purchase(&self.bought, buyer, to, until).map_err(|error| error.to_string()));
            let ready = longest(&request("GET", "/readyz", to, "", b""), buyer, to, until, LOOK_EVERY);
            let memory_kib = memory.join().expect("the memory is read");
            let purchase_ms = buying.join().expect("a buyer")?;
            Ok::<_, Failure>(Seen { purchase_ms, ready_ms: ready?, memory_kib, log_kib: 0.0 })
        })?;
        #[allow(clippy::cast_precision_loss)] // far below 2⁵³
        let log_kib = (server.log_bytes() - log_before) as f64 / 1024.0;
        Ok(Seen { log_kib, ..seen })
    }

    fn attack(
        &self,
        attack: Attack,
        from: Ipv4Addr,
        to: SocketAddr,
        until: Instant,
    ) -> impl Future<Output = ()> + Send + 'static {
        let bytes: Arc<[u8]> = match attack.behaviour {
            Behaviour::Repeat(of) | Behaviour::Deaf(of) => of(self, to).into(),
            Behaviour::Upload => request("GET", &format!("/api/v1/sales/{}/stream", self.bought), to, "", b"").into(),
            Behaviour::Rest | Behaviour::Open => Arc::default(),
        };
        async move {
            let stop = Arc::new(AtomicBool::new(false));
            let mut clients = JoinSet::new();
            for _ in 0..attack.connections {
                clients.spawn(misbehave(attack.behaviour, bytes.clone(), from, to, stop.clone()));
            }
            sleep(until.saturating_duration_since(Instant::now())).await;
            stop.store(true, Ordering::Relaxed);
            clients.shutdown().await;
        }
    }
}

/// A request of another site's page, for a path as long as may be.
fn foreign(to: SocketAddr) -> Vec<u8> {
    request("POST", &format!("/{}", "x".repeat(8_000)), to, "Sec-Fetch-Site: cross-site\r\n", b"{}")
}

async fn connect(from: Ipv4Addr, to: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::from((from, 0)))?;
    socket.connect(to).await
}

/// One connection of the attacker, opened again whenever the server closes it.
async fn misbehave(behaviour: Behaviour, bytes: Arc<[u8]>, from: Ipv4Addr, to: SocketAddr, stop: Arc<AtomicBool>) {
    while !stop.load(Ordering::Relaxed) {
        let Ok(mut stream) = connect(from, to).await else {
            sleep(Duration::from_millis(20)).await;
            continue;
        };
        let _ = match behaviour {
            Behaviour::Rest => return,
            Behaviour::Repeat(_) => repeat(&mut stream, &bytes).await,
            Behaviour::Deaf(_) => deaf(&mut stream, &bytes).await,
            Behaviour::Upload => upload(stream, &bytes).await,
            Behaviour::Open => stream.read(&mut [0; 1]).await.map(drop),
        };
    }
}

/// The attacker does not look at answers: it reads what comes, and sends again when nothing more does.
async fn repeat(stream: &mut TcpStream, bytes: &[u8]) -> std::io::Result<()> {
    let mut ignored = vec![0; 256 * 1024];
    loop {
        stream.write_all(bytes).await?;
        let mut patience = Duration::from_secs(30);
        while let Ok(read) = timeout(patience, stream.read(&mut ignored)).await {
            if read? == 0 {
                return Ok(());
            }
            patience = Duration::from_millis(2);
        }
    }
}

async fn deaf(stream: &mut TcpStream, bytes: &[u8]) -> std::io::Result<()> {
    stream.write_all(bytes).await?;
    sleep(Duration::from_secs(60)).await;
    Ok(())
}

async fn upload(stream: TcpStream, bytes: &[u8]) -> std::io::Result<()> {
    let (mut reading, mut writing) = stream.into_split();
    writing.write_all(bytes).await?;
    let read = async {
        let mut ignored = [0; 4096];
        while reading.read(&mut ignored).await? > 0 {}
        Ok(())
    };
    let write = async {
        loop {
            writing.write_all(&[b'x'; 64 * 1024]).await?;
        }
    };
    tokio::select! { ended = read => ended, ended = write => ended }
}

/// Buys one unit again and again, as one guest, and returns the longest wait in milliseconds.
fn longest_purchase(sale: &str, from: Ipv4Addr, to: SocketAddr, until: Instant) -> Result<f64, Failure> {
    let path = format!("/api/v1/sales/{sale}/buy");
    longest(&request("POST", &path, to, "", br#"{"tier":"ga"}"#), from, to, until, BUY_EVERY)
}

/// Sends a request again and again, and returns the longest wait for an answer of success in milliseconds.
fn longest(bytes: &[u8], from: Ipv4Addr, to: SocketAddr, until: Instant, pause: Duration) -> Result<f64, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut longest = Duration::ZERO;
        let mut wire = Wire::over(connect(from, to).await?);
        while Instant::now() < until {
            let sent = Instant::now();
            let status = timeout(Duration::from_secs(60), wire.exchange(bytes)).await??.status;
            longest = longest.max(sent.elapsed());
            if !(200..300).contains(&status) {
                return Err(format!("somebody else was answered {status}").into());
            }
            sleep(pause).await;
        }
        Ok(longest.as_secs_f64() * 1000.0)
    })
}
