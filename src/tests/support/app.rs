//! The server under test: the real binary as a child process, on a new database.

use std::{
    fs::File,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Once},
    time::{Duration, Instant},
};

use onsale::server::simulator::client::{Connection, Server};
use rand::RngExt;
use tempfile::TempDir;

/// The organiser's Bearer token, if the server was started with it.
pub const ADMIN_TOKEN: &str = "an organiser's token for tests";
/// No limits per client.
const LIFTED: &str = "[limits]\nconnections_per_address = 0\nrequests_per_second = 0\nnew_guests_per_minute = 0\n\
                      purchases_per_minute = 0\nwrong_tokens = 0\n";
/// How long a start may take, with migrations and the demo sales, on a busy machine.
const START_TIMEOUT: Duration = Duration::from_secs(30);
/// The longest time that a stop may take. The tests of the shutdown ask for less.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);
/// Ports below those that the system uses for outgoing connections, so that no client of a test takes one of them.
const PORTS: std::ops::Range<u16> = 12_000..32_000;
/// How many lines of the server's log a failed test shows.
const SHOWN_LOG_LINES: usize = 30;

/// How a server is started.
#[derive(Clone, Default)]
pub struct Setup {
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    configuration: Option<String>,
    has_limits: bool,
    database: Option<String>,
}

impl Setup {
    /// Uses this database instead of a new embedded one.
    pub fn with_database(mut self, url: &str) -> Self {
        self.database = Some(url.to_owned());
        self
    }

    /// Starts with the demo sales and without limits per client.
    pub fn with_demo(mut self) -> Self {
        self.arguments.push("--demo".to_owned());
        self
    }

    /// Starts with an organiser: see [`ADMIN_TOKEN`].
    pub fn with_admin(self) -> Self {
        self.with_env("ONSALE_ADMIN_TOKEN", ADMIN_TOKEN)
    }

    pub fn with_env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Puts this `Leptos.toml` into the server's working directory.
    pub fn with_configuration(mut self, toml: &str) -> Self {
        self.configuration = Some(toml.to_owned());
        self
    }

    /// Keeps the limits per client. Most tests lift them, because all their clients come from one address.
    pub fn with_limits(mut self) -> Self {
        self.has_limits = true;
        self
    }

    /// The server's `Leptos.toml`.
    fn file(&self) -> String {
        let written = self.configuration.clone().unwrap_or_default();
        match written.split_once("[limits]\n") {
            _ if self.has_limits => written,
            Some((before, after)) => format!("{before}{LIFTED}{after}"),
            None => format!("{written}\n{LIFTED}"),
        }
    }

    pub async fn start(self) -> TestApp {
        let mut app = self.prepare();
        app.launch().await;
        app
    }

    /// The server with this setup, not started yet.
    pub fn prepare(self) -> TestApp {
        TestApp::prepare(self)
    }
}

/// A server. It is killed when this is dropped.
pub struct TestApp {
    setup: Setup,
    /// The program that starts the binary, with its arguments; empty if the binary is started directly.
    wrapper: Vec<String>,
    /// The server's process; `None` while it is stopped.
    child: Option<Child>,
    address: SocketAddr,
    folder: Arc<TempDir>,
}

impl TestApp {
    /// The usual server of a test: without demo sales, with an organiser.
    pub async fn open() -> Self {
        Setup::default().with_admin().start().await
    }

    /// A server with the demo sales and an organiser.
    pub async fn open_demo() -> Self {
        Setup::default().with_demo().with_admin().start().await
    }

    fn prepare(setup: Setup) -> Self {
        allow_many_sockets();
        let folder = Arc::new(tempfile::tempdir().expect("a folder for the database"));
        std::fs::write(folder.path().join("Leptos.toml"), setup.file()).expect("a configuration file");
        Self { setup, wrapper: Vec::new(), child: None, address: free_address(), folder }
    }

    /// Makes this program start the binary from the next launch on. It must replace itself by the binary and not stay
    /// as its parent, because signals go to the process that was started.
    pub fn wrap(&mut self, wrapper: Vec<String>) {
        self.wrapper = wrapper;
    }

    /// Starts the server at the same address, on the same database.
    pub async fn launch(&mut self) {
        if let Err(status) = self.try_launch().await {
            panic!("the server left at its start with {status}:\n{}", self.log());
        }
    }

