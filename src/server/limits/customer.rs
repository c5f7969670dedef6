//! Which part of an address identifies a customer.

use std::net::{IpAddr, Ipv6Addr};

/// The leading bits of an IPv6 address that identify one customer, and those that identify the larger network from
/// which a customer may take many such parts.
const IPV6_CUSTOMER_BITS: u32 = 64;
const IPV6_SITE_BITS: u32 = 48;

/// The part of an address that identifies a customer. An IPv6 customer has a whole network of addresses.
pub fn customer(address: IpAddr) -> IpAddr {
    leading(address, IPV6_CUSTOMER_BITS)
}

/// The larger network around a customer's IPv6 address; `None` for an IPv4 address.
pub fn site(address: IpAddr) -> Option<IpAddr> {
    let site = leading(address, IPV6_SITE_BITS);
    site.is_ipv6().then_some(site)
}

fn leading(address: IpAddr, bits: u32) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << (128 - bits))).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_customer_is_a_network_and_an_ipv4_customer_an_address() {
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        assert_eq!(customer(address("203.0.113.7")), address("203.0.113.7"));
        assert_eq!(customer(address("::ffff:203.0.113.7")), address("203.0.113.7"));
        assert_eq!(customer(address("2001:db8:1:2:3:4:5:6")), address("2001:db8:1:2::"));
        assert_eq!(site(address("2001:db8:1:2:3:4:5:6")), Some(address("2001:db8:1::")));
        assert_eq!(site(address("203.0.113.7")), None);
    }
}
