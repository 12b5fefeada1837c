//! Decides which workers may connect now. Only a few connections to a host can be set up at the same time: by default,
//! sshd drops connections while ten others have not logged in yet (`MaxStartups`). The other workers wait for their
//! turn.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex};

use crate::model::lock;

/// How many connections to one host may be set up at the same time.
const TO_ONE_HOST: usize = 8;
/// How many connections may be set up at the same time in total.
const IN_ALL: usize = 64;

/// The hosts that a connection goes through: the machine itself and its jump hosts.
pub(super) type Hosts = BTreeSet<String>;

/// The turns of all workers.
#[derive(Debug, Clone, Default)]
pub(super) struct Places(Arc<Mutex<Turns>>);

impl Places {
    /// Joins the queue for a connection through these hosts. Dropping the place leaves the queue.
    pub(super) fn line_up(&self, hosts: Hosts) -> Place {
        Place { places: self.clone(), number: lock(&self.0).line_up(hosts) }
    }
}

/// The place of a worker: first in the queue, later among those that may connect.
#[derive(Debug)]
pub(in crate::conduct) struct Place {
    places: Places,
    number: u64,
}

impl Place {
    /// Whether it may connect now.
    pub(in crate::conduct) fn may_connect(&self) -> bool {
        lock(&self.places.0).connecting.contains_key(&self.number)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        lock(&self.places.0).leave(self.number);
    }
}

/// Which workers connect and which ones wait, without side effects. Workers are numbered in the order of their arrival.
#[derive(Debug, Default)]
struct Turns {
    next: u64,
    connecting: BTreeMap<u64, Hosts>,
    waiting: BTreeMap<u64, Hosts>,
}

impl Turns {
    fn line_up(&mut self, hosts: Hosts) -> u64 {
        let number = self.next;
        self.next += 1;
        self.waiting.insert(number, hosts);
        self.admit();
        number
    }

    fn leave(&mut self, number: u64) {
        self.waiting.remove(&number);
        self.connecting.remove(&number);
        self.admit();
    }

    /// Lets the workers connect whose turn it is. Each host serves workers in the order of their arrival, even if the
    /// first one still waits for another host.
    fn admit(&mut self) {
        let mut taken: HashMap<&str, usize> = HashMap::new();
        for host in self.connecting.values().flatten() {
            *taken.entry(host).or_default() += 1;
        }
        let mut left = IN_ALL.saturating_sub(self.connecting.len());
        let mut admitted = Vec::new();
        for (number, hosts) in &self.waiting {
            if left == 0 {
                break;
            }
            let has_turn = hosts.iter().all(|host| taken.get(&**host).is_none_or(|count| *count < TO_ONE_HOST));
            for host in hosts {
                *taken.entry(host).or_default() += 1;
            }
            if has_turn {
                admitted.push(*number);
                left -= 1;
            }
        }
        for number in admitted {
            self.connecting.extend(self.waiting.remove(&number).map(|hosts| (number, hosts)));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hosts(names: &str) -> Hosts {
        names.split_whitespace().map(str::to_owned).collect()
    }

    /// Queues this many workers for these hosts. Returns their numbers.
    fn line_up(turns: &mut Turns, names: &str, count: usize) -> Vec<u64> {
        (0..count).map(|_| turns.line_up(hosts(names))).collect()
    }

    fn connecting(turns: &Turns) -> Vec<u64> {
        turns.connecting.keys().copied().collect()
    }

    #[test]
    fn eight_connect_to_one_host_and_the_first_that_waits_is_next() {
        let mut turns = Turns::default();
        let all = line_up(&mut turns, "a", 20);
        assert_eq!(connecting(&turns), all[..8]);
        turns.leave(3);
        assert_eq!(connecting(&turns), [0, 1, 2, 4, 5, 6, 7, 8]);
        // A worker that gives up while it waits is skipped.
        turns.leave(9);
        turns.leave(0);
        assert_eq!(connecting(&turns), [1, 2, 4, 5, 6, 7, 8, 10]);
        let other = line_up(&mut turns, "b", 1);
        assert!(turns.connecting.contains_key(&other[0]), "another host is free");
    }

    #[test]
    fn sixty_four_connect_in_all() {
        let mut turns = Turns::default();
        for host in 0..9 {
            line_up(&mut turns, &format!("h{host}"), 8);
        }
        assert_eq!(connecting(&turns), (0..64).collect::<Vec<_>>());
        turns.leave(10);
        assert_eq!(turns.connecting.len(), 64);
        assert!(turns.connecting.contains_key(&64));
    }

    #[test]
    fn a_jump_host_counts_and_whoever_waits_for_it_keeps_its_turn() {
        let mut turns = Turns::default();
        for host in 0..8 {
            line_up(&mut turns, &format!("jump h{host}"), 1);
        }
        let behind = line_up(&mut turns, "jump x", 1)[0];
        let direct = line_up(&mut turns, "x", 8);
        assert!(!turns.connecting.contains_key(&behind));
        assert_eq!(connecting(&turns)[8..], direct[..7], "one place at `x` is kept for who came before");
        turns.leave(0);
        assert!(turns.connecting.contains_key(&behind) && !turns.connecting.contains_key(&direct[7]));
    }

    proptest! {
        #[test]
        fn no_host_gets_too_many_and_everybody_has_a_turn(
            ways in prop::collection::vec((0..12_usize, prop::option::of(0..3_usize)), 1..200),
            order in prop::collection::vec(any::<prop::sample::Index>(), 200),
        ) {
            let mut turns = Turns::default();
            for (host, jump) in &ways {
                let jump = jump.map_or(String::new(), |jump| format!("j{jump}"));
                turns.line_up(hosts(&format!("h{host} {jump}")));
            }
            let mut order = order.into_iter();
            let mut served = 0;
            while !turns.connecting.is_empty() {
                prop_assert!(turns.connecting.len() <= IN_ALL);
                let mut counts: HashMap<&String, usize> = HashMap::new();
                for host in turns.connecting.values().flatten() {
                    *counts.entry(host).or_default() += 1;
                }
                prop_assert!(counts.values().all(|count| *count <= TO_ONE_HOST));
                let now = connecting(&turns);
                turns.leave(*order.next().expect("one for each").get(&now));
                served += 1;
            }
            prop_assert_eq!(served, ways.len());
        }
    }
}
