//! `[levels]` of `bundle.toml`: how far the record of a decision must have got before each effect is carried out, in
//! production and elsewhere. It can ask for more than promise 2 does, and never for less.

use std::collections::BTreeMap;

use model::{Effect, EffectSet, Environment, Level};

use crate::reader::Section;

/// What each effect but a plain read waits for. Reads are recorded in batches, afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Levels {
    production: BTreeMap<Effect, Level>,
    elsewhere: BTreeMap<Effect, Level>,
    /// How long a decision waits for witnesses before it is refused, in seconds.
    pub wait_s: i64,
}

const WAIT_S: i64 = 10;
/// An agent's client gives up after a minute or so.
const MAX_WAIT_S: i64 = 50;

impl Default for Levels {
    fn default() -> Self {
        let all = |least: fn(Effect) -> Level| Effect::ALL.map(|effect| (effect, least(effect))).into();
        Self { production: all(least_in_production), elsewhere: all(|_| Level::Recorded), wait_s: WAIT_S }
    }
}

impl Levels {
    /// The highest that any of `effects` waits for.
    pub fn of(&self, effects: EffectSet, environment: &Environment) -> Level {
        let levels = if environment.production { &self.production } else { &self.elsewhere };
        effects.iter().filter_map(|effect| levels.get(&effect)).max().copied().unwrap_or_default()
    }

    /// How many witnesses some effect waits for.
    pub fn witnesses(&self) -> u8 {
        let all = self.production.values().chain(self.elsewhere.values());
        all.map(|level| if let Level::Witnessed(count) = level { *count } else { 0 }).max().unwrap_or(0)
    }
}

/// Promise 2.
const fn least_in_production(effect: Effect) -> Level {
    match effect {
        Effect::Destroy | Effect::Privilege | Effect::Execute => Level::Sequenced,
        Effect::Read | Effect::Emit | Effect::Spend | Effect::Write => Level::Recorded,
    }
}

pub(crate) fn read_levels(section: &Section<'_>) -> Levels {
    let mut levels = Levels::default();
    for (name, map) in [("production", &mut levels.production), ("elsewhere", &mut levels.elsewhere)] {
        let Some(own) = section.section(name) else { continue };
        for effect in Effect::ALL.into_iter().filter(|effect| *effect != Effect::Read) {
            let Some(level) = own.parsed::<Level>(effect.name()) else { continue };
            let least = map.insert(effect, level).unwrap_or_default();
            if level < least {
                let message = format!("`{level}` is less than {effect} waits for in production");
                own.wrong(effect.name(), message, Some(format!("the least is \"{least}\"")));
            }
        }
        own.finish();
    }
    levels.wait_s = section.count("wait_s", 1..MAX_WAIT_S + 1).unwrap_or(WAIT_S);
    section.finish();
    levels
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{problem::Problems, reader::read_toml};

    fn read(text: &str) -> Result<Levels, String> {
        let problems = Problems::default();
        let levels = read_toml("bundle.toml", text, &problems, |root| {
            Some(root.section("levels").map_or_else(Levels::default, |it| read_levels(&it)))
        });
        problems.into_result().map(|()| levels.unwrap()).map_err(|err| err.to_string())
    }

    fn check(text: &str, production: bool, effects: &[Effect], expected: Level) {
        let name = if production { "production" } else { "staging" };
        let environment = Environment { name: name.parse().unwrap(), production };
        let effects = effects.iter().fold(EffectSet::of(Effect::Read), |all, effect| all.with(*effect));
        assert_eq!(read(text).unwrap().of(effects, &environment), expected, "{text} {effects}");
    }

    #[test]
    fn an_effect_waits_for_what_the_bundle_says_and_for_promise_2_at_least() {
        let own = "[levels.production]\nwrite = \"sequenced\"\ndestroy = \"witnessed(2)\"\n[levels.elsewhere]\ndestroy = \"sequenced\"";
        for (text, production, effects, expected) in [
            ("", true, vec![Effect::Write], Level::Recorded),
            ("", true, vec![Effect::Write, Effect::Execute], Level::Sequenced),
            ("", false, vec![Effect::Destroy], Level::Recorded),
            (own, true, vec![Effect::Write], Level::Sequenced),
            (own, true, vec![Effect::Write, Effect::Destroy], Level::Witnessed(2)),
            (own, true, vec![Effect::Privilege], Level::Sequenced),
            (own, true, vec![], Level::Recorded),
            (own, false, vec![Effect::Destroy], Level::Sequenced),
        ] {
            check(text, production, &effects, expected);
        }
        assert_eq!((read("").unwrap().witnesses(), read(own).unwrap().witnesses()), (0, 2));
    }

    #[test]
    fn less_than_promise_2_is_no_bundle() {
        for (text, why) in [
            ("[levels.production]\ndestroy = \"recorded\"", "the least is \"sequenced\""),
            ("[levels.production]\nread = \"sequenced\"", "read"),
            ("[levels.production]\nwrite = \"later\"", "no level"),
            ("[levels]\nwait_s = 0", "wait_s"),
            ("[levels.staging]\nwrite = \"sequenced\"", "staging"),
        ] {
            let err = read(text).unwrap_err();
            assert!(err.contains(why), "{text}: {err}");
        }
    }
}
