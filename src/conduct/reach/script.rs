//! The script that is run first on a machine on which no player listens. It runs a player: the program of this
//! session's player if that is running, the program at a path, or a copy that the conductor sends.
//!
//! It is one line of POSIX `sh` without `'`, `!` and `\`. In single quotes, csh, tcsh and fish pass such a line on
//! unchanged too if one of them is the login shell. Each line that the script prints for the conductor begins with a
//! random mark. What a shell prints before the first such line is a greeting.

use std::time::Duration;

use super::copies::Running;
use crate::model::Transport;

/// The variables of the scripts: `m` is the mark, `f` the folder of the copy, `t` the folders that were tried, `n` the
/// size or a process ID, and `s` a session. The function `c` removes the folder.
///
/// The function `a` runs the program of the player with this process ID and session, if there is one: a process of this
/// user with the session's fingerprint in its command line. Every user can see command lines, so the program of another
/// user's process is not executed, even if it is set-user-ID to this user. The program is opened before the process is
/// checked, since the process may end at any time and another one may get its number.
///
/// The mark is in two parts, so that a program that prints the script itself does not print the mark.
const BEGIN: &str = "m=FIRST; m=$m\"\"SECOND; f=; c() { [ -z \"$f\" ] || rm -rf \"$f\"; }; \
    a() { u=$(id -u); command exec 3</proc/$1/exe || return; if [ $1 -ne $$ ] && grep -q $2 /proc/$1/cmdline && \
    grep -q \"^Uid:.$u.$u.$u.$u$\" /proc/$1/status; then c; exec /proc/self/fd/3 player --stdio $m; fi; } 2>/dev/null; ";

/// Continues with the player of this session, if it is running. Otherwise, it reports that and ends, because another
/// player would not know the session. If `id` or `grep` does not work, the script continues, and a copy of the program
/// finds out.
const AGAIN: &str = "a PID SESSION; \
    if [ \"$u\" ] && grep -q grep /proc/self/cmdline; then echo \"$m gone\"; exit 1; fi; ";

/// Runs an installed program.
const INSTALLED: &str = "p=PROGRAM; if [ -f \"$p\" ] && [ -x \"$p\" ]; then \
    echo \"$m found $(uname -s) $(uname -m) $p\"; exec \"$p\" player --stdio $m; fi; echo \"$m missing\"";

/// Finds a folder in which a file can be executed, receives the program, checks it, removes the folder and runs the
/// program. Instead of the program's size, the conductor may send a process ID and a session: then that player's
/// program is run. Network file systems are skipped, because they keep open files that are removed. When the connection
/// breaks, a write or `read` fails, and the folder is removed. The script cannot notice a network that fails silently,
/// so the copy has a time limit if the machine has GNU `timeout`. The one of busybox is not used, because it leaves a
/// process for process 1.
const COPY: &str = "t=; trap \"c; exit 1\" HUP INT PIPE TERM; \
    for d in SCRATCH \"$TMPDIR\" /tmp /dev/shm /var/tmp \"$XDG_RUNTIME_DIR\" \"$HOME\"; do \
    [ \"$d\" ] && [ -d \"$d\" ] || continue; \
    case \"$(stat -f -c %T \"$d\" 2>/dev/null)\" in nfs*|cifs|smb*|afs) t=\"$t $d:network\"; continue;; esac; \
    f=\"$d/conductor-$m\"; mkdir -m 700 \"$f\" 2>/dev/null || { t=\"$t $d:write\"; f=; continue; }; \
    k=$(df -Pk \"$f\" 2>/dev/null | tail -n 1 | { read a b c k e; echo \"$k\"; }); \
    [ \"$k\" ] || k=99999999; if [ \"$k\" -lt KIBIBYTES ]; then w=space; \
    elif echo \"echo $m\" >\"$f/x\" && chmod 700 \"$f/x\" && [ \"$(\"$f/x\" 2>/dev/null)\" = $m ]; then rm \"$f/x\"; break; \
    else w=execute; fi; rm -rf \"$f\"; t=\"$t $d:$w\"; f=; done; \
    if [ -z \"$f\" ]; then echo \"$m none$t\"; exit 1; fi; \
    while :; do echo \"$m copy $(uname -s) $(uname -m) $f\" && read n s && [ \"$n\" ] || { c; exit 1; }; \
    [ \"$s\" ] || break; a $n $s; done; \
    p=\"$f/p\"; l=; timeout --version >/dev/null 2>&1 && l=\"timeout LIMIT\"; $l head -c \"$n\" >\"$p\"; \
    if [ \"$(wc -c <\"$p\")\" -ne \"$n\" ]; then c; echo \"$m short\"; exit 1; fi; chmod 700 \"$p\"; \
    \"$p\" --version >\"$f/v\" 2>\"$f/e\"; s=$?; \
    if [ $s = 0 ]; then exec 3<\"$p\"; c; exec /proc/self/fd/3 player --stdio $m; fi; \
    w=$(head -n 1 \"$f/e\"); c; echo \"$m broken $s $w\"";

