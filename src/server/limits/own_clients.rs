//! The connections of this server's own simulated buyers. No limit per client applies to them: a run of thousands of
//! buyers comes from one address, and an organiser wants it.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use parking_lot::Mutex;
use rustc_hash::FxHashSet;

/// The local addresses of our own clients' sockets. An address is known before its socket connects, so the listener
/// finds it; and nobody else can use the address while the socket is open.
#[derive(Default, Debug)]
pub struct OwnClients {
    addresses: Mutex<FxHashSet<SocketAddr>>,
    /// How many there are, so that a server without a run does not take the lock for each request.
    count: AtomicUsize,
}

/// Keeps an address known until it is dropped.
pub struct OwnClient {
    clients: Arc<OwnClients>,
    address: SocketAddr,
}

impl OwnClients {
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Makes the socket that is bound to this address known as ours.
    pub fn add(self: &Arc<Self>, address: SocketAddr) -> OwnClient {
        if self.addresses.lock().insert(address) {
            self.count.fetch_add(1, Ordering::Release);
        }
        OwnClient { clients: Arc::clone(self), address }
    }

    pub fn contains(&self, peer: SocketAddr) -> bool {
        self.count.load(Ordering::Acquire) > 0 && self.addresses.lock().contains(&peer)
    }
}

impl Drop for OwnClient {
    fn drop(&mut self) {
        if self.clients.addresses.lock().remove(&self.address) {
            self.clients.count.fetch_sub(1, Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_ours_as_long_as_its_client_lives() {
        let (clients, address) = (OwnClients::new(), SocketAddr::from(([127, 0, 0, 1], 40_000)));
        assert!(!clients.contains(address));
        let client = clients.add(address);
        assert!(clients.contains(address));
        assert!(!clients.contains(SocketAddr::from(([127, 0, 0, 1], 40_001))));
        drop(client);
        assert!(!clients.contains(address));
    }
}
