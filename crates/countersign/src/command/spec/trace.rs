//! `countersign spec trace`: a row for each criterion, then what leads nowhere.

use std::process::ExitCode;

use ::spec::{Matrix, Specification};

use crate::{
    cli::Format,
    failure::Failure,
    output::{self, BOLD, GOOD, WARN, styled},
};

pub(super) fn run(spec: &Specification, format: Format) -> Result<ExitCode, Failure> {
    let matrix = Matrix::of(spec);
    match format {
        Format::Json => output::json(&matrix)?,
        Format::Human => {
            table(&matrix);
            for untraced in &matrix.untraced {
                output::line(format!("{} {untraced}", styled(WARN, "untraced:")));
            }
            if matrix.untraced.is_empty() {
                output::line(styled(GOOD, "everything leads somewhere"));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn table(matrix: &Matrix) {
    let list = |all: Vec<String>| if all.is_empty() { "–".to_owned() } else { all.join(", ") };
    let head = ["criterion", "property", "task", "check"].map(str::to_owned);
    let rows = matrix.rows.iter().map(|it| {
        [
            it.criterion.to_string(),
            list(it.properties.iter().map(ToString::to_string).collect()),
            list(it.tasks.iter().map(ToString::to_string).collect()),
            list(it.checks.iter().map(ToString::to_string).collect()),
        ]
    });
    let rows: Vec<_> = std::iter::once(head).chain(rows).collect();
    let mut widths = [0_usize; 4];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    for (nth, row) in rows.iter().enumerate() {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        let line = cells.collect::<Vec<_>>().join("  ").trim_end().to_owned();
        output::line(if nth == 0 { styled(BOLD, line) } else { line });
    }
}
