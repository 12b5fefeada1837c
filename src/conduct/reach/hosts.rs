//! The hosts that connections go through. `ssh` itself says which ones these are: its configuration may replace the
//! host that the user wrote, and add jump hosts.

use std::collections::HashMap;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock};

use super::places::Hosts;
use crate::model::{Transport, lock};
use crate::sys::{DescriptorLimit, start_apart};
use crate::wait::Wait;

/// The hosts that `ssh` has reported for each transport. They are asked for once: its configuration does not change
/// during a run.
#[derive(Debug, Clone, Default)]
pub(super) struct KnownHosts(Arc<Mutex<HashMap<Transport, Arc<OnceLock<Hosts>>>>>);

impl KnownHosts {
    /// The hosts of a transport.
    pub(super) fn of(&self, transport: &Transport, limit: DescriptorLimit) -> Hosts {
        let known = Arc::clone(lock(&self.0).entry(transport.clone()).or_default());
        // Workers with the same transport wait for the first of them.
        let ask = || {
            let said = transport.host_query().and_then(|query| answer(&query, limit));
            said.and_then(|said| read(&said)).unwrap_or_else(|| Hosts::from([transport.to_string()]))
        };
        known.get_or_init(ask).clone()
    }
}

/// What a short command prints; `None` if it fails or does not end in time.
fn answer(words: &[String], limit: DescriptorLimit) -> Option<String> {
    let (program, arguments) = words.split_first()?;
    let output = tempfile::tempfile().ok()?;
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stderr(Stdio::null()).stdout(output.try_clone().ok()?);
    start_apart(&mut command, limit);
    let mut child = command.spawn().ok()?;
    let status = Wait::TransportHosts.end_of(&mut child, Wait::TransportHosts.time()).ok()?;
    let mut said = String::new();
    std::io::Seek::rewind(&mut &output).ok()?;
    std::io::Read::read_to_string(&mut &output, &mut said).ok()?;
    status.success().then_some(said)
}

/// The hosts in the output of `ssh -G`: lines with a keyword in lower case and its value (ssh(1)).
fn read(said: &str) -> Option<Hosts> {
    let value = |name: &str| said.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')).map(str::trim);
    let machine = format!("{}:{}", value("hostname")?, value("port")?);
    let jumps = value("proxyjump").filter(|jumps| *jumps != "none").unwrap_or_default();
    let jumps = jumps.split(',').filter(|jump| !jump.is_empty());
    let without_user = |jump: &str| jump.trim_start_matches("ssh://").rsplit('@').next().unwrap_or(jump).to_owned();
    Some(jumps.map(without_user).chain([machine]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jump_hosts_and_the_real_name_are_read() {
        for (said, expected) in [
            ("user root\nhostname 10.0.0.7\nport 22\nproxyjump none\n", Some(vec!["10.0.0.7:22"])),
            ("hostname lab7.example\nport 2222\n", Some(vec!["lab7.example:2222"])),
            ("port 22\nhostname b\nproxyjump me@a:23,ssh://c\n", Some(vec!["a:23", "b:22", "c"])),
            ("ssh: no such option\n", None),
        ] {
            let hosts = read(said).map(|hosts| hosts.into_iter().collect::<Vec<_>>());
            assert_eq!(hosts, expected.map(|hosts| hosts.into_iter().map(str::to_owned).collect()), "{said}");
        }
    }
}
