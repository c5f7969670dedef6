//! Viewers who stand level and are told each frame one after another, by one task for them all: to wake a task for every
//! viewer and frame costs more than to write what it then writes.

use std::{io, sync::Arc};

use bytes::Bytes;
use parking_lot::Mutex;
use socket2::SockRef;
use tokio::{
    net::TcpStream,
    sync::{broadcast, oneshot},
};
use tokio_stream::{
    StreamExt,
    wrappers::{BroadcastStream, errors::BroadcastStreamRecvError},
};

use super::frame::Frame;
use crate::model::limits::VIEWERS_IN_CROWD;

/// Viewers who have been told everything so far. Who cannot take the next frame at once is given back to its own task, so
/// that nobody waits for it.
pub struct Crowd {
    members: Mutex<Vec<Member>>,
}

struct Member {
    socket: Arc<TcpStream>,
    position: u64,
    returned: oneshot::Sender<Returned>,
}

/// A viewer's stay in a crowd; it leaves when this is dropped.
pub struct Membership {
    crowd: Arc<Crowd>,
    socket: Arc<TcpStream>,
    /// Tells that the crowd goes on without this viewer; fails where its connection did.
    pub returned: oneshot::Receiver<Returned>,
}

/// What a viewer has to see to itself.
#[derive(Debug, PartialEq, Eq)]
pub struct Returned {
    /// The end of a frame that is not written yet; may be empty.
    pub rest: Bytes,
    /// Where the viewer stands once that is written.
    pub position: u64,
}

impl Crowd {
    /// A crowd that will be told these frames. Its task runs on the caller's runtime, to the end of the feed.
    pub fn gather(frames: broadcast::Receiver<Frame>) -> Arc<Self> {
        let crowd = Arc::new(Self { members: Mutex::default() });
        tokio::spawn(crowd.clone().run(frames));
        crowd
    }

    async fn run(self: Arc<Self>, frames: broadcast::Receiver<Frame>) {
        let mut frames = BroadcastStream::new(frames);
        while let Some(frame) = frames.next().await {
            match frame {
                Ok(frame) => self.tell(&frame),
                Err(BroadcastStreamRecvError::Lagged(_)) => self.disperse(),
            }
        }
        self.disperse();
    }

    pub fn has_room(&self) -> bool {
        self.members.lock().len() < VIEWERS_IN_CROWD
    }

    pub fn is_empty(&self) -> bool {
        self.members.lock().is_empty()
    }

    /// Takes in a viewer who stands at `position` and has been told every frame sent so far.
    pub fn admit(self: Arc<Self>, socket: Arc<TcpStream>, position: u64) -> Membership {
        let (sender, returned) = oneshot::channel();
        self.members.lock().push(Member { socket: socket.clone(), position, returned: sender });
        Membership { crowd: self, socket, returned }
    }

    fn tell(&self, frame: &Frame) {
        let mut members = self.members.lock();
        let mut index = 0;
        while let Some(member) = members.get_mut(index) {
            match member.tell(frame) {
                Ok(rest) if rest.is_empty() => index += 1,
                Ok(rest) => members.swap_remove(index).give_back(rest),
                Err(_) => drop(members.swap_remove(index)),
            }
        }
    }

    /// Everybody goes: the feed is over, or frames were missed.
    fn disperse(&self) {
        for member in self.members.lock().drain(..) {
            member.give_back(Bytes::new());
        }
    }
}

impl Member {
    /// Writes what leads on from where the viewer stands. Returns what the system did not take at once.
    fn tell(&mut self, frame: &Frame) -> io::Result<Bytes> {
        let Some(frame) = frame.as_seen_from(self.position) else { return Ok(Bytes::new()) };
        self.position = frame.seq;
        // Past the runtime, which would look up its own note of this socket first: with thousands of them, far away in memory.
        match SockRef::from(&*self.socket).send(&frame.bytes) {
            Ok(written) => Ok(frame.bytes.slice(written..)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(frame.bytes.clone()),
            Err(error) => Err(error),
        }
    }

    fn give_back(self, rest: Bytes) {
        let Self { socket, position, returned } = self;
        drop(socket); // the viewer's task may want to be the only one who has it
        // Fails where the viewer has left in this moment.
        let _ = returned.send(Returned { rest, position });
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.crowd.members.lock().retain(|member| !Arc::ptr_eq(&member.socket, &self.socket));
    }
}
