//! Viewers on real sockets: how they get into a crowd, what they receive there, and how they leave it.

use std::sync::Arc;

use bytes::Bytes;
use socket2::SockRef;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use super::*;
use crate::{
    model::limits::{CROWD_BACKLOG_FRAMES, VIEWER_STALL_MILLISECONDS, VIEWERS_IN_CROWD},
    server::feed::crowd::{Crowd, Returned},
};

/// A time limit far above what any step here takes.
const SOON: Duration = Duration::from_secs(20);

/// The two ends of a connection: the server's and the browser's.
pub async fn connection() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let browser = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (listener.accept().await.unwrap().0, browser)
}

/// A browser that watches: its end of the connection, and the state that it has read so far.
struct Browser {
    socket: TcpStream,
    unread: Vec<u8>,
    state: State,
    snapshots: usize,
    deltas: usize,
    /// The server's task for this browser.
    watching: JoinHandle<()>,
}

impl Browser {
    /// Opens a stream, and waits for the snapshot.
    async fn open(hub: &Arc<Hub>) -> Self {
        Self::open_by(connection().await, hub).await
    }

    async fn open_by((server, socket): (TcpStream, TcpStream), hub: &Arc<Hub>) -> Self {
        let watching = tokio::spawn(watch(server, Bytes::from_static(b"head\r\n\r\n"), hub.clone(), Resume::New));
        let mut browser = Self { socket, unread: vec![], state: State::new(), snapshots: 0, deltas: 0, watching };
        while browser.snapshots == 0 {
            browser.read().await;
        }
        browser
    }

    /// Reads one event and applies it. Fails at the end of the stream.
    async fn read(&mut self) {
        let mut looked_at = 0;
        let end = loop {
            if let Some(end) = self.unread[looked_at..].windows(2).position(|two| two == b"\n\n") {
                break looked_at + end + 2;
            }
            looked_at = self.unread.len().saturating_sub(1);
            let count = timeout(SOON, self.socket.read_buf(&mut self.unread)).await.expect("more comes").unwrap();
            assert_ne!(count, 0, "the stream goes on");
        };
        let event: Vec<u8> = self.unread.drain(..end).collect();
        let says = |text: &str| event.windows(text.len()).any(|window| window == text.as_bytes());
        if says("event: ") {
            self.state.fold(&event);
        }
        self.snapshots += usize::from(says("event: snapshot"));
        self.deltas += usize::from(says("event: delta"));
    }

    async fn read_until(&mut self, truth: &State) {
        while self.state != *truth {
            self.read().await;
        }
    }
}

/// A sale with so many seats that a change of all of them soon fills the system's buffers.
fn large() -> State {
    State { seats: vec![b'A'; 20_000], ..State::new() }
}

fn change_all(truth: &mut State, status: SeatStatus) -> Change {
    let seats = (0..).zip(&truth.seats).map(|(seat, _)| (seat, status)).collect();
    truth.seats.fill(status.letter());
    truth.seq += 1;
    Change { from: truth.seq - 1, seq: truth.seq, at: START, seats, tiers: vec![] }
}

fn hub(truth: &State) -> Arc<Hub> {
    Hub::new(truth.snapshot(), announcement(), Clock::System, &tokio::runtime::Handle::current())
}

#[tokio::test]
async fn everybody_hears_everything_however_the_crowds_change() {
    let mut truth = State::new();
    let hub = hub(&truth);
    let mut browsers = Vec::new();
    for round in 0..VIEWERS_IN_CROWD * 3 {
        hub.publish(truth.change(round % SEATS, SeatStatus::ALL[round % 3], round % 2, round as u64 % 100));
        hub.tick();
        browsers.push(Browser::open(&hub).await);
        if round % 3 == 1 {
            browsers.swap_remove(round / 2); // somebody leaves
        }
        if round % 5 == 0 {
            browsers[round / 2].read_until(&truth).await;
        }
    }
    hub.tick();
    for browser in &mut browsers {
        browser.read_until(&truth).await;
        assert_eq!(browser.snapshots, 1);
    }
    hub.close();
    for browser in browsers {
        timeout(SOON, browser.watching).await.expect("the end is told").unwrap();
    }
}

#[tokio::test]
async fn who_missed_a_frame_on_its_way_in_is_told_it_first() {
    let mut truth = State::new();
    let (hub, (server, _browser)) = (hub(&truth), connection().await);
    let server = Arc::new(server);
    let place = hub.join(&Resume::New).unwrap();
    hub.publish(truth.sell(0));
    hub.tick();
    let Err(Some(next)) = hub.enter(&server, place.position, place.frames_sent) else { panic!("it is not level") };
    assert_eq!(kinds(&next.first)[0], FrameKind::Delta { from: 1 });
    let membership = hub.enter(&server, truth.seq, next.frames_sent).unwrap_or_else(|_| panic!("it is level now"));
    assert_eq!(Arc::strong_count(&server), 3, "held by its task, its crowd and its membership");
    drop(membership);
    assert_eq!(Arc::strong_count(&server), 1);
    hub.close();
    assert!(matches!(hub.enter(&server, truth.seq, next.frames_sent), Err(None)));
    assert!(hub.join(&Resume::New).is_none() && hub.catch_up(truth.seq).is_none() && hub.start_over().is_none());
}

