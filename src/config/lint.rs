//! The lints: every kind of finding in a configuration, by name. This table is the only one.
//!
//! A name never changes, for `# conductor: allow(name)` and for programs that read findings.
//! `validate --list`, the table in `docs/lints.md`, and the tests that require an example of each lint use this table.

use crate::model::named;

/// The severity of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The test cannot be run.
    Error,
    /// The test can be run, but perhaps not as intended, or not by the Python conductor.
    Warning,
}

named!(Severity: Error "error", Warning "warning");

macro_rules! lints {
    ($($severity:ident, is about Python: $about_python:literal { $($lint:ident $name:literal: $sentence:literal,)* })*) => {
        /// A kind of finding.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Lint {
            $($(#[doc = $sentence] $lint,)*)*
        }

        impl Lint {
            /// All lints: errors first, each kind in the order in which files are read.
            pub const ALL: &[Self] = &[$($(Self::$lint,)*)*];

            /// Returns its name, which never changes.
            pub const fn name(self) -> &'static str {
                match self { $($(Self::$lint => $name,)*)* }
            }

            /// Returns its severity.
            pub const fn severity(self) -> Severity {
                match self { $($(Self::$lint => Severity::$severity,)*)* }
            }

            /// Returns whether it only affects the Python program, which rejects the file or reads it differently.
            pub const fn is_about_python(self) -> bool {
                match self { $($(Self::$lint => $about_python,)*)* }
            }

            /// Describes what it finds, in one sentence.
            const fn sentence(self) -> &'static str {
                match self { $($(Self::$lint => $sentence,)*)* }
            }
        }
    };
}

