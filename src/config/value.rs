//! The types of values in files and on the command line: numbers, ports, sizes, addresses, words from a fixed set.

use std::net::{IpAddr, Ipv6Addr};

use clap::ValueEnum;
use clap::builder::PossibleValue;

use super::nearest;
use crate::model::{MOST_VERSIONS, Network, Transport, TransportError};

/// Why a value is invalid, and a hint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it {problem}; {hint}")]
pub(crate) struct Refusal {
    /// The problem, as text that can follow the value.
    pub(super) problem: String,
    /// The hint.
    pub(super) hint: String,
}

impl Refusal {
    pub(super) fn new(problem: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { problem: problem.into(), hint: hint.into() }
    }
}

/// Parses a whole number of at least 1.
pub(crate) fn count(text: &str) -> Result<u32, Refusal> {
    let number = text.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| Refusal::new("must be a whole number of at least 1", "write a number such as `10`"))
}

/// Parses a TCP port, at least 1.
pub(super) fn port(text: &str) -> Result<u16, Refusal> {
    let number = text.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| Refusal::new("is not a port", "ports are the numbers from 1 to 65535"))
}

/// Parses a number of MiB, and returns bytes. The limit is that of a 32-bit length in the protocol.
pub(super) fn mebibytes(text: &str) -> Result<u64, Refusal> {
    let number: Option<u64> = text.parse().ok().filter(|number| (1..4096).contains(number));
    let refusal = || Refusal::new("is not a size in MiB", "write a number from 1 to 4095, without a unit");
    number.map(|number| number << 20).ok_or_else(refusal)
}

/// Parses NAME=VALUE.
pub(crate) fn definition(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    if name.trim().is_empty() {
        return Err("the name is empty; expected NAME=VALUE".to_owned());
    }
    Ok((name.trim().to_lowercase(), value.to_owned()))
}

/// Parses one of the words of a type, in upper or lower case.
pub(super) fn one_of<T: ValueEnum>(text: &str) -> Result<T, Refusal> {
    T::from_str(text, true).map_err(|_| {
        let words: Vec<_> = T::value_variants().iter().filter_map(ValueEnum::to_possible_value).collect();
        Refusal::new("is not a known value", nearest::hint(text, words.iter().map(PossibleValue::get_name)))
    })
}

/// Parses the name or address of a machine. An IPv6 address may be in brackets, which are removed.
pub(super) fn host(text: &str) -> Result<String, Refusal> {
    let hint = "write a name such as `node1.example.org`, or an address such as `10.0.0.1`";
    let refusal = |problem: &str| Err(Refusal::new(problem, hint));
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let (address, scope) = bare.split_once('%').map_or((bare, None), |(address, scope)| (address, Some(scope)));
    if address.parse::<Ipv6Addr>().is_ok() && scope.is_none_or(is_name) {
        return Ok(bare.to_owned());
    }
    if let Some((name, port)) = text.split_once(':')
        && is_name(name)
        && port.parse::<u16>().is_ok()
    {
        let hint = format!("write `{name}` here, and set the port with `cmdport`");
        return Err(Refusal::new("includes a port", hint));
    }
    if !is_name(text) {
        return refusal("is not the name or address of a machine");
    }
    // A resolver would interpret `10.0.300` as another address, or ask a name server for it.
    let numeric = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    if numeric && text.parse::<IpAddr>().is_err() {
        return refusal("is not an address");
    }
    Ok(text.to_owned())
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.chars().all(|character| character.is_alphanumeric() || matches!(character, '.' | '-' | '_'))
}

/// Parses addresses and networks, separated by commas or white space; `any` stands for all.
pub(super) fn networks(text: &str) -> Result<Vec<Network>, Refusal> {
    let words = text.split(|character: char| character == ',' || character.is_whitespace());
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    let hint = "write addresses such as `10.0.0.1` and networks such as `10.0.0.0/8`, separated by commas, or `any`";
    if words.is_empty() {
        return Err(Refusal::new("has no address", hint));
    }
    let mut networks = Vec::new();
    for word in words {
        let read = Network::read(word);
        networks.extend(read.map_err(|problem| Refusal::new(format!("has {word}, which {problem}"), hint))?);
    }
    Ok(networks)
}

