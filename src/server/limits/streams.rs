//! How many live streams one session and one address may have open at once.

use std::{net::IpAddr, sync::Arc};

use parking_lot::Mutex;
use rustc_hash::FxHashMap;

use super::customer::customer;
use crate::{model::ids::BuyerId, server::config::Config};

/// Who opens a stream. The number of streams that each may have open at once is bounded.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Viewer {
    Session(BuyerId),
    /// An IPv4 address, or the part of an IPv6 address that identifies a customer.
    Address(IpAddr),
}

/// Open streams by session and by address. It keeps entries only for streams that are open now, so it cannot grow
/// beyond them.
#[derive(Debug)]
pub struct StreamCaps {
    /// Both caps are `None` in a demo, which has no limits.
    per_session: Option<usize>,
    per_address: Option<usize>,
    open: Mutex<FxHashMap<Viewer, usize>>,
}

/// One viewer's place under the caps. Dropping it gives the place back.
#[derive(Debug)]
pub struct StreamPermit {
    caps: Arc<StreamCaps>,
    viewers: [Option<Viewer>; 2],
}

impl StreamCaps {
    pub fn new(config: &Config) -> Arc<Self> {
        let cap = |streams: usize| (!config.demo).then_some(streams);
        Arc::new(Self {
            per_session: cap(config.streams_per_session),
            per_address: cap(config.streams_per_address),
            open: Mutex::default(),
        })
    }

    /// A place for one more stream; `None` if the session or the address already has as many as allowed. A viewer
    /// without a session is counted by address alone.
    pub fn try_open(self: &Arc<Self>, session: Option<BuyerId>, address: IpAddr) -> Option<Arc<StreamPermit>> {
        let session = session.map(|buyer| (Viewer::Session(buyer), self.per_session));
        let address = Some((Viewer::Address(customer(address)), self.per_address));
        // Where there is no cap, nothing is counted.
        let capped = [session, address].map(|viewer| viewer.and_then(|(viewer, cap)| Some((viewer, cap?))));
        let mut open = self.open.lock();
        let is_full = |(viewer, cap): &(Viewer, usize)| open.get(viewer).is_some_and(|count| count >= cap);
        if capped.iter().flatten().any(is_full) {
            return None;
        }
        let viewers = capped.map(|viewer| viewer.map(|(viewer, _)| viewer));
        for viewer in viewers.into_iter().flatten() {
            *open.entry(viewer).or_default() += 1;
        }
        Some(Arc::new(StreamPermit { caps: self.clone(), viewers }))
    }
}

impl Drop for StreamPermit {
    fn drop(&mut self) {
        let mut open = self.caps.open.lock();
        for viewer in self.viewers.into_iter().flatten() {
            if let Some(count) = open.get_mut(&viewer) {
                *count -= 1;
                if *count == 0 {
                    open.remove(&viewer);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::config::Flags;

    fn caps(demo: bool) -> Arc<StreamCaps> {
        let flags = Flags { demo, ..Flags::default() };
        let file = "[limits]\nstreams_per_session = 2\nstreams_per_address = 3";
        StreamCaps::new(&Config::from_sources(flags, |_| None, file).unwrap())
    }

    fn buyer(number: u128) -> Option<BuyerId> {
        Some(BuyerId(uuid::Uuid::from_u128(number)))
    }

    #[test]
    fn a_session_has_so_many_streams_and_not_one_more() {
        let (caps, address) = (caps(false), IpAddr::from([203, 0, 113, 7]));
        let first = caps.try_open(buyer(1), address).unwrap();
        let _second = caps.try_open(buyer(1), address).unwrap();
        assert!(caps.try_open(buyer(1), address).is_none());
        drop(first);
        assert!(caps.try_open(buyer(1), address).is_some());
    }

    #[test]
    fn an_address_has_so_many_streams_and_a_refusal_takes_no_place() {
        let caps = caps(false);
        let address = |last| IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, last]);
        let open: Vec<_> = (1..=3).map(|number| caps.try_open(buyer(number), address(1)).unwrap()).collect();
        assert!(caps.try_open(buyer(4), address(2)).is_none());
        assert!(caps.try_open(None, address(3)).is_none());
        assert!(caps.try_open(None, IpAddr::from([203, 0, 113, 7])).is_some());
        drop(open);
        assert!(caps.open.lock().is_empty());
    }

    #[test]
    fn a_demo_has_no_caps() {
        let (caps, address) = (caps(true), IpAddr::from([127, 0, 0, 1]));
        let open: Vec<_> = (0..100).map(|_| caps.try_open(buyer(1), address).unwrap()).collect();
        assert_eq!(open.len(), 100);
        assert!(caps.open.lock().is_empty());
    }
}
