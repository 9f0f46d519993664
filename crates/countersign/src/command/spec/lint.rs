//! `countersign spec lint`: findings with places, as compilers tell them.

use std::process::ExitCode;

use ::spec::{
    Specification,
    lint::{Finding, Level, lint},
};
use serde_json::json;

use crate::{
    cli::Format,
    failure::{Failure, PROOF},
    output::{self, BAD, DIM, GOOD, WARN, styled},
};

pub(super) fn run(spec: &Specification, format: Format) -> Result<ExitCode, Failure> {
    let findings = lint(spec);
    let errors = findings.iter().filter(|it| it.level == Level::Error).count();
    let warnings = findings.len().saturating_sub(errors);
    match format {
        Format::Json => {
            output::json(
                &json!({ "problems": [], "errors": errors, "warnings": warnings, "findings": findings }),
            )?;
        }
        Format::Human => {
            findings.iter().for_each(told);
            let sum = format!("{errors} error(s), {warnings} warning(s)");
            output::line(if errors == 0 { styled(GOOD, sum) } else { styled(BAD, sum) });
        }
    }
    Ok(ExitCode::from(if errors == 0 { 0 } else { PROOF }))
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
