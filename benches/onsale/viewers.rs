//! Many readers of a stream on one thread. Each is only a socket and a task, and holds no buffer while it waits, so
//! that the readers cost the machine as little as possible.

use std::{
    future::poll_fn,
    io,
    mem::MaybeUninit,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncRead, AsyncWriteExt, ReadBuf},
    net::TcpStream,
    sync::Semaphore,
    task::{JoinSet, LocalSet},
};
use tokio_util::sync::CancellationToken;

use super::settings::Failure;

/// How many connections are opened at the same time.
const OPENING_AT_ONCE: usize = 256;
/// File descriptors that the bench needs for other things than its viewers.
const SPARE_DESCRIPTORS: u64 = 1_000;
/// The pause before the readers check whether there is more to read. The readers stand for other machines; waking this
/// thread for each frame would cost the server more than the frame itself. Frames are read later by up to this pause,
/// and the measured times include it.
const PAUSE: Duration = Duration::from_micros(500);
/// Bytes read at once.
const READ_BYTES: usize = 16 * 1024;

/// A frame that reached a viewer.
#[derive(Clone, Copy)]
pub struct Arrival {
    pub viewer: usize,
    /// The number of the newest frame in the bytes that were read.
    pub number: u64,
    pub read: Instant,
}

/// Finds the number of the newest frame in the bytes that were read; `None` if they hold none.
pub type NumberOf = fn(&[u8]) -> Option<u64>;

/// Many viewers on one thread.
pub struct Fleet {
    connected: Arc<AtomicUsize>,
    arrivals: Arc<Mutex<Vec<Arrival>>>,
    stop: CancellationToken,
    thread: JoinHandle<Result<(), String>>,
}

impl Fleet {
    /// The wanted number of viewers, or fewer if the limit of file descriptors of this process and the server allows
    /// fewer.
    pub fn size(wanted: usize) -> usize {
        let (limit, _) = rlimit::getrlimit(rlimit::Resource::NOFILE).unwrap_or((1_024, 1_024));
        wanted.min(usize::try_from(limit.saturating_sub(SPARE_DESCRIPTORS)).unwrap_or(usize::MAX))
    }

    /// Connects `count` viewers that send `request` and then read. Waits until each has received something.
    pub fn open(address: SocketAddr, request: Vec<u8>, count: usize, number_of: NumberOf) -> Result<Self, Failure> {
        let (connected, arrivals) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::new())));
        let stop = CancellationToken::new();
        let shared = Shared {
            address,
            request: request.into(),
            connected: Arc::clone(&connected),
            arrivals: Arc::clone(&arrivals),
            stop: stop.clone(),
            number_of,
        };
        let thread = std::thread::Builder::new().name("viewers".to_owned()).spawn(move || shared.run(count))?;
        let fleet = Self { connected, arrivals, stop, thread };
        while fleet.connected.load(Ordering::Relaxed) < count {
            if fleet.thread.is_finished() {
                return Err(fleet.close().err().unwrap_or_else(|| "the viewers went away".into()));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(fleet)
    }

    /// Everything that arrived since the last call.
    pub fn take_arrivals(&self) -> Vec<Arrival> {
        std::mem::take(&mut *self.arrivals.lock().expect("no reader panics while it notes"))
    }

    pub fn close(self) -> Result<(), Failure> {
        self.stop.cancel();
        self.thread.join().map_err(|_| "a viewer panicked")?.map_err(Into::into)
    }
}

struct Shared {
    address: SocketAddr,
    request: Arc<[u8]>,
    connected: Arc<AtomicUsize>,
    arrivals: Arc<Mutex<Vec<Arrival>>>,
    stop: CancellationToken,
    number_of: NumberOf,
}

impl Shared {
    fn run(self, count: usize) -> Result<(), String> {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().on_thread_park(|| std::thread::sleep(PAUSE)).build();
        let runtime = runtime.map_err(|error| error.to_string())?;
        let stop = self.stop.clone();
        let shared = Arc::new(self);
        LocalSet::new().block_on(&runtime, async {
            let (mut readers, opening) = (JoinSet::new(), Arc::new(Semaphore::new(OPENING_AT_ONCE)));
            for viewer in 0..count {
                readers.spawn_local(Arc::clone(&shared).view(viewer, Arc::clone(&opening)));
            }
            tokio::select! {
                () = stop.cancelled() => Ok(()),
                Some(ended) = readers.join_next() => Err(match ended {
                    Ok(Err(error)) => format!("a viewer failed: {error}"),
                    Ok(Ok(())) => "the server ended a stream".to_owned(),
                    Err(error) => error.to_string(),
                }),
            }
        })
    }

    /// One viewer: connects, sends the request, and notes each frame. Ends with the stream.
    async fn view(self: Arc<Self>, viewer: usize, opening: Arc<Semaphore>) -> io::Result<()> {
        let permit = opening.acquire_owned().await.map_err(io::Error::other)?;
        let mut stream = TcpStream::connect(self.address).await?;
        stream.write_all(&self.request).await?;
        stream.readable().await?;
        self.connected.fetch_add(1, Ordering::Relaxed);
        drop(permit);
        while poll_fn(|context| self.poll_read(viewer, &mut stream, context)).await? > 0 {}
        Ok(())
    }

    /// Reads the bytes that are there, and returns how many. The buffer is on the stack of this call, so a viewer that
    /// waits holds none. If a read does not fill the buffer there is nothing more, so the system need not be asked
    /// again.
    fn poll_read(&self, viewer: usize, stream: &mut TcpStream, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut buffer = [MaybeUninit::uninit(); READ_BYTES];
        let mut buffer = ReadBuf::uninit(&mut buffer);
        ready!(Pin::new(stream).poll_read(context, &mut buffer))?;
        if let Some(number) = (self.number_of)(buffer.filled()) {
            let arrival = Arrival { viewer, number, read: Instant::now() };
            self.arrivals.lock().expect("no reader panics while it notes").push(arrival);
        }
        Poll::Ready(Ok(buffer.filled().len()))
    }
}

/// The digits that follow the last `marker` in `bytes`.
pub fn last_number(bytes: &[u8], marker: &[u8]) -> Option<u64> {
    let start = bytes.windows(marker.len()).rposition(|window| window == marker)? + marker.len();
    let digits = bytes[start..].iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(None, |number: Option<u64>, digit| Some(number.unwrap_or(0) * 10 + u64::from(digit - b'0')))
}