lints! {
    Error, is about Python: false {
        UnreadableFile "unreadable-file": "A file does not exist, cannot be read, or is too large for a configuration file.",
        NotUtf8 "not-utf8": "A file is not valid UTF-8.",
        NoKnownSection "no-known-section": "A file has no section of a test file or worker file.",
        MissingSectionHeader "missing-section-header": "A line comes before the first section.",
        NotASetting "not-a-setting": "A line has neither `=` nor `:` and does not continue the line before.",
        EmptyKey "empty-key": "A line has no key before the `=` or `:`.",
        DuplicateSection "duplicate-section": "A section is defined twice.",
        DuplicateKey "duplicate-key": "A key is defined twice in a section.",
        NoWorkers "no-workers": "A test file has no worker.",
        InvalidWorkerName "invalid-worker-name": "The name of a worker has other characters than letters, digits, `.`, `_` and `-`.",
        InvalidRange "invalid-range": "A range of workers does not have the form `node[01-16]`.",
        DuplicateWorker "duplicate-worker": "Two workers have the same name.",
        AddressVariableCollision "address-variable-collision": "The addresses of two workers would have the same variable `CONDUCTOR_ADDR_…`.",
        UnknownWorker "unknown-worker": "The command line or a section names a worker that the test does not have.",
        SectionName "section-name": "The name of a section for workers is correct except for case or spaces, or that of a metric, `[Parameters]` or `[Series]` is misspelt.",
        SectionConflict "section-conflict": "Two equally specific sections are for the same worker.",
        MissingSetting "missing-setting": "A required setting is missing.",
        InvalidValue "invalid-value": "The value of a setting is not valid.",
        BadReference "bad-reference": "A `%(` has no matching `)s`.",
        UndefinedVariable "undefined-variable": "A variable is used but not defined.",
        RequiredVariable "required-variable": "A variable that a comment `# conductor: required(…)` declares is not set.",
        VariableDepth "variable-depth": "Variables refer to each other more than ten levels deep.",
        ParameterVariableCollision "parameter-variable-collision": "Two parameters would have the same variable `CONDUCTOR_PARAM_…`.",
        MisplacedParameter "misplaced-parameter": "A parameter is used where it cannot vary: in `[Workers]`, `[Coordinator]` or a setting of `[Test]` other than `check`.",
        TooLarge "too-large": "Variables, ranges of workers or steps make a test too large.",
        EmptyCommand "empty-command": "A step has no command.",
        NulCharacter "nul-character": "A step or a variable has a NUL character.",
        StepPrefix "step-prefix": "A prefix of a step is not valid, or cannot be combined with the others.",
        RepeatedBarrier "repeated-barrier": "A worker has the same barrier twice in a phase.",
        BarrierOrder "barrier-order": "Workers have barriers in an order in which they would wait for each other.",
        StopWithoutSpawn "stop-without-spawn": "`stop:` names a step that was not spawned before.",
        AwaitWithoutSpawn "await-without-spawn": "`await:` names a step that was not spawned before.",
        MetricSource "metric-source": "`from` of a metric names nothing in the test, or several things.",
        FetchWithoutResults "fetch-without-results": "Files are fetched, but there is no results folder.",
    }
    Warning, is about Python: true {
        ByteOrderMark "byte-order-mark": "A file begins with a byte-order mark, which the Python conductor does not accept.",
        ClientsSection "clients-section": "`[Clients]` is used instead of `[Workers]`. The Python conductor does not accept `[Clients]`.",
        RepeatedTimeout "repeated-timeout": "A key such as `timeout30` is used twice in a section, which the Python conductor does not accept.",
        LonePercent "lone-percent": "A `%` is not followed by `(` or `%`. The Python conductor does not accept it.",
        TrailingComment "trailing-comment": "A comment follows a value; the Python conductor reads it as part of the value.",
        DefaultEntries "default-entries": "The Python conductor reads the lines of `[DEFAULT]` as steps or workers.",
    }
    Warning, is about Python: false {
        UnknownSection "unknown-section": "A section has an unknown name.",
        UnknownKey "unknown-key": "A setting has an unknown name.",
        UnusedVariable "unused-variable": "A variable of `[DEFAULT]` is not used.",
        ShadowedVariable "shadowed-variable": "A step has the name of a parameter, of an address or of a variable of the command line, so `%(name)s` refers to only one of the two.",
        UnusedParameter "unused-parameter": "A parameter is not used.",
        DuplicatePoint "duplicate-point": "A value of a parameter occurs twice.",
        ExcludeMatchesNothing "exclude-matches-nothing": "A line of `exclude` matches no point.",
        NoBaseline "no-baseline": "A point has no other with the values of `baseline`.",
        FewTrials "few-trials": "There are fewer trials than a comparison with the baseline needs.",
        UnitWithoutScale "unit-without-scale": "A duration is not converted to the unit of its metric: the unit is unknown, and `scale` is not set.",
        AmbiguousFile "ambiguous-file": "A worker file exists in the folder of the test file and in the current folder, or its name can also be read as a file and a host.",
        SharedPlayer "shared-player": "Workers run the same commands on the same player.",
        ReplacedSection "replaced-section": "A section of the test file replaces one of a worker file.",
        LoopbackConductor "loopback-conductor": "The address of the conductor is a loopback address, but the player is on another machine.",
        EmptyPhase "empty-phase": "The section of a phase has no steps.",
        MisspeltPrefix "misspelt-prefix": "A command or the pattern of `fetch:` begins with a word that looks like a misspelt prefix.",
        ReversedPrefix "reversed-prefix": "A command begins with a time and a colon, as if a prefix had been written backwards.",
        Background "background": "A command ends with `&`, so that its process does not belong to the step.",
        LostState "lost-state": "A step only changes the state of its own shell, such as `cd` or `export`, which later steps do not have.",
        CommandAsLabel "command-as-label": "The label of a step looks like a part of a command.",
        UnknownVariable "unknown-variable": "A command uses a variable `CONDUCTOR_…` that no step has, or the address variable of a worker that has no address.",
        DroppedLine "dropped-line": "A line within a command begins with `#` or `;`, so that it is a comment and does not reach the shell.",
        LostIndentation "lost-indentation": "A quoted text or here-document in a command loses its indentation.",
        ShellSyntax "shell-syntax": "The shell reports a syntax error in a command.",
        TooLongForExec "too-long-for-exec": "A command or the environment is longer than Linux allows.",
        LonelyBarrier "lonely-barrier": "Only one worker has a barrier, so that it does not wait for any other.",
        BarrierPhases "barrier-phases": "Workers have the same barrier in different phases, so that they do not wait for each other.",
        ProcessVariableCollision "process-variable-collision": "The processes of two spawned steps would have the same variable `CONDUCTOR_PID_…`.",
        FetchCollision "fetch-collision": "A worker fetches two files with the same name.",
        UnusedAllow "unused-allow": "A comment `# conductor: allow(…)` has no effect.",
        TooManyFindings "too-many-findings": "A file has more findings than are shown.",
    }
}

impl Lint {
    /// Returns the lint with this name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|lint| lint.name() == name)
    }

    /// Describes what it finds, and when that is shown.
    pub fn description(self) -> String {
        let only = if self.is_about_python() { " Shown only with `--python`." } else { "" };
        format!("{}{only}", self.sentence())
    }
}
