//! Which rules a question can be about, found by what it is about rather than by looking at every rule. Sound because
//! whatever leads to a rule here is a necessary condition of it ([`Shape`]): what is left out would not have been
//! satisfied, and would not have erred.

use std::collections::HashMap;

use cedar_policy::{ActionConstraint, EntityUid};
use model::Effect;

use crate::{schema::Vocabulary, shape::Shape};

/// Every entity that some rule needs, by number. What no rule needs tells no two questions apart.
#[derive(Debug, Default)]
pub(super) struct Landmarks {
    numbers: HashMap<EntityUid, Landmark>,
}

type Number = u32;

#[derive(Clone, Copy, Debug)]
struct Landmark {
    number: Number,
    /// How many rules need it.
    rules: usize,
}

/// Which landmarks a question is about, in order.
pub(super) type About = Box<[Number]>;

/// The rules of one book for one effect, by the rarest of what they need.
#[derive(Debug, Default)]
struct Index {
    needless: Vec<usize>,
    by_need: HashMap<Number, Vec<(About, usize)>>,
}

/// The constitution, or what counts of a grant: rules as numbers, for each effect.
#[derive(Debug, Default)]
pub(super) struct Book {
    indexes: [Index; Effect::ALL.len()],
}

impl Landmarks {
    pub(super) fn of<'a>(shapes: impl Iterator<Item = &'a Shape>) -> Self {
        let mut numbers: HashMap<EntityUid, Landmark> = HashMap::new();
        for need in shapes.flat_map(|shape| &shape.needs) {
            let next = u32::try_from(numbers.len()).unwrap_or(Number::MAX);
            numbers.entry(need.clone()).or_insert(Landmark { number: next, rules: 0 }).rules += 1;
        }
        Self { numbers }
    }

    pub(super) fn among<'a>(&self, uids: impl Iterator<Item = &'a EntityUid>) -> About {
        let mut about: Vec<_> = uids.filter_map(|uid| Some(self.numbers.get(uid)?.number)).collect();
        about.sort_unstable();
        about.dedup();
        about.into()
    }

    fn rarest(&self, shape: &Shape) -> Option<Number> {
        let known = shape.needs.iter().filter_map(|uid| self.numbers.get(uid));
        known.min_by_key(|landmark| landmark.rules).map(|landmark| landmark.number)
    }
}

impl Book {
    /// Adds the rule of this number wherever its scope leaves room for it.
    pub(super) fn add(
        &mut self,
        rule: usize,
        shape: &Shape,
        landmarks: &Landmarks,
        concerns: impl Fn(Effect) -> bool,
    ) {
        let needs = landmarks.among(shape.needs.iter());
        let rarest = landmarks.rarest(shape);
        for (effect, index) in Effect::ALL.into_iter().zip(&mut self.indexes) {
            if !concerns(effect) {
                continue;
            }
            match rarest {
                None => index.needless.push(rule),
                Some(landmark) => index.by_need.entry(landmark).or_default().push((needs.clone(), rule)),
            }
        }
    }

    /// Every rule that can be satisfied, or err, for `effect` where the question is about these landmarks.
    pub(super) fn matching(&self, effect: Effect, about: &About) -> Vec<usize> {
        let index = self.index(effect);
        let met = |needs: &About| needs.iter().all(|need| about.binary_search(need).is_ok());
        let reached = about.iter().filter_map(|landmark| index.by_need.get(landmark)).flatten();
        let needy = reached.filter(|(needs, _)| met(needs)).map(|(_, rule)| *rule);
        index.needless.iter().copied().chain(needy).collect()
    }

    fn index(&self, effect: Effect) -> &Index {
        let [read, emit, spend, write, execute, privilege, destroy] = &self.indexes;
        match effect {
            Effect::Read => read,
            Effect::Emit => emit,
            Effect::Spend => spend,
            Effect::Write => write,
            Effect::Execute => execute,
            Effect::Privilege => privilege,
            Effect::Destroy => destroy,
        }
    }
}

/// Whether a rule with this scope could be about `effect`.
pub(super) fn concerns(constraint: ActionConstraint, vocabulary: &Vocabulary) -> impl Fn(Effect) -> bool {
    move |effect| vocabulary.concerns(&constraint, effect)
}
