//! The log lines about refused connections: one for each address and minute, with a count. This module is pure.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use crate::model::PlayerTime;

/// How long the connections of an address are counted before they are logged.
const PERIOD: Duration = Duration::from_mins(1);

/// How many addresses are distinguished. Connections from other addresses are counted together.
const MOST: usize = 64;

/// The refused connections of the last minute.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    /// For each address, since when connections are counted, and how many were not logged. `None` stands for all other
    /// addresses.
    counted: BTreeMap<Option<IpAddr>, (PlayerTime, u64)>,
}

impl Refusals {
    /// Counts a connection. Returns a line for the log if it is the first one from its address.
    pub(super) fn add(&mut self, address: IpAddr, now: PlayerTime) -> Option<String> {
        let is_known = self.counted.contains_key(&Some(address));
        if !is_known && self.counted.len() < MOST {
            self.counted.insert(Some(address), (now, 0));
            return Some(format!(
                "a connection from {address} was refused: the address is not in `allow` or `conductor`"
            ));
        }
        self.counted.entry(is_known.then_some(address)).or_insert((now, 0)).1 += 1;
        None
    }

    /// Returns the lines for the log whose minute has passed.
    pub(super) fn due(&mut self, now: PlayerTime) -> Vec<String> {
        let mut lines = Vec::new();
        self.counted.retain(|address, (since, count)| {
            if now < since.plus(PERIOD) {
                return true;
            }
            let whom = address.map_or_else(|| "other addresses".to_owned(), |address| address.to_string());
            match *count {
                0 => return false,
                1 => lines.push(format!("1 more connection from {whom} was refused")),
                count => lines.push(format!("{count} more connections from {whom} were refused")),
            }
            (*since, *count) = (now, 0);
            true
        });
        lines
    }

    /// Returns when the next line is due.
    pub(super) fn deadline(&self) -> Option<PlayerTime> {
        self.counted.values().map(|(since, _)| since.plus(PERIOD)).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> PlayerTime {
        PlayerTime::from_nanoseconds(seconds * 1_000_000_000)
    }

    #[test]
    fn an_address_has_a_line_at_once_and_then_one_a_minute_with_a_count() {
        let mut refusals = Refusals::default();
        let address = "10.0.0.1".parse().unwrap();
        let first = "a connection from 10.0.0.1 was refused: the address is not in `allow` or `conductor`";
        assert_eq!(refusals.add(address, at(0)).as_deref(), Some(first));
        for _ in 0..4999 {
            assert_eq!(refusals.add(address, at(1)), None);
        }
        assert_eq!(refusals.deadline(), Some(at(60)));
        assert_eq!(refusals.due(at(59)), Vec::<String>::new());
        assert_eq!(refusals.due(at(60)), ["4999 more connections from 10.0.0.1 were refused"]);
        assert_eq!(refusals.add(address, at(100)), None);
        assert_eq!(refusals.due(at(120)), ["1 more connection from 10.0.0.1 was refused"]);
        assert_eq!(refusals.due(at(180)), Vec::<String>::new());
        assert_eq!(refusals.deadline(), None, "nothing is kept of an address that came no more");
        assert_eq!(refusals.add(address, at(181)).as_deref(), Some(first));
    }

    #[test]
    fn any_number_of_addresses_takes_bounded_memory_and_few_lines() {
        let mut refusals = Refusals::default();
        let lines =
            (0..100_000_u32).filter_map(|number| refusals.add(std::net::Ipv4Addr::from_bits(number).into(), at(0)));
        assert_eq!(lines.count(), MOST);
        assert!(refusals.counted.len() <= MOST + 1);
        assert_eq!(
            refusals.due(at(60)),
            [format!("{} more connections from other addresses were refused", 100_000 - MOST)]
        );
    }
}
