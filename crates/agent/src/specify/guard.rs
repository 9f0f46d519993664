//! What shall continue while a plan is carried out. A plan says it by its structure: what a step's checks show before it and again after it
//! is what the step must not break; whatever one step reached, no later one may lose; and what depends on what a step is about, as far as
//! the snapshot knew it, stands in the plan itself.

use plan::{Check, Plan};

use super::words::clause;

/// One sentence with SHALL CONTINUE TO, and how a machine measures it before and after each step.
#[derive(Clone, Debug, PartialEq)]
pub struct Guard {
    /// After THE … SHALL CONTINUE TO.
    pub response: String,
    pub measured: Measured,
}

#[expect(clippy::large_enum_variant, reason = "a plan has few")]
#[derive(Clone, Debug, PartialEq)]
pub enum Measured {
    /// The checks after each step that has run, once more. Before the first there is none, and nothing to lose.
    WhatRan,
    /// This one, each time.
    Check(Check),
}

/// In the order of their numbers: the first of `bugfix.md` is 3.1, and its check `unchanged-3-1`. Never empty.
pub fn guards(plan: &Plan) -> Vec<Guard> {
    let mut guards = vec![Guard {
        response: "pass the checks of each step that ran before".to_owned(),
        measured: Measured::WhatRan,
    }];
    let both = plan.steps.iter().flat_map(|step| {
        let stays =
            |check: &&Check| step.after.iter().any(|it| it.read == check.read && it.expect == check.expect);
        step.before.iter().filter(stays)
    });
    for check in both.chain(&plan.guards) {
        let told = guards.iter().any(|it| match &it.measured {
            Measured::Check(known) => known.read == check.read && known.expect == check.expect,
            Measured::WhatRan => false,
        });
        if !told {
            let response = format!("show that {}", clause(&check.verifies));
            guards.push(Guard { response, measured: Measured::Check(check.clone()) });
        }
    }
    guards
}