/// The script that a machine should run.
#[derive(Debug)]
pub(super) struct Script<'a> {
    /// The mark at the beginning of each line that it prints.
    pub(super) mark: &'a str,
    /// This session's player, if it was reached before.
    pub(super) running: Option<&'a Running>,
    /// The size of the program that may be sent, in bytes.
    pub(super) size: u64,
    /// The time limit for a copy of the program.
    pub(super) limit: Duration,
}

impl Script<'_> {
    /// Returns the script for a machine that is reached in this way.
    pub(super) fn text(&self, transport: &Transport) -> String {
        let again = self.running.map_or(String::new(), |Running { pid, session }| {
            AGAIN.replace("PID", &pid.to_string()).replace("SESSION", session)
        });
        let run = if let Some(program) = &transport.settings.program {
            INSTALLED.replace("PROGRAM", &quoted(program))
        } else {
            let scratch = transport.settings.scratch.as_deref().map_or("\"\"".to_owned(), quoted);
            let numbers = [("KIBIBYTES", self.size / 1024 + 16), ("LIMIT", self.limit.as_secs())];
            let text =
                numbers.iter().fold(COPY.to_owned(), |text, (name, number)| text.replace(name, &number.to_string()));
            text.replace("SCRATCH", &scratch)
        };
        let (first, second) = self.mark.split_at(self.mark.len() / 2);
        format!("{}{again}{run}", BEGIN.replace("FIRST", first).replace("SECOND", second))
    }
}

