//! `countersign explain CODE`: a page for every code that an error can carry, embedded in the binary.

use std::process::ExitCode;

use serde_json::json;

use crate::{
    cli::Format,
    failure::{Failure, NOT_FOUND},
    output::{self, BOLD, styled},
};

/// Every page: `# CODE title`, then text, up to the next.
const PAGES: &str = include_str!("../explain/codes.md");

pub(super) fn run(code: Option<&str>, format: Format) -> Result<ExitCode, Failure> {
    let Some(code) = code else {
        for (code, title, _) in pages() {
            output::line(format!("{}  {title}", styled(BOLD, code)));
        }
        return Ok(ExitCode::SUCCESS);
    };
    let wanted = code.to_ascii_uppercase();
    let found = pages().find(|(known, _, _)| *known == wanted);
    let (code, title, text) = found.ok_or_else(|| {
        Failure::new(NOT_FOUND, "CS203", format!("no code `{}`", model::sanitize(code, 20)))
            .hint("`countersign explain` lists them all")
    })?;
    match format {
        Format::Json => output::json(&json!({ "code": code, "title": title, "text": text }))?,
        Format::Human => output::line(format!("{} {title}\n\n{text}", styled(BOLD, code))),
    }
    Ok(ExitCode::SUCCESS)
}

fn pages() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    PAGES.split("\n# ").skip(1).filter_map(|page| {
        let (head, text) = page.split_once('\n')?;
        let (code, title) = head.split_once(' ')?;
        Some((code, title, text.trim()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every code that stands in the source of a crate that answers people or agents has a page.
    #[test]
    fn every_code_has_its_page() {
        let sources = [
            include_str!("../failure.rs"),
            include_str!("../client.rs"),
            include_str!("../config.rs"),
            include_str!("init.rs"),
            include_str!("serve.rs"),
            include_str!("policy.rs"),
            include_str!("spec/folder.rs"),
            include_str!("findings.rs"),
            include_str!("../tables.rs"),
            include_str!("../../../api/src/error.rs"),
            include_str!("../../../model/src/verdict.rs"),
        ];
        for source in sources {
            for rest in source.split("\"CS").skip(1) {
                let number: String = rest.chars().take_while(char::is_ascii_digit).collect();
                let code = format!("CS{number}");
                assert!(
                    number.is_empty() || pages().any(|(known, _, _)| known == code),
                    "{code} has no page in explain/codes.md"
                );
            }
        }
    }
}
