//! A call that nobody has made: what an operation would be with parameters that are not known.

use model::{ActionParts, Quantity, Region, Undo};

use super::{
    Target, Terms, Told,
    parameters::{self, Patterns},
    resources,
};
use crate::table::Row;

/// What is to be thought of parameters that nobody knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parameters {
    /// They may say the worst that any rule knows of.
    Worst,
    /// None of them does more than the operation says, and nothing that exists is changed (`data/rights.toml`).
    Harmless,
}

/// `row` as an action in `target`, by the tables, the rules over parameters and the bundle's own word.
pub(crate) fn supposed(
    row: &Row,
    parameters: Parameters,
    region: Region,
    target: &Target,
    terms: &Terms,
) -> ActionParts {
    let operation = model::Operation::new(row.service, row.operation);
    let (own, pinned) = (terms.overrides.get(&operation), &terms.pinned);
    let mut judged = pinned.of(row);
    let mut resources = resources::supposed(row, pinned);
    if let Some(own) = own {
        judged.effects = own.effects;
        if let Some(kind) = &own.kind {
            resources.iter_mut().for_each(|resource| resource.kind = kind.clone());
        }
    }
    let patterns = match parameters {
        Parameters::Worst => Patterns::Too,
        Parameters::Harmless => Patterns::No,
    };
    let nothing = model::Value::Null;
    let readings = std::slice::from_ref(&operation);
    parameters::raise(readings, &nothing, Told::InPart, patterns, &mut judged);
    pinned.raise(readings, &nothing, Told::InPart, patterns, &mut judged);
    ActionParts {
        undo: match parameters {
            Parameters::Worst => {
                super::undo(&operation, &judged, own, pinned.says(row.service, row.operation))
            }
            Parameters::Harmless => Undo::Additive,
        },
        quantity: Quantity::unknown(),
        summary: format!("Any call of {operation}."),
        operation,
        partition: target.partition.clone(),
        account: target.account.clone(),
        region,
        effects: judged.effects,
        exposure: judged.exposure,
        resources,
        shown: Vec::new(),
        unknowns: Vec::new(),
        acting_as: None,
        second_lock: None,
    }
}
