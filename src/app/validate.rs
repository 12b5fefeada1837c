//! `validate`: prints what is wrong with configurations.

use std::process::ExitCode;

use crate::cli::ValidateArguments;
use crate::config::{Diagnostics, validate_file};
use crate::exit_code;

/// Checks each file; 1 when there is an error.
pub(super) fn run(arguments: &ValidateArguments) -> ExitCode {
    let mut findings = Diagnostics::default();
    for path in &arguments.config {
        findings.append(validate_file(path));
    }
    super::print_findings(&findings);
    let failed = findings.has_errors() || (arguments.strict && !findings.is_empty());
    ExitCode::from(if failed { exit_code::NOT_CARRIED_OUT } else { exit_code::PASSED })
}
