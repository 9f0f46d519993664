//! Both reports for people. Everything that came from a cloud was sanitized where it entered the report.

use findings::{Class, Costs, Finding, Level, Report, Shared, Step, Unjudged};

use crate::output::{self, BAD, BOLD, DIM, GOOD, WARN, styled};

/// Lists are cut here; `--output json` has them whole.
const MOST: usize = 30;

pub(super) fn report(report: &Report) {
    let faults = report.findings.iter().filter(|finding| finding.class == Class::Fault).count();
    output::line(format!(
        "{} {} faults and {} things that waste {} {} a month, of account {} as of {}",
        styled(BOLD, "Found:"),
        faults,
        report.findings.len() - faults,
        report.saving,
        report.currency,
        model::sanitize(&report.account, 20),
        report.taken.until
    ));
    for finding in report.findings.iter().take(MOST) {
        one(finding, &report.currency);
    }
    more("findings", report.findings.len());
    if !report.spared.is_empty() {
        output::line(format!("\n{}", styled(BOLD, "Looks like a finding, and is not claimed")));
    }
    for spared in report.spared.iter().take(MOST) {
        output::line(format!("  {} {}: {}", spared.analyzer, spared.resource, spared.why));
    }
    more("of these", report.spared.len());
    if !report.unjudged.is_empty() {
        output::line(format!("\n{}", styled(WARN, "Not known")));
    }
    for unjudged in report.unjudged.iter().take(MOST) {
        not_known(unjudged);
    }
    more("of these", report.unjudged.len());
}

fn one(finding: &Finding, currency: &Shared) {
    let style = match finding.class {
        Class::Fault => BAD,
        Class::Waste => WARN,
    };
    let worth =
        finding.saving.as_ref().map_or_else(String::new, |saving| format!("  {}", saving.told(currency)));
    output::line(format!("\n{}{worth}", styled(style, &finding.title)));
    output::line(format!(
        "  {}  {} in {}",
        finding.resource.name, finding.resource.kind, finding.resource.region
    ));
    output::line(styled(DIM, format!("  {}", finding.id)));
    for fact in &finding.facts {
        output::line(format!("  {} {}", fact.text, styled(DIM, format!("[{}]", reads(&fact.reads)))));
    }
    output::line(format!(
        "  confidence {}: {}",
        level(finding.confidence.level),
        finding.confidence.why.join("; ")
    ));
    remedy(finding);
    for trap in &finding.traps {
        output::line(format!("  {} {trap}", styled(WARN, "!")));
    }
}

fn remedy(finding: &Finding) {
    output::line(format!("  {}", finding.remedy.told()));
    finding.remedy.steps().iter().for_each(step);
    if let Some(grace) = &finding.grace {
        output::line(format!("  grace: {}", grace.told()));
    }
    if let Some(later) = finding.in_the_end() {
        output::line(format!("  in the end: {later}"));
    }
}

fn step(step: &Step) {
    let style = if step.undoable { GOOD } else { BAD };
    output::line(format!("    {}", step.told(styled(style, step.undo_word()))));
}

fn not_known(unjudged: &Unjudged) {
    output::line(format!("  {} in {}: {}", unjudged.analyzer, unjudged.region, unjudged.told()));
}

pub(super) fn costs(costs: &Costs) {
    output::line(format!(
        "{} {} {} a month, by {}",
        styled(BOLD, "Costs:"),
        costs.micros,
        costs.currency,
        costs.by
    ));
    let widest =
        costs.lines.iter().take(MOST).map(|line| line.name.chars().count()).max().unwrap_or(0).min(60);
    for line in costs.lines.iter().take(MOST) {
        output::line(format!("  {:widest$} {:>14}  {}", line.name, line.micros.to_string(), line.rests_on()));
    }
    more("lines", costs.lines.len());
    for (why, count) in costs.not_known.iter().take(MOST) {
        output::line(format!("  {} of {count}: {why}", styled(WARN, "not known")));
    }
    output::line(styled(DIM, format!("  prices: {} ({})", costs.source, costs.as_of)));
}

fn level(level: Level) -> String {
    match level {
        Level::High => styled(GOOD, level.name()),
        Level::Medium => styled(WARN, level.name()),
        Level::Low => styled(BAD, level.name()),
    }
}

/// The first few.
fn reads(reads: &[String]) -> String {
    const FEW: usize = 4;
    let shown = reads.iter().take(FEW).cloned().collect::<Vec<_>>().join(" ");
    if reads.len() > FEW { format!("{shown} and {} more", reads.len() - FEW) } else { shown }
}

fn more(what: &str, count: usize) {
    if count > MOST {
        output::line(styled(
            DIM,
            format!("  … and {} more {what}: --output json has them all", count - MOST),
        ));
    }
}
