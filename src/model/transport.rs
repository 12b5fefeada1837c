//! How the conductor reaches a machine on which no player listens: the forms of `connect` and their commands.

use std::fmt;
use std::time::Duration;

/// The way to reach a worker's machine, from `connect` and related settings.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Transport {
    form: Form,
    /// The value as written, for messages.
    text: String,
    /// The target of the form, such as a host or a container; for a custom command, its words.
    target: Vec<String>,
    /// The related settings.
    pub settings: TransportSettings,
}

/// The settings that belong to `connect`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct TransportSettings {
    /// `connect_options`: additional arguments of the form's command.
    pub options: Vec<String>,
    /// `become`: the words before the remote script.
    pub become_user: Vec<String>,
    /// `program`: a program that is installed on the machine. Without it, the conductor sends a copy.
    pub program: Option<String>,
    /// `scratch`: the first folder to try for the copy.
    pub scratch: Option<String>,
    /// `exclusive`: whether only one run at a time may use the machine. The default depends on the form.
    pub exclusive: Option<bool>,
}

/// A form of `connect`. In its commands, `OPTIONS` stands for `connect_options`, `TARGET` for the text after the colon,
/// `LIMIT` for the time limit of a connection in seconds, and `MARK` for the script's mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::struct_excessive_bools, reason = "each says something else of the form's command")]
struct Form {
    /// The name before the colon; empty for a custom command.
    name: &'static str,
    /// The syntax of the target, for messages.
    target: &'static str,
    /// The command. If it contains `MARK`, it runs a player without a script.
    command: &'static str,
    /// A command that prints the hosts that the connection passes through, if there is one.
    host_query: Option<&'static str>,
    /// Whether the machine's login shell parses the script, so that it has to be one quoted word.
    is_quoted: bool,
    /// Whether only one run at a time may use a machine if `exclusive` is not set.
    is_exclusive: bool,
    /// Whether a signal to the transport's own process ends the processes on the machine.
    is_never_signalled: bool,
    /// Whether the command expands variables in its words, as systemd does: `$$` becomes `$`.
    expands_variables: bool,
}

const USUAL: Form = Form {
    name: "",
    target: "",
    command: "TARGET",
    host_query: None,
    is_quoted: false,
    is_exclusive: false,
    is_never_signalled: false,
    expands_variables: false,
};

/// This machine: the conductor runs its own program as the player.
const LOCAL: Form = Form { name: "local", command: "/proc/self/exe player --stdio MARK", ..USUAL };

/// All forms with a target.
const FORMS: [Form; 7] = [
    Form {
        name: "ssh",
        target: "[USER@]HOST",
        // ssh uses the first of several `-o` for the same option, so mandatory ones precede the user's options, and
        // defaults follow them.
        command: "ssh -T -oBatchMode=yes -oRemoteCommand=none -oControlPath=none -oControlMaster=no OPTIONS -a -x \
                  -oConnectTimeout=LIMIT -oServerAliveInterval=5 -oServerAliveCountMax=3 -oClearAllForwardings=yes \
                  -oLogLevel=ERROR -- TARGET",
        host_query: Some("ssh -G OPTIONS -- TARGET"),
        is_quoted: true,
        is_exclusive: true,
        ..USUAL
    },
    Form { name: "docker", target: "CONTAINER", command: "docker exec -i OPTIONS TARGET", ..USUAL },
    Form { name: "podman", target: "CONTAINER", command: "podman exec -i OPTIONS TARGET", ..USUAL },
    Form {
        name: "kubectl",
        target: "[NAMESPACE/]POD[/CONTAINER]",
        command: "kubectl exec -i OPTIONS TARGET --",
        ..USUAL
    },
    Form {
        name: "slurm",
        target: "NODE",
        command: "srun -Q -u --overlap -N1 -n1 OPTIONS -w TARGET",
        is_never_signalled: true,
        ..USUAL
    },
    Form { name: "netns", target: "NAME", command: "ip OPTIONS netns exec TARGET", ..USUAL },
    Form {
        name: "machine",
        target: "NAME",
        command: "systemd-run -q --pipe OPTIONS -M TARGET",
        expands_variables: true,
        ..USUAL
    },
];

/// Why a value of `connect` is invalid. The text follows the value in messages.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// It is empty.
    #[error("is empty")]
    Empty,
    /// The word before the colon is not a form.
    #[error("begins with an unknown form, `{0}:`")]
    UnknownForm(String),
    /// The target is missing or would be read as an option. Contains the form and its syntax.
    #[error("has no valid target for `{0}:`")]
    Target(&'static str, &'static str),
    /// More words follow this form.
    #[error("has more than one word")]
    Words(String),
    /// It is an `ssh` command with arguments.
    #[error("is a command that does not pass its arguments on unchanged")]
    Ssh,
}

impl Transport {
    /// Replaces the settings.
    #[must_use]
    pub fn with(self, settings: TransportSettings) -> Self {
        Self { settings, ..self }
    }

