//! The report for people.

use std::path::Path;

use trail::observe::{Counts, Principal, Report};

use crate::output::{self, BAD, BOLD, DIM, WARN, styled};

/// Lists are cut here; `--output json` has them whole.
const MOST: usize = 20;

pub(super) fn report(report: &Report, written: Option<&Path>) {
    let events = &report.events;
    let time = |it: Option<model::Timestamp>| it.map_or_else(|| "?".to_owned(), |it| it.to_string());
    output::line(format!(
        "{} {} of {} events judged, {} to {}",
        styled(BOLD, "Observed:"),
        events.judged,
        events.read,
        time(report.from),
        time(report.to)
    ));
    let bundle = if report.judged_as.starter {
        "the starter bundle (every account is production)".to_owned()
    } else {
        format!("bundle {}", report.judged_as.bundle.short())
    };
    let judged_as = &report.judged_as;
    output::line(format!("  under    {bundle}, as agent {} of {}", judged_as.agent, judged_as.operator));
    output::line(format!("  verdicts {}", counts(report.verdicts)));
    output::line(format!(
        "  failed   {} (calls that the cloud refused; counted apart)",
        counts(report.failed)
    ));
    output::line(format!(
        "  apart    {} by services, {} sign-ins, {} of no call, {} repeated, {} unreadable",
        events.by_services, events.sign_ins, events.no_calls, events.repeated, events.unreadable
    ));
    output::line(format!(
        "  assumed  the inverse of {} writes, as if it had been captured",
        report.assumed_undo
    ));
    for principal in report.principals.iter().take(MOST) {
        one(principal);
    }
    more("principals", report.principals.len());
    accounts(report);
    unknown(report);
    left_out(report);
    for problem in report.problems.iter().take(MOST) {
        output::line(format!("  {} {problem}", styled(BAD, "✗")));
    }
    more("problems", report.problems.len() + report.more_problems);
    output::line(format!("\n{}", styled(BOLD, "Taken for granted")));
    for assumption in &report.assumptions {
        output::line(format!("  {assumption}"));
    }
    proposed(report, written);
}

fn one(principal: &Principal) {
    output::line(format!("\n{}  {}", styled(BOLD, &principal.principal), counts(principal.verdicts)));
    if principal.failed != Counts::default() {
        output::line(format!("  failed: {}", counts(principal.failed)));
    }
    if let Some(peak) = &principal.peak_day {
        output::line(format!("  most holds on one day: {} on {}", peak.held, peak.day));
    }
    for rule in &principal.rules {
        let style = if rule.verdict == "deny" { BAD } else { WARN };
        output::line(format!(
            "  {} {} × {}: {}",
            styled(style, rule.verdict),
            rule.count,
            rule.id,
            rule.reason
        ));
        for it in &rule.examples {
            output::line(styled(
                DIM,
                format!("    {} {} {} in {} {}", it.at, it.operation, it.resource, it.account, it.region),
            ));
        }
    }
}

fn accounts(report: &Report) {
    let unmapped: Vec<_> = report.accounts.iter().filter(|it| !it.in_map).collect();
    if unmapped.is_empty() {
        return;
    }
    output::line(format!("\n{}", styled(BOLD, "Accounts with no environment (they count as production)")));
    for it in unmapped.iter().take(MOST) {
        output::line(format!("  {}  {} events by {} principals", it.account, it.events, it.principals));
    }
    more("accounts", unmapped.len());
}

fn unknown(report: &Report) {
    if report.unknown_operations.is_empty() {
        return;
    }
    output::line(format!(
        "\n{}",
        styled(
            BOLD,
            "Operations that no table knows (denied, until an override of the bundle says what they do)"
        )
    ));
    for it in report.unknown_operations.iter().take(MOST) {
        output::line(format!("  {} × {}", it.count, it.operation));
    }
    more("operations", report.unknown_operations.len() + report.more_unknown_operations);
    if let Some(text) = report.unknown_operations.iter().find_map(|it| it.adoption.as_ref()) {
        output::line(styled(DIM, format!("  as in overrides.toml:\n{}", text.trim_end())));
    }
}

fn left_out(report: &Report) {
    if report.left_out.count == 0 {
        return;
    }
    output::line(format!(
        "\n{}",
        styled(
            BOLD,
            "Events whose parameters the trail leaves out (each counts as the worst they could say)"
        )
    ));
    for it in report.left_out.listed.iter().take(MOST) {
        output::line(format!("  {} {} {} ({})", it.event.at, it.event.operation, it.principal, it.id));
    }
    more("events", report.left_out.count);
}

fn proposed(report: &Report, written: Option<&Path>) {
    if let Some(dir) = written {
        output::line(format!("\n{} {}", styled(BOLD, "Wrote the proposed files into"), dir.display()));
        for name in report.proposed.keys() {
            output::line(format!("  {name}"));
        }
        return;
    }
    for (name, text) in report.proposed.iter().take(MOST) {
        output::line(format!("\n{}", styled(DIM, format!("proposed {name}"))));
        output::line(text.trim_end());
    }
    more("proposed files", report.proposed.len());
}

fn counts(counts: Counts) -> String {
    format!("{} allowed, {} held, {} denied", counts.allowed, counts.held, counts.denied)
}

fn more(what: &str, all: usize) {
    if all > MOST {
        output::line(format!("  … and {} more {what}; --output json has them", all - MOST));
    }
}
