//! What lies where. A specification is a folder `.kiro/specs/NAME`; Kiro ignores the files that it does not know.

use crate::bounds::Bounds;

/// Where specifications lie, from the top of a repository.
pub const SPECS: &str = ".kiro/specs";
/// Where steering files lie.
pub const STEERING: &str = ".kiro/steering";

pub const REQUIREMENTS: &str = "requirements.md";
pub const BUGFIX: &str = "bugfix.md";
pub const DESIGN: &str = "design.md";
pub const TASKS: &str = "tasks.md";

/// The user's words and their digest. Ours, as are all below.
pub const INTENT: &str = "intent.md";
/// What a scan found, and what the plan answers.
pub const FINDINGS: &str = "findings.json";
/// The plan as data.
pub const PLAN: &str = "plan.json";
/// What was read, one file for each piece, named by its digest.
pub const EVIDENCE: &str = "evidence";
/// The change on a server in which the plan stands.
pub const CHANGE: &str = "change.json";
/// Machine checks, one a line.
pub const RUN: &str = "run.jsonl";

/// What is read of a folder; a name that is not here is left alone.
pub const READ: [&str; 6] = [REQUIREMENTS, BUGFIX, DESIGN, TASKS, INTENT, RUN];

/// How much of such a file is read.
pub fn bounds(name: &str) -> Bounds {
    match name {
        RUN => Bounds::RUN,
        INTENT => Bounds::INTENT,
        _ => Bounds::DOCUMENT,
    }
}
