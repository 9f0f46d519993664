//! What is wrong or wasteful, with all that an agent needs to judge it: facts and their reads, confidence, money, danger, traps, the remedy.

use findings::{ANALYZERS, Class, Finding, Level};
use serde_json::{Value, json};

use super::{Held, counted, page::Page, taken};
use crate::{
    Told,
    arguments::FindingsQuery,
    backend::{Document, Refusal},
};

const MOST_UNJUDGED: usize = 20;

pub(super) fn answer(held: &Held<'_, '_>, query: &FindingsQuery) -> Result<Told, Refusal> {
    let page = Page::of(query.cursor.as_deref(), query.limit)?;
    if query.analyzer.as_deref().is_some_and(|name| !ANALYZERS.iter().any(|one| one.name == name)) {
        let names: Vec<&str> = ANALYZERS.iter().map(|analyzer| analyzer.name).collect();
        return Err(
            Refusal::usage("there is no such analyzer").hint(format!("there are: {}", names.join(", ")))
        );
    }
    let class = query.class.as_deref().map(class).transpose()?;
    let level = query.confidence.as_deref().map(level).transpose()?;
    let is_asked = |finding: &&Finding| {
        (query.ids.is_empty() || query.ids.contains(&finding.id))
            && query.analyzer.as_deref().is_none_or(|name| finding.analyzer == name)
            && class.is_none_or(|class| finding.class == class)
            && query.resource.as_deref().is_none_or(|id| finding.resource.id == id)
            && query.region.as_deref().is_none_or(|region| finding.resource.region == region)
            && level.is_none_or(|level| finding.confidence.level >= level)
    };
    let found: Vec<&Finding> = held.report.findings.iter().filter(is_asked).collect();
    let cut = page.cut(&found, |finding| serde_json::to_value(finding).unwrap_or(Value::Null));
    let mut said = format!(
        "{} of {}, from a snapshot {}{}.",
        counted(found.len(), "finding fits", "findings fit"),
        held.report.findings.len(),
        taken(held),
        cut.said(page)
    );
    let mut data = Document::from_iter([
        ("account".to_owned(), held.report.account.as_str().into()),
        ("currency".to_owned(), json!(held.report.currency)),
    ]);
    cut.put("findings", &mut data);
    if page.is_first() && !held.report.unjudged.is_empty() {
        let unjudged = held.report.unjudged.iter().take(MOST_UNJUDGED);
        data.insert("unjudged".to_owned(), unjudged.map(|it| json!(it)).collect::<Vec<_>>().into());
        said.push_str(
            " Some could not be judged (`unjudged`), because reads are missing: there nothing is claimed.",
        );
    }
    Ok(Told { said, source: "snapshot:findings", data })
}

fn class(name: &str) -> Result<Class, Refusal> {
    match name {
        "fault" => Ok(Class::Fault),
        "waste" => Ok(Class::Waste),
        _ => Err(Refusal::usage("`class` is `fault` or `waste`")),
    }
}

fn level(name: &str) -> Result<Level, Refusal> {
    let levels = [Level::Low, Level::Medium, Level::High];
    let found = levels.into_iter().find(|level| level.name() == name);
    found.ok_or_else(|| Refusal::usage("`confidence` is `low`, `medium` or `high`"))
}
