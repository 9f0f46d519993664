//! Answers to questions, as Markdown: of the snapshot, the findings and the price table, and of nothing else. Each says what it could not
//! know.

use std::{collections::BTreeMap, fmt::Write as _};

use findings::{ANALYZERS, Finding, Prices, Remedy, Report, Saving, costs};
use model::sanitize;
use snapshot::Snapshot;

use super::{CAN, Question};

/// What an answer is made of.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'s, 'a> {
    pub snapshot: &'s Snapshot<'a>,
    /// Of that snapshot.
    pub report: &'s Report,
    pub prices: &'s Prices,
}

/// Lines of a list; the commands `findings` and `costs` have them whole.
const FEW: usize = 12;

/// `None`: only a server knows.
pub fn answer(question: &Question, facts: Facts<'_, '_>) -> Option<String> {
    let mut out = String::new();
    match question {
        Question::Why { resource, .. } => why(&mut out, resource, facts),
        Question::Findings(of) => found(&mut out, of, facts.report),
        Question::Costs(by) => {
            let costs = costs(facts.snapshot, facts.prices, by, facts.report);
            line(
                &mut out,
                format_args!("About **{} {}** a month, by {}:\n", costs.micros, costs.currency, costs.by),
            );
            for it in costs.lines.iter().take(FEW) {
                let unpriced = if it.not_known > 0 {
                    format!(", and {} whose price is not known", it.not_known)
                } else {
                    String::new()
                };
                line(&mut out, format_args!("- {}: {}{unpriced}", text(&it.name), it.micros));
            }
            more(&mut out, costs.lines.len());
            line(
                &mut out,
                format_args!(
                    "\nPrices: {} ({}); requests and traffic are not in it.",
                    costs.source, costs.as_of
                ),
            );
        }
        Question::Inventory(kind) => inventory(&mut out, *kind, facts.snapshot),
        Question::Explain(what) => explain(&mut out, what, facts.report),
        Question::Change(_) => return None,
        Question::Help => {
            line(&mut out, format_args!("I can:\n"));
            CAN.iter().for_each(|it| line(&mut out, format_args!("- {it}")));
            line(
                &mut out,
                format_args!(
                    "\nWhatever changes something is a plan first, and goes through the same control as everybody's."
                ),
            );
        }
    }
    Some(out)
}

fn why(out: &mut String, id: &str, Facts { snapshot, report, .. }: Facts<'_, '_>) {
    let Some(resource) = snapshot.resource(id) else {
        line(out, format_args!("The snapshot has no `{}`.", text(id)));
        return;
    };
    let about: Vec<&Finding> = report.findings.iter().filter(|it| it.resource.id == id).collect();
    line(
        out,
        format_args!(
            "**{}** ({}, {})\n",
            text(resource.name.as_str()),
            text(resource.kind.as_str()),
            text(resource.region.as_str())
        ),
    );
    // What it leads to and what leads to it may be where the fault is.
    let around: Vec<&str> = snapshot
        .edges_from(id)
        .iter()
        .map(|it| it.to.as_str())
        .chain(snapshot.edges_to(id).map(|it| it.from.as_str()))
        .take(200)
        .collect();
    let near: Vec<&Finding> =
        report.findings.iter().filter(|it| around.contains(&it.resource.id.as_str())).collect();
    if about.is_empty() && near.is_empty() {
        line(
            out,
            format_args!(
                "Nothing is found that is wrong with it, or with what hangs together with it, as of {}.",
                snapshot.taken().until
            ),
        );
    }
    about.iter().take(FEW).for_each(|it| one(out, it));
    if !near.is_empty() {
        line(out, format_args!("\nAround it:\n"));
        near.iter().take(FEW).for_each(|it| one(out, it));
    }
    let unjudged = report.unjudged.iter().filter(|it| it.examples.iter().any(|it| it == id));
    for it in unjudged.take(FEW) {
        line(out, format_args!("- Not known: {} ({})", text(&it.why), it.analyzer));
    }
    if let Some(spared) = report.spared.iter().find(|it| it.resource == id) {
        line(out, format_args!("- Not claimed by {}: {}", spared.analyzer, text(&spared.why)));
    }
}

