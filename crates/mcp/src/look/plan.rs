//! Steps for a goal.

use super::Held;
use crate::{Told, arguments::PlanQuery, backend::Refusal};

pub(super) fn answer(_held: &Held<'_, '_>, _query: &PlanQuery) -> Result<Told, Refusal> {
    Err(Refusal::usage("this build has no planner")
        .hint("`findings` has the steps of each remedy, as `propose` takes them"))
}
