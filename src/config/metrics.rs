//! `[Metric NAME]` of a test file: its settings, which are used verbatim, without variables.

use std::collections::BTreeMap;

use super::metric_section;
use super::metric_source::{self, Known};
use super::settings::Setting;
use super::{Entry, Lint, Refusal, Scope, Section, duration_unit, quoted, quoted_section, value};
use crate::metric::Reading;
use crate::model::{
    Across, Better, Expectation, Extract, LONGEST_UNIT, Margin, Metric, MetricName, Pick, Source, is_unit,
};

/// The settings of a section.
#[derive(Debug, Default)]
struct Draft {
    from: Option<String>,
    extract: Option<Extract>,
    pick: Pick,
    across: Across,
    scale: Option<f64>,
    unit: Option<String>,
    better: Option<Better>,
    expect: Option<Expectation>,
    threshold: Option<Margin>,
    precision: Option<Margin>,
    default: Option<f64>,
}

const SETTINGS: [Setting<Draft>; 12] = [
    Setting::text("from", |draft, text| value::text(text).map(|text| draft.from = Some(text))),
    Setting::text("json", |draft, text| extract(draft, Extract::Json(text.to_string()))),
    Setting::text("regex", |draft, text| extract(draft, Extract::Regex(value::text(text)?))),
    Setting::word("pick", |draft, text| value::one_of(text).map(|pick| draft.pick = pick)),
    Setting::word("across", |draft, text| value::one_of(text).map(|across| draft.across = across)),
    Setting::word("scale", |draft, text| {
        let scale = number(text)?;
        if scale == 0.0 {
            return Err(Refusal::new("is not a valid scale", "write a number other than 0"));
        }
        draft.scale = Some(scale);
        Ok(())
    }),
    Setting::text("unit", |draft, text| unit(text).map(|unit| draft.unit = Some(unit))),
    Setting::word("better", |draft, text| value::one_of(text).map(|better| draft.better = Some(better))),
    Setting::word("expect", |draft, text| {
        let hint = "write a form such as `900..1000`, `940 +-5%`, `>= 900` or `== 0`";
        let refusal = |why: String| Refusal::new(format!("is not a range of values: {why}"), hint);
        text.parse().map_err(refusal).map(|expect| draft.expect = Some(expect))
    }),
    Setting::word("threshold", |draft, text| margin(text).map(|margin| draft.threshold = Some(margin))),
    Setting::word("precision", |draft, text| margin(text).map(|margin| draft.precision = Some(margin))),
    Setting::word("default", |draft, text| number(text).map(|number| draft.default = Some(number))),
];

fn extract(draft: &mut Draft, extract: Extract) -> Result<(), Refusal> {
    let hint = match extract {
        Extract::Regex(_) => "write a regular expression with one group, such as `rtt=([0-9.]+)`",
        Extract::Json(_) => "write a JSON pointer such as `/end/sum/bits_per_second`",
    };
    Reading::new(Some(&extract)).map_err(|why| Refusal::new(format!("is not valid: {why}"), hint))?;
    draft.extract = Some(extract);
    Ok(())
}

fn number(text: &str) -> Result<f64, Refusal> {
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
    number.ok_or_else(|| Refusal::new("is not a number", "write a number such as `0`, `0.5` or `1e-6`"))
}

fn margin(text: &str) -> Result<Margin, Refusal> {
    let refusal =
        |_| Refusal::new("is neither a percentage nor a number", "write `2%`, or a number in the unit of the metric");
    text.parse().map_err(refusal)
}

fn unit(text: &str) -> Result<String, Refusal> {
    let refusal = || {
        Refusal::new(
            "is not a valid unit",
            format!("write at most {LONGEST_UNIT} characters, without control characters"),
        )
    };
    value::text(text)?;
    is_unit(text).then(|| text.to_owned()).ok_or_else(refusal)
}

/// Reads the metrics of a test file, and reports their mistakes. Metrics of workers that do not take part are left out.
pub(super) fn read(scope: &mut Scope<'_>, known: &Known<'_>) -> Vec<Metric> {
    let mut metrics = Vec::new();
    let mut names: BTreeMap<&str, &Section> = BTreeMap::new();
    for (name, section) in metric_section::all(scope.document) {
        let name = name.trim();
        if let Some(first) = names.insert(name, section) {
            let message = format!("the metric {} is defined twice", quoted(name));
            let hint = format!("rename it, or remove {}", quoted_section(&first.name));
            scope.report(Lint::DuplicateSection, section.name_place(), message, hint);
        }
        metrics.extend(metric(scope, name, section, known));
    }
    metrics
}

