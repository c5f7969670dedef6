//! A failing disk: while strace traces the server, it makes calls on the database's files fail as a test wants.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use super::{TestApp, app::send_signal, recording::FILES};

/// How long strace may take to begin and to end.
const TIMEOUT: Duration = Duration::from_secs(10);
/// What strace writes after a call that it made fail.
const INJECTED: &str = "(INJECTED)";

/// The ways in which calls on a disk may fail.
pub const FAULTS: [&str; 7] = [
    "pwrite64:error=EIO",
    "pwrite64:error=ENOSPC",
    "fdatasync,fsync:error=EIO",
    "pread64:error=EIO",
    "ftruncate:error=EIO",
    "ftruncate:error=ENOSPC",
    "openat,pread64,pwrite64,ftruncate,fdatasync,fsync:error=EIO",
];

/// Makes calls on the database's files fail until [`Faults::end`].
pub struct Faults {
    tracer: Child,
    output: PathBuf,
}

/// The arguments with which strace makes calls fail. An example of `fault` is `pwrite64:error=EIO:when=3`; calls are
/// counted for each thread.
pub fn arguments(folder: &Path, fault: &str, output: &Path) -> Vec<String> {
    let (calls, _) = fault.split_once(':').expect("a fault names its calls first");
    let text = |path: &Path| path.to_str().expect("a path of the tests is text").to_owned();
    let mut words = ["-f", "-q", "-e", "signal=none", "-s", "8", "-o", &text(output)].map(str::to_owned).to_vec();
    words.extend(["-e".to_owned(), format!("trace={calls}"), "-e".to_owned(), format!("inject={fault}")]);
    words.extend(FILES.iter().flat_map(|file| ["-P".to_owned(), text(&folder.join(file))]));
    words
}

/// The program that starts a server which can be traced later. Where Linux allows only a parent to trace (Yama),
/// `strace -D` makes the server allow everybody to trace it.
pub fn open_to_tracers() -> Vec<String> {
    ["strace", "-D", "-q", "-e", "trace=none", "-e", "signal=none", "-o", "/dev/null"].map(str::to_owned).to_vec()
}

/// How many calls failed, from what strace wrote.
pub fn injected(output: &Path) -> usize {
    fs::read_to_string(output).unwrap_or_default().matches(INJECTED).count()
}

impl Faults {
    /// Makes calls fail from now on. The server must have been started by [`open_to_tracers`].
    pub async fn begin(app: &TestApp, fault: &str) -> Self {
        let server = app.process();
        if let Some(first) = tracer_of(server, server) {
            send_signal("KILL", first);
            until("the first strace leaves", || tracer_of(server, server).is_none()).await;
        }
        let output = app.folder().join("faults");
        let _ = fs::remove_file(&output);
        let errors = File::create(app.folder().join("faults.errors")).expect("a file");
        let mut strace = Command::new("strace");
        strace.args(arguments(app.folder(), fault, &output)).args(["-p", &server.to_string()]);
        let tracer = strace.stdin(Stdio::null()).stdout(Stdio::null()).stderr(errors).spawn();
        let mut faults = Self { tracer: tracer.expect("strace is installed"), output };
        let id = faults.tracer.id();
        let all_traced = || {
            if let Some(status) = faults.tracer.try_wait().expect("a child") {
                let told = fs::read_to_string(app.folder().join("faults.errors")).unwrap_or_default();
                panic!("strace left with {status}: {told}");
            }
            threads(server).into_iter().all(|thread| tracer_of(server, thread) == Some(id))
        };
        until("strace watches all threads", all_traced).await;
        faults
    }

    /// How many calls have failed so far.
    pub fn injected(&self) -> usize {
        injected(&self.output)
    }

    /// Ends the faults, and returns how many calls have failed.
    pub async fn end(mut self) -> usize {
        // strace is not killed: if it is in the middle of a call, it must first give that call its result.
        send_signal("TERM", self.tracer.id());
        until("strace leaves", || self.tracer.try_wait().expect("a child").is_some()).await;
        self.injected()
    }
}

impl Drop for Faults {
    fn drop(&mut self) {
        let _ = self.tracer.kill();
        let _ = self.tracer.wait();
    }
}

async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < TIMEOUT, "{what}: not within {TIMEOUT:?}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

fn threads(process: u32) -> Vec<u32> {
    let entries = fs::read_dir(format!("/proc/{process}/task")).expect("a running server");
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect()
}

/// The process that traces a thread, if there is one. A thread that has ended meanwhile counts as not traced.
fn tracer_of(process: u32, thread: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{process}/task/{thread}/status")).ok()?;
    let tracer = status.lines().find_map(|line| line.strip_prefix("TracerPid:"))?;
    tracer.trim().parse().ok().filter(|id| *id != 0)
}
