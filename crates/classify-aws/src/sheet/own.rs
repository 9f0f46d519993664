//! The table that this binary was built with, as a sheet: everything is asked of the code that judges by it.

use std::sync::OnceLock;

use model::{Digest, Operation, Value};

use super::{Line, Mark, Sheet, text};
use crate::{
    classify::{effects, parameters::Rules, quantity, resources},
    gather,
    kinds::Kinds,
    rights,
    table::{Member, Place, Row, Table},
};

static OWN: OnceLock<Digest> = OnceLock::new();

/// What the table that this binary was built with is named by.
pub fn own_digest() -> Digest {
    match OWN.get() {
        Some(digest) => *digest,
        None => own_text().0,
    }
}

/// The same, with its text.
pub fn own_text() -> (Digest, String) {
    let text = Sheet::own().text();
    (*OWN.get_or_init(|| Sheet::digest_of(&text)), text)
}

impl Sheet {
    /// The table that this binary was built with.
    pub fn own() -> Self {
        let mut rules = Rules::shared().map(Rules::pinned).unwrap_or_default();
        rules.sort_by_cached_key(text::written);
        rules.dedup();
        let (quantities, looks) = (quantity::Pins::read(), gather::Pins::read());
        let lone = rights::lone().iter().map(|right| Value::text(*right));
        let roles = Mark::of(&Value::List(lone.chain(looks.roles().iter().cloned()).collect()));
        let mut sheet = Self { kinds: Kinds::shared().clone(), rules, roles, services: Default::default() };
        for row in Table::shared().rows() {
            let operations = sheet.services.entry(row.service.to_owned()).or_default();
            operations.insert(row.operation.to_owned(), line(row, &quantities, &looks));
        }
        sheet
    }
}

fn line(row: &Row, quantities: &quantity::Pins, looks: &gather::Pins) -> Line {
    let operation = Operation::new(row.service, row.operation);
    let judged = effects::of(row);
    let reads = judged.effects.is_plain_read();
    let mark = |value: Option<Value>| value.as_ref().map(Mark::of).unwrap_or_default();
    let told = [row.iam_action, row.drop].into_iter().filter(|text| !text.is_empty()).map(Value::text);
    Line {
        effects: judged.effects,
        exposure: judged.exposure,
        additive: judged.additive || gather::is_additive(&operation),
        events: row.flagged('e'),
        harmless: rights::is_harmless(row),
        naming: naming(resources::naming(row)),
        undo: mark(looks.undo(&operation)),
        quantity: mark(quantities.of(&operation)),
        // Nobody looks at what a mere look is on.
        looks: match reads {
            true => Mark::default(),
            false => mark(several(looks.looks(&operation).into_iter().chain(told).collect())),
        },
    }
}

fn several(values: Vec<Value>) -> Option<Value> {
    (!values.is_empty()).then_some(Value::List(values))
}

/// In the table's notation; which of them are required has been seen to.
fn naming(members: Vec<Member<'_>>) -> String {
    let mut all: Vec<String> = members
        .into_iter()
        .map(|Member { place, name, noun, list, required: _ }| {
            let place = match place {
                Place::Path => 'u',
                Place::Query => 'q',
                Place::Header => 'h',
                Place::Body => 'b',
            };
            let (list, noun) = (if list { "*" } else { "" }, noun.map(|noun| format!("@{noun}")));
            format!("{place}:{name}{list}{}", noun.unwrap_or_default())
        })
        .collect();
    all.sort();
    all.dedup();
    all.join(",")
}
