//! Findings in words, for whoever shows them: fragments in lower case. Everything that came from a cloud was sanitized where it entered the
//! report, but for what a step takes, which is here.

use std::fmt;

use model::sanitize;

use crate::{Finding, Grace, GraceState, Remedy, Step, Unjudged};

impl Finding {
    /// `ec2:DeleteVolume (destroy), then …`: what would be done in the end and is not proposed now; `None`: nothing.
    pub fn in_the_end(&self) -> Option<String> {
        let proposed = self.remedy.steps();
        let later = self.way.iter().filter(|step| !proposed.contains(step));
        let later: Vec<String> =
            later.map(|step| format!("{}:{} ({})", step.service, step.operation, step.effects)).collect();
        (!later.is_empty()).then(|| later.join(", then "))
    }
}

impl Remedy {
    /// What is proposed; of steps only that they are, each of them is told by itself.
    pub fn told(&self) -> String {
        match self {
            Self::Steps(_) => "proposed:".to_owned(),
            Self::StackUpdate { stack, change } => format!("proposed: an update of {stack}: {change}"),
            Self::Wait { until } => format!("marked; nothing is to be done before {until}"),
            Self::Advice(text) => format!("for people: {text}"),
        }
    }
}

impl Grace {
    pub fn told(&self) -> String {
        match self.state {
            GraceState::NotMarked => format!("what follows waits for {} days", self.days),
            GraceState::Marked { since, .. } | GraceState::Over { since } => format!("unused since {since}"),
            GraceState::UsedAgain { since } => format!("marked on {since}"),
        }
    }
}

impl Step {
    /// `undo`: [`Step::undo_word`], as whoever shows it sets it off.
    pub fn told(&self, undo: impl fmt::Display) -> String {
        let Self { service, operation, effects, why, .. } = self;
        let parameters = sanitize(&self.parameters.to_string(), 1000);
        format!("{service}:{operation} {parameters} ({effects}, {undo}): {why}")
    }

    pub const fn undo_word(&self) -> &'static str {
        if self.undoable { "can be undone" } else { "cannot be undone" }
    }
}

impl Unjudged {
    /// Why, and of how many.
    pub fn told(&self) -> String {
        match self.resources {
            Some(count) => format!("{} ({count}, such as {})", self.why, self.examples.join(", ")),
            None => self.why.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use model::{Effect, EffectSet, Timestamp};
    use serde_json::json;

    use super::*;

    fn check(told: &str, expected: &Expect) {
        expected.assert_eq(told);
    }

    #[test]
    fn what_is_proposed_is_told_without_its_steps() {
        let until = Timestamp::from_seconds(1_795_228_800);
        let (stack, change) = ("shop".to_owned(), "take the alarm out".to_owned());
        check(&Remedy::Steps(Vec::new()).told(), &expect!["proposed:"]);
        check(
            &Remedy::StackUpdate { stack, change }.told(),
            &expect!["proposed: an update of shop: take the alarm out"],
        );
        check(
            &Remedy::Wait { until }.told(),
            &expect!["marked; nothing is to be done before 2026-11-21T02:40:00.000Z"],
        );
        check(&Remedy::Advice("ask its owner".to_owned()).told(), &expect!["for people: ask its owner"]);
    }

    #[test]
    fn a_grace_is_told_by_where_it_is() {
        let since = Timestamp::from_seconds(1_795_228_800);
        let told = |state| Grace { state, days: 14 }.told();
        check(&told(GraceState::NotMarked), &expect!["what follows waits for 14 days"]);
        check(&told(GraceState::Over { since }), &expect!["unused since 2026-11-21T02:40:00.000Z"]);
        check(&told(GraceState::UsedAgain { since }), &expect!["marked on 2026-11-21T02:40:00.000Z"]);
    }

    #[test]
    fn a_step_is_told_in_one_line() {
        let step = Step {
            service: "ec2".to_owned(),
            operation: "DeleteVolume".to_owned(),
            region: "eu-west-1".to_owned(),
            parameters: json!({ "VolumeId": "vol-1\u{1b}" }),
            why: "nobody uses it".to_owned(),
            effects: EffectSet::of(Effect::Destroy),
            undoable: false,
        };
        let told = step.told(step.undo_word());
        assert!(told.starts_with("ec2:DeleteVolume {\"VolumeId\":\"vol-1"), "{told}");
        assert!(told.ends_with("(destroy, cannot be undone): nobody uses it"), "{told}");
    }

    #[test]
    fn what_is_not_known_says_of_how_many() {
        let unjudged = |resources| Unjudged {
            analyzer: "x",
            region: "eu-west-1".to_owned(),
            why: "no metrics".to_owned(),
            resources,
            examples: vec!["a".to_owned(), "b".to_owned()],
        };
        check(&unjudged(None).told(), &expect!["no metrics"]);
        check(&unjudged(Some(7)).told(), &expect!["no metrics (7, such as a, b)"]);
    }
}
