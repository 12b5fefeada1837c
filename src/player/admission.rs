//! Who may connect to a player. This module is pure.

use std::net::IpAddr;
use std::time::Duration;

use crate::model::{Network, PlayerTime, is_loopback, is_loopback_host};

/// How often the name of the conductor is looked up.
const AGAIN: Duration = Duration::from_mins(1);

/// The rules on who may connect: this machine, the conductor of the worker file, and the addresses in `allow`.
#[derive(Debug, Clone, Default)]
pub struct Admission {
    /// The networks of `allow`, if it is set. In that case, this machine must be listed as well.
    allow: Option<Vec<Network>>,
    /// The name of the conductor, if it has to be looked up.
    host: Option<String>,
    /// The addresses of the conductor.
    addresses: Vec<IpAddr>,
    /// When the name is looked up again.
    next_lookup: PlayerTime,
    /// Whether the last lookup failed.
    has_failed: bool,
}

impl Admission {
    /// Creates the rules from the networks of `allow` and the name or address in `conductor`.
    pub fn new(allow: Option<Vec<Network>>, conductor: Option<&str>) -> Self {
        let mut admission = Self { allow, ..Self::default() };
        if let Some(host) = conductor.filter(|host| !is_loopback_host(host)) {
            // The interface of a link-local address is only meaningful on this machine.
            match host.split('%').next().unwrap_or(host).parse::<IpAddr>() {
                Ok(address) => admission.addresses.push(address.to_canonical()),
                Err(_) => admission.host = Some(host.to_owned()),
            }
        }
        admission
    }

    /// Whether a connection from `peer` to our address `local` is accepted.
    pub(super) fn admits(&self, peer: IpAddr, local: IpAddr) -> bool {
        let (peer, local) = (peer.to_canonical(), local.to_canonical());
        if self.allow.iter().flatten().any(|network| network.contains(peer)) {
            return true;
        }
        if is_loopback(peer) || peer == local {
            return self.allow.is_none();
        }
        self.addresses.contains(&peer)
    }

    /// Whether any address may connect.
    pub fn is_everybody(&self) -> bool {
        self.allow.iter().flatten().any(Network::is_everybody)
    }

    /// Whether every user of this machine may connect.
    pub fn has_this_machine(&self) -> bool {
        self.allow.as_ref().is_none_or(|allow| allow.iter().any(Network::has_loopback))
    }

    /// Returns when the name of the conductor has to be looked up, if it has one.
    pub(super) fn next_lookup(&self) -> Option<PlayerTime> {
        self.host.as_ref().map(|_| self.next_lookup)
    }

    /// Returns the name if it has to be looked up now.
    pub(super) fn lookup_due(&mut self, now: PlayerTime) -> Option<String> {
        self.next_lookup().filter(|next| *next <= now)?;
        self.next_lookup = now.plus(AGAIN);
        self.host.clone()
    }

    /// Handles the result of a lookup. Returns a line for the log. The known addresses are kept if the lookup failed.
    pub(super) fn learn(&mut self, found: Result<Vec<IpAddr>, String>) -> Option<String> {
        /// More addresses than any machine has.
        const MOST: usize = 64;
        let host = self.host.as_deref().unwrap_or_default();
        let is_repeated = std::mem::replace(&mut self.has_failed, found.is_err());
        let then = match &self.addresses[..] {
            [] => ", which cannot connect until this succeeds",
            _ => "; its known addresses may still connect",
        };
        let known = found.map(|found| found.iter().take(MOST).map(IpAddr::to_canonical).collect());
        let why = known.map(|known| self.addresses = known).err().filter(|_| !is_repeated)?;
        Some(format!("cannot look up `conductor = {host}`{then}: {why}"))
    }

