//! The variables of a configuration, with their origins.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{FileLine, text};

/// Variables by name, in lower case.
pub type Definitions = BTreeMap<String, Definition>;

/// The definition of a variable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Definition {
    /// The value as written: variables in it are not replaced.
    pub value: String,
    /// Where it was defined.
    #[serde(with = "text")]
    pub origin: Origin,
}

/// Where a variable was defined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The option `-D`.
    CommandLine,
    /// This line of a file.
    File(FileLine),
    /// A parameter of a series, in this line of a file.
    Parameter(FileLine),
    /// The program: every worker has this variable.
    Predefined,
    /// The address of the worker with that name.
    Address,
}

impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CommandLine => out.write_str("command line"),
            Self::File(place) => place.fmt(out),
            Self::Parameter(place) => write!(out, "parameter {place}"),
            Self::Predefined => out.write_str("predefined"),
            Self::Address => out.write_str("worker address"),
        }
    }
}

impl FromStr for Origin {
    type Err = ();

    /// Parses the displayed form.
    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "command line" => Ok(Self::CommandLine),
            "predefined" => Ok(Self::Predefined),
            "worker address" => Ok(Self::Address),
            _ => match text.strip_prefix("parameter ") {
                Some(place) => place.parse().map(Self::Parameter),
                None => text.parse().map(Self::File),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn an_origin_is_read_as_it_is_written() {
        let place = || FileLine { file: Path::new("a:b.cfg").into(), line: 12 };
        let (file, parameter) = (Origin::File(place()), Origin::Parameter(place()));
        for origin in [Origin::CommandLine, file, parameter, Origin::Predefined, Origin::Address] {
            assert_eq!(origin.to_string().parse(), Ok(origin));
        }
        assert_eq!("nowhere".parse::<Origin>(), Err(()));
    }
}
