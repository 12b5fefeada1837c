//! Whether a session player continues after the command that started it has ended. The player is detached, but some
//! systems end all processes of a login, a job step or a unit together.

use std::fs;
use std::path::PathBuf;

/// The paths of the settings of systemd-logind. Later ones take precedence.
const LOGIND: [&str; 4] = [
    "/etc/systemd/logind.conf",
    "/usr/lib/systemd/logind.conf.d",
    "/run/systemd/logind.conf.d",
    "/etc/systemd/logind.conf.d",
];

/// Returns what ends this process together with the command that started it, as a message.
pub(super) fn limit() -> Option<String> {
    let is_root = rustix::process::geteuid().is_root();
    let cgroup = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let why = ended_with(&cgroup, || kills_user_processes(&logind_files(), is_root))?;
    Some(format!(
        "{why}: if the connection breaks, the player also ends, the session cannot be resumed, and Reset is not run"
    ))
}

/// Returns why this control group ends with the command, if it does.
fn ended_with(cgroup: &str, kills_user_processes: impl FnOnce() -> bool) -> Option<&'static str> {
    let parts = || cgroup.lines().flat_map(|line| line.splitn(3, ':').skip(2)).flat_map(|path| path.split('/'));
    let has = |begin: &str, end: &str| parts().any(|part| part.starts_with(begin) && part.ends_with(end));
    if has("job_", "") && has("step_", "") {
        return Some("Slurm ends all processes of a job step together here (`proctrack/cgroup`)");
    }
    if has("run-", ".service") {
        return Some("systemd ends all processes of a `systemd-run` command together");
    }
    (has("session-", ".scope") && kills_user_processes())
        .then_some("systemd-logind ends the processes of a user at logout here (`KillUserProcesses=yes`)")
}

/// Returns the contents of the configuration files of systemd-logind.
fn logind_files() -> Vec<String> {
    let mut found = Vec::new();
    for place in LOGIND {
        let mut files: Vec<PathBuf> = match fs::read_dir(place) {
            Ok(entries) => entries.flatten().map(|entry| entry.path()).collect(),
            Err(_) => vec![place.into()],
        };
        files.retain(|file| file.extension().is_some_and(|extension| extension == "conf"));
        files.sort();
        found.extend(files.iter().filter_map(|file| fs::read_to_string(file).ok()));
    }
    found
}

/// Whether these settings end the processes of this user at logout. Those of root are not ended by default.
fn kills_user_processes(files: &[String], is_root: bool) -> bool {
    let setting = |name: &str| {
        let mut values = files.iter().flat_map(|text| text.lines()).filter_map(|line| {
            let (key, value) = line.split_once('=')?;
            (key.trim() == name).then(|| value.trim().to_owned())
        });
        values.next_back()
    };
    let kills = setting("KillUserProcesses")
        .is_some_and(|value| ["yes", "true", "on", "1"].iter().any(|yes| value.eq_ignore_ascii_case(yes)));
    let excluded = setting("KillExcludeUsers").unwrap_or_else(|| "root".to_owned());
    kills && !(is_root && excluded.split_whitespace().any(|user| user == "root"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_with_its_command_is_seen_by_its_control_group() {
        for (cgroup, kills, expected) in [
            ("0::/user.slice/user-1000.slice/session-3.scope\n", true, Some("systemd-logind")),
            ("0::/user.slice/user-1000.slice/session-3.scope\n", false, None),
            ("0::/user.slice/user-1000.slice/user@1000.service/app.slice\n", true, None),
            ("0::/system.slice/slurmstepd.scope/job_7/step_0/user/task_0\n", false, Some("Slurm")),
            ("5:freezer:/slurm/uid_0/job_7/step_0\n0::/\n", false, Some("Slurm")),
            ("0::/system.slice/run-u12.service\n", false, Some("systemd ends all processes of a `systemd-run`")),
            ("0::/system.slice/sshd.service\n", true, None),
            ("0::/\n", true, None),
            ("", true, None),
        ] {
            let found = ended_with(cgroup, || kills);
            assert_eq!(found.is_some(), expected.is_some(), "{cgroup}");
            assert!(found.unwrap_or_default().starts_with(expected.unwrap_or_default()), "{cgroup}: {found:?}");
        }
    }

    #[test]
    fn the_last_setting_of_logind_counts_and_root_is_excluded_by_default() {
        let kills = |files: &[&str], is_root| {
            let files: Vec<_> = files.iter().map(|text| format!("[Login]\n{text}\n")).collect();
            kills_user_processes(&files, is_root)
        };
        assert!(!kills(&["#KillUserProcesses=yes"], false));
        assert!(kills(&["KillUserProcesses=yes"], false) && !kills(&["KillUserProcesses=yes"], true));
        assert!(!kills(&["KillUserProcesses=yes", "KillUserProcesses = no"], false));
        assert!(kills(&["KillUserProcesses=no", "KillUserProcesses=1\nKillExcludeUsers=admin"], true));
    }
}
