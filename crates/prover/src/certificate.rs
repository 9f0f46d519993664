//! What a run has shown, as a document: what was read, who answered, every sentence with its verdict, and what none of
//! it says. The same inputs give the same certificate, but for the times in it.

use std::collections::BTreeMap;

use model::Digest;
use serde::Serialize;

use policy::Scene;

#[derive(Clone, Debug, Serialize)]
pub struct Certificate {
    /// `countersign.certificate/v1`.
    pub schema: &'static str,
    pub bundle: Digest,
    pub profile: String,
    pub cedar_schema: Digest,
    /// What was read: every file of rules and of invariants.
    pub files: BTreeMap<String, Digest>,
    /// Each program that had a part in it, and its version.
    pub made_with: BTreeMap<&'static str, String>,
    /// Kinds of principal × effects × kinds of resource.
    pub request_environments: usize,
    pub claimed: &'static str,
    pub assumptions: Vec<String>,
    pub not_claimed: [&'static str; 5],
    pub passed: usize,
    /// Kept in the direction that matters, and not in the other: see [`Judgement::Stricter`].
    pub warned: usize,
    pub failed: usize,
    pub results: Vec<Outcome>,
    pub took_ms: u64,
}

/// One sentence and what became of it.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    pub id: String,
    pub says: String,
    pub file: Option<String>,
    pub judgement: Judgement,
    /// Why not, in a sentence, or what is stopped that need not be; empty where it is proved.
    pub detail: String,
    pub counterexample: Option<Counterexample>,
    pub took_ms: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Judgement {
    Proved,
    /// A request was found for which it does not hold, and the decision agrees.
    Refuted,
    /// Of a sentence that says what the constitution leaves alone: it does not, so that less is let through than the sentence
    /// says. That is somebody's own choice, and worth a look; nothing is let through that should not be.
    Stricter,
    /// Neither: this is a failure too.
    Unproved,
}

/// A request, and where two are compared the other one.
#[derive(Clone, Debug, Serialize)]
pub struct Counterexample {
    pub told: String,
    pub request: Scene,
    pub other: Option<Scene>,
}

impl Outcome {
    pub fn passed(&self) -> bool {
        match self.judgement {
            Judgement::Proved => true,
            Judgement::Refuted | Judgement::Stricter | Judgement::Unproved => false,
        }
    }

    pub fn warned(&self) -> bool {
        match self.judgement {
            Judgement::Stricter => true,
            Judgement::Proved | Judgement::Refuted | Judgement::Unproved => false,
        }
    }
}

impl Certificate {
    pub const SCHEMA: &'static str = "countersign.certificate/v1";

    pub(crate) const CLAIMED: &'static str = "for every request that the schema can express and of which the \
        assumptions are true, and for any grants: whatever is allowed is allowed by the constitution, and of the \
        constitution each sentence that is proved holds";

    pub(crate) const NOT_CLAIMED: [&'static str; 5] = [
        "that a request describes reality: what is classified, counted and observed is tested, not proved",
        "anything of the hours, the map of environments, the roster, budgets, standing approvals or limits: they decide \
         what a request says, and are compared when a bundle changes",
        "that people are counted rightly, or that a signature is whose it seems: see promises 3 and 4",
        "that what was decided is what is carried out: see promise 5",
        "that the symbolic compiler and the solver are free of errors; what they claim to have found is decided again, \
         what they claim to have proved is not",
    ];

    /// Whatever is not may only be stricter.
    pub fn all_proved(&self) -> bool {
        self.failed == 0 && self.passed > 0
    }
}
