//! A call that nobody has made: what an operation would be with parameters that are not known.

use model::{ActionParts, Quantity, Region, Undo};

use super::{
    Override, Target, Told, effects,
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

/// `row` as an action in `target`, by the table, the rules over parameters and the bundle's own word (`own`).
pub(crate) fn supposed(
    row: &Row,
    parameters: Parameters,
    region: Region,
    target: &Target,
    own: Option<&Override>,
) -> ActionParts {
    let operation = model::Operation::new(row.service, row.operation);
    let mut judged = effects::of(row);
    let mut resources = resources::supposed(row);
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
    parameters::raise(std::slice::from_ref(&operation), &nothing, Told::InPart, patterns, &mut judged);
    ActionParts {
        undo: match parameters {
            Parameters::Worst => super::undo(&operation, &judged, own),
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
