//! Addresses, networks, and which of them refer to the machine itself.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A network: all addresses that begin with the same bits. A single address is a network, too.
///
/// It is in canonical form: `::ffff:10.1.2.3/104` is `10.0.0.0/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network {
    /// The first address; an IPv4 address is stored as the IPv4-mapped IPv6 address.
    bits: u128,
    length: u8,
}

/// The length of the prefix of IPv4-mapped IPv6 addresses, in bits.
const MAPPED: u8 = 96;

impl Network {
    /// Parses a word of `allow`: an address, a network, or `any`, which stands for all addresses of both kinds.
    ///
    /// # Errors
    ///
    /// Returns an error if the word is neither an address nor a network.
    pub fn read(word: &str) -> Result<Vec<Self>, String> {
        let words = if word.eq_ignore_ascii_case("any") { &["0.0.0.0/0", "::/0"][..] } else { &[word] };
        words.iter().map(|word| word.parse()).collect()
    }

    /// Returns the network of the addresses that share their first `bits` bits with `address`, or `None` if the address
    /// has fewer bits.
    pub fn new(address: IpAddr, bits: u8) -> Option<Self> {
        let length = bits.checked_add(if address.is_ipv4() { MAPPED } else { 0 })?;
        let mask = u128::MAX.checked_shl(128_u32.checked_sub(length.into())?).unwrap_or(0);
        Some(Self { bits: mapped(address) & mask, length })
    }

    /// Returns its first address and the length of its prefix.
    fn parts(&self) -> (IpAddr, u8) {
        match Ipv6Addr::from_bits(self.bits) {
            v6 if self.length >= MAPPED && v6.to_canonical().is_ipv4() => (v6.to_canonical(), self.length - MAPPED),
            v6 => (v6.into(), self.length),
        }
    }

    /// Returns whether it contains all addresses of its kind.
    pub fn is_everybody(&self) -> bool {
        self.parts().1 == 0
    }

    /// Returns whether it contains a loopback address.
    pub fn has_loopback(&self) -> bool {
        self.contains(Ipv4Addr::LOCALHOST.into())
            || self.contains(Ipv6Addr::LOCALHOST.into())
            || is_loopback(self.parts().0)
    }

    /// Returns whether it contains the address. An IPv4 address that arrived over IPv6 counts as an IPv4 address.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let differ = self.bits ^ mapped(address);
        let begins_alike = differ.checked_shr(128 - u32::from(self.length)).unwrap_or(0) == 0;
        begins_alike && self.parts().0.is_ipv4() == address.is_ipv4()
    }
}

fn mapped(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().to_bits(),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

impl FromStr for Network {
    type Err = String;

    /// Parses `10.0.0.1`, `10.0.0.0/8`, `::1`, `fe80::/10`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let read = || {
            let address: IpAddr = address.parse().ok()?;
            let all = if address.is_ipv4() { 32 } else { 128 };
            Self::new(address, bits.map_or(Some(all), |bits| bits.parse().ok())?)
        };
        read().ok_or_else(|| "is neither an address nor a network".to_owned())
    }
}

impl fmt::Display for Network {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.length, self.parts()) {
            (128, (address, _)) => write!(out, "{address}"),
            (_, (address, bits)) => write!(out, "{address}/{bits}"),
        }
    }
}

/// Returns whether an address is a loopback address.
pub fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

/// Returns whether the name or address of a machine refers to the local machine.
pub fn is_loopback_host(host: &str) -> bool {
    match host.parse() {
        Ok(address) => is_loopback(address),
        Err(_) => host.eq_ignore_ascii_case("localhost") || host.to_ascii_lowercase().ends_with(".localhost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_has_the_addresses_that_begin_like_it() {
        for (network, address, inside) in [
            ("10.0.0.0/8", "10.9.8.7", true),
            ("10.0.0.0/8", "11.0.0.0", false),
            ("0.0.0.0/0", "255.1.2.3", true),
            ("10.0.0.1", "10.0.0.1", true),
            ("10.0.0.1", "10.0.0.2", false),
            ("10.0.0.1", "::ffff:10.0.0.1", true),
            ("fe80::/10", "fe80::1", true),
            ("::/0", "2001:db8::1", true),
            ("::/0", "10.0.0.1", false),
        ] {
            let parsed: Network = network.parse().unwrap();
            assert_eq!(parsed.contains(address.parse().unwrap()), inside, "{network} {address}");
            assert_eq!(parsed.to_string(), network);
        }
    }

    #[test]
    fn a_network_has_one_form_however_it_is_written() {
        for (written, canonical) in [
            ("::ffff:127.0.0.0/104", "127.0.0.0/8"),
            ("::ffff:127.0.0.1", "127.0.0.1"),
            ("::ffff:10.0.0.0/128", "10.0.0.0"),
            ("::ffff:0:0/96", "0.0.0.0/0"),
            ("::ffff:0:0/95", "::fffe:0:0/95"),
            ("10.9.8.7/8", "10.0.0.0/8"),
            ("fe80::1/10", "fe80::/10"),
            ("1.2.3.4/0", "0.0.0.0/0"),
            ("::1/0", "::/0"),
        ] {
            let (written, canonical): (Network, Network) = (written.parse().unwrap(), canonical.parse().unwrap());
            assert_eq!(written, canonical);
            assert_eq!(written.to_string(), canonical.to_string());
        }
    }

    #[test]
    fn loopback_is_one_thing_however_it_is_written() {
        for host in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "localhost", "LocalHost", "a.localhost"] {
            assert!(is_loopback_host(host), "{host}");
        }
        for host in ["10.0.0.1", "::2", "::ffff:10.0.0.1", "localhost.example.org", "host"] {
            assert!(!is_loopback_host(host), "{host}");
        }
        for (network, has) in [
            ("127.0.0.0/8", true),
            ("127.0.0.2", true),
            ("0.0.0.0/0", true),
            ("::/0", true),
            ("::ffff:127.0.0.1", true),
            ("10.0.0.0/8", false),
            ("fe80::/10", false),
        ] {
            assert_eq!(network.parse::<Network>().unwrap().has_loopback(), has, "{network}");
        }
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in ["", "host", "10.0.0.0/33", "10.0.0/8", "::1/129", "10.0.0.0/", "10.0.0.0/-1"] {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }
}
