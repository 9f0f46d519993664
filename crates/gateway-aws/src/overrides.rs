//! What a bundle says of operations, as classification takes it, and what of that the tables contradict: a bundle is loaded
//! without them, so this is where the two are held together.

use std::collections::BTreeMap;

use classify_aws::classify::{Objection, Override, objection};
use model::Operation;
use policy::Bundle;

pub fn overrides_of(bundle: &Bundle) -> BTreeMap<Operation, Override> {
    let each = bundle.overrides().iter().map(|(operation, it)| {
        let policy::Override { effects, kind, undo_additive, exposure, reason: _ } = it;
        let it =
            Override { effects: *effects, kind: kind.clone(), additive: *undo_additive, exposure: *exposure };
        (operation.clone(), it)
    });
    each.collect()
}

/// What `overrides.toml` says and cannot: in force it would not have the effect that its author expects.
pub fn objections(bundle: &Bundle) -> Vec<Objection> {
    overrides_of(bundle).iter().filter_map(|(operation, own)| objection(operation, own)).collect()
}