/// Parses commands, one per line.
pub(super) fn commands(value: &str) -> Result<Vec<String>, Refusal> {
    let lines = text(value)?;
    let commands: Vec<String> =
        lines.split('\n').map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect();
    if commands.len() > MOST_VERSIONS {
        return Err(Refusal::new(format!("has more than {MOST_VERSIONS} commands"), "write one command a line"));
    }
    Ok(commands)
}

/// Checks a text that is passed to a program: it must not be empty or contain NUL.
pub(super) fn text(text: &str) -> Result<String, Refusal> {
    if text.is_empty() {
        return Err(Refusal::new("is empty", "set a value, or leave the line out"));
    }
    if text.contains('\0') {
        let problem = "has a NUL character, which cannot be passed to a program";
        return Err(Refusal::new(problem, "leave the character out"));
    }
    Ok(text.to_owned())
}

/// Parses how to reach a machine. `tcp`, a connection to a player that listens there, becomes `None`.
pub(super) fn transport(text: &str) -> Result<Option<Transport>, Refusal> {
    if text.trim().eq_ignore_ascii_case("tcp") {
        return Ok(None);
    }
    Transport::read(text).map(Some).map_err(|error| {
        let hint = match &error {
            TransportError::UnknownForm(name) => nearest::hint(name, Transport::forms()),
            TransportError::Empty => "write a form such as `ssh:HOST`, or leave the line out".to_owned(),
            TransportError::Target(form, target) => format!("write `{form}:{target}`"),
            TransportError::Words(first) => {
                format!("write `connect = {first}`, and the other words in `connect_options`")
            }
            TransportError::Ssh => "write `connect = ssh:HOST`, and options in `connect_options`".to_owned(),
        };
        Refusal::new(error.to_string(), hint)
    })
}

/// Splits a value into words that become arguments of a program.
pub(super) fn words(value: &str) -> Result<Vec<String>, Refusal> {
    Ok(text(value)?.split_whitespace().map(str::to_owned).collect())
}

/// Checks a path on another machine, which several shells have to pass on unchanged.
pub(super) fn remote_path(value: &str) -> Result<Option<String>, Refusal> {
    let path = text(value)?;
    if path.contains(['\'', '!', '\\', '\n', '"', '$', '`']) {
        let problem = "has a character that some login shells change";
        return Err(Refusal::new(problem, "use a path without quotes, backslashes, `!` and `$`"));
    }
    Ok(Some(path))
}

/// Parses `yes` or `no`.
pub(super) fn yes(text: &str) -> Result<bool, Refusal> {
    match text.to_ascii_lowercase().as_str() {
        "yes" => Ok(true),
        "no" => Ok(false),
        _ => Err(Refusal::new("is neither `yes` nor `no`", "write `yes` or `no`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_names_or_addresses() {
        for (text, host_is) in [
            ("10.0.0.1", "10.0.0.1"),
            ("node_1.example.org", "node_1.example.org"),
            ("[::1]", "::1"),
            ("fe80::1%eth0", "fe80::1%eth0"),
        ] {
            assert_eq!(host(text).ok().as_deref(), Some(host_is), "{text}");
        }
        for text in ["", "10.0.0.300", "10.0", "a b", "host:6970", "http://x", "[host]", "fe80::1%"] {
            assert!(host(text).is_err(), "{text}");
        }
    }

    #[test]
    fn numbers_have_their_bounds() {
        assert!(count("0").is_err() && count("-1").is_err() && count("x").is_err());
        assert!(port("0").is_err() && port("65536").is_err() && port("6970").is_ok());
        assert_eq!(mebibytes("10").ok(), Some(10 << 20));
        assert!(mebibytes("4096").is_err() && mebibytes("0").is_err() && mebibytes("10MB").is_err());
    }
}
