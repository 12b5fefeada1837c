//! Addresses, networks, and which of them mean the machine itself.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// All addresses that begin with the same bits. One address alone is a network, too.
///
/// It is in canonical form: `::ffff:10.1.2.3/104` is `10.0.0.0/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    /// Reads a word of `allow`: an address, a network, or `any`, which stands for all addresses of both kinds.
    ///
    /// # Errors
    ///
    /// Says what the word is not.
    pub fn read(word: &str) -> Result<Vec<Self>, String> {
        const ANY: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::UNSPECIFIED)];
        if word.eq_ignore_ascii_case("any") {
            return Ok(ANY.map(|address| Self { address, bits: 0 }).to_vec());
        }
        word.parse().map(|network| vec![network])
    }

    /// The network of the addresses that have their first `bits` bits in common with `address`; `None` when an address has
    /// fewer bits.
    pub fn new(address: IpAddr, bits: u8) -> Option<Self> {
        /// The bits in front of an IPv4 address that came in over IPv6.
        const MAPPED: u8 = 96;
        match address {
            IpAddr::V6(v6) if bits >= MAPPED && v6.to_ipv4_mapped().is_some() => {
                Self::new(v6.to_canonical(), bits - MAPPED)
            }
            IpAddr::V4(v4) => {
                let mask = u32::MAX.checked_shl(32_u32.checked_sub(bits.into())?).unwrap_or(0);
                Some(Self { address: Ipv4Addr::from_bits(v4.to_bits() & mask).into(), bits })
            }
            IpAddr::V6(v6) => {
                let mask = u128::MAX.checked_shl(128_u32.checked_sub(bits.into())?).unwrap_or(0);
                Some(Self { address: Ipv6Addr::from_bits(v6.to_bits() & mask).into(), bits })
            }
        }
    }

    /// Whether every address of its kind belongs to it.
    pub fn is_everybody(&self) -> bool {
        self.bits == 0
    }

    /// Whether it has an address by which a machine means itself.
    pub fn has_loopback(&self) -> bool {
        self.contains(Ipv4Addr::LOCALHOST.into())
            || self.contains(Ipv6Addr::LOCALHOST.into())
            || is_loopback(self.address)
    }

    /// Whether the address belongs to it. An IPv4 address that came in over IPv6 counts as the IPv4 address.
    pub fn contains(&self, address: IpAddr) -> bool {
        let bits = u32::from(self.bits);
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let differ = own.to_bits() ^ other.to_bits();
                differ.checked_shr(32 - bits).unwrap_or(0) == 0
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let differ = own.to_bits() ^ other.to_bits();
                differ.checked_shr(128 - bits).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = String;

    /// Reads `10.0.0.1`, `10.0.0.0/8`, `::1`, `fe80::/10`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let refused = || "is neither an address nor a network".to_owned();
        let address: IpAddr = address.parse().map_err(|_| refused())?;
        let bits = match bits {
            None if address.is_ipv4() => 32,
            None => 128,
            Some(bits) => bits.parse().map_err(|_| refused())?,
        };
        Self::new(address, bits).ok_or_else(refused)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = if self.address.is_ipv4() { 32 } else { 128 };
        if self.bits == all { write!(out, "{}", self.address) } else { write!(out, "{}/{}", self.address, self.bits) }
    }
}

/// Whether an address means the machine that uses it.
pub fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

/// Whether a name or address of a machine means the machine that uses it.
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
