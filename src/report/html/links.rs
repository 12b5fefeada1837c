//! Links of the page: to steps within the page, and to files in the results folder.

use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path};

use crate::model::{Printer, Step, StepReference, Stream, WorkerId};
use crate::report::Run;

/// Encodes a text for a URL. A `/` is kept if it separates folders.
fn encoded(text: impl AsRef<[u8]>, keeps_slash: bool) -> String {
    let mut encoded = String::new();
    for &byte in text.as_ref() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || keeps_slash && byte == b'/' {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// Returns the link to a step: `#trial-2.node07.run.verify`.
pub(super) fn step(run: &Run, at: StepReference, step: Option<&Step>) -> String {
    let label = step.map_or("", |step| step.label.as_str());
    format!("#trial-{}.{}.{}.{}", at.trial, encoded(run.name(at.worker), false), at.phase, encoded(label, false))
}

/// Returns the link to a worker.
pub(super) fn worker(run: &Run, worker: WorkerId) -> String {
    format!("#worker-{}", encoded(run.name(worker), false))
}

/// Returns the link to the check of a trial.
pub(super) fn check(trial: u32) -> String {
    format!("#trial-{trial}.check")
}

/// Returns the link to a metric, or to the metric of one worker.
pub(super) fn metric(name: &str, worker: Option<&str>) -> String {
    format!("#{}", encoded(place_of_metric(name, worker), false))
}

/// Returns the element ID of a metric, which is the target of its link.
pub(super) fn place_of_metric(name: &str, worker: Option<&str>) -> String {
    let worker = worker.map(|worker| format!(".{worker}")).unwrap_or_default();
    format!("metric-{name}{worker}")
}

/// Returns the file of an output, relative to the results folder.
pub(super) fn output(run: &Run, of: Printer, stream: Stream) -> String {
    encoded(of.file(run.plan(), stream).join("/"), true)
}

/// Returns a file that a step fetched, relative to the results folder. `name` is its path in the folder of its worker.
pub(super) fn fetched(run: &Run, by: StepReference, name: &str) -> String {
    encoded(format!("trial-{}/{}/{name}", by.trial, run.name(by.worker)), true)
}

/// Returns the URL of a folder relative to a file: empty, or with a final `/`. Both paths are absolute.
pub(crate) fn relative_url(file: &Path, folder: &Path) -> String {
    let from: Vec<Component<'_>> = file.parent().into_iter().flat_map(Path::components).collect();
    let to: Vec<Component<'_>> = folder.components().collect();
    let common = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let up = from[common..].iter().map(|_| "../".to_owned());
    let down = to[common..].iter().map(|part| encoded(part.as_os_str().as_bytes(), false) + "/");
    up.chain(down).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_name_leads_elsewhere() {
        assert_eq!(encoded("100% a#b?c/ü\"", true), "100%25%20a%23b%3Fc/%C3%BC%22");
        assert_eq!(encoded("a/b", false), "a%2Fb");
    }

    #[test]
    fn a_page_finds_its_folder_from_where_it_is() {
        for (file, folder, url) in [
            ("/r/1/page.html", "/r/1", ""),
            ("/r/page.html", "/r/my run", "my%20run/"),
            ("/other/page.html", "/r/1", "../r/1/"),
            ("/page.html", "/", ""),
        ] {
            assert_eq!(relative_url(Path::new(file), Path::new(folder)), url);
        }
    }
}
