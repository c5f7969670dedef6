//! How many live streams one session and one address may have open at once.

use std::{net::IpAddr, sync::Arc};

use super::{
    customer::customer,
    places::{Place, Places},
};
use crate::{model::ids::BuyerId, server::config::Config};

/// Who opens a stream. The number of streams that each may have open at once is bounded.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Viewer {
    Session(BuyerId),
    /// An IPv4 address, or the part of an IPv6 address that identifies a customer.
    Address(IpAddr),
}

/// Open streams by session and by address.
#[derive(Debug)]
pub struct StreamCaps {
    /// Both caps are `None` in a demo, which has no limits.
    per_session: Option<usize>,
    per_address: Option<usize>,
    open: Arc<Places<Viewer>>,
}

/// One viewer's place under the caps. Dropping it gives the place back.
#[derive(Debug)]
pub struct StreamPermit {
    _place: Place<Viewer>,
}

impl StreamCaps {
    pub fn new(config: &Config) -> Arc<Self> {
        let cap = |streams: usize| (!config.demo).then_some(streams);
        Arc::new(Self {
            per_session: cap(config.streams_per_session),
            per_address: cap(config.streams_per_address),
            open: Places::new(),
        })
    }

    /// A place for one more stream; `None` if the session or the address already has as many as allowed. A viewer
    /// without a session is counted by address alone. Where there is no cap, nothing is counted.
    pub fn try_open(&self, session: Option<BuyerId>, address: IpAddr) -> Option<Arc<StreamPermit>> {
        let session = session.zip(self.per_session).map(|(buyer, cap)| (Viewer::Session(buyer), cap));
        let address = self.per_address.map(|cap| (Viewer::Address(customer(address)), cap));
        let place = self.open.take([session, address])?;
        Some(Arc::new(StreamPermit { _place: place }))
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
        assert!(caps.open.is_empty());
    }

    #[test]
    fn a_demo_has_no_caps() {
        let (caps, address) = (caps(true), IpAddr::from([127, 0, 0, 1]));
        let open: Vec<_> = (0..100).map(|_| caps.try_open(buyer(1), address).unwrap()).collect();
        assert_eq!(open.len(), 100);
        assert!(caps.open.is_empty());
    }
}
