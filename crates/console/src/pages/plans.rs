//! Plans as pages show them: each step with its checks and how it is taken back, then the ways side by side. One partial template for
//! whoever shows plans; nothing is carried out from here.

use agent::Rules;
use model::{Digest, Effect, sanitize};
use plan::{Alternative, Left, Origin, Plan, Step};

use crate::text::Shown;

#[derive(Debug, Default)]
pub(crate) struct Planned {
    pub(crate) plans: Vec<OnePlan>,
    pub(crate) more: usize,
    pub(crate) left: Vec<(Shown, Shown)>,
    pub(crate) more_left: usize,
}

#[derive(Debug)]
pub(crate) struct OnePlan {
    pub(super) number: usize,
    pub(super) goal: Shown,
    pub(super) id: Digest,
    pub(super) basis: Shown,
    /// Which of these it follows.
    pub(super) follows: Option<Shown>,
    pub(super) steps: Vec<OneStep>,
    pub(super) ways: Vec<Way>,
    /// Rules were asked whom each way needs.
    pub(super) asked: bool,
    pub(super) why_not: Vec<WhyNot>,
    pub(super) unknowns: Vec<Shown>,
    pub(super) traps: Vec<Shown>,
}

#[derive(Debug)]
pub(super) struct OneStep {
    pub(super) id: Shown,
    pub(super) call: Shown,
    pub(super) why: Shown,
    pub(super) effects: Shown,
    pub(super) undoable: bool,
    pub(super) undo: Shown,
    pub(super) interrupts: Option<Shown>,
    pub(super) unverified: Option<Shown>,
    pub(super) checks: Vec<(&'static str, Shown)>,
}

/// A row of the table.
#[derive(Debug)]
pub(super) struct Way {
    pub(super) name: Shown,
    pub(super) proposed: bool,
    pub(super) effects: Shown,
    pub(super) undoable: bool,
    pub(super) interrupts: Shown,
    pub(super) destroys: Shown,
    pub(super) people: Shown,
}

#[derive(Debug)]
pub(super) struct WhyNot {
    pub(super) name: Shown,
    pub(super) why: Shown,
    pub(super) costs: Vec<(&'static str, Shown)>,
    pub(super) more: usize,
}

const MOST: usize = 10;
const MOST_LEFT: usize = 50;
const MOST_LOST: usize = 20;

impl Planned {
    /// `rules`: whom each way would need by them.
    pub(crate) fn of<'p>(
        plans: impl ExactSizeIterator<Item = &'p Plan> + Clone,
        left: &[Left],
        rules: Option<Rules<'_>>,
    ) -> Self {
        let ids: Vec<Digest> = plans.clone().map(|it| it.id).collect();
        Self {
            more: ids.len().saturating_sub(MOST),
            plans: (1..)
                .zip(plans)
                .take(MOST)
                .map(|(number, it)| OnePlan::of(number, it, &ids, rules))
                .collect(),
            left: left.iter().take(MOST_LEFT).map(|it| (Shown::of(&it.about), Shown::of(&it.why))).collect(),
            more_left: left.len().saturating_sub(MOST_LEFT),
        }
    }
}

impl OnePlan {
    fn of(number: usize, plan: &Plan, all: &[Digest], rules: Option<Rules<'_>>) -> Self {
        let place = |id: Digest| all.iter().position(|it| *it == id);
        let follows = plan.follows.map(|id| match place(id) {
            Some(nth) => Shown::of(format!("once plan {} has run", nth.saturating_add(1))),
            None => Shown::of(format!("once the plan {} has run", id.short())),
        });
        let basis = &plan.basis;
        Self {
            number,
            goal: Shown::of(&plan.goal),
            id: plan.id,
            basis: Shown::of(format!("account {} as of {}", basis.account, basis.taken)),
            follows,
            steps: plan.steps.iter().map(OneStep::of).collect(),
            ways: ways(plan, rules),
            asked: rules.is_some(),
            why_not: plan.alternatives.iter().map(WhyNot::of).collect(),
            unknowns: crate::text::all(&plan.unknowns),
            traps: crate::text::all(&plan.traps),
        }
    }
}

impl OneStep {
    fn of(step: &Step) -> Self {
        let check = |when: &'static str, it: &plan::Check| {
            let patience = it.patience.seconds();
            let within = if patience == 0 { String::new() } else { format!(" within {patience} s") };
            (when, Shown::of(format!("{}{within}", it.verifies)))
        };
        let before = step.before.iter().map(|it| check("before", it));
        let after = step.after.iter().map(|it| check("after", it));
        Self {
            id: Shown::of(&step.id),
            call: Shown::of(step.call.told()),
            why: Shown::of(&step.why),
            effects: Shown::of(step.effects),
            undoable: step.undoable,
            undo: Shown::of(step.undo.told()),
            interrupts: step.interrupts.as_ref().map(Shown::of),
            unverified: match &step.origin {
                Origin::Derived { .. } => None,
                Origin::Unverified { why } => Some(Shown::of(why)),
            },
            checks: before.chain(after).collect(),
        }
    }
}

/// The proposed way and the others.
fn ways(plan: &Plan, rules: Option<Rules<'_>>) -> Vec<Way> {
    let asked = |people: Option<&plan::People>, steps: &[Step]| match (people, rules) {
        (Some(people), _) => Shown::of(people),
        (None, Some(rules)) => Shown::of(rules.people(&plan.basis.account, steps)),
        (None, None) => Shown::of("not asked"),
    };
    let gone = plan.steps.iter().filter(|it| it.effects.contains(Effect::Destroy));
    let gone: Vec<&str> = gone.map(|it| it.id.as_str()).collect();
    let stops: Vec<&String> = plan.steps.iter().filter_map(|it| it.interrupts.as_ref()).collect();
    let own = Way {
        name: Shown::of("this plan"),
        proposed: true,
        effects: Shown::of(plan.effects),
        undoable: plan.steps.iter().all(|it| it.undoable),
        interrupts: few(&stops),
        destroys: Shown::of(match gone.as_slice() {
            [] => "nothing".to_owned(),
            some => format!("what cannot be undone of step {}", some.join(", ")),
        }),
        people: asked(plan.people.as_ref(), &plan.steps),
    };
    let others = plan.alternatives.iter().map(|it| Way {
        name: Shown::of(&it.name),
        proposed: false,
        effects: Shown::of(if it.steps.is_empty() { "none".to_owned() } else { it.effects.to_string() }),
        undoable: it.undoable,
        interrupts: few(&it.interrupts),
        destroys: few(&it.destroys),
        people: asked(it.people.as_ref(), &it.steps),
    });
    std::iter::once(own).chain(others).collect()
}

/// The first, and how many more; all of them stand below.
fn few<T: AsRef<str>>(all: &[T]) -> Shown {
    match all {
        [] => Shown::of("nothing"),
        [one] => Shown::of(sanitize(one.as_ref(), 160)),
        [one, more @ ..] => Shown::of(format!("{} and {} more", sanitize(one.as_ref(), 160), more.len())),
    }
}

impl WhyNot {
    fn of(other: &Alternative) -> Self {
        let all = [("destroys", &other.destroys), ("loses", &other.loses), ("interrupts", &other.interrupts)];
        let count: usize = all.iter().map(|(_, those)| those.len()).sum();
        let shown = all.iter().flat_map(|(what, those)| those.iter().map(|it| (*what, Shown::of(it))));
        let costs: Vec<_> = shown.take(MOST_LOST).collect();
        Self {
            name: Shown::of(&other.name),
            why: Shown::of(&other.why_not),
            more: count.saturating_sub(costs.len()),
            costs,
        }
    }
}
