//! How many connections one address may have open at once, so that one client cannot take all of them.

use std::{net::IpAddr, sync::Arc};

use super::{
    customer::{customer, site},
    places::{Place, Places},
};
use crate::server::config::{Config, Network};

/// As many customers of one larger IPv6 network may have all their connections open at once.
const CUSTOMERS_PER_SITE: usize = 8;

/// Open connections by customer and, for IPv6, by the larger network around the customer. Behind a listed proxy one
/// connection carries the requests of many clients, so there each request in flight counts as a connection of the
/// client that the proxy names.
pub struct ConnectionCaps {
    /// `None` where nothing is capped: in a demo, or where the operator says 0.
    caps: Option<Caps>,
    proxies: Vec<Network>,
    open: Arc<Places<Owner>>,
}

/// Whose connections are counted.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Owner {
    Customer(IpAddr),
    Site(IpAddr),
}

#[derive(Clone, Copy)]
struct Caps {
    per_customer: usize,
    per_site: usize,
}

/// A place under the caps. Dropping it gives the place back.
pub struct ConnectionPlace {
    _place: Place<Owner>,
}

/// The address has as many connections as it may have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Full;

impl ConnectionCaps {
    pub fn new(config: &Config) -> Arc<Self> {
        let caps = Caps {
            per_customer: config.connections_per_address,
            per_site: config.connections_per_address.saturating_mul(CUSTOMERS_PER_SITE),
        };
        Arc::new(Self {
            caps: (!config.demo && config.connections_per_address > 0).then_some(caps),
            proxies: config.trusted_proxies.clone(),
            open: Places::new(),
        })
    }

    /// A place for a connection from this peer. A listed proxy needs none: its clients are counted instead.
    pub fn connect(&self, peer: IpAddr) -> Result<Option<ConnectionPlace>, Full> {
        if self.is_proxy(peer) { Ok(None) } else { self.take(peer) }
    }

    /// A place for a request that came through a listed proxy; `None` for a request whose connection has a place.
    pub fn request(&self, peer: IpAddr, client: IpAddr) -> Result<Option<ConnectionPlace>, Full> {
        if client == peer || !self.is_proxy(peer) { Ok(None) } else { self.take(client) }
    }

    fn is_proxy(&self, peer: IpAddr) -> bool {
        self.proxies.iter().any(|network| network.contains(peer))
    }

    fn take(&self, address: IpAddr) -> Result<Option<ConnectionPlace>, Full> {
        let Some(caps) = self.caps else { return Ok(None) };
        let customer = (Owner::Customer(customer(address)), caps.per_customer);
        let site = site(address).map(|site| (Owner::Site(site), caps.per_site));
        self.open.take([Some(customer), site]).map(|place| Some(ConnectionPlace { _place: place })).ok_or(Full)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::config::Flags;

    fn caps(demo: bool) -> Arc<ConnectionCaps> {
        let file = "[server]\ntrusted_proxies = [\"10.0.0.0/8\"]\n[limits]\nconnections_per_address = 2";
        ConnectionCaps::new(&Config::from_sources(Flags { demo, ..Flags::default() }, |_| None, file).unwrap())
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_has_so_many_connections_and_not_one_more() {
        let caps = caps(false);
        let first = caps.connect(address("203.0.113.7")).unwrap();
        let second = caps.connect(address("::ffff:203.0.113.7")).unwrap();
        assert!(caps.connect(address("203.0.113.7")).is_err());
        assert!(caps.connect(address("203.0.113.8")).is_ok());
        drop(first);
        assert!(caps.connect(address("203.0.113.7")).is_ok());
        drop(second);
    }

    #[test]
    fn a_larger_network_has_a_cap_of_its_own() {
        let caps = caps(false);
        let customers = 0..2 * CUSTOMERS_PER_SITE;
        let open: Vec<_> =
            customers.map(|number| caps.connect(address(&format!("2001:db8:1:{number:x}::1"))).unwrap()).collect();
        assert!(caps.connect(address("2001:db8:1:ffff::1")).is_err());
        assert!(caps.connect(address("2001:db8:2::1")).is_ok());
        drop(open);
        assert!(caps.open.is_empty());
    }

    #[test]
    fn behind_a_proxy_the_clients_are_counted() {
        let (caps, proxy, client) = (caps(false), address("10.0.0.1"), address("203.0.113.7"));
        assert!((0..10).all(|_| matches!(caps.connect(proxy), Ok(None))));
        let _open = [caps.request(proxy, client).unwrap(), caps.request(proxy, client).unwrap()];
        assert!(caps.request(proxy, client).is_err());
        assert!(caps.request(proxy, address("203.0.113.8")).is_ok());
        assert!(matches!(caps.request(client, client), Ok(None)), "its connection was counted");
    }

    #[test]
    fn a_demo_has_no_caps() {
        let caps = caps(true);
        assert!((0..100).all(|_| matches!(caps.connect(address("203.0.113.7")), Ok(None))));
    }
}
