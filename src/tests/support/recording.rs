//! What a server did to its database's files, as strace recorded it: every byte written, and the time of every flush.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use super::TestApp;

/// Nanoseconds since 1970, by the clock that both strace and the tests read.
pub type Moment = u64;

/// The database's files. The file `-shm` is not among them, because SQLite makes it anew from the log after a loss of
/// power.
pub const FILES: [&str; 3] = ["onsale.db", "onsale.db-wal", "onsale.db-journal"];
/// The database itself and its log, among [`FILES`].
pub const DATABASE: &str = FILES[0];
pub const LOG: &str = FILES[1];
/// The name under which calls on the folder itself are recorded. Flushing the folder makes its list of names durable.
pub const FOLDER: &str = "";

/// All system calls by which SQLite changes a file or makes it durable.
const CALLS: &str = "trace=openat,pwrite64,write,ftruncate,fsync,fdatasync,unlink";
/// How many bytes of a call strace shows: more than any call writes, so it shows all of them.
const SHOWN_BYTES: &str = "1048576";
/// How long strace may take to record the end of the server.
const END_TIMEOUT: Duration = Duration::from_secs(10);

/// One system call.
#[derive(Debug)]
pub struct Call {
    pub began: Moment,
    /// `Moment::MAX` if the process ended before the call did.
    pub ended: Moment,
    pub thread: u32,
    /// One of [`FILES`], or [`FOLDER`].
    pub file: &'static str,
    pub kind: Kind,
}

#[derive(Debug)]
pub enum Kind {
    /// Opens the file, and creates it if it does not exist.
    Create,
    Write {
        offset: usize,
        bytes: Vec<u8>,
    },
    /// Sets the file's length.
    Cut {
        length: usize,
    },
    /// Makes earlier writes durable by the time it ends.
    Flush,
    Remove,
}

impl Call {
    pub fn is_flush(&self) -> bool {
        matches!(self.kind, Kind::Flush)
    }

    /// Whether this call begins the log, again or for the first time. It then writes the log's header, at offset 0.
    pub fn begins_log(&self) -> bool {
        self.file == LOG && matches!(self.kind, Kind::Write { offset: 0, .. })
    }
}

pub fn now() -> Moment {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock that is set");
    u64::try_from(since_1970.as_nanos()).expect("a time before 2554")
}

/// The program that starts a server and records what it does to the files in this folder. With `-D` the started process
/// becomes the server itself, and not its parent. With `--seccomp-bpf` strace stops the server only for the recorded
/// calls.
pub fn recorder(folder: &Path) -> Vec<String> {
    let mut words = ["strace", "-D", "-q", "-ff", "--seccomp-bpf", "-y", "-xx", "-s", SHOWN_BYTES, "-e", CALLS]
        .map(str::to_owned)
        .to_vec();
    words.extend(["--absolute-timestamps=unix,ns", "--syscall-times=ns", "-e", "signal=none"].map(str::to_owned));
    words.extend(["-o".to_owned(), path(&folder.join("recording"))]);
    for file in FILES {
        words.extend(["-P".to_owned(), path(&folder.join(file))]);
    }
    words.extend(["-P".to_owned(), path(folder)]);
    words
}

fn path(path: &Path) -> String {
    path.to_str().expect("a path of the tests is text").to_owned()
}