fn quoted(path: &str) -> String {
    format!("\"{path}\"")
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;
    use std::process::{Command, Stdio};

    use super::*;

    const LIMIT: Duration = Duration::from_hours(1);

    /// Whether the script executes this process as the player of session `0123456789abcdef`. Otherwise, it reports that
    /// there is none.
    fn executed(pid: u32) -> bool {
        let begin = BEGIN.replace("FIRST", "m").replace("SECOND", "");
        let begin = begin.replace("exec /proc/self/fd/3", "echo found; exit; :");
        let again = AGAIN.replace("PID", &pid.to_string()).replace("SESSION", "0123456789abcdef");
        let said = Command::new("sh").args(["-c", &format!("{begin}{again}")]).output().unwrap().stdout;
        match &*String::from_utf8(said).unwrap() {
            "found\n" => true,
            "m gone\n" => false,
            other => panic!("{other}"),
        }
    }

    /// Runs `cat - 0123456789abcdef`, which waits for its input, while `work` looks at it.
    fn with_cat(mut cat: Command, work: impl FnOnce(u32)) {
        let mut child =
            cat.args(["-", "0123456789abcdef"]).stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        // The command line is visible when the process has begun to run the program.
        let is_there =
            || std::fs::read(format!("/proc/{}/cmdline", child.id())).is_ok_and(|line| line.ends_with(b"abcdef\0"));
        while !is_there() {
            std::thread::yield_now();
        }
        work(child.id());
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn only_a_process_that_this_user_has_started_is_executed_again() {
        with_cat(Command::new("cat"), |pid| assert!(executed(pid)));
        assert!(!executed(std::process::id()), "another program of this user");
        if !rustix::process::getuid().is_root() {
            return;
        }
        let mut cat = Command::new("cat");
        cat.uid(4711);
        with_cat(cat, |pid| assert!(!executed(pid), "another user's"));
        // Another user can run a program that is set-user-ID to this one.
        let folder = tempfile::tempdir().unwrap();
        let (everybody, file) = (std::fs::Permissions::from_mode(0o755), folder.path().join("cat"));
        std::fs::set_permissions(folder.path(), everybody).unwrap();
        std::fs::copy("/bin/cat", &file).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o4755)).unwrap();
        let mut cat = Command::new(&file);
        cat.uid(4711);
        with_cat(cat, |pid| assert!(!executed(pid), "set-user-ID"));
    }

    #[test]
    fn every_login_shell_passes_the_script_on_unchanged() {
        let running = Some(&Running { pid: 7, session: "fedcba9876543210".to_owned() });
        let script = Script { mark: "0123456789abcdef", running, size: 5_000_000, limit: LIMIT };
        for (program, scratch) in [(None, None), (None, Some("/a b")), (Some("/opt/conductor"), None)] {
            let mut transport = Transport::read("ssh:h").unwrap();
            (transport.settings.program, transport.settings.scratch) =
                (program.map(str::to_owned), scratch.map(str::to_owned));
            let text = script.text(&transport);
            assert!(!text.contains(['\'', '!', '\\', '\n']), "{text}");
            assert!(!text.contains(script.mark), "{text}");
            assert!(text.len() < 1800, "{} bytes", text.len());
        }
    }

    #[test]
    fn nothing_is_left_where_no_whole_program_arrives() {
        let folder = tempfile::tempdir().unwrap();
        let mut transport = Transport::read("ssh:h").unwrap();
        transport.settings.scratch = Some(folder.path().display().to_string());
        let text = Script { mark: "0123456789abcdef", running: None, size: 1, limit: LIMIT }.text(&transport);
        let copy = "0123456789abcdef copy Linux";
        for (input, reads_output, expected) in [
            ("", true, copy),
            ("", false, ""),
            ("5", true, copy),
            ("5\nabc", true, "0123456789abcdef short\n"),
            ("3\nabc", true, "0123456789abcdef broken "),
            ("\n", true, copy),
            ("1 none\n3\nabc", true, "0123456789abcdef broken "),
        ] {
            let (mut reader, writer) = std::io::pipe().unwrap();
            let (theirs, mut ours) = std::io::pipe().unwrap();
            ours.write_all(input.as_bytes()).unwrap();
            drop(ours);
            let mut said = String::new();
            let mut command = Command::new("sh");
            let mut child =
                command.args(["-c", &text]).stdin(theirs).stdout(writer).stderr(Stdio::null()).spawn().unwrap();
            drop(command);
            if reads_output {
                reader.read_to_string(&mut said).unwrap();
            }
            drop(reader);
            child.wait().unwrap();
            assert!(said.contains(expected), "`{input}`: {said}");
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "`{input}`: {said}");
        }
    }

    #[test]
    fn a_copy_that_does_not_continue_is_removed_after_its_time() {
        let folder = tempfile::tempdir().unwrap();
        let mut transport = Transport::read("ssh:h").unwrap();
        transport.settings.scratch = Some(folder.path().display().to_string());
        let limit = Duration::from_secs(1);
        let text = Script { mark: "0123456789abcdef", running: None, size: 1, limit }.text(&transport);
        let mut command = Command::new("sh");
        command.args(["-c", &text]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        // The input stays open: nothing tells the script that no more data follows.
        let mut input = child.stdin.take().unwrap();
        input.write_all(b"5\nabc").unwrap();
        let mut said = String::new();
        child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
        child.wait().unwrap();
        assert!(said.ends_with("0123456789abcdef short\n"), "{said}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
