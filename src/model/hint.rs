//! What the user can do about a run that did not succeed.

use serde::{Deserialize, Serialize};

use super::named::named;

/// A hint for the user about a run that did not succeed. Hints are ordered: a later one is more specific.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hint {
    /// The machine of a player answers, but nothing listens on the port.
    StartPlayer,
    /// A program other than a player listens on the port.
    CorrectPort,
    /// Something on the port accepts connections but does not answer.
    LookAtPlayer,
    /// The transport's command ended without giving a reason.
    RunCommand,
    /// A program was ended by a signal, or ended without printing anything.
    ReadSystemLog,
    /// A system call of the conductor failed.
    RaiseLimits,
    /// Something changes the input or the output of the script.
    PassUnchanged,
    /// The machine, or the network on the way to it, does not answer.
    CheckNetwork,
    /// The name of the machine is unknown.
    CorrectName,
    /// The container does not exist or does not run.
    StartContainer,
    /// The pod does not exist.
    CorrectPod,
    /// The network namespace does not exist.
    CreateNamespace,
    /// No sshd listens on that port.
    StartSshd,
    /// sshd drops connections when many log in at the same time.
    RaiseMaxStartups,
    /// The program of the transport is missing on the conductor's machine.
    InstallTransport,
    /// The machine does not accept the conductor's keys.
    AllowKey,
    /// The key of the machine is unknown.
    AddHostKey,
    /// The machine has another key than before.
    CheckHostKey,
    /// The player cannot run as this user.
    ChangeUser,
    /// `become` asks for a password.
    AllowBecome,
    /// The machine runs another command instead of the conductor's.
    RemoveForceCommand,
    /// The machine has no `sh`.
    InstallShell,
    /// No folder has room for the program and allows files to be executed.
    SetScratch,
    /// The machine does not run Linux.
    UseLinux,
    /// There is no program for the machine's architecture.
    BuildProgram,
    /// The program that was sent does not run on the machine.
    BuildStaticProgram,
    /// `program` does not exist on the machine.
    CorrectProgram,
    /// A player that was connected can no longer be reached.
    RestartPlayer,
    /// A player that a command had started ended before its session did.
    LookAtMachine,
}

named!(Hint:
    StartPlayer "start_player", CorrectPort "correct_port", LookAtPlayer "look_at_player", RunCommand "run_command", ReadSystemLog "read_system_log", RaiseLimits "raise_limits",
    PassUnchanged "pass_unchanged", CheckNetwork "check_network", CorrectName "correct_name",
    StartContainer "start_container", CorrectPod "correct_pod", CreateNamespace "create_namespace",
    StartSshd "start_sshd", RaiseMaxStartups "raise_max_startups", InstallTransport "install_transport",
    AllowKey "allow_key", AddHostKey "add_host_key", CheckHostKey "check_host_key", ChangeUser "change_user",
    AllowBecome "allow_become", RemoveForceCommand "remove_force_command", InstallShell "install_shell",
    SetScratch "set_scratch", UseLinux "use_linux", BuildProgram "build_program",
    BuildStaticProgram "build_static_program", CorrectProgram "correct_program", RestartPlayer "restart_player",
    LookAtMachine "look_at_machine",
);

impl Hint {
    /// Returns the hint with this name, or `None` if only a later version knows it.
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|hint| hint.word() == word)
    }

    /// Adds this hint to others unless they contain it.
    pub fn add_to(self, hints: &mut Vec<Self>) {
        if !hints.contains(&self) {
            hints.push(self);
        }
    }
}
