//! The arguments of `help`, and what it prints.

use clap::Args;
use clap::error::ErrorKind;

use crate::config;

/// The table of the syntax of configuration files. Tests compare it with what `config` reads.
pub const SYNTAX: &str = include_str!("help/syntax.txt");

/// The topic that is not a command.
const TOPIC: &str = "syntax";

/// The arguments of `help`.
#[derive(Debug, Args)]
pub struct HelpArguments {
    /// A command, or `syntax` for the syntax of test files and worker files
    pub topic: Option<String>,
}

impl HelpArguments {
    /// Whether the syntax is asked for.
    ///
    /// # Errors
    ///
    /// The help of the command that is asked for, as clap has it, or a usage error.
    pub(super) fn settle(&self, mut program: clap::Command) -> Result<(), clap::Error> {
        let name = program.get_name().to_owned();
        let arguments = match self.topic.as_deref() {
            Some(TOPIC) => return Ok(()),
            None => vec![name.as_str(), "--help"],
            Some(topic) => {
                let commands = program.get_subcommands().filter(|command| !command.is_hide_set());
                let names: Vec<_> = commands.map(clap::Command::get_name).chain([TOPIC]).collect();
                if !names.contains(&topic) {
                    let all = || format!("the topics are `{}`", names.join("`, `"));
                    let hint = config::hint_or(topic, names.iter().copied(), all);
                    let text = format!("there is no command or topic `{topic}`\n\n  hint: {hint}");
                    return Err(program.error(ErrorKind::InvalidValue, text));
                }
                vec![name.as_str(), topic, "--help"]
            }
        };
        program.try_get_matches_from(arguments).map(|_| ())
    }
}
