//! `countersign spec lint`: findings with places, as compilers tell them; of the steering files beside it, too.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use ::spec::{
    Specification, layout,
    lint::{Finding, Level, lint},
};
use serde_json::json;

use super::super::steering;
use crate::{
    cli::Format,
    failure::{Failure, PROOF},
    output::{self, BAD, DIM, GOOD, WARN, styled},
};

pub(super) fn run(spec: &Specification, dir: &Path, format: Format) -> Result<ExitCode, Failure> {
    let findings = lint(spec);
    let steered = steering::read(&beside(dir))?;
    let wrong = findings.iter().filter(|it| it.level == Level::Error).count();
    let warnings = findings.len().saturating_sub(wrong);
    let errors = wrong.saturating_add(steered.problems.len());
    match format {
        Format::Json => {
            output::json(
                &json!({ "problems": steered.problems, "errors": errors, "warnings": warnings, "findings": findings }),
            )?;
        }
        Format::Human => {
            findings.iter().for_each(told);
            for problem in &steered.problems {
                let text = model::sanitize(&problem.to_string(), 400);
                output::line(format!("{} {text} [{}]", styled(BAD, "error"), problem.code()));
                output::line(styled(DIM, format!("    {}", problem.hint())));
            }
            let sum = format!("{errors} error(s), {warnings} warning(s)");
            output::line(if errors == 0 { styled(GOOD, sum) } else { styled(BAD, sum) });
        }
    }
    Ok(ExitCode::from(if errors == 0 { 0 } else { PROOF }))
}

/// Where the steering files of a specification's repository lie.
fn beside(dir: &Path) -> PathBuf {
    let dir = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    let above = dir.parent().and_then(Path::parent);
    let name = Path::new(layout::STEERING).file_name().unwrap_or_default();
    above.map_or_else(|| PathBuf::from(layout::STEERING), |kiro| kiro.join(name))
}

fn told(finding: &Finding) {
    let level = match finding.level {
        Level::Error => styled(BAD, "error"),
        Level::Warning => styled(WARN, "warning"),
    };
    let (line, column) = (finding.span.line, finding.span.column);
    output::line(format!("{}:{line}:{column}: {level} {} {}", finding.file, finding.code, finding.message));
    output::line(styled(DIM, format!("    {}", finding.hint)));
}
