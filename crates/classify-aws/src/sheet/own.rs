//! The table that this binary was built with, as a sheet: everything is asked of the code that judges by it.

use std::sync::LazyLock;

use model::{Digest, Operation, Value};

use super::{Line, Mark, Sheet, text};
use crate::{
    classify::{effects, parameters::Rules, quantity, resources},
    gather,
    kinds::Kinds,
    rights,
    table::{Member, Place, Row, Table},
};

static OWN: LazyLock<Digest> = LazyLock::new(|| Sheet::digest_of(&Sheet::own().text()));

/// What the table that this binary was built with is named by.
pub fn own_digest() -> Digest {
    *OWN
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
    let seen = || looks.looks(&operation).into_iter().chain([row.iam_action, row.drop].map(Value::text));
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
        looks: if reads { Mark::default() } else { mark(Some(Value::List(seen().collect()))) },
    }
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