#[tokio::test]
async fn who_leaves_is_noticed_without_a_frame_and_its_socket_is_closed() {
    let hub = hub(&State::new());
    let mut leaving = Browser::open(&hub).await;
    let mut staying = Browser::open(&hub).await;
    assert!(!leaving.watching.is_finished());
    leaving.socket.shutdown().await.unwrap();
    timeout(SOON, leaving.watching).await.expect("noticed").unwrap();
    let mut rest = Vec::new();
    timeout(SOON, leaving.socket.read_to_end(&mut rest)).await.expect("closed").unwrap();
    hub.tick();
    hub.heartbeat();
    staying.read().await;
}

#[tokio::test]
async fn a_crowd_that_fell_behind_catches_up_without_a_snapshot() {
    let mut truth = State::new();
    let hub = hub(&truth);
    let mut browser = Browser::open(&hub).await;
    // There is no await in this loop, so nothing is written meanwhile.
    for round in 0..CROWD_BACKLOG_FRAMES * 2 {
        hub.publish(truth.sell(round % SEATS));
        hub.tick();
    }
    browser.read_until(&truth).await;
    assert_eq!((browser.snapshots, browser.deltas), (1, CROWD_BACKLOG_FRAMES * 2));
}

#[tokio::test]
async fn who_is_given_back_goes_on_where_the_write_ended() {
    let (frames, receiver) = tokio::sync::broadcast::channel(CROWD_BACKLOG_FRAMES);
    let crowd = Crowd::gather(receiver);
    let (server, mut browser) = connection().await;
    let mut membership = crowd.admit(Arc::new(server), 0);
    let bytes: Bytes = (0..100_000).flat_map(|number: u32| number.to_le_bytes()).collect();
    let (mut sent, mut written) = (0, Vec::new());
    let Returned { rest, position } = loop {
        let kind = FrameKind::Delta { from: sent };
        sent += 1;
        frames.send(Frame { kind, seq: sent, bytes: bytes.clone() }).unwrap();
        written.extend_from_slice(&bytes);
        tokio::task::yield_now().await;
        if let Ok(returned) = membership.returned.try_recv() {
            break returned;
        }
    };
    assert_eq!(position, sent, "the frame that blocked");
    assert!(!rest.is_empty());
    drop(membership);
    let mut read = Vec::new();
    browser.read_to_end(&mut read).await.unwrap();
    read.extend_from_slice(&rest);
    assert!(read == written, "{} bytes and {} more are not {}", read.len() - rest.len(), rest.len(), written.len());
}

#[tokio::test]
async fn who_can_take_nothing_is_given_the_whole_frame_back() {
    let (frames, receiver) = tokio::sync::broadcast::channel(CROWD_BACKLOG_FRAMES);
    let crowd = Crowd::gather(receiver);
    let (server, _browser) = connection().await;
    while SockRef::from(&server).send(b"x").is_ok() {
        while SockRef::from(&server).send(&[b'x'; 4096]).is_ok() {}
        sleep(Duration::from_millis(10)).await; // lets the bytes move on to the other end's buffer
    }
    let mut membership = crowd.admit(Arc::new(server), 0);
    let bytes = Bytes::from_static(b"all of it");
    frames.send(Frame { kind: FrameKind::Delta { from: 0 }, seq: 1, bytes: bytes.clone() }).unwrap();
    let returned = timeout(SOON, &mut membership.returned).await.expect("it is not kept").unwrap();
    assert_eq!(returned, Returned { rest: bytes, position: 1 });
}

#[tokio::test]
async fn who_was_blocked_for_long_starts_over_though_its_backlog_is_kept() {
    let mut truth = large();
    let hub = hub(&truth);
    let (server, socket) = connection().await;
    SockRef::from(&server).set_send_buffer_size(4096).unwrap();
    SockRef::from(&socket).set_recv_buffer_size(4096).unwrap();
    let mut slow = Browser::open_by((server, socket), &hub).await;
    hub.publish(change_all(&mut truth, SeatStatus::Sold));
    hub.tick();
    sleep(Duration::from_millis(VIEWER_STALL_MILLISECONDS * 2)).await;
    hub.publish(truth.change(0, SeatStatus::Available, 0, 1));
    hub.tick();
    slow.read_until(&truth).await;
    assert_eq!((slow.snapshots, slow.deltas), (2, 1));
}

#[tokio::test]
async fn who_does_not_read_gets_a_fresh_snapshot_instead_of_its_backlog_and_holds_nobody_back() {
    let mut truth = large();
    let hub = hub(&truth);
    let mut slow = Browser::open(&hub).await;
    let mut quick = Browser::open(&hub).await;
    for round in 0..CROWD_BACKLOG_FRAMES * 2 {
        hub.publish(change_all(&mut truth, SeatStatus::ALL[1 + round % 2]));
        hub.tick();
        quick.read_until(&truth).await;
    }
    assert_eq!((quick.snapshots, quick.deltas), (1, CROWD_BACKLOG_FRAMES * 2));
    assert!(!hub.has_unread_frames());
    sleep(Duration::from_millis(400)).await;
    slow.read_until(&truth).await;
    assert_eq!(slow.snapshots, 2);
    assert!(slow.deltas < CROWD_BACKLOG_FRAMES, "{} deltas were written to one who did not read", slow.deltas);
    hub.close();
    timeout(SOON, slow.watching).await.expect("the end is told").unwrap();
}
