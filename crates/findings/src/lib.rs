//! Findings: what is wrong or wasteful in a snapshot. Pure: a snapshot, parameters, prices and an instant in; out come findings, what
//! was spared and why, and what could not be judged. Nothing here acts: a remedy is data, and what it would do to the world is
//! computed from the operation table, never asserted.
//!
//! Three rules hold everywhere. *What was not read is not known*: an analyzer whose reads were refused says so and claims nothing.
//! *What looks idle may be rare*: less than a year of quiet, pauses like it before, a schedule, or a name that says quarterly stand against it.
//! *Nothing is destroyed at once*: what is unused is marked, and only what stayed unused while marked, on the best evidence, has a
//! remedy that destroys.

mod analyzer;
mod analyzers;
mod asked;
mod costs;
mod danger;
mod draft;
mod finding;
mod grace;
mod kind;
mod money;
mod parameters;
mod price_of;
mod prices;
mod report;
mod rhythm;
mod signs;
mod subject;
mod tags;
mod told;
mod views;

pub use analyzer::{ANALYZERS, Analyzer, Class};
pub use costs::{By, Costs, Line, costs};
pub use danger::{Danger, Judge, Judged, Unjudgeable, canonical};
pub use finding::{
    Confidence, Fact, Finding, Grace, GraceState, HeldBack, Level, Remedy, Saving, Spared, Step,
    Subject as Named, Unjudged,
};
pub use grace::MARK;
pub use money::Micros;
pub use parameters::{Parameters, ParametersError, stale};
pub use price_of::{Amount, Bound, Part};
pub use prices::{Prices, PricesError, Shared};
pub use report::{Report, analyse};
pub use tags::tags_read;
