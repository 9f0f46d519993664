//! What a bundle says of an operation, laid over what the tables say; and what it cannot say. Which effects an operation
//! has, a team may know better than we do. That its answer is a credential is a fact: no bundle takes it away, nor that
//! such an answer is `privilege`, nor what the credential is to.

use model::{Effect, Exposure, Operation, Resource};

use super::{Override, effects};
use crate::table::Table;

/// Effects and exposure. `known`: whether the tables have the operation; of one that they do not have, the bundle alone says
/// what it shows.
pub(super) fn lay_over(own: &Override, known: bool, judged: &mut effects::Judged) {
    judged.effects = own.effects;
    if let Some(Exposure { data, credentials }) = own.exposure {
        let Exposure { data: shows_data, credentials: shows_credentials } = judged.exposure;
        judged.exposure = Exposure {
            data: data || known && shows_data,
            credentials: credentials || known && shows_credentials,
        };
    }
}

/// What it is about, once all that it shows is known.
pub(super) fn rename(own: &Override, known: bool, exposure: Exposure, resources: &mut [Resource]) {
    if let Some(kind) = own.kind.as_ref().filter(|_| !known || !exposure.credentials) {
        for resource in resources {
            resource.kind = kind.clone();
        }
    }
}

/// What an override says that it cannot, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the override of `{operation}` {says}")]
pub struct Objection {
    pub operation: Operation,
    pub says: &'static str,
    pub hint: &'static str,
}

/// Where `own` could not have the effect that its author expects, or would hide a credential.
pub fn objection(operation: &Operation, own: &Override) -> Option<Objection> {
    let object = |says, hint| Some(Objection { operation: operation.clone(), says, hint });
    let Some(row) = Table::shared().get(&operation.service, &operation.name) else {
        return match own.exposure {
            Some(_) => None,
            None => object(
                "does not say what an answer shows, and no table knows it either, so it counts as showing credentials",
                "add exposes = [] where an answer shows neither data nor credentials, or name what it shows",
            ),
        };
    };
    if !effects::of(row).exposure.credentials {
        return None;
    }
    if !own.effects.contains(Effect::Privilege) {
        return object(
            "leaves out `privilege`, and an answer to it is a credential",
            "add \"privilege\" to effects: who gets to hold a credential is a question of rights, whatever else it is",
        );
    }
    if own.kind.is_some() {
        return object(
            "says that it is about something else, and an answer to it is a credential",
            "leave out kind: what a credential is to cannot be renamed",
        );
    }
    None
}
