//! A crowd: viewers who have received every frame so far. One task writes each new frame to all of them, one after
//! another, because waking a task per viewer and frame costs more than the write itself.

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

/// Viewers who have received every frame so far. A viewer whose socket cannot take the next frame at once is given back
/// to its own task, so that the others do not wait for it.
pub struct Crowd {
    members: Mutex<Vec<Member>>,
}

struct Member {
    socket: Arc<TcpStream>,
    position: u64,
    returned: oneshot::Sender<Returned>,
}

/// A viewer's membership in a crowd. The viewer leaves the crowd when this is dropped.
pub struct Membership {
    crowd: Arc<Crowd>,
    socket: Arc<TcpStream>,
    /// Resolves when the crowd goes on without this viewer. It is an error if the viewer's connection failed.
    pub returned: oneshot::Receiver<Returned>,
}

/// What a viewer's own task has to go on from when the crowd gives the viewer back.
#[derive(Debug, PartialEq, Eq)]
pub struct Returned {
    /// The part of the last frame that is not written yet; may be empty.
    pub rest: Bytes,
    /// The viewer's `seq` once `rest` is written.
    pub position: u64,
}

impl Crowd {
    /// A crowd that receives these frames. Its task runs on the caller's runtime until the feed ends.
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

    /// Takes in a viewer whose state is that of `seq` `position`, and who has received every frame sent so far.
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

    /// Gives all viewers back to their own tasks: the feed is over, or this crowd missed frames.
    fn disperse(&self) {
        for member in self.members.lock().drain(..) {
            member.give_back(Bytes::new());
        }
    }
}

impl Member {
    /// Writes the frame, starting from the viewer's position. Returns the bytes that the system did not take at once.
    fn tell(&mut self, frame: &Frame) -> io::Result<Bytes> {
        let Some(frame) = frame.as_seen_from(self.position) else { return Ok(Bytes::new()) };
        self.position = frame.seq;
        // Written past the runtime. The runtime would first look up its own record of this socket, which is rarely in
        // the processor's cache when there are thousands of sockets.
        match SockRef::from(&*self.socket).send(&frame.bytes) {
            Ok(written) => Ok(frame.bytes.slice(written..)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(frame.bytes.clone()),
            Err(error) => Err(error),
        }
    }

    fn give_back(self, rest: Bytes) {
        let Self { socket, position, returned } = self;
        drop(socket); // the viewer's task closes the socket only if nobody else still holds it
        // Fails if the viewer has just left.
        let _ = returned.send(Returned { rest, position });
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.crowd.members.lock().retain(|member| !Arc::ptr_eq(&member.socket, &self.socket));
    }
}
