//! Specifications written beside each other; nothing is written over.

use std::path::Path;

use agent::Order;
use findings::Report;

use super::{
    super::specified::{Place, Specified},
    Outcome,
};
use crate::failure::Failure;

pub(super) fn all(top: &Path, words: &str, report: &Report, outcome: &mut Outcome) -> Result<(), Failure> {
    for proposed in &outcome.proposed {
        let said = outcome.said.as_deref();
        let specified =
            Specified::of(Order { sort: proposed.sort, plan: &proposed.plan, report, words, said })?;
        let (Place::New(dir) | Place::There(dir)) = specified.place(top, |_| false)?;
        specified.write(&dir)?;
        outcome.specifications.push(dir.display().to_string());
    }
    Ok(())
}
