//! `countersign policy simulate --bundle DIR --since 30d`: what is on record at the server, judged again under a bundle that may
//! come into force, and every verdict that it would have changed. It asks nobody and changes nothing.

use std::{cmp::Ordering, collections::BTreeMap, process::ExitCode};

use api::types::{RejudgedView, SimulateRequest, SimulationView, VerdictView};
use engine::{Clock as _, SystemClock};
use model::sanitize;

use super::{bundle_files, draft};
use crate::{
    cli::{Format, SimulateArgs},
    client::Client,
    command::{adopt, session::seconds},
    failure::Failure,
    output::{self, BOLD, DIM, GOOD, WARN, styled},
};

pub(super) async fn run(args: &SimulateArgs, format: Format) -> Result<ExitCode, Failure> {
    let files = bundle_files(&args.bundle)?;
    draft("given", &files)?;
    let since = SystemClock.now().plus_seconds(-seconds(&args.since)?);
    let request = SimulateRequest { files: adopt::texts(files)?, since };
    let client = Client::connect(&args.server).await?;
    let found: SimulationView = client.post("/v1/simulations", &request).await?;
    match format {
        Format::Json => output::json(&found)?,
        Format::Human => show(&found),
    }
    Ok(ExitCode::SUCCESS)
}

fn show(found: &SimulationView) {
    let (mut laxer, mut stricter, mut other) = (0usize, 0usize, 0usize);
    for it in &found.changed {
        let (count, word, style) = match way(&it.before, &it.after) {
            Some(Ordering::Less) => (&mut laxer, "laxer", WARN),
            Some(Ordering::Greater) => (&mut stricter, "stricter", BOLD),
            Some(Ordering::Equal) | None => (&mut other, "otherwise", BOLD),
        };
        *count = count.saturating_add(1);
        change(it, &styled(style, word));
    }
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for it in &found.unjudged {
        let count = reasons.entry(&it.why).or_default();
        *count = count.saturating_add(1);
    }
    for (why, count) in reasons {
        output::line(format!("{count} cannot be judged again: {}", sanitize(why, 400)));
    }
    if !found.uncertain.is_empty() {
        let all: Vec<_> = found.uncertain.iter().take(20).map(ToString::to_string).collect();
        output::line(styled(
            WARN,
            format!(
                "{} are uncertain, since under the bundle in force the record says otherwise of them: {}",
                found.uncertain.len(),
                all.join(" ")
            ),
        ));
    }
    if found.own > 0 {
        output::line(styled(
            DIM,
            format!("{} are Countersign's own, which take two people whatever a bundle says", found.own),
        ));
    }
    if found.cut {
        output::line(styled(
            WARN,
            format!("more is on record than was looked at, which goes back to {}", found.since),
        ));
    }
    output::line(styled(DIM, "plain reads are on record by number, and are not judged again"));
    let sum = format!(
        "{} of {} verdicts would be others: {laxer} laxer, {stricter} stricter, {other} otherwise",
        found.changed.len(),
        found.judged
    );
    let style = if laxer == 0 { GOOD } else { WARN };
    output::line(format!(
        "{} (from {} to {})",
        styled(style, sum),
        found.before.short(),
        found.bundle.short()
    ));
}

fn change(it: &RejudgedView, way: &str) {
    let (agent, summary) = (sanitize(&it.agent, 64), sanitize(&it.summary, 300));
    output::line(format!("{}  {}  {agent} for {}, {}: {summary}", it.change, it.at, it.operator, it.state));
    output::line(format!("  {way}: {} → {}", told(&it.before), told(&it.after)));
    if let Some(then) = &it.on_record {
        output::line(styled(DIM, format!("  on record, before the bundle in force: {}", told(then))));
    }
}

fn told(verdict: &VerdictView) -> String {
    let mut text = verdict.kind.clone();
    if let Some(needs) = &verdict.requirement {
        let people = format!("{} people", needs.people);
        let touched = (needs.touched > 0).then(|| format!("{} of them touched", needs.touched));
        let rendered =
            (needs.rendered > 0).then(|| format!("{} of them by the command line", needs.rendered));
        let roles = needs.roles.keys().map(|role| format!("one as {role}"));
        let evidence = needs.evidence.iter().map(ToString::to_string);
        let window = needs.window.iter().map(|window| sanitize(window, 200));
        let all: Vec<_> = [people]
            .into_iter()
            .chain(touched)
            .chain(rendered)
            .chain(roles)
            .chain(evidence)
            .chain(window)
            .collect();
        text.push_str(&format!(" ({})", all.join(", ")));
    }
    let rules: Vec<_> =
        verdict.rules.iter().map(|rule| format!("{} ({}:{})", rule.id, rule.file, rule.line)).collect();
    if !rules.is_empty() {
        text.push_str(&format!(" by {}", rules.join(", ")));
    }
    if let Some(fault) = &verdict.fault {
        text.push_str(&format!(", {}", sanitize(fault, 200)));
    }
    text
}

/// `Less` is laxer. `None` where one asks for more in one thing and for less in another.
fn way(before: &VerdictView, after: &VerdictView) -> Option<Ordering> {
    let severity =
        |verdict: &VerdictView| ["allow", "hold", "deny"].iter().position(|kind| *kind == verdict.kind);
    let by_kind = severity(after).cmp(&severity(before));
    if by_kind != Ordering::Equal {
        return Some(by_kind);
    }
    let (Some(before), Some(after)) = (&before.requirement, &after.requirement) else { return None };
    let sets = [
        (
            before.roles.keys().all(|it| after.roles.contains_key(it)),
            after.roles.keys().all(|it| before.roles.contains_key(it)),
        ),
        (
            before.evidence.iter().all(|it| after.evidence.contains(it)),
            after.evidence.iter().all(|it| before.evidence.contains(it)),
        ),
        (before.people <= after.people, after.people <= before.people),
        (before.touched <= after.touched, after.touched <= before.touched),
        (before.rendered <= after.rendered, after.rendered <= before.rendered),
        // Another window is another; none asks for less.
        (
            before.window.is_none() || before.window == after.window,
            after.window.is_none() || before.window == after.window,
        ),
    ];
    match (sets.iter().all(|it| it.0), sets.iter().all(|it| it.1)) {
        (true, true) => Some(Ordering::Equal),
        (true, false) => Some(Ordering::Greater),
        (false, true) => Some(Ordering::Less),
        (false, false) => None,
    }
}
