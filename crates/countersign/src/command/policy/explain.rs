//! `countersign policy explain`: the verdict on one request and why, under a bundle. (`countersign explain CODE` is about error
//! codes.)

use std::{fs, process::ExitCode};

use api::types::VerdictView;
use engine::{Clock as _, SystemClock};
use model::{RuleRef, Verdict, sanitize};
use policy::Explanation;
use serde_json::{Value as Json, json};

use super::{draft, files};
use crate::{
    cli::{ExplainRequestArgs, Format},
    failure::{Failure, USAGE},
    output::{self, BAD, BOLD, DIM, GOOD, WARN, styled},
};

/// More than any request takes to describe, or a file of examples.
const MAX_FILE: u64 = 256 * 1024;

pub(super) fn run(args: &ExplainRequestArgs, format: Format) -> Result<ExitCode, Failure> {
    let bundle = draft("given", &files(&args.bundle)?)?;
    let (name, text) = match &args.file {
        Some(file) => {
            let unreadable =
                |err: std::io::Error| Failure::usage(format!("{} cannot be read: {err}", file.display()));
            let size = fs::metadata(file).map_err(unreadable)?.len();
            if size > MAX_FILE {
                return Err(Failure::usage(format!("{} is longer than {MAX_FILE} bytes", file.display())));
            }
            (file.display().to_string(), fs::read_to_string(file).map_err(unreadable)?)
        }
        None => ("(the command line)".to_owned(), described(args)?),
    };
    let eligible = |chain: &model::Chain, environment: &model::Environment| {
        approval::eligible(chain, bundle.roster(), engine::file_rule_at(&bundle, environment))
    };
    let found = bundle.explain(&name, &text, SystemClock.now(), &eligible).map_err(|err| {
        Failure::new(USAGE, "CS001", err)
            .hint("a request is described as in a rule's examples: policy explain --help")
    })?;
    match format {
        Format::Json => output::json(&found.iter().map(as_json).collect::<Vec<_>>())?,
        Format::Human => found.iter().for_each(show),
    }
    Ok(ExitCode::SUCCESS)
}

/// The flags, as a file would say it.
fn described(args: &ExplainRequestArgs) -> Result<String, Failure> {
    let mut table = toml::Table::new();
    let texts = |all: &[String]| toml::Value::Array(all.iter().cloned().map(toml::Value::String).collect());
    for (key, value) in [
        ("kind", &args.kind),
        ("environment", &args.environment),
        ("operation", &args.operation),
        ("resource", &args.resource),
        ("agent", &args.agent),
        ("operator", &args.operator),
        ("autonomy", &args.autonomy),
        ("at", &args.at),
    ] {
        if let Some(value) = value {
            table.insert(key.to_owned(), toml::Value::String(value.clone()));
        }
    }
    for (key, values) in [("effects", &args.effects), ("exposes", &args.exposes), ("time", &args.time)] {
        if !values.is_empty() {
            table.insert(key.to_owned(), texts(values));
        }
    }
    if args.people.is_some() || !args.roles.is_empty() {
        let people = i64::from(args.people.unwrap_or(0));
        let tally = [("people", toml::Value::Integer(people)), ("roles", texts(&args.roles))];
        let tally = tally.into_iter().map(|(key, value)| (key.to_owned(), value));
        table.insert("approvals".to_owned(), toml::Value::Table(tally.collect()));
    }
    toml::to_string(&table).map_err(Failure::unexpected)
}

fn as_json(it: &Explanation) -> Json {
    let rules = it.rules.iter().map(|(rule, alone)| {
        json!({
            "id": rule.id, "file": rule.file, "line": rule.line, "reason": rule.reason,
            "alone": alone.as_ref().map(VerdictView::of),
        })
    });
    json!({
        "name": it.name,
        "line": it.line,
        "with_grants": it.with_grants,
        "verdict": VerdictView::of(&it.verdict),
        "rules": rules.collect::<Vec<_>>(),
    })
}

fn show(it: &Explanation) {
    let style = match &it.verdict {
        Verdict::Allow => GOOD,
        Verdict::Hold(_) => WARN,
        Verdict::Deny(_) => BAD,
    };
    let name = it.name.as_ref().map(|name| format!(" {}", sanitize(name, 200))).unwrap_or_default();
    let by = if it.with_grants {
        "constitution and grants"
    } else {
        "the constitution alone; no agent and operator are named"
    };
    output::line(format!("{}{name} {}", styled(style, it.verdict.name()), styled(DIM, format!("({by})"))));
    if let Some(needs) = needs(&it.verdict) {
        output::line(format!("  {needs}"));
    }
    for (rule, alone) in &it.rules {
        one(rule, alone.as_ref());
    }
    let insteads = match &it.verdict {
        Verdict::Allow => &[][..],
        Verdict::Hold(hold) => &hold.alternatives,
        Verdict::Deny(denial) => &denial.alternatives,
    };
    for instead in insteads {
        output::line(format!("  {} {}", styled(BOLD, "instead:"), sanitize(&instead.0, 400)));
    }
}

fn one(rule: &RuleRef, alone: Option<&Verdict>) {
    let place = format!("({}:{})", sanitize(&rule.file, 200), rule.line);
    output::line(format!("  {} {}", styled(BOLD, &rule.id), styled(DIM, place)));
    output::line(format!("    {}", sanitize(&rule.reason, 400)));
    let asks = match alone {
        None => return,
        Some(Verdict::Allow) => "alone it would not stop this".to_owned(),
        Some(verdict @ Verdict::Hold(_)) => {
            format!("alone it {}", needs(verdict).unwrap_or_else(|| "holds this".to_owned()))
        }
        Some(Verdict::Deny(_)) => {
            "nothing that people or evidence could give satisfies it as things are".to_owned()
        }
    };
    output::line(format!("    {asks}"));
}

fn needs(verdict: &Verdict) -> Option<String> {
    match verdict {
        Verdict::Allow => None,
        Verdict::Hold(hold) => Some(format!("needs {}", hold.requirement)),
        Verdict::Deny(denial) => denial.fault.as_ref().map(|fault| format!("{fault} [{}]", fault.code())),
    }
}
