//! The lints: everything that can be found in a configuration, by name. This table is the only one.
//!
//! A name stays the same from version to version, for `# conductor: allow(name)` and for whoever reads findings by
//! program. `validate --list`, the table in `docs/lints.md`, and the tests that want an example of each lint are made from it.

use super::severity::Severity;

macro_rules! lints {
    ($($severity:ident { $($lint:ident $name:literal: $sentence:literal,)* })*) => {
        /// A kind of finding.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Lint {
            $($(#[doc = $sentence] $lint,)*)*
        }

        impl Lint {
            /// All of them: errors first, each kind in the order in which files are read.
            pub const ALL: &[Self] = &[$($(Self::$lint,)*)*];

            /// Its name, which stays the same.
            pub const fn name(self) -> &'static str {
                match self { $($(Self::$lint => $name,)*)* }
            }

            /// How bad it is.
            pub const fn severity(self) -> Severity {
                match self { $($(Self::$lint => Severity::$severity,)*)* }
            }

            /// What it finds, in one sentence.
            pub const fn sentence(self) -> &'static str {
                match self { $($(Self::$lint => $sentence,)*)* }
            }
        }
    };
}

lints! {
    Error {
        UnreadableFile "unreadable-file": "A file is not there, can't be read, or is larger than any configuration.",
        NotUtf8 "not-utf8": "A file has bytes that are not UTF-8.",
        NoKnownSection "no-known-section": "A file has no section of a test file or of a worker file.",
        MissingSectionHeader "missing-section-header": "A line stands before the first section.",
        NotASetting "not-a-setting": "A line has neither `=` nor `:`, and continues nothing.",
        EmptyKey "empty-key": "Nothing stands before the `=` or `:`.",
        DuplicateSection "duplicate-section": "A section is there twice.",
        DuplicateKey "duplicate-key": "A key is there twice in one section.",
        NoWorkers "no-workers": "A test file names no worker.",
        InvalidWorkerName "invalid-worker-name": "A worker's name has something else than letters, digits, `.`, `_`, `-`.",
        InvalidRange "invalid-range": "A range of workers is not of the form `node[01-16]`.",
        DuplicateWorker "duplicate-worker": "Two workers have one name.",
        AddressVariableCollision "address-variable-collision": "Two workers' addresses would have one variable `CONDUCTOR_ADDR_…`.",
        UnknownWorker "unknown-worker": "The command line chooses a worker that the test does not have.",
        MissingSetting "missing-setting": "A setting without which nothing works is missing.",
        InvalidValue "invalid-value": "A value is not of its setting's type.",
        BadReference "bad-reference": "A `%(` has no `)s` behind it.",
        UndefinedVariable "undefined-variable": "A variable is used that nothing defines.",
        VariableDepth "variable-depth": "Variables refer to each other without end.",
        TooLarge "too-large": "Variables, ranges of workers, or steps make the test larger than it may be.",
        EmptyCommand "empty-command": "A step has no command.",
        NulCharacter "nul-character": "A step or variable has a NUL character.",
        StepPrefix "step-prefix": "The prefixes of a step can't stand together like this.",
        RepeatedBarrier "repeated-barrier": "A worker comes to one barrier twice in a phase.",
        BarrierOrder "barrier-order": "Workers come to barriers in an order in which they wait for each other.",
        StopWithoutSpawn "stop-without-spawn": "A step is to be stopped that was not spawned before.",
        FetchWithoutResults "fetch-without-results": "Files are fetched, and there is no folder for results.",
        NotSupportedYet "not-supported-yet": "This version can't do that yet.",
    }
    Warning {
        ByteOrderMark "byte-order-mark": "A file begins with a byte-order mark, which the Python conductor refuses.",
        ClientsSection "clients-section": "`[Clients]` stands for `[Workers]`, which the Python conductor refuses.",
        RepeatedTimeout "repeated-timeout": "A `timeout30` key is there twice, which the Python conductor refuses.",
        LonePercent "lone-percent": "A `%` stands alone, which the Python conductor refuses.",
        TrailingComment "trailing-comment": "A comment follows a value, which the Python conductor takes for part of it.",
        DefaultEntries "default-entries": "The Python conductor takes the lines of `[DEFAULT]` for steps, or for workers.",
        UnknownSection "unknown-section": "Nothing reads a section.",
        UnknownKey "unknown-key": "Nothing reads a setting.",
        UnusedVariable "unused-variable": "Nothing uses a variable of `[DEFAULT]`.",
        AmbiguousFile "ambiguous-file": "A worker file is beside the test file and in the current folder, too.",
        LoopbackConductor "loopback-conductor": "The conductor's address is this machine's own, but the player is elsewhere.",
        EmptyPhase "empty-phase": "A phase has a section, but no step.",
        MisspeltPrefix "misspelt-prefix": "A command begins like a prefix, is none, and so runs as it stands.",
        DroppedLine "dropped-line": "A line inside a command begins with `#` or `;`, and never reaches the shell.",
        LostIndentation "lost-indentation": "A quoted text or here-document in a command loses its indentation.",
        ShellSyntax "shell-syntax": "The shell does not understand a command.",
        TooLongForExec "too-long-for-exec": "A command or environment is longer than Linux lets a program have.",
        LonelyBarrier "lonely-barrier": "Only one worker has a barrier, and so waits for nobody.",
        BarrierPhases "barrier-phases": "Workers have a barrier in different phases, and so don't meet.",
        ProcessVariableCollision "process-variable-collision": "Two spawned steps' processes have one variable `CONDUCTOR_PID_…`.",
        FetchCollision "fetch-collision": "A worker fetches two files into one.",
        UnusedAllow "unused-allow": "A `# conductor: allow(…)` silences nothing.",
        TooManyFindings "too-many-findings": "There is more to find in a file than is shown.",
    }
}

impl Lint {
    /// The lint with this name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|lint| lint.name() == name)
    }
}
