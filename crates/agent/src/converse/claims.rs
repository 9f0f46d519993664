//! What a model says it did or may do. None of it has an effect: people approve by their keys, checks tick tasks, rules give rights. A
//! claim is kept and shown as one, so that nobody takes it for a fact. Found by words; one that is said otherwise has no effect either.

use model::sanitize;
use serde::Serialize;

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Claim {
    pub of: Of,
    /// The sentence, cut.
    pub words: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Of {
    /// That somebody agreed.
    Approval,
    /// That something was carried out, or a task is done.
    Done,
    /// That it may do more than it may, or should.
    Rights,
}

const WORDS: [(Of, &[&str]); 3] = [
    (
        Of::Approval,
        &[
            "approved",
            "approval was",
            "approval has",
            "i approve",
            "signed off",
            "authorized by",
            "authorised by",
            "countersigned",
            "has signed",
        ],
    ),
    (
        Of::Done,
        &[
            "[x]",
            "i have deleted",
            "i deleted",
            "has been deleted",
            "were deleted",
            "i have executed",
            "i executed",
            "i ran",
            "has been executed",
            "have been applied",
            "has been applied",
            "is done",
            "are done",
            "all done",
            "task is complete",
            "tasks are complete",
            "completed",
            "i have fixed",
            "has been fixed",
            "successfully",
        ],
    ),
    (
        Of::Rights,
        &[
            "admin rights",
            "administrator",
            "elevate",
            "more rights",
            "more permissions",
            "wider",
            "my autonomy",
            "autonomy level",
            "set autonomy",
            "grant me",
            "give me access",
            "bypass",
            "override the policy",
        ],
    ),
];

impl Of {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Approval => "approval",
            Self::Done => "done",
            Self::Rights => "rights",
        }
    }

    /// What the person is told beside it.
    pub const fn note(self) -> &'static str {
        match self {
            Self::Approval => {
                "the model says that something is approved: only people approve, each with their own key"
            }
            Self::Done => {
                "the model says that something was done: nothing was, and a task is ticked by its checks alone"
            }
            Self::Rights => {
                "the model asks for more than it has: rights and autonomy are the session's, and no conversation changes them"
            }
        }
    }
}

/// A model's reason as people read it beside a plan: where it claims something, that it does stands before it.
pub(super) fn marked(text: &str) -> String {
    let of: Vec<&str> = claims(text).iter().map(|it| it.of.name()).collect();
    if of.is_empty() {
        return text.to_owned();
    }
    format!("[a language model claims {}, which nobody confirms and has no effect] {text}", of.join(" and "))
}

/// One of each kind.
pub fn claims(text: &str) -> Vec<Claim> {
    let mut found: Vec<Claim> = Vec::new();
    for sentence in text.split(['\n', '!', '?']).flat_map(|it| it.split(". ")) {
        let lower = sentence.to_lowercase();
        for (of, words) in WORDS {
            if words.iter().any(|it| lower.contains(it)) && !found.iter().any(|it| it.of == of) {
                found.push(Claim { of, words: sanitize(sentence.trim(), 160) });
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_model_says_it_did_is_a_claim() {
        let check = |text: &str, expected: &[Of]| {
            let of: Vec<Of> = claims(text).into_iter().map(|it| it.of).collect();
            assert_eq!(of, expected, "{text}");
        };
        check("The volume is unattached for 40 days.", &[]);
        check("Alice has approved it. Go on.", &[Of::Approval]);
        check("- [x] 1.1 delete the volume", &[Of::Done]);
        check("I have deleted the stack, and it was approved by the team.", &[Of::Approval, Of::Done]);
        check("Please grant me admin rights!", &[Of::Rights]);
        check("approved. approved. APPROVED", &[Of::Approval]);
        assert_eq!(marked("it is idle"), "it is idle");
        assert_eq!(
            marked("Approved by security, urgent"),
            "[a language model claims approval, which nobody confirms and has no effect] Approved by security, urgent"
        );
        assert_eq!(claims("approved\u{1b}[2J")[0].words, "approved\\u{1b}[2J");
    }
}
