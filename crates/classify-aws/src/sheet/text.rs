//! A sheet as text and back. One sheet has one text: whatever could be written in two ways is refused when it is read.

use std::{collections::HashMap, fmt::Write as _};

use model::{Digest, Effect, EffectSet, Exposure, Kind};

use super::{Line, Mark, Sheet};
use crate::{classify::parameters::PinnedRule, kinds::Kinds, overrides::Shows};

const HEAD: &str = "countersign/aws-table/v1";

/// Why a text is not the table that was wanted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SheetError {
    #[error("it is {found}, not {wanted}")]
    Other { found: Digest, wanted: Digest },
    #[error("its form is not one that this version reads ({HEAD})")]
    Form,
    #[error("line {0} says what this version cannot read")]
    Line(usize),
    #[error("it is not written as one is")]
    NotCanonical,
}

impl Sheet {
    pub fn text(&self) -> String {
        let mut out = String::with_capacity(2 << 20);
        let _ = writeln!(out, "{HEAD}");
        let services = self.kinds.services.iter().map(|(service, nouns)| (service.as_str(), nouns));
        let mut nouns: Vec<(&str, &str, &str)> = std::iter::once(("*", &self.kinds.nouns))
            .chain(services)
            .flat_map(|(service, nouns)| {
                nouns.iter().map(move |(noun, kind)| (service, noun.as_str(), kind.as_str()))
            })
            .collect();
        nouns.sort_unstable();
        for (service, noun, kind) in nouns {
            let _ = writeln!(out, "noun\t{service}\t{noun}\t{kind}");
        }
        for rule in &self.rules {
            let _ = writeln!(out, "{}", written(rule));
        }
        let _ = writeln!(out, "roles\t{}", self.roles.0);
        for (service, operations) in &self.services {
            let _ = writeln!(out, "service\t{service}");
            for (name, line) in operations {
                let Line { effects, naming, undo, quantity, looks, .. } = line;
                let (effects, flags) = (letters(*effects), line.flags());
                let _ = writeln!(
                    out,
                    "{name}\t{effects}\t{flags}\t{naming}\t{}\t{}\t{}",
                    undo.0, quantity.0, looks.0
                );
            }
        }
        out
    }

    pub(super) fn parse(text: &str) -> Result<Self, SheetError> {
        let mut lines = text.lines().zip(1..);
        if lines.next().is_none_or(|(head, _)| head != HEAD) {
            return Err(SheetError::Form);
        }
        let mut sheet = Self {
            kinds: Kinds::default(),
            rules: Vec::new(),
            roles: Mark::default(),
            services: Default::default(),
        };
        let mut service = None;
        for (line, nth) in lines {
            let cells: Vec<&str> = line.split('\t').collect();
            sheet.take(&cells, &mut service).ok_or(SheetError::Line(nth))?;
        }
        let sorted =
            sheet.rules.windows(2).all(|two| matches!(two, [one, next] if written(one) < written(next)));
        if sorted && sheet.text() == text { Ok(sheet) } else { Err(SheetError::NotCanonical) }
    }

    fn take(&mut self, cells: &[&str], service: &mut Option<String>) -> Option<()> {
        match (cells, &service) {
            (["noun", service, noun, kind], None) => {
                let kind: Kind = kind.parse().ok()?;
                let nouns: &mut HashMap<String, Kind> = match *service {
                    "*" => &mut self.kinds.nouns,
                    service => self.kinds.services.entry(service.to_owned()).or_default(),
                };
                nouns.insert((*noun).to_owned(), kind);
            }
            (["rule", rest @ ..], None) => self.rules.push(rule(rest)?),
            (["roles", mark], None) => self.roles = Mark((*mark).to_owned()),
            (["service", name], _) => {
                self.services.entry((*name).to_owned()).or_default();
                *service = Some((*name).to_owned());
            }
            ([name, effects, flags, naming, undo, quantity, looks], Some(service)) => {
                let mark = |text: &str| Mark(text.to_owned());
                let has = |flag| flags.contains(flag);
                let line = Line {
                    effects: effects_of(effects)?,
                    exposure: Exposure { data: has('d'), credentials: has('c') },
                    additive: has('a'),
                    events: has('e'),
                    harmless: has('h'),
                    naming: (*naming).to_owned(),
                    undo: mark(undo),
                    quantity: mark(quantity),
                    looks: mark(looks),
                };
                self.services.get_mut(service)?.insert((*name).to_owned(), line);
            }
            _ => return None,
        }
        Some(())
    }
}

impl Line {
    fn flags(&self) -> String {
        let Self { exposure, additive, events, harmless, .. } = self;
        let all = [
            ('d', exposure.data),
            ('c', exposure.credentials),
            ('a', *additive),
            ('e', *events),
            ('h', *harmless),
        ];
        all.into_iter().filter(|(_, has)| *has).map(|(flag, _)| flag).collect()
    }
}

/// The line of a rule; lines are sorted as text.
pub(super) fn written(rule: &PinnedRule) -> String {
    let PinnedRule { operation, rank, when, add, instead, hands_over, exposure } = rule;
    let rank = rank.map_or_else(|| "-".to_owned(), |rank| rank.to_string());
    let does = match (add, instead) {
        (_, Some(instead)) => format!("={}", letters(*instead)),
        (Some(add), None) => format!("+{}", letters(*add)),
        (None, None) => "-".to_owned(),
    };
    let shows = exposure.iter().map(|shows| match shows {
        Shows::None => 'n',
        Shows::Data => 'd',
        Shows::Credentials => 'c',
    });
    let flags: String = hands_over.then_some('h').into_iter().chain(shows).collect();
    let when: String = when.iter().flat_map(|condition| ["\t", condition]).collect();
    format!("rule\t{operation}\t{rank}\t{does}\t{flags}{when}")
}

fn rule(cells: &[&str]) -> Option<PinnedRule> {
    let [operation, rank, does, flags, when @ ..] = cells else { return None };
    let rank = if *rank == "-" { None } else { Some(rank.parse().ok()?) };
    let (add, instead) = match (does.strip_prefix('+'), does.strip_prefix('=')) {
        (Some(add), _) => (Some(effects_of(add)?), None),
        (None, Some(instead)) => (None, Some(effects_of(instead)?)),
        (None, None) if *does == "-" => (None, None),
        (None, None) => return None,
    };
    let shows = flags.chars().filter(|flag| *flag != 'h').map(|flag| match flag {
        'n' => Some(Shows::None),
        'd' => Some(Shows::Data),
        'c' => Some(Shows::Credentials),
        _ => None,
    });
    Some(PinnedRule {
        operation: (*operation).to_owned(),
        rank,
        when: when.iter().map(|text| (*text).to_owned()).collect(),
        add,
        instead,
        hands_over: flags.contains('h'),
        exposure: shows.collect::<Option<_>>()?,
    })
}

const fn letter(effect: Effect) -> char {
    match effect {
        Effect::Read => 'r',
        Effect::Emit => 'm',
        Effect::Spend => 's',
        Effect::Write => 'w',
        Effect::Execute => 'x',
        Effect::Privilege => 'p',
        Effect::Destroy => 'd',
    }
}

fn letters(effects: EffectSet) -> String {
    effects.iter().map(letter).collect()
}

fn effects_of(letters: &str) -> Option<EffectSet> {
    let named = |wanted| Effect::ALL.into_iter().find(|effect| letter(*effect) == wanted);
    let mut all = letters.chars().map(named);
    let first = EffectSet::of(all.next()??);
    all.try_fold(first, |set, effect| Some(set.with(effect?)))
}
