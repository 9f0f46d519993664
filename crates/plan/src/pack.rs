//! From units of steps to plans: what can be undone first, nothing that destroys beside what can be undone, at most
//! [`Change::MAX_STEPS`] steps a plan.

use std::collections::BTreeMap;

use model::{Change, Digest, Effect, EffectSet};

use crate::{Alternative, Given, Plan, SCHEMA, Step, stays};

/// Steps that depend on each other.
#[derive(Clone, Debug)]
pub(crate) struct Unit {
    /// What it achieves, in words; equal ones are packed together.
    pub(crate) goal: String,
    pub(crate) steps: Vec<Step>,
    pub(crate) alternatives: Vec<Alternative>,
    pub(crate) unknowns: Vec<String>,
    pub(crate) traps: Vec<String>,
    /// It follows the unit before it.
    pub(crate) follows: bool,
}

impl Unit {
    pub(crate) fn new(goal: impl Into<String>, steps: Vec<Step>) -> Self {
        Self {
            goal: goal.into(),
            steps,
            alternatives: Vec::new(),
            unknowns: Vec::new(),
            traps: Vec::new(),
            follows: false,
        }
    }

    fn manner(&self) -> Manner {
        if self.steps.iter().all(|step| step.undoable) {
            Manner::Undoable
        } else if self.steps.iter().any(|step| step.interrupts.is_some()) {
            Manner::Interrupts
        } else {
            Manner::Destroys
        }
    }
}

/// Ascending: what comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Manner {
    Undoable,
    Destroys,
    Interrupts,
}

pub(crate) fn plans(given: &Given<'_, '_>, units: Vec<Unit>) -> Vec<Plan> {
    let mut chains: Vec<Vec<Unit>> = Vec::new();
    for unit in units {
        match chains.last_mut() {
            Some(chain) if unit.follows => chain.push(unit),
            _ => chains.push(vec![unit]),
        }
    }
    let (alone, chained): (Vec<_>, Vec<_>) = chains.into_iter().partition(|chain| chain.len() == 1);
    let mut packs: BTreeMap<(Manner, String), Vec<Unit>> = BTreeMap::new();
    for unit in alone.into_iter().flatten() {
        packs.entry((unit.manner(), unit.goal.clone())).or_default().push(unit);
    }
    let mut plans = Vec::new();
    for ((manner, _), units) in packs {
        // What stops something is asked for by itself: where another fails, it is not undone with it.
        let most = if manner == Manner::Interrupts { 0 } else { Change::MAX_STEPS };
        let mut held: Vec<Unit> = Vec::new();
        for unit in units {
            let steps: usize = held.iter().map(|unit| unit.steps.len()).sum();
            if !held.is_empty() && steps + unit.steps.len() > most {
                plans.push(plan(given, std::mem::take(&mut held), None));
            }
            held.push(unit);
        }
        plans.push(plan(given, held, None));
    }
    for chain in chained {
        let mut before = None;
        for unit in chain {
            let next = plan(given, vec![unit], before);
            before = Some(next.id);
            plans.push(next);
        }
    }
    plans
}

pub(crate) fn plan(given: &Given<'_, '_>, units: Vec<Unit>, follows: Option<Digest>) -> Plan {
    let goal = units.first().map_or_else(String::new, |unit| unit.goal.clone());
    let mut steps = Vec::new();
    let mut alternatives: Vec<Alternative> = Vec::new();
    let (mut unknowns, mut traps) = (Vec::new(), Vec::new());
    for unit in units {
        steps.extend(unit.steps);
        for more in unit.alternatives {
            match alternatives.iter_mut().find(|one| one.name == more.name) {
                Some(one) => one.join(more),
                None => alternatives.push(more),
            }
        }
        unknowns.extend(unit.unknowns);
        traps.extend(unit.traps);
    }
    for words in [&mut unknowns, &mut traps] {
        words.sort();
        words.dedup();
    }
    number(&mut steps);
    for alternative in &mut alternatives {
        number(&mut alternative.steps);
    }
    let mut findings: Vec<String> = steps.iter().flat_map(Step::findings).cloned().collect();
    findings.sort();
    findings.dedup();
    Plan {
        schema: SCHEMA.to_owned(),
        id: Plan::id_of(&steps),
        goal,
        basis: given.basis(findings),
        follows,
        effects: effects(&steps),
        guards: stays::around(given, &steps),
        steps,
        people: None,
        alternatives,
        unknowns,
        traps,
    }
}

fn number(steps: &mut [Step]) {
    for (nth, step) in steps.iter_mut().enumerate() {
        step.id = (nth + 1).to_string();
        for (place, checks) in [("before", &mut step.before), ("after", &mut step.after)] {
            for (which, check) in checks.iter_mut().enumerate() {
                check.id = format!("{place}-{}-{}", nth + 1, which + 1);
            }
        }
    }
}

/// Of all steps together.
pub(crate) fn effects(steps: &[Step]) -> EffectSet {
    steps.iter().map(|step| step.effects).reduce(EffectSet::union).unwrap_or(EffectSet::of(Effect::Read))
}

impl Alternative {
    fn join(&mut self, other: Self) {
        self.steps.extend(other.steps);
        self.effects = self.effects.union(other.effects);
        for (own, more) in [
            (&mut self.interrupts, other.interrupts),
            (&mut self.destroys, other.destroys),
            (&mut self.loses, other.loses),
        ] {
            own.extend(more);
            own.sort();
            own.dedup();
        }
        self.undoable &= other.undoable;
    }
}