    /// Returns the answer to an address that may not connect.
    pub(super) fn refusal(peer: IpAddr) -> String {
        let peer = peer.to_canonical();
        format!(
            "this player refuses connections from {peer}; to accept them, add `{peer}` to `allow` in `[Coordinator]` of the \
             player's worker file, or to its `--allow` option, and restart the player"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission(allow: &str, conductor: &str) -> Admission {
        let networks = allow.split_whitespace().flat_map(|word| Network::read(word).unwrap()).collect();
        Admission::new((!allow.is_empty()).then_some(networks), (!conductor.is_empty()).then_some(conductor))
    }

    #[test]
    fn only_those_who_are_named_are_admitted() {
        const OWN: &str = "192.0.2.1";
        for (allow, conductor, admitted, refused) in [
            ("", "", "127.0.0.1 127.9.9.9 ::1 ::ffff:127.0.0.1 192.0.2.1 ::ffff:192.0.2.1", "192.0.2.2 2001:db8::1"),
            ("", "10.0.0.1", "127.0.0.1 192.0.2.1 10.0.0.1 ::ffff:10.0.0.1", "10.0.0.2"),
            ("", "fe80::1%eth0", "::1 fe80::1", "fe80::2"),
            ("", "localhost", "127.0.0.1", "10.0.0.1"),
            ("", "::ffff:10.0.0.1", "10.0.0.1", "10.0.0.2"),
            ("10.0.0.0/8", "", "10.1.1.1", "127.0.0.1 ::1 192.0.2.1 11.0.0.1"),
            ("10.0.0.0/8", "11.0.0.1", "10.1.1.1 11.0.0.1", "127.0.0.1 192.0.2.1"),
            ("10.0.0.0/8", "localhost", "10.1.1.1", "127.0.0.1 ::1 192.0.2.1"),
            ("10.0.0.0/8", "127.0.0.1", "10.1.1.1", "127.0.0.1 ::1"),
            ("10.0.0.0/8", "192.0.2.1", "10.1.1.1", "192.0.2.1"),
            ("10.0.0.0/8 ::ffff:127.0.0.1", "", "127.0.0.1 ::ffff:127.0.0.1 10.0.0.1", "127.0.0.2 ::1"),
            ("::ffff:127.0.0.0/104", "", "127.0.0.1 127.0.0.2", "::1 10.0.0.1"),
            ("any", "", "127.0.0.1 ::1 192.0.2.1 8.8.8.8 2001:db8::1", ""),
            ("192.0.2.0/24", "", "192.0.2.1 192.0.2.9", "127.0.0.1"),
        ] {
            let admission = admission(allow, conductor);
            let admits = |peer: &str| admission.admits(peer.parse().unwrap(), OWN.parse().unwrap());
            for peer in admitted.split_whitespace() {
                assert!(admits(peer), "`{allow}` `{conductor}` {peer}");
            }
            for peer in refused.split_whitespace() {
                assert!(!admits(peer), "`{allow}` `{conductor}` {peer}");
            }
        }
    }

    #[test]
    fn who_is_warned_of_is_who_is_admitted() {
        for (allow, everybody, this_machine) in [
            ("", false, true),
            ("any", true, true),
            ("0.0.0.0/0", true, true),
            ("10.0.0.0/8", false, false),
            ("10.0.0.0/8 127.0.0.1", false, true),
            ("::1", false, true),
        ] {
            let admission = admission(allow, "");
            assert_eq!(admission.is_everybody(), everybody, "{allow}");
            assert_eq!(admission.has_this_machine(), this_machine, "{allow}");
        }
    }

    #[test]
    fn a_name_has_the_addresses_that_it_had_last_and_a_failure_is_told_once() {
        let mut admission = admission("", "lab.example.org");
        let at = |seconds: u64| PlayerTime::from_nanoseconds(seconds * 1_000_000_000);
        assert_eq!(admission.lookup_due(at(1)).as_deref(), Some("lab.example.org"));
        assert_eq!((admission.lookup_due(at(60)), admission.next_lookup()), (None, Some(at(61))));
        let local = "192.0.2.1".parse().unwrap();
        let admits = |admission: &Admission, peer: &str| admission.admits(peer.parse().unwrap(), local);
        assert!(!admits(&admission, "10.0.0.1"));
        let failed = || Err("no such name".to_owned());
        let text =
            "cannot look up `conductor = lab.example.org`, which cannot connect until this succeeds: no such name";
        assert_eq!(admission.learn(failed()).as_deref(), Some(text));
        assert_eq!(admission.learn(failed()), None);
        assert_eq!(admission.learn(Ok(vec!["::ffff:10.0.0.1".parse().unwrap()])), None);
        assert!(admits(&admission, "10.0.0.1"));
        assert!(admission.learn(failed()).is_some_and(|text| text.contains("may still connect")));
        assert!(admits(&admission, "10.0.0.1"));
        assert_eq!(admission.learn(Ok(vec!["10.0.0.2".parse().unwrap()])), None);
        assert!(!admits(&admission, "10.0.0.1") && admits(&admission, "10.0.0.2"));
    }
}
