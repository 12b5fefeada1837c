//! The manual pages, and the completions for bash, zsh and fish. Both come from the definition of the command line.

use std::fs;
use std::io;
use std::path::Path;

use clap::Command;
use clap_complete::{Shell, generate};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

/// Writes a manual page for the program and for each command to `FOLDER/man`, and completions for the program and its
/// links to `FOLDER/bash`, `FOLDER/zsh` and `FOLDER/fish`, with the names that the shells look for.
///
/// # Errors
///
/// If a file cannot be written.
pub fn write(folder: &Path) -> io::Result<()> {
    for part in ["man", "bash", "zsh", "fish"] {
        fs::create_dir_all(folder.join(part))?;
    }
    let programs = conductor::command_lines().map(|command| without_hidden(&command));
    for command in &programs {
        for (shell, file) in [
            (Shell::Bash, format!("bash/{}", command.get_name())),
            (Shell::Zsh, format!("zsh/_{}", command.get_name())),
            (Shell::Fish, format!("fish/{}.fish", command.get_name())),
        ] {
            let mut text = Vec::new();
            generate(shell, &mut command.clone(), command.get_name(), &mut text);
            fs::write(folder.join(file), text)?;
        }
    }
    let [conductor, ..] = programs;
    let names: Vec<_> =
        conductor.get_subcommands().map(|command| format!("conductor-{}", command.get_name())).collect();
    for (command, name) in conductor.get_subcommands().zip(&names) {
        let command = command.clone().display_name(name);
        fs::write(folder.join(format!("man/{name}.1")), page(command, &names)?)?;
    }
    fs::write(folder.join("man/conductor.1"), page(conductor, &names)?)
}

/// A command without the options and commands that its help does not show: completions would.
fn without_hidden(command: &Command) -> Command {
    let arguments = command.get_arguments().filter(|argument| !argument.is_hide_set());
    let commands = command.get_subcommands().filter(|command| !command.is_hide_set());
    // clap wants names that live as long as the program.
    let name: &'static str = command.get_name().to_owned().leak();
    let mut visible = Command::new(name)
        .version(env!("CARGO_PKG_VERSION"))
        .about(command.get_about().cloned().unwrap_or_default())
        .after_help(command.get_after_help().cloned().unwrap_or_default())
        .disable_help_subcommand(true)
        .subcommand_help_heading("COMMANDS")
        .subcommand_value_name("COMMAND")
        .args(arguments.cloned())
        .subcommands(commands.map(without_hidden));
    if let Some(name) = command.get_bin_name() {
        visible = visible.bin_name(name.to_owned());
    }
    visible.subcommand_required(command.is_subcommand_required_set())
}

/// The manual page of a command.
fn page(command: Command, names: &[String]) -> io::Result<Vec<u8>> {
    let name = command.get_display_name().unwrap_or(command.get_name()).to_owned();
    let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let has_commands = command.has_subcommands();
    let man = Man::new(command)
        .title(name.to_uppercase())
        .source(concat!("conductor ", env!("CARGO_PKG_VERSION")))
        .manual("Conductor Manual");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    let (lists, texts): (Vec<&str>, Vec<&str>) =
        help.split("\n\n").partition(|part| part.lines().next().is_some_and(|line| line.ends_with(':')));
    let mut roff = Roff::new();
    for text in texts {
        roff.control("PP", []).text([roman(text.trim().replace('\n', " "))]);
    }
    roff.to_writer(&mut page)?;
    man.render_options_section(&mut page)?;
    if has_commands {
        man.render_subcommands_section(&mut page)?;
    }
    let mut roff = Roff::new();
    for list in lists {
        add_list(&mut roff, list);
    }
    add_see_also(&mut roff, &name, names);
    roff.to_writer(&mut page)?;
    Ok(page)
}

/// Adds a section of a help text. The first line is its title. Each entry begins with two spaces and has its explanation
/// behind two or more spaces, or in lines that are indented further.
fn add_list(roff: &mut Roff, list: &str) {
    let mut lines = list.lines();
    let title = lines.next().unwrap_or_default().trim_end_matches(':').to_uppercase();
    roff.control("SH", [title.as_str()]);
    for line in lines {
        let is_entry = line.starts_with("  ") && !line.starts_with("   ");
        let line = line.trim();
        if is_entry {
            let (entry, explanation) = line.split_once("  ").unwrap_or((line, ""));
            roff.control("TP", []).text([bold(entry)]);
            if !explanation.is_empty() {
                roff.text([roman(explanation.trim_start())]);
            }
        } else {
            roff.text([roman(line)]);
        }
    }
}

fn add_see_also(roff: &mut Roff, name: &str, names: &[String]) {
    roff.control("SH", ["SEE ALSO"]);
    let all = ["conductor".to_owned()].into_iter().chain(names.iter().cloned());
    let others: Vec<_> = all.filter(|other| other != name).map(|other| format!("{other}(1)")).collect();
    roff.text([roman(others.join(", "))]);
    roff.control("PP", []).text([roman("The documents are in /usr/share/doc/conductor.")]);
}
