//! Keys of `[Workers]`: a name, or `node[01-16]` for sixteen workers.

use super::worker::Host;
use super::{Lint, Reason, Refusal, quoted, value};
use crate::model::WorkerName;

/// The maximum number of workers of a test.
pub(super) const MOST: usize = 10_000;

/// The workers that a key defines.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Expansion {
    /// The text before the bracket, or the whole name.
    pub(super) base: String,
    /// Each worker with its number, which is 1 for a key without a range.
    pub(super) names: Vec<(WorkerName, u64)>,
}

/// Returns the workers of a key. `node[*]` has as many as there are `hosts`; `None` means that the line names no hosts.
pub(super) fn expand(key: &str, hosts: Option<usize>) -> Result<Expansion, Reason> {
    let (base, texts) = match key.split_once("[*]") {
        Some((base, suffix)) => {
            let none =
                || Reason::new(Lint::InvalidRange, "`[*]` has no hosts", "write `node[*] = worker-file @ HOSTS`");
            let hosts = hosts.ok_or_else(none)?;
            (base, (1..=hosts as u64).map(|number| (format!("{base}{number}{suffix}"), number)).collect())
        }
        None => texts(key)?,
    };
    let names = texts.into_iter().map(|(text, number)| Ok((name(&text)?, number))).collect::<Result<_, _>>()?;
    Ok(Expansion { base: base.to_owned(), names })
}

/// Parses a list of hosts, separated by commas or white space: names or addresses with an optional range and port.
pub(super) fn hosts(list: &str) -> Result<Vec<Host>, Reason> {
    let words = list.split([',', ' ', '\t']).filter(|word| !word.is_empty());
    let mut hosts = Vec::new();
    for word in words {
        match host(word) {
            Ok(host) => hosts.push(host),
            Err(_) if word.contains('[') && !word.starts_with('[') => {
                for (text, _) in texts(word)?.1 {
                    hosts.push(host(&text)?);
                }
            }
            Err(reason) => return Err(reason),
        }
    }
    if hosts.is_empty() {
        return Err(Reason::new(Lint::InvalidValue, "there is no host after `@`", "write `name = worker-file @ HOST`"));
    }
    Ok(hosts)
}

/// Parses `HOST`, `HOST:PORT` or `[IPV6]:PORT`.
fn host(text: &str) -> Result<Host, Reason> {
    let refused = |refusal: Refusal| {
        Reason::new(Lint::InvalidValue, format!("{} {}", quoted(text), refusal.problem), refusal.hint)
    };
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    let address = value::host(host).map_err(refused)?;
    let port = port.map(value::port).transpose().map_err(refused)?;
    Ok(Host { address: Some(address), port })
}

/// Texts with their numbers.
type Numbered = Vec<(String, u64)>;

/// Expands a text with or without a range. Returns the text before the range, and each result with its number.
fn texts(key: &str) -> Result<(&str, Numbered), Reason> {
    let Some((base, rest)) = key.split_once('[') else { return Ok((key, vec![(key.to_owned(), 1)])) };
    let range = |message| Reason::new(Lint::InvalidRange, message, "write a range as `node[01-16]`");
    let (numbers, suffix) = rest.split_once(']').ok_or_else(|| range("the range has no `]`"))?;
    let (first, last) = numbers.split_once('-').ok_or_else(|| range("the range has no `-`"))?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(first) || !digits(last) {
        return Err(range("a range has two numbers"));
    }
    let (Ok(from), Ok(to)) = (first.parse::<u64>(), last.parse::<u64>()) else {
        return Err(range("the numbers of the range are too large"));
    };
    if from > to {
        return Err(range("the range ends before it begins"));
    }
    if to - from >= MOST as u64 {
        return Err(range("the range has more than 10000 workers"));
    }
    let width = if first.starts_with('0') { first.len() } else { 1 };
    Ok((base, (from..=to).map(|number| (format!("{base}{number:0width$}{suffix}"), number)).collect()))
}

fn name(text: &str) -> Result<WorkerName, Reason> {
    WorkerName::new(text).map_err(|error| {
        let message = format!("invalid worker name {}: {error}", quoted(text));
        Reason::new(Lint::InvalidWorkerName, message, "names consist of letters, digits, `.`, `_` and `-`")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(key: &str) -> Vec<String> {
        expand(key, Some(3)).unwrap().names.iter().map(|(name, number)| format!("{name} {number}")).collect()
    }

    #[test]
    fn a_range_makes_workers_with_padded_names_and_plain_numbers() {
        assert_eq!(names("node[08-10]"), ["node08 8", "node09 9", "node10 10"]);
        assert_eq!(names("n[9-10].lab"), ["n9.lab 9", "n10.lab 10"]);
        assert_eq!(names("router"), ["router 1"]);
        assert_eq!(names("n[*].lab"), ["n1.lab 1", "n2.lab 2", "n3.lab 3"]);
        assert_eq!(expand("node[1-16]", None).unwrap().names.len(), 16);
    }

    #[test]
    fn a_wrong_range_is_refused() {
        for key in ["n[1-", "n[1]", "n[a-b]", "n[2-1]", "n[1-99999999]", "n[-]", "n[1-2][3-4]", "a b", "", ".."] {
            assert!(expand(key, Some(3)).is_err(), "{key}");
        }
        assert!(expand("n[*]", None).is_err(), "there are no hosts");
        assert!(expand("n[1-99999999999999999999]", None).is_err());
    }

    #[test]
    fn hosts_are_names_addresses_and_ranges_with_ports() {
        let shown = |Host { address, port }: &Host| {
            (address.clone().unwrap(), port.map(|port| format!(":{port}")).unwrap_or_default())
        };
        let read = |list| match hosts(list) {
            Ok(hosts) => Ok(hosts.iter().map(shown).map(|(host, port)| host + &port).collect::<Vec<_>>().join(" ")),
            Err(reason) => Err(reason.message),
        };
        for (list, expected) in [
            ("lab[08-10].net, ::1 10.0.0.1", "lab08.net lab09.net lab10.net ::1 10.0.0.1"),
            ("lab:7001 [::1]:7002,[fe80::1%eth0] 10.0.0.1:1", "lab:7001 ::1:7002 fe80::1%eth0 10.0.0.1:1"),
            ("lab[1-2]:7001", "lab1:7001 lab2:7001"),
        ] {
            assert_eq!(read(list).as_deref(), Ok(expected), "{list}");
        }
        assert_eq!(read(" ,"), Err("there is no host after `@`".to_owned()));
        assert_eq!(read("lab[2-1]"), Err("the range ends before it begins".to_owned()));
        for wrong in ["a:b:c", "a:0", "a:70000", "a:", ":1", "[::1", "[x]:1", "10.0.300:1"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
