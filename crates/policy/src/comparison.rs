//! What somebody says that rules newly allow from one bundle to the next, as `countersign policy diff` writes it down: read
//! within bounds, and held against both bundles.
//!
//! Nobody has signed it. What is checked here is that it is of these two bundles and this schema, that no question was left
//! without an answer, and of each request in it that the decision allows it under the one bundle and not under the other; what
//! people are told of it is made here, from the request. That no example is missing is known only to whoever asks again.

use std::collections::BTreeMap;

use model::Digest;
use serde::Deserialize;

use crate::{Bundle, Replay, Scene, handed_in, schema_digest};

/// A comparison that fits its two bundles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// SHA-256 of its bytes.
    pub digest: Digest,
    pub newly_allowed: Vec<NewlyAllowed>,
    /// How many examples it has of what is allowed no longer.
    pub no_longer_allowed: usize,
    /// Each program that had a part in it, and its version.
    pub made_with: String,
}

/// One request that the one bundle stops and the other does not, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewlyAllowed {
    /// [`Scene::told`].
    pub told: String,
    /// How the bundle before stops it.
    pub stopped: String,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ComparisonError {
    #[error("the comparison cannot be read: {0}")]
    Unreadable(String),
    #[error("the comparison is of {found}, and not of {wanted}")]
    OtherBundles { wanted: String, found: String },
    #[error("the comparison was made with another schema of requests than this version has")]
    OtherSchema,
    #[error("what the rules newly allow is not known: {0}")]
    Unanswered(String),
    #[error("the comparison has a request that it says is {says}, and the decision says otherwise: {told}")]
    NotSo { says: &'static str, told: String },
}

impl Comparison {
    pub const SCHEMA: &str = "countersign.refinement/v1";
    /// Eight examples of each effect, both ways, take less than a tenth.
    pub const MAX_BYTES: usize = 1024 * 1024;
    const MAX_EXAMPLES: usize = 200;

    /// `before`: in force until then.
    ///
    /// # Errors
    /// [`ComparisonError`]: it is of something else, leaves something open, or says what is not so.
    pub fn read(text: &[u8], before: &Bundle, bundle: &Bundle) -> Result<Self, ComparisonError> {
        let unreadable = ComparisonError::Unreadable;
        let written: Written = handed_in::read(text, Self::SCHEMA, Self::MAX_BYTES).map_err(unreadable)?;
        if (written.before, written.bundle) != (before.digest(), bundle.digest()) {
            let told = |bundle: Digest, before: Digest| format!("{bundle} in the place of {before}");
            let wanted = told(bundle.digest(), before.digest());
            return Err(ComparisonError::OtherBundles {
                wanted,
                found: told(written.bundle, written.before),
            });
        }
        if written.cedar_schema != schema_digest() {
            return Err(ComparisonError::OtherSchema);
        }
        if let Some(open) = written.unanswered.first() {
            let more = written.unanswered.len().saturating_sub(1);
            let more = if more == 0 { String::new() } else { format!(" (and {more} more)") };
            return Err(ComparisonError::Unanswered(format!("{}{more}", model::sanitize(open, 400))));
        }
        if written.newly_allowed.len().max(written.no_longer_allowed.len()) > Self::MAX_EXAMPLES {
            return Err(unreadable(format!("it has more than {} examples one way", Self::MAX_EXAMPLES)));
        }
        let mut newly_allowed = Vec::new();
        for widening in written.newly_allowed {
            let scene = widening.example.request;
            let stopped = differs(&scene, bundle, before).ok_or_else(|| not_so("newly allowed", &scene))?;
            newly_allowed.push(NewlyAllowed { told: scene.told(), stopped: stopped.to_string() });
        }
        for widening in &written.no_longer_allowed {
            let scene = &widening.example.request;
            differs(scene, before, bundle).ok_or_else(|| not_so("allowed no longer", scene))?;
        }
        Ok(Self {
            digest: Digest::of(text),
            newly_allowed,
            no_longer_allowed: written.no_longer_allowed.len(),
            made_with: handed_in::made_with(&written.made_with),
        })
    }
}

/// How the one bundle stops what the other allows; `None` where they do not differ in that way.
fn differs(scene: &Scene, allows: &Bundle, stops: &Bundle) -> Option<Replay> {
    let (request, entities) = scene.posed(allows.schema()).ok()?;
    let stopped = stops.replay_decision(&request, &entities);
    let allowed = allows.replay_decision(&request, &entities) == Replay::Allowed;
    (allowed && stopped != Replay::Allowed).then_some(stopped)
}

fn not_so(says: &'static str, scene: &Scene) -> ComparisonError {
    ComparisonError::NotSo { says, told: scene.told() }
}

/// As far as it is looked at.
#[derive(Debug, Deserialize)]
struct Written {
    before: Digest,
    bundle: Digest,
    cedar_schema: Digest,
    made_with: BTreeMap<String, String>,
    newly_allowed: Vec<Widening>,
    no_longer_allowed: Vec<Widening>,
    unanswered: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Widening {
    example: Example,
}

#[derive(Debug, Deserialize)]
struct Example {
    request: Scene,
}