/// Stops the server by a signal and reads the whole recording, in the order in which the calls began.
pub async fn stop_and_read(app: &mut TestApp) -> Vec<Call> {
    let server = app.process();
    app.signal("TERM");
    let (status, _) = app.wait().await;
    assert!(status.success(), "SIGTERM: {status}");
    let of_thread = |thread: u32| app.folder().join(format!("recording.{thread}"));
    let started = Instant::now();
    // The server's first thread is the last to end. When strace has recorded that, the recording is complete.
    while !fs::read_to_string(of_thread(server)).expect("a recording").contains("+++ exited") {
        assert!(started.elapsed() < END_TIMEOUT, "strace does not come to an end");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let mut calls = Vec::new();
    for entry in fs::read_dir(app.folder()).expect("a folder") {
        let path = entry.expect("an entry").path();
        if let Some(thread) = thread_of(&path) {
            let text = fs::read_to_string(&path).expect("a recording is text");
            calls.extend(text.lines().filter_map(|line| parse(line, thread, app.folder())));
        }
    }
    calls.sort_by_key(|call: &Call| call.began);
    calls
}

fn thread_of(path: &Path) -> Option<u32> {
    path.file_name()?.to_str()?.strip_prefix("recording.")?.parse().ok()
}

/// Reads one line, such as `1795258623.565426709 pwrite64(4<\x2f…>, "\x37…", 32, 0) = 32 <0.000031250>`. `None` if the
/// line is not a call that changes something.
fn parse(line: &str, thread: u32, folder: &Path) -> Option<Call> {
    let (began, rest) = line.split_once(' ').expect("a time stands first");
    if rest.starts_with("+++") {
        return None;
    }
    let (name, rest) = rest.split_once('(').unwrap_or_else(|| panic!("no call: {line}"));
    let (arguments, result) = rest.rsplit_once(") = ").unwrap_or_else(|| panic!("no result: {line}"));
    let is_open = name == "openat";
    if is_open && (!arguments.contains("O_CREAT") || result.starts_with('-')) {
        return None;
    }
    // A call during which the process ended has no result.
    let (result, duration) = match result {
        "?" => (result, None),
        _ => {
            let (result, duration) = result.rsplit_once(" <").unwrap_or_else(|| panic!("no duration: {line}"));
            (result, Some(nanoseconds(duration.trim_end_matches('>'))))
        }
    };
    let parts: Vec<&str> = arguments.split('"').collect();
    let kind = match name {
        "openat" => Kind::Create,
        "unlink" => Kind::Remove,
        "fsync" | "fdatasync" => Kind::Flush,
        "ftruncate" => Kind::Cut { length: last_number(arguments) },
        "pwrite64" => {
            let bytes = unescape(parts[1]);
            let is_whole = result == "?" || result == bytes.len().to_string();
            assert!(is_whole, "what was shown is what was written: {line}");
            Kind::Write { offset: last_number(arguments), bytes }
        }
        other => panic!("SQLite is not known to call {other}: {line}"),
    };
    assert!(!result.starts_with('-'), "a disk without faults was recorded: {line}");
    // When a file is opened or removed, the call names its path. Other calls name its descriptor, with the path beside
    // it.
    let named = match name {
        "openat" | "unlink" => unescape(parts[1]),
        _ => {
            let (_, descriptor) = arguments.split_once('<').unwrap_or_else(|| panic!("no file: {line}"));
            let (path, rest) = descriptor.split_once('>').unwrap_or_else(|| panic!("no file: {line}"));
            if rest.starts_with("(deleted)") {
                return None;
            }
            unescape(path)
        }
    };
    let named = String::from_utf8(named).expect("a path of the tests is text");
    let file = FILES.into_iter().find(|file| Path::new(&named).file_name().is_some_and(|name| name == *file));
    let file = file.unwrap_or_else(|| {
        assert_eq!(Path::new(&named).file_name(), folder.file_name(), "no other file was asked for: {line}");
        FOLDER
    });
    let began = nanoseconds(began);
    let ended = duration.map_or(Moment::MAX, |duration| began + duration);
    Some(Call { began, ended, thread, file, kind })
}

/// The last argument of a call, as a number.
fn last_number(arguments: &str) -> usize {
    let (_, number) = arguments.rsplit_once(", ").expect("several arguments");
    number.parse().unwrap_or_else(|error| panic!("{number}: {error}"))
}

/// `1795258623.565426709` in nanoseconds.
fn nanoseconds(seconds: &str) -> u64 {
    let (whole, fraction) = seconds.split_once('.').expect("a time has nanoseconds");
    assert_eq!(fraction.len(), 9, "{seconds}");
    let number = |text: &str| text.parse::<u64>().expect("digits");
    number(whole) * 1_000_000_000 + number(fraction)
}

/// The bytes of `\x37\x7f…`.
fn unescape(text: &str) -> Vec<u8> {
    let digit = |letter: u8| char::from(letter).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let byte = |escaped: &[u8]| match escaped {
        [b'\\', b'x', high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    };
    let bytes = text.as_bytes().chunks(4).map(byte).collect::<Option<Vec<u8>>>();
    bytes.unwrap_or_else(|| panic!("not in hexadecimal: {text}"))
}