fn found(out: &mut String, of: &[&str], report: &Report) {
    let asked = |name: &str| of.is_empty() || of.contains(&name);
    let all: Vec<&Finding> = report.findings.iter().filter(|it| asked(it.analyzer)).collect();
    line(out, format_args!("{} found, as of {}:\n", counted(all.len()), report.taken.until));
    all.iter().take(FEW).for_each(|it| one(out, it));
    more(out, all.len());
    let unjudged: Vec<_> = report.unjudged.iter().filter(|it| asked(it.analyzer)).collect();
    if !unjudged.is_empty() {
        line(out, format_args!("\nNot known:\n"));
        for it in unjudged.iter().take(FEW) {
            line(out, format_args!("- {} in {}: {}", it.analyzer, text(&it.region), text(&it.why)));
        }
        more(out, unjudged.len());
    }
}

fn one(out: &mut String, finding: &Finding) {
    let saving = match &finding.saving {
        Some(Saving::Known(amount)) => format!(", {} {} a month", amount.micros, amount.currency),
        Some(Saving::NotKnown(_)) | None => String::new(),
    };
    line(
        out,
        format_args!(
            "- **{}**: {} in {}{saving}; confidence {}",
            text(&finding.title),
            text(&finding.resource.name),
            text(&finding.resource.region),
            finding.confidence.level.name()
        ),
    );
    for fact in finding.facts.iter().take(3) {
        line(out, format_args!("  - {}", text(&fact.text)));
    }
}

fn inventory(out: &mut String, kind: Option<&str>, snapshot: &Snapshot<'_>) {
    match kind {
        None => {
            let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
            snapshot.resources().iter().for_each(|it| *kinds.entry(it.kind.as_str()).or_default() += 1);
            line(
                out,
                format_args!(
                    "{} resources of account {}, as of {}:\n",
                    snapshot.resources().len(),
                    text(snapshot.account()),
                    snapshot.taken().until
                ),
            );
            kinds
                .iter()
                .take(60)
                .for_each(|(kind, count)| line(out, format_args!("- {}: {count}", text(kind))));
        }
        Some(kind) => {
            let all: Vec<_> = snapshot.of_kind(kind).collect();
            line(out, format_args!("{} of {kind}, as of {}:\n", all.len(), snapshot.taken().until));
            for it in all.iter().take(FEW) {
                line(out, format_args!("- {} in {}", text(it.name.as_str()), text(it.region.as_str())));
            }
            more(out, all.len());
        }
    }
    let lacking = snapshot.reads().iter().filter(|it| !it.outcome.is_whole()).count();
    if lacking > 0 {
        line(
            out,
            format_args!(
                "\n{lacking} reads were not answered whole: what they would have shown is not known."
            ),
        );
    }
}

fn explain(out: &mut String, what: &str, report: &Report) {
    if let Some(finding) = report.findings.iter().find(|it| it.id.eq_ignore_ascii_case(what)) {
        one(out, finding);
        finding.confidence.why.iter().for_each(|it| line(out, format_args!("  - because: {}", text(it))));
        finding.traps.iter().for_each(|it| line(out, format_args!("  - beware: {}", text(it))));
        match &finding.remedy {
            Remedy::Steps(steps) => {
                steps.iter().for_each(|it| {
                    line(
                        out,
                        format_args!("  - proposed: {}:{}: {}", it.service, it.operation, text(&it.why)),
                    )
                });
            }
            other @ (Remedy::StackUpdate { .. } | Remedy::Wait { .. } | Remedy::Advice(_)) => {
                line(out, format_args!("  - {}", text(&other.told())))
            }
        }
        return;
    }
    let name = what.split(':').next().unwrap_or(what);
    match ANALYZERS.iter().find(|it| it.name.eq_ignore_ascii_case(name)) {
        Some(analyzer) => {
            line(out, format_args!("**{}**: {}\n", analyzer.name, analyzer.about));
            found(out, &[analyzer.name], report);
        }
        None => line(out, format_args!("There is no finding `{}`.", text(what))),
    }
}

fn counted(count: usize) -> String {
    match count {
        0 => "Nothing".into(),
        1 => "One thing".into(),
        count => format!("{count} things"),
    }
}

fn more(out: &mut String, count: usize) {
    if count > FEW {
        line(out, format_args!("- … and {} more", count - FEW));
    }
}

/// What came from a cloud, without what Markdown would act on.
fn text(given: &str) -> String {
    sanitize(given, 300).replace(['*', '`', '[', ']', '<', '>'], "·")
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{text}");
}
