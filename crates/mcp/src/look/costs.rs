//! Where the money goes.

use findings::{By, Line};
use serde_json::json;

use super::{Held, counted, page::Page, taken};
use crate::{
    Told,
    arguments::CostsQuery,
    backend::{Document, Refusal},
};

pub(super) fn answer(held: &Held<'_, '_>, query: &CostsQuery) -> Result<Told, Refusal> {
    let page = Page::of(query.cursor.as_deref(), query.limit)?;
    let asked = query.by.as_deref().unwrap_or("service");
    let by = match (asked, asked.strip_prefix("tag:")) {
        ("service", _) => By::Service,
        ("finding", _) => By::Finding,
        (_, Some(key)) if !key.is_empty() => By::Tag(key.to_owned()),
        _ => return Err(Refusal::usage("`by` is `service`, `finding`, or `tag:` and the tag's key")),
    };
    let costs = findings::costs(held.snapshot, held.prices, &by, held.report);
    let cut = page.cut(&costs.lines, |line: &Line| json!(line));
    let what = match by {
        By::Finding => "What could be saved a month",
        By::Service | By::Tag(_) => "What is paid a month",
    };
    let said = format!(
        "{what}, in millionths of the currency, by the price table and a snapshot {}: {}{}. Requests and traffic are not in it; what has no \
         price is counted apart.",
        taken(held),
        counted(costs.lines.len(), "line", "lines"),
        cut.said(page)
    );
    let mut data = Document::from_iter([
        ("by".to_owned(), costs.by.as_str().into()),
        ("currency".to_owned(), json!(costs.currency)),
        ("micros".to_owned(), json!(costs.micros)),
        ("prices".to_owned(), json!({ "source": costs.source, "as_of": costs.as_of })),
        ("not_known".to_owned(), json!(costs.not_known)),
    ]);
    cut.put("lines", &mut data);
    Ok(Told { said, source: "snapshot:costs", data })
}
