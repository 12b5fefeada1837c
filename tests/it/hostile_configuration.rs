//! Any bytes at all as a configuration: nothing panics, everything ends, and what is found can be shown.

use crate::support::total;
use std::fs;
use std::path::Path;

use conductor::config::{Diagnostics, Input, Overrides, load_player, load_test, validate};
use conductor::model::RunId;
use proptest::prelude::*;

#[rustfmt::skip]
const WORDS: [&str; 76] = [
    "[Coordinator]\n", "[Run]\n", "[Test]\n", "[Workers]\n", "[Clients]\n", "[DEFAULT]\n", "[Environment]\n", "[",
    "]", "player", "cmdport", "allow", "trials", "lease", "format", "worker", "n[1-3]", "n[", "spawn", "timeout5",
    "a", "b", "=", ":", " = ", " ", "\t", "\n", "\r", "\r\n", "  ", "#", " ; ", "%", "%%", "%(a)s", "%(b)s", "%(",
    "must:", "spawn:", "timeout5:", "until9y:", "for0:", "barrier:", "put:", " -> ", "é", "值", "\u{feff}", "\u{202e}",
    "stop:", "fetch:", "parallel:", "[Collect]\n", "w0.cfg\n", "w1.cfg\n", "spawn:x\n", "\n  ", "\n    # ", "\n  ;;", "'", "\"",
    "<<END", "# conductor: allow(lone-percent)\n", "results = r\n", "\u{1c}", "\0", "\u{1b}[31m", "10.0.0.1", "::1", "99999999999999999999", "none", "1M", "w.cfg", "/", "\u{301}",
];

/// Bytes that are nearly a configuration: its words, in any order, with some that are anything.
fn nearly() -> impl Strategy<Value = Vec<u8>> {
    let words = prop::sample::select(WORDS.as_slice());
    let piece = prop_oneof![
        12 => words.prop_map(|word| word.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 1..4),
    ];
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

fn validate_file(path: &Path) -> Diagnostics {
    validate(&[Input::File(path.to_owned())], &[], None).diagnostics
}

/// Reads the bytes as every kind of file, and shows what is found.
fn read_everywhere(bytes: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    let (worker, test) = (folder.path().join("w.cfg"), folder.path().join("test.cfg"));
    fs::write(&worker, bytes).unwrap();
    fs::write(&test, "[Workers]\nnode[1-2] = w.cfg\n").unwrap();
    let run = RunId::new("run").unwrap();
    for path in [&worker, &test] {
        let loaded = load_test(path, &Overrides::default(), run.clone(), None);
        assert_eq!(loaded.plan.is_none(), loaded.diagnostics.has_errors());
        for diagnostics in [loaded.diagnostics, validate_file(path), load_player(path, None, &[]).1] {
            total::shown(&diagnostics);
        }
    }
    total::reader(bytes);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn text_that_is_nearly_a_configuration_never_panics(bytes in nearly()) {
        read_everywhere(&bytes);
    }

    #[test]
    fn a_test_of_several_files_that_are_nearly_configurations_never_panics(
        test in nearly(),
        workers in prop::collection::vec(nearly(), 0..3),
    ) {
        // The bytes of the separator are left out of the files, so that each is one.
        let files = [vec![test], workers].concat().into_iter();
        let files: Vec<Vec<u8>> = files.map(|file| file.into_iter().filter(|byte| *byte != total::SEPARATOR).collect()).collect();
        total::whole(&files.join(&total::SEPARATOR));
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        read_everywhere(&bytes);
    }

    #[test]
    fn arbitrary_values_of_the_command_line_never_panic(name in "\\PC{0,8}", value in any::<String>()) {
        let (defines, workers) = (vec![(name, value)], vec!["[".to_owned()]);
        let overrides = Overrides { defines, workers, ..Overrides::default() };
        let run = RunId::new("run").unwrap();
        load_test("testdata/localhost/conductor.cfg".as_ref(), &overrides, run, None).diagnostics.render(false);
    }
}

#[test]
fn a_file_that_is_wrong_in_every_line_is_reported_in_bounds() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.cfg");
    fs::write(&path, format!("[Run]\n{}", "wrong\n".repeat(300_000))).unwrap();
    let diagnostics = validate_file(&path);
    assert!(diagnostics.has_errors());
    assert_eq!(diagnostics.iter().count(), 1000);
    assert_eq!(diagnostics.iter().last().unwrap().name(), "too-many-findings");
}

#[test]
fn a_file_without_end_is_refused() {
    let diagnostics = validate_file("/dev/zero".as_ref());
    assert!(diagnostics.render(false).contains("it is larger than 16 MiB"));
}

/// The smallest inputs by which the fuzz targets reach all that they reached, and the one that once took longest: a line
/// of hexadecimal digits each.
#[test]
fn the_cases_of_the_fuzz_targets_never_panic() {
    let cases = |target: &str| {
        let lines = fs::read_to_string(Path::new("testdata/fuzz").join(target)).unwrap();
        let byte = |line: &str, at| u8::from_str_radix(&line[at..at + 2], 16).unwrap();
        let bytes = |line: &str| (0..line.len()).step_by(2).map(|at| byte(line, at)).collect::<Vec<u8>>();
        let cases: Vec<_> = lines.lines().map(bytes).collect();
        assert!(cases.len() > 100);
        cases
    };
    for bytes in cases("reader.hex") {
        total::reader(&bytes);
    }
    for bytes in cases("whole.hex") {
        total::whole(&bytes);
    }
}
