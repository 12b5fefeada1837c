//! What the packages have in addition to the program: manual pages, completions, the service. `scripts/package` makes the
//! packages, and `scripts/package-test` installs one.

#[path = "../../packaging/manual.rs"]
mod manual;

use std::fs;
use std::process::{Command, Stdio};

use conductor::wait::Wait;

use crate::support::documents::{read, root};
use crate::support::surroundings::skip;
use crate::support::{CONDUCTOR, Folder, Player};

/// The manual pages and completions, in a new folder.
fn written() -> Folder {
    let folder = Folder::new();
    manual::write(folder.path()).expect("the pages are written");
    folder
}

/// The output and errors of a command; `None` if the program is missing, which is said.
fn output(command: &mut Command) -> Option<(bool, String, String)> {
    let program = command.get_program().to_string_lossy().into_owned();
    let Ok(found) = command.stdin(Stdio::null()).output() else {
        skip(&format!("there is no {program}"));
        return None;
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Some((found.status.success(), text(&found.stdout), text(&found.stderr)))
}

/// The options in the help of a command.
fn options(arguments: &[&str]) -> Vec<String> {
    let (_, help, _) = output(Command::new(CONDUCTOR).args(arguments).arg("--help")).expect("the program runs");
    let options = help.lines().filter(|line| line.trim_start().starts_with('-')).filter_map(|line| {
        let option = line.split_whitespace().find(|word| word.starts_with("--"))?;
        Some(option.trim_end_matches([',', '.']).to_owned())
    });
    options.collect()
}

#[test]
fn manual_pages_render_without_warnings() {
    let folder = written();
    let pages: Vec<_> = fs::read_dir(folder.join("man")).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(pages.len(), 10, "one for the program and for each command: {pages:?}");
    for page in &pages {
        let groff = output(Command::new("groff").args(["-man", "-ww", "-z", "-Tutf8"]).arg(page));
        let man = output(Command::new("man").args(["--warnings", "-E", "UTF-8", "-l"]).arg(page).env("MANWIDTH", "80"));
        for (success, _, errors) in [groff, man].into_iter().flatten() {
            assert!(success && errors.is_empty(), "{}: {errors}", page.display());
        }
    }
}

#[test]
fn a_manual_page_has_what_the_help_has() {
    let folder = written();
    for name in ["player", "conduct", "report", "compare", "history", "validate", "frames", "help", "init"] {
        let page = folder.read(&format!("man/conductor-{name}.1")).replace("\\-", "-").replace("\\fR", "");
        let options = options(&[name]);
        assert!(options.len() > 1, "{options:?}");
        for option in options {
            assert!(page.contains(&option), "{option} in {page}");
        }
        assert!(!page.contains("--stdio"), "hidden options are not in {page}");
        for section in ["SYNOPSIS", "EXAMPLES", "\"EXIT STATUS\"", "\"SEE ALSO\""] {
            assert!(page.contains(&format!("\n.SH {section}\n")), "{section} in {page}");
        }
    }
    let page = folder.read("man/conductor.1");
    assert!(page.contains("conductor\\-validate(1)") && !page.contains("keep"), "{page}");
}

#[test]
fn bash_completes_options_and_commands() {
    let folder = written();
    let complete = |name: &str, words: &str, last: &str| {
        let script = format!(
            "source '{}' && COMP_WORDS=({words}) COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)) && _{name} {name} '{last}' '' \
             && printf '%s\\n' \"${{COMPREPLY[@]}}\" && complete -p {name}",
            folder.join(&format!("bash/{name}")).display()
        );
        output(Command::new("bash").args(["--norc", "-c", &script]))
    };
    let Some((success, replies, errors)) = complete("conduct", "conduct --ch", "--ch") else { return };
    assert!(success && errors.is_empty(), "{errors}");
    assert!(replies.starts_with("--check\n") && replies.contains("-F _conduct conduct"), "{replies}");
    let (_, replies, _) = complete("conductor", "conductor val", "val").unwrap();
    assert!(replies.starts_with("validate\n"), "{replies}");
    let (_, replies, _) = complete("player", "player --", "--").unwrap();
    assert!(replies.contains("--allow") && !replies.contains("--stdio"), "{replies}");
}

#[test]
fn zsh_and_fish_load_the_completions() {
    let folder = written();
    for name in ["conductor", "conduct", "player"] {
        let file = folder.join(&format!("zsh/_{name}"));
        let script =
            format!("autoload -U compinit && compinit -D -u && source '{}' && print $_comps[{name}]", file.display());
        if let Some((success, found, errors)) = output(Command::new("zsh").args(["-f", "-c", &script])) {
            assert!(success && errors.is_empty(), "{errors}");
            assert_eq!(found.trim(), format!("_{name}"));
        }
        let file = folder.join(&format!("fish/{name}.fish"));
        let script = format!("source '{}' && complete -C '{name} --help'", file.display());
        let mut fish = Command::new("fish");
        fish.args(["--no-config", "-c", &script]).env("HOME", folder.path());
        if let Some((success, found, errors)) = output(&mut fish) {
            assert!(success && errors.is_empty(), "{errors}");
            assert!(found.starts_with("--help\t"), "{found}");
        }
    }
}

/// The values of a setting of the service, in order.
fn values(text: &str, setting: &str) -> Vec<String> {
    let value = |line: &str| line.strip_prefix(setting)?.strip_prefix('=').map(str::to_owned);
    text.lines().filter_map(value).collect()
}

#[test]
fn the_service_is_one_that_systemd_accepts() {
    let text = read("packaging/conductor-player.service");
    let for_root = read("packaging/root.conf");
    let folder = Folder::new();
    let here = text.replace("/usr/bin/conductor", CONDUCTOR);
    for (name, text) in [("user.service", here.clone()), ("root.service", format!("{here}\n{for_root}"))] {
        folder.file(name, &text);
        let mut verify = Command::new("systemd-analyze");
        verify.args(["verify", "--man=no"]).arg(folder.join(name));
        let Some((success, _, errors)) = output(&mut verify) else { return };
        assert!(success && errors.is_empty(), "{name}: {errors}");
    }
    for line in for_root.lines().filter(|line| line.contains('=')) {
        let (setting, _) = line.split_once('=').unwrap();
        let implied = ["User", "NoNewPrivileges"].contains(&setting);
        assert!(implied || !values(&text, setting).is_empty(), "{setting} changes nothing");
    }
}

#[test]
fn the_service_gives_the_player_the_time_that_it_needs_to_stop() {
    let text = read("packaging/conductor-player.service");
    let [limit] = values(&text, "TimeoutStopSec").try_into().expect("a limit");
    let limit: u64 = limit.parse().expect("seconds");
    assert!(limit > Wait::SessionsEnd.time().as_secs(), "{limit} s");
}

#[test]
fn the_player_accepts_the_configuration_of_the_service() {
    let text = read("packaging/player.cfg");
    let is_setting =
        |line: &&str| line.strip_prefix('#').is_some_and(|rest| rest.contains('=') && !rest.starts_with(' '));
    assert_eq!(text.lines().filter(is_setting).count(), 3, "conductor, allow, cmdport");
    let with_settings: String = text
        .lines()
        .map(|line| if is_setting(&line) { format!("{}\n", &line[1..]) } else { format!("{line}\n") })
        .collect();
    for text in [text.clone(), with_settings] {
        let folder = Folder::new();
        folder.file("player.cfg", &text);
        let mut command = Command::new(CONDUCTOR);
        command.current_dir(folder.path()).args([
            "player",
            "--quiet",
            "--port",
            "0",
            "--bind",
            "127.0.0.1",
            "player.cfg",
        ]);
        assert_ne!(Player::from(command).port, 0);
    }
}

#[test]
fn every_file_of_the_packages_is_there() {
    let script = read("scripts/package");
    let mut seen = 0;
    for word in script.split_whitespace().filter(|word| word.starts_with("packaging/") && !word.contains(['*', '{'])) {
        let path = word.trim_end_matches([';', ')', '"', '\'']);
        assert!(root().join(path).exists(), "{path}");
        seen += 1;
    }
    assert!(seen > 4, "{seen} files");
}
