//! Steps that nobody but a language model vouches for. Whoever proposes says so ([`Vouched::ByModelAlone`]); it then takes one more person than
//! the rules ask for, and a person where they ask for none. It is judged as if the first who agrees had not: what is allowed with the mark is
//! allowed without it, so the mark can only tighten.

use std::collections::BTreeSet;

use model::{Alternative, Denial, Hold, Requirement, RuleRef, Step, Tally, Verdict, Vouched};

const NOTE: &str =
    "a language model proposed it, and nothing derives it from what is there: it takes one more person";

/// Put before the eyes of whoever signs.
pub(crate) fn mark(step: &mut Step, vouched: Vouched) {
    step.vouched = step.vouched.max(vouched);
    if step.vouched == Vouched::ByModelAlone && !step.action.unknowns.iter().any(|it| it == NOTE) {
        step.action.unknowns.push(NOTE.to_owned());
    }
}

/// Whether one of them is of that kind, and does anything.
pub(crate) fn any(steps: &[Step]) -> bool {
    steps.iter().any(|step| step.vouched == Vouched::ByModelAlone && !step.action.effects.is_plain_read())
}

/// Without the one person who stands for the model's word. Owners and roles are of people: no more of them than there are left.
pub(crate) fn one_less(tally: &Tally) -> Tally {
    let people = tally.people.saturating_sub(1);
    Tally {
        people,
        touched: tally.touched.saturating_sub(1),
        rendered: tally.rendered.saturating_sub(1),
        owners: tally.owners.min(people),
        roles: if people == 0 { BTreeSet::new() } else { tally.roles.clone() },
    }
}

/// What comes of a verdict that was found with [`one_less`]: the requirement as people read it, all of them counted.
/// `eligible`: who could be asked, looked up only where it matters.
pub(crate) fn tightened(found: Verdict, agreed: u32, eligible: impl FnOnce() -> Tally) -> Verdict {
    let more = |count: u32| if count == 0 { 0 } else { count.saturating_add(1) };
    match found {
        Verdict::Allow if agreed > 0 => Verdict::Allow,
        Verdict::Allow => match eligible().people {
            0 => Verdict::Deny(Denial {
                fault: None,
                rules: rule(),
                alternatives: vec![Alternative("ask for it as a goal that the planner derives".to_owned())],
            }),
            _ => Verdict::Hold(Hold {
                requirement: Requirement { people: 1, ..Requirement::default() },
                rules: rule(),
                alternatives: Vec::new(),
            }),
        },
        Verdict::Hold(hold) => {
            let Requirement { people, touched, rendered, .. } = hold.requirement;
            let requirement = Requirement {
                // Whatever else it waits for, somebody looks at it.
                people: people.saturating_add(1),
                touched: more(touched),
                rendered: more(rendered),
                ..hold.requirement
            };
            Verdict::Hold(Hold { requirement, rules: hold.rules.into_iter().chain(rule()).collect(), ..hold })
        }
        Verdict::Deny(denial) => {
            Verdict::Deny(Denial { rules: denial.rules.into_iter().chain(rule()).collect(), ..denial })
        }
    }
}

fn rule() -> Vec<RuleRef> {
    let id = "unverified-step".parse().ok();
    let rule = |id| RuleRef {
        id,
        reason: "a step that only a language model vouches for takes one more person".to_owned(),
        file: "(proposal)".to_owned(),
        line: 0,
    };
    id.map(rule).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(people: u32) -> Tally {
        Tally { people, touched: people, ..Tally::default() }
    }

    fn hold(people: u32, touched: u32) -> Verdict {
        let requirement = Requirement { people, touched, ..Requirement::default() };
        Verdict::Hold(Hold { requirement, rules: Vec::new(), alternatives: Vec::new() })
    }

    fn people(verdict: &Verdict) -> (u32, u32) {
        match verdict {
            Verdict::Hold(Hold { requirement, .. }) => (requirement.people, requirement.touched),
            Verdict::Allow => (0, 0),
            Verdict::Deny(_) => (u32::MAX, u32::MAX),
        }
    }

    #[test]
    fn it_takes_one_more_and_never_none() {
        let check = |found: Verdict, agreed, eligible, expected| {
            assert_eq!(people(&tightened(found, agreed, || tally(eligible))), expected);
        };
        check(Verdict::Allow, 0, 3, (1, 0));
        check(Verdict::Allow, 1, 3, (0, 0));
        check(Verdict::Allow, 0, 0, (u32::MAX, u32::MAX));
        check(hold(1, 0), 0, 3, (2, 0));
        check(hold(2, 2), 1, 3, (3, 3));
        // A window that nobody needs to open for.
        check(hold(0, 0), 0, 3, (1, 0));
        assert_eq!((one_less(&tally(0)).people, one_less(&tally(3)).touched), (0, 2));
        // One owner who agrees is the one who stands for the model's word: none is left for a rule that asks for one.
        let owner = Tally { owners: 1, roles: ["owner".parse().unwrap()].into(), ..tally(1) };
        assert_eq!((one_less(&owner).owners, one_less(&owner).roles.len()), (0, 0));
        assert_eq!(one_less(&Tally { people: 2, ..owner }).owners, 1);
    }
}