    /// As [`Self::launch`], but returns the exit status if the server ends before it serves.
    pub async fn try_launch(&mut self) -> Result<(), ExitStatus> {
        assert!(self.child.is_none(), "the server runs already");
        let log = File::options().create(true).append(true).open(self.log_path()).expect("a log file");
        let mut words = self.wrapper.iter().map(String::as_str).chain([env!("CARGO_BIN_EXE_onsale")]);
        let mut command = Command::new(words.next().expect("the binary at least"));
        command
            .args(words)
            .arg("serve")
            .args(["--addr", &self.address.to_string(), "--database", &self.database()])
            .args(&self.setup.arguments)
            .env_remove("DATABASE_URL")
            .env_remove("ONSALE_PAYMENT_URL")
            .env_remove("ONSALE_PAYMENT_KEY")
            .env_remove("ONSALE_PAYMENT_WEBHOOK_SECRET")
            .env("ONSALE_LOG", "info")
            .envs(self.setup.environment.iter().cloned())
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle of the log"))
            .stderr(log);
        let child = command.spawn();
        self.child = Some(child.unwrap_or_else(|error| panic!("{:?}: {error}", command.get_program())));
        let started = Instant::now();
        while !self.answers().await {
            let child = self.child.as_mut().expect("just started");
            if let Some(status) = child.try_wait().expect("a child") {
                self.child = None;
                return Err(status);
            }
            assert!(started.elapsed() < START_TIMEOUT, "the server does not answer:\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }

    async fn answers(&self) -> bool {
        let Ok(mut connection) = Connection::open(Arc::new(self.server())).await else { return false };
        connection.get("/healthz").await.is_ok_and(|reply| reply.status.is_success())
    }

    /// Kills the server without warning, so that it can finish nothing.
    pub fn kill(&mut self) {
        let mut child = self.child.take().expect("the server runs");
        child.kill().expect("a running child");
        child.wait().expect("a killed child");
    }

    /// Sends the server a signal such as `TERM`, and does not wait.
    pub fn signal(&self, name: &str) {
        send_signal(name, self.process());
    }

    /// The server's process id.
    pub fn process(&self) -> u32 {
        self.child.as_ref().expect("the server runs").id()
    }

    /// Waits until the server has ended. Returns its exit status, and how long that took.
    pub async fn wait(&mut self) -> (ExitStatus, Duration) {
        let mut child = self.child.take().expect("the server runs");
        let started = Instant::now();
        loop {
            if let Some(status) = child.try_wait().expect("a child") {
                return (status, started.elapsed());
            }
            if started.elapsed() > STOP_TIMEOUT {
                self.child = Some(child);
                panic!("the server does not stop:\n{}", self.log());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Stops the server by a signal and starts it again on the same database.
    pub async fn restart(&mut self) {
        self.signal("TERM");
        let (status, _) = self.wait().await;
        assert!(status.success(), "SIGTERM: {status}");
        self.launch().await;
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The server's address, for the simulator's client.
    pub fn server(&self) -> Server {
        Server::at(self.address)
    }

    /// The database's address, as the command line takes it.
    pub fn database(&self) -> String {
        let embedded = || format!("sqlite:{}", self.folder.path().join("onsale.db").display());
        self.setup.database.clone().unwrap_or_else(embedded)
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Opens the embedded database for reading, whether the server runs or not.
    pub async fn database_file(&self) -> sqlx::SqlitePool {
        sqlx::SqlitePool::connect(&format!("{}?mode=ro", self.database()))
            .await
            .expect("the database opens for reading")
    }

    /// Runs another command of the binary to its end.
    pub async fn command<const COUNT: usize>(&self, arguments: [&str; COUNT]) -> std::process::Output {
        self.command_of(&arguments).await
    }

    /// The same with arguments that a test puts together.
    pub async fn command_of(&self, arguments: &[&str]) -> std::process::Output {
        self.binary(arguments).output().await.expect("the binary under test")
    }

    /// The same with further variables.
    pub async fn command_with(&self, arguments: &[&str], environment: &[(&str, &str)]) -> std::process::Output {
        self.binary(arguments).envs(environment.iter().copied()).output().await.expect("the binary under test")
    }

    /// The same, where nobody reads what it prints: its standard output is a pipe without a reader.
    pub async fn command_unread(&self, arguments: &[&str]) -> std::process::Output {
        let (_, unread) = std::io::pipe().expect("a pipe");
        let child = self.binary(arguments).stdout(unread).stderr(Stdio::piped()).spawn();
        child.expect("the binary under test").wait_with_output().await.expect("its end")
    }

    fn binary(&self, arguments: &[&str]) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_onsale"));
        command.args(arguments).current_dir(self.folder.path()).env_remove("DATABASE_URL").kill_on_drop(true);
        command
    }

    fn log_path(&self) -> std::path::PathBuf {
        self.folder.path().join("server.log")
    }

    /// Everything that the server has logged.
    pub fn whole_log(&self) -> String {
        std::fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    /// The end of the server's log.
    pub fn log(&self) -> String {
        let text = self.whole_log();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(SHOWN_LOG_LINES)..].join("\n")
    }
}

impl Drop for TestApp {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            eprintln!("the end of the server's log:\n{}", self.log());
        }
    }
}

/// Sends a signal such as `TERM` to a process.
pub fn send_signal(name: &str, process: u32) {
    // The shell has `kill` built in. The system may have no program of that name.
    let status = Command::new("sh").args(["-c", &format!("kill -s {name} {process}")]).status().expect("a shell");
    assert!(status.success(), "kill -s {name} {process}: {status}");
}

/// An address on which nothing listens. If another process takes it before the server does, the start fails and says
/// so.
pub fn free_address() -> SocketAddr {
    for _ in 0..1_000 {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, rand::rng().random_range(PORTS)));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
    panic!("no free port");
}

/// Raises the limit of open files, because storms need a socket per buyer.
fn allow_many_sockets() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        rlimit::increase_nofile_limit(u64::MAX).expect("the limit of open files can be raised to its bound");
    });
}
