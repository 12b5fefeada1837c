//! What a series measures: its tables, `values.csv`, and which values are compared with which.

use crate::support::{Finished, Folder, run};

/// Runs a series of two points on this machine. `step` prints its number behind `goodput`.
fn series(folder: &Folder, trials: u32, series: &str, step: &str) -> Finished {
    let text = format!(
        "[Test]\ntrials = {trials}\n\
         [Parameters]\nqdisc = fq_codel, codel\n\
         [Series]\nbaseline = qdisc=fq_codel\n{series}\n\
         [Workers]\nclient = @ 127.0.0.1\n\
         [client:Run]\nload = {step}\n\
         [Metric goodput]\nfrom = client.run.load\nregex = goodput (\\d+)\nunit = Mbit/s\nbetter = higher\n\
         threshold = 2%\n"
    );
    folder.file("test.cfg", &text);
    run(folder, ["conduct", "--local", "--quiet", "--results", "results", "--run-id", "r", "test.cfg"])
}

/// The value doubles from round to round, and `codel` has nine tenths of what `fq_codel` has in the same round: only
/// pairs by round show this change.
const DOUBLING: &str = "case %(qdisc)s in codel) part=900;; *) part=1000;; esac; \
    echo goodput $((part << (CONDUCTOR_TRIAL + 1) / 2))";

/// The rows of `values.csv` with this metric: trial, round, point, parameter, value, and whether it counts.
fn rows(folder: &Folder, metric: &str) -> Vec<String> {
    let text = folder.read("results/r/values.csv");
    let mut lines = text.split_terminator("\r\n");
    let head = lines.next().expect("a head");
    assert_eq!(head, "trial,round,attempt,generation,point,param.qdisc,metric,worker,value,unit,counted,reason");
    let cells = lines.map(|line| line.split(',').collect::<Vec<_>>());
    let own = cells.filter(|cells| cells[6] == metric);
    own.map(|cells| [cells[0], cells[1], cells[4], cells[5], cells[8], cells[10]].join(" ")).collect()
}

#[test]
fn a_series_has_a_table_with_the_interval_of_each_point_and_its_change_against_the_baseline() {
    let folder = Folder::new();
    let finished = series(&folder, 6, "seed = 4711\nwarmup = 1", DOUBLING);
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    let expected = "\
...
goodput of client, Mbit/s (higher is better)  median  [..]  against qdisc=fq_codel, paired, threshold 2 %
  qdisc=fq_codel                               24000  [4000, 128000]       6  baseline
  qdisc=codel                                  21600  [3600, 115200]       6  -10.0 %  [-10.0, -10.0]  worse
...
";
    snapbox::assert_data_eq!(finished.stdout.clone(), expected);
    let rows = rows(&folder, "goodput");
    assert_eq!(rows.len(), 14, "{rows:#?}");
    for (at, row) in rows.iter().enumerate() {
        let (trial, round) = (at + 1, at / 2 + 1);
        let is_baseline = row.contains("fq_codel");
        let (name, part) = if is_baseline { ("fq_codel", 1000) } else { ("codel", 900) };
        let counted = round > 1;
        assert_eq!(*row, format!("{trial} {round} qdisc={name} {name} {} {counted}", part << round));
    }
    let baselines = rows.iter().filter(|row| row.contains("fq_codel")).count();
    assert_eq!(baselines, 7, "each point is once in each round");
}

#[test]
fn values_are_compared_with_those_of_the_same_round_also_where_one_is_missing() {
    let folder = Folder::new();
    // In the third round, one of the points has no value.
    let step = format!("[ $CONDUCTOR_TRIAL = 5 ] || {{ {DOUBLING}; }}");
    let finished = series(&folder, 7, "order = interleaved", &step);
    assert_eq!(finished.status, Some(3), "{finished:#?}");
    let missing: Vec<_> = rows(&folder, "goodput").into_iter().filter(|row| row.ends_with("false")).collect();
    assert_eq!(missing, ["5 3 qdisc=fq_codel fq_codel  false"]);
    let expected = "\
...
goodput of client, Mbit/s (higher is better)  [..]
  qdisc=fq_codel                               24000  [2000, 128000]  6 of 7  baseline
  qdisc=codel                                  14400  [1800, 115200]       7  -10.0 %  [-10.0, -10.0]  worse
...
";
    snapbox::assert_data_eq!(finished.stdout, expected);
}

/// The number falls by a tenth from the first trial to the last, whatever is measured.
fn drifting(order: &str) -> String {
    let folder = Folder::new();
    let step = "echo %(qdisc)s goodput $((100000 - 10000 * (CONDUCTOR_TRIAL - 1) / 19))";
    let finished = series(&folder, 10, order, step);
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    let rows = rows(&folder, "goodput");
    let ends = [rows.first(), rows.last()].map(|row| row.and_then(|row| row.split(' ').nth(4)));
    assert_eq!(ends, [Some("100000"), Some("90000")], "{rows:#?}");
    let is_row = |line: &&str| line.starts_with("  qdisc=codel ");
    finished.stdout.lines().find(is_row).unwrap_or_else(|| panic!("{finished:#?}")).to_owned()
}

#[test]
fn a_drift_makes_equal_points_differ_in_blocks_and_never_in_rounds() {
    let said = |line: &str| line.contains("better") || line.contains("worse");
    std::thread::scope(|scope| {
        let orders = ["order = blocked", "order = interleaved"].map(str::to_owned).into_iter();
        let seeds = [1, 2, 3, 4711].map(|seed| format!("order = shuffled\nseed = {seed}"));
        for order in orders.chain(seeds) {
            scope.spawn(move || {
                let line = drifting(&order);
                assert_eq!(said(&line), order.contains("blocked"), "{order}: {line}");
            });
        }
    });
}