fn metric(scope: &mut Scope<'_>, name: &str, section: &Section, known: &Known<'_>) -> Option<Metric> {
    let name = checked_name(scope, name, section);
    let draft = scope.read_literally(section, &SETTINGS);
    let Some(from) = section.entry("from") else {
        let message = format!("{} has no `from`", quoted_section(&section.name));
        let hint = "write where its values come from: `from = WORKER.PHASE.LABEL`, `from = file:WORKER/PATH` or `from = check`";
        scope.report(Lint::MissingSetting, section.name_place(), message, hint);
        return None;
    };
    if let (Some(_), Some(second)) = (section.entry("json"), section.entry("regex")) {
        refuse(scope, second, "a metric cannot have both `json` and `regex`");
    }
    let written = draft.from?;
    let source = match metric_source::resolve(&written, known) {
        Ok(source) => source?,
        Err(reason) => {
            if !is_unread(scope, &written) {
                scope.context.diagnostics.push(reason.at(from.value.place()));
            }
            return None;
        }
    };
    check_use(scope, section, &source);
    let scale = draft.scale.unwrap_or_else(|| scale_of_unit(scope, section, &source, draft.unit.as_deref()));
    Some(Metric {
        name: name?,
        from: written,
        source: Some(source),
        extract: draft.extract,
        pick: draft.pick,
        across: draft.across,
        scale,
        unit: draft.unit,
        better: draft.better,
        expect: draft.expect,
        threshold: draft.threshold,
        precision: draft.precision,
        default: draft.default,
        origin: Some(section.name_place().line()),
    })
}

/// Returns whether a step that `from` may name was left out because of an error.
fn is_unread(scope: &Scope<'_>, from: &str) -> bool {
    let name = from.strip_suffix(":stderr").or(from.strip_suffix(":stdout")).unwrap_or(from).to_lowercase();
    let is_named = |key: &String| name.strip_suffix(key).is_some_and(|before| before.ends_with('.'));
    scope.context.unread.iter().any(is_named) || (name.contains(".#") && !scope.context.unread.is_empty())
}

fn checked_name(scope: &mut Scope<'_>, name: &str, section: &Section) -> Option<MetricName> {
    let parsed = MetricName::new(name);
    let reserved = parsed.as_ref().ok().and_then(MetricName::reserved);
    let (wrong, hint) = match (parsed, reserved) {
        (Ok(name), None) => return Some(name),
        (Ok(_), Some(reserved)) => (
            format!("names that begin with `{reserved}` are reserved"),
            format!("choose a name that does not begin with `{reserved}`"),
        ),
        (Err(why), _) => {
            (why.to_string(), "use letters, digits, `.`, `_` and `-`, as in `[Metric goodput]`".to_owned())
        }
    };
    let message = format!("{} is not the name of a metric: {wrong}", quoted(name));
    scope.report(Lint::InvalidValue, section.name_place(), message, hint);
    None
}

/// Reports settings that have no effect on metrics of this kind.
fn check_use(scope: &mut Scope<'_>, section: &Section, source: &Source) {
    let (keys, why): (&[&str], _) = match source {
        Source::Duration(_) => (&["json", "regex", "pick"], "the duration of a step is a number already"),
        Source::StartSkew(_) => (&["json", "regex", "pick", "across"], "the start skew of a phase is one number"),
        Source::Check => (&["across"], "`check` does not run on a worker"),
        Source::Output(..) | Source::File(..) => return,
    };
    for entry in keys.iter().filter_map(|key| section.entry(key)) {
        refuse(scope, entry, &format!("{} has no effect here: {why}", quoted(entry.written_key())));
    }
}

/// Returns the scale of a metric without one: durations are converted to their unit.
fn scale_of_unit(scope: &mut Scope<'_>, section: &Section, source: &Source, unit: Option<&str>) -> f64 {
    let Some(unit) = unit.filter(|_| matches!(source, Source::Duration(_) | Source::StartSkew(_))) else { return 1.0 };
    let scale = duration_unit::scale(unit);
    if let (None, Some(entry)) = (scale, section.entry("unit")) {
        let message = format!("the duration is in seconds, but its unit is {}", quoted(unit));
        let hint = "write `s`, `ms`, `us`, `ns` or `min`, or add a `scale`, by which the seconds are multiplied";
        scope.report(Lint::UnitWithoutScale, entry.value.place(), message, hint);
    }
    scale.unwrap_or(1.0)
}

fn refuse(scope: &mut Scope<'_>, entry: &Entry, message: &str) {
    scope.report(Lint::InvalidValue, entry.key_place(), message, "remove the line");
}
