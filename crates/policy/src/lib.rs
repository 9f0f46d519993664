//! Cedar: schema, constitution, grants, the decision and the least requirement that would allow it; pure.
//!
//! A [`Bundle`] is everything that can change a verdict. [`Bundle::load`] takes its files and refuses them whole or
//! compiles them; [`Bundle::decide`] turns an [`Ask`], facts established by the engine, into a verdict. [`starter`]
//! writes the bundle that `init` puts down.
//!
//! A hold's requirement is found by evaluating the enforced text under what could still be had (people of the roster,
//! evidence, the next open hour) and lowering each part while it still suffices. `@absolute` is the one annotation with
//! an effect, and only towards no: a rule so marked that is tripped now is not searched around, so "not in peak hours"
//! is a denial that says when to come back, not a hold.
//!
//! Unknown is dangerous: an unknown account is production, a target that nobody named may be a database and a backup, a
//! kind in no table may hold data, no calendar is peak and frozen.
//!
//! What is *absent*: no files, clock, network or randomness; no classification (effects are given), no counting of
//! people (tallies are given), no risk. Allowed means: {permit all} ∪ constitution, the agent's grant and the
//! operator's grant each allow, and nothing erred. Every other outcome of any step is a denial or a hold.

mod accounts;
#[cfg(test)]
mod agreement;
mod allowances;
mod ask;
mod bounds;
mod bundle;
mod calendar;
mod certificate;
mod comparison;
mod context;
mod decisions;
mod differences;
mod examples;
mod explain;
mod facts;
mod format;
mod handed_in;
mod invariants;
mod kinds;
mod law;
mod levels;
mod members;
mod naming;
mod places;
mod problem;
mod reader;
mod reference;
mod registry;
mod rules;
mod scene;
mod schema;
mod search;
mod settings;
mod shape;
mod slots;
mod starter;
mod tables;
mod witnesses;

pub use accounts::{Assumable, RoleArn, Roles};
pub use allowances::{Charges, Spent};
pub use ask::{Ask, ChangeFacts};
pub use bundle::{
    Bundle, Files,
    glass::GlassError,
    provable::{Part, Provable, Replay},
};
pub use calendar::TimeFacts;
pub use certificate::{Certificate, CertificateError};
pub use comparison::{Comparison, ComparisonError, NewlyAllowed};
pub use differences::{Difference, Tendency, Way};
pub use examples::{ExampleResult, ShownExample};
pub use explain::{Eligible, Explanation};
pub use format::{FormatError, formatted};
pub use invariants::{Claim, Invariant};
pub use kinds::{lies_in, lineage as kind_lineage};
pub use levels::Levels;
pub use places::Landing;
pub use problem::{LoadError, Problem, Sort, Span};
pub use reference::{reference, reference_page};
pub use registry::Override;
pub use scene::{EntityName, Scene, ordinary};
pub use schema::{schema_digest, schema_text};
pub use settings::{FileSignatures, Limits, Profile};
pub use starter::{StarterError, StarterOptions, starter};
pub use tables::Tables;
pub use witnesses::{WitnessVkey, Witnesses};