    /// Returns the names of the forms, for hints.
    pub fn forms() -> impl Iterator<Item = &'static str> + Clone {
        FORMS.iter().map(|form| form.name)
    }

    /// Parses the value of `connect`.
    ///
    /// # Errors
    ///
    /// Returns why the value is invalid.
    pub fn read(text: &str) -> Result<Self, TransportError> {
        let words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
        let (form, target) = match &words[..] {
            [] => return Err(TransportError::Empty),
            [word] if word.eq_ignore_ascii_case(LOCAL.name) => (LOCAL, Vec::new()),
            [word] => match word.split_once(':') {
                Some((name, target)) => {
                    let form = FORMS.iter().find(|form| form.name == name);
                    let form = form.ok_or_else(|| TransportError::UnknownForm(name.to_owned()))?;
                    let wrong = || TransportError::Target(form.name, form.target);
                    (*form, form.words(target).ok_or_else(wrong)?)
                }
                None => (USUAL, words.clone()),
            },
            [first, ..] if first.split_once(':').is_some_and(|(name, _)| Self::forms().any(|known| known == name)) => {
                return Err(TransportError::Words(first.clone()));
            }
            // ssh would join its arguments to one command line, for a shell that may not be `sh`.
            [first, ..] if first.rsplit('/').next() == Some("ssh") => return Err(TransportError::Ssh),
            _ => (USUAL, words.clone()),
        };
        Ok(Self { form, text: words.join(" "), target, settings: TransportSettings::default() })
    }

    /// Returns the machine's address, unless `player` sets another: the host of `ssh`, or that of this machine.
    pub fn host(&self) -> Option<&str> {
        if self.is_local() {
            return Some("127.0.0.1");
        }
        let target = self.target.first().filter(|_| self.form.name == "ssh")?;
        Some(target.rsplit_once('@').map_or(target, |(_, host)| host))
    }

    /// Returns whether this is `local`.
    pub fn is_local(&self) -> bool {
        self.form == LOCAL
    }

    /// Creates the transport to this machine.
    pub fn local() -> Self {
        Self { form: LOCAL, text: LOCAL.name.to_owned(), target: Vec::new(), settings: TransportSettings::default() }
    }

    /// Returns the program and its arguments that make `sh` on the machine run `script`, which contains this mark.
    pub fn command(&self, script: &str, mark: &str, limit: Duration) -> Vec<String> {
        let mut words = self.words(self.form.command, mark, limit);
        if self.form.command.contains("MARK") {
            return words;
        }
        let script = match self.form {
            Form { is_quoted: true, .. } => format!("'{script}'"),
            Form { expands_variables: true, .. } => script.replace('$', "$$"),
            _ => script.to_owned(),
        };
        let remote = [&self.settings.become_user[..], &["sh".to_owned(), "-c".to_owned(), script]].concat();
        words.extend(if self.form.is_quoted { vec![remote.join(" ")] } else { remote });
        words
    }

    /// Returns the command that prints the hosts that a connection passes through: `ssh` with its configuration.
    pub fn host_query(&self) -> Option<Vec<String>> {
        self.form.host_query.map(|query| self.words(query, "", Duration::ZERO))
    }

    /// Splits a command into words and replaces its placeholders.
    fn words(&self, command: &str, mark: &str, limit: Duration) -> Vec<String> {
        let limit = limit.as_secs().max(1).to_string();
        let words = command.split(' ').map(|word| match word {
            "OPTIONS" => self.settings.options.clone(),
            "TARGET" => self.target.clone(),
            word => vec![word.replace("LIMIT", &limit).replace("MARK", mark)],
        });
        words.flatten().collect()
    }

    /// Returns the name of the transport's program, for messages.
    pub fn program_name(&self) -> &str {
        match self.form.command.split(' ').next() {
            Some("TARGET") | None => self.target.first().map_or("", String::as_str),
            Some(program) => program,
        }
    }

    /// Returns whether only one run at a time may use the machine.
    pub fn is_exclusive(&self) -> bool {
        self.settings.exclusive.unwrap_or(self.form.is_exclusive)
    }

    /// Returns whether its own process must not get a signal, because that would end the processes on the machine.
    pub fn is_never_signalled(&self) -> bool {
        self.form.is_never_signalled
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

impl Form {
    /// Returns the words for the text after the colon, or `None` if it is invalid.
    fn words(self, target: &str) -> Option<Vec<String>> {
        let is_word = |word: &str| !word.is_empty() && !word.starts_with('-') && !word.contains('\0');
        if self.name != "kubectl" {
            let is_host = self.name != "ssh" || !target.ends_with('@');
            return (is_word(target) && is_host).then(|| vec![target.to_owned()]);
        }
        let (namespace, pod, container) = match target.split('/').collect::<Vec<_>>()[..] {
            [pod] => (None, pod, None),
            [namespace, pod] => (Some(namespace), pod, None),
            [namespace, pod, container] => (Some(namespace).filter(|name| !name.is_empty()), pod, Some(container)),
            _ => return None,
        };
        let options =
            [("-n", namespace), ("-c", container)].into_iter().filter_map(|(name, value)| Some((name, value?)));
        let options: Vec<(&str, &str)> = options.collect();
        let are_words = is_word(pod) && options.iter().all(|(_, value)| is_word(value));
        let options = options.into_iter().flat_map(|(name, value)| [name.to_owned(), value.to_owned()]);
        are_words.then(|| options.chain([pod.to_owned()]).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(text: &str) -> String {
        let mut transport = Transport::read(text).unwrap();
        transport.settings.options = vec!["-p".to_owned(), "22".to_owned()];
        transport.settings.become_user = vec!["sudo".to_owned(), "-n".to_owned()];
        transport.command("SCRIPT", "MARK", Duration::from_secs(10)).join("|")
    }

    #[test]
    fn each_form_has_its_command() {
        for (text, expected) in [
            (
                "ssh:root@lab7",
                "ssh|-T|-oBatchMode=yes|-oRemoteCommand=none|-oControlPath=none|-oControlMaster=no|-p|22|-a|-x|-oConnectTimeout=10\
                 |-oServerAliveInterval=5|-oServerAliveCountMax=3|-oClearAllForwardings=yes|-oLogLevel=ERROR|--|root@lab7\
                 |sudo -n sh -c 'SCRIPT'",
            ),
            ("docker:c", "docker|exec|-i|-p|22|c|sudo|-n|sh|-c|SCRIPT"),
            ("podman:c", "podman|exec|-i|-p|22|c|sudo|-n|sh|-c|SCRIPT"),
            ("kubectl:p", "kubectl|exec|-i|-p|22|p|--|sudo|-n|sh|-c|SCRIPT"),
            ("kubectl:n/p", "kubectl|exec|-i|-p|22|-n|n|p|--|sudo|-n|sh|-c|SCRIPT"),
            ("kubectl:n/p/c", "kubectl|exec|-i|-p|22|-n|n|-c|c|p|--|sudo|-n|sh|-c|SCRIPT"),
            ("kubectl:/p/c", "kubectl|exec|-i|-p|22|-c|c|p|--|sudo|-n|sh|-c|SCRIPT"),
            ("slurm:n1", "srun|-Q|-u|--overlap|-N1|-n1|-p|22|-w|n1|sudo|-n|sh|-c|SCRIPT"),
            ("netns:n", "ip|-p|22|netns|exec|n|sudo|-n|sh|-c|SCRIPT"),
            ("machine:m", "systemd-run|-q|--pipe|-p|22|-M|m|sudo|-n|sh|-c|SCRIPT"),
            ("nsenter  -t 1", "nsenter|-t|1|sudo|-n|sh|-c|SCRIPT"),
            ("local", "/proc/self/exe|player|--stdio|MARK"),
            ("chroot-me", "chroot-me|sudo|-n|sh|-c|SCRIPT"),
        ] {
            assert_eq!(command(text), expected, "{text}");
        }
    }

    #[test]
    fn ssh_says_through_which_hosts_it_connects() {
        let mut transport = Transport::read("ssh:root@lab7").unwrap();
        transport.settings.options = vec!["-J".to_owned(), "bastion".to_owned()];
        assert_eq!(transport.host_query().unwrap().join(" "), "ssh -G -J bastion -- root@lab7");
        assert_eq!(Transport::read("docker:c").unwrap().host_query(), None);
    }

    #[test]
    fn systemd_expands_no_variables_of_the_script() {
        let last =
            |form| Transport::read(form).unwrap().command("echo $m ${m} $$", "MARK", Duration::from_secs(1)).pop();
        assert_eq!(last("podman:c").unwrap(), "echo $m ${m} $$");
        assert_eq!(last("machine:m").unwrap(), "echo $$m $${m} $$$$");
    }

    #[test]
    fn what_is_not_a_form_or_would_be_an_option_is_refused() {
        for (text, expected) in [
            (" ", "is empty"),
            ("shh:lab7", "begins with an unknown form, `shh:`"),
            ("ssh:", "has no valid target for `ssh:`"),
            ("ssh:root@", "has no valid target for `ssh:`"),
            ("ssh:-oProxyCommand=x", "has no valid target for `ssh:`"),
            ("docker:-u", "has no valid target for `docker:`"),
            ("kubectl:a/b/c/d", "has no valid target for `kubectl:`"),
            ("kubectl:a//c", "has no valid target for `kubectl:`"),
            ("ssh:lab7 -p 2222", "has more than one word"),
            ("/usr/bin/ssh root@lab7", "is a command that does not pass its arguments on unchanged"),
        ] {
            assert_eq!(Transport::read(text).unwrap_err().to_string(), expected, "{text}");
        }
    }

    #[test]
    fn machines_that_are_reached_with_ssh_are_used_by_one_run_at_a_time() {
        let exclusive: Vec<_> =
            Transport::forms().filter(|name| Transport::read(&format!("{name}:x")).unwrap().is_exclusive()).collect();
        assert_eq!(exclusive, ["ssh"]);
    }
}
