//! The harness of the benches: peers measured in the same run, in alternating rounds, medians with their spread, one
//! JSON line per figure. It measures; whether a target is met is said in the line and judged by `cargo xtask bench`.

use std::{
    io::Write,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use serde_json::json;

/// Rounds per contestant; the contestants take turns, so that a disturbance falls on all of them.
pub const ROUNDS: usize = 5;

/// One thing that is measured: each call does `per_round` operations.
pub struct Contestant<'a> {
    pub name: &'a str,
    pub per_round: u32,
    /// Before each round, and not measured.
    pub ready: Option<Step<'a>>,
    pub round: Step<'a>,
}

/// Of so many operations.
pub type Step<'a> = Box<dyn FnMut(u32) -> Result<()> + 'a>;

impl<'a> Contestant<'a> {
    pub fn new(name: &'a str, per_round: u32, round: impl FnMut(u32) -> Result<()> + 'a) -> Self {
        Self { name, per_round, ready: None, round: Box::new(round) }
    }

    /// With what is done before each of its rounds.
    #[must_use]
    pub fn readied(self, ready: impl FnMut(u32) -> Result<()> + 'a) -> Self {
        Self { ready: Some(Box::new(ready)), ..self }
    }
}

impl std::fmt::Debug for Contestant<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Contestant").field("name", &self.name).field("per_round", &self.per_round).finish()
    }
}

/// Microseconds per operation over the rounds.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    pub name: String,
    pub median: f64,
    pub least: f64,
    pub most: f64,
}

/// One line of a bench's output.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    pub name: String,
    pub value: f64,
    pub unit: &'static str,
    /// What it is compared with; the ratio is `value` ÷ the peer's.
    pub peer: Option<(String, f64)>,
    pub target: Target,
    /// The least and the most of the rounds.
    pub spread: Option<(f64, f64)>,
}

/// What a figure has to reach.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    /// Shown for orientation.
    None,
    AtMost(f64),
    AtLeast(f64),
    /// Times the peer's value.
    RatioAtMost(f64),
}

/// One warm-up round each, then [`ROUNDS`] rounds in turns.
#[expect(clippy::disallowed_methods, reason = "measuring time is what a bench is for")]
pub fn compare(contestants: &mut [Contestant<'_>]) -> Result<Vec<Measured>> {
    let mut took: Vec<Vec<f64>> = vec![Vec::new(); contestants.len()];
    for round in 0..=ROUNDS {
        for (contestant, took) in contestants.iter_mut().zip(&mut took) {
            ensure!(contestant.per_round > 0, "{}: no operations in a round", contestant.name);
            if let Some(ready) = &mut contestant.ready {
                ready(contestant.per_round)?;
            }
            let started = Instant::now();
            (contestant.round)(contestant.per_round)?;
            let each = micros(started.elapsed()) / f64::from(contestant.per_round);
            if round > 0 {
                took.push(each);
            }
        }
    }
    Ok(contestants.iter().zip(took).map(|(contestant, took)| Measured::of(contestant.name, took)).collect())
}

impl Measured {
    fn of(name: &str, mut took: Vec<f64>) -> Self {
        took.sort_by(f64::total_cmp);
        let at = |index: usize| took.get(index).copied().unwrap_or(f64::NAN);
        Self {
            name: name.to_owned(),
            median: at(took.len() / 2),
            least: at(0),
            most: at(took.len().saturating_sub(1)),
        }
    }

    /// As a figure, in microseconds per operation.
    pub fn figure(&self, peer: Option<&Self>, target: Target) -> Figure {
        Figure {
            name: self.name.clone(),
            value: self.median,
            unit: "µs",
            peer: peer.map(|peer| (peer.name.clone(), peer.median)),
            target,
            spread: Some((self.least, self.most)),
        }
    }
}

impl Figure {
    pub fn ratio(&self) -> Option<f64> {
        self.peer.as_ref().map(|(_, peer)| self.value / peer)
    }

    /// `None` where there is no target. A ratio without a peer is a target that is not met.
    pub fn met(&self) -> Option<bool> {
        match self.target {
            Target::None => None,
            Target::AtMost(most) => Some(self.value <= most),
            Target::AtLeast(least) => Some(self.value >= least),
            Target::RatioAtMost(most) => Some(self.ratio().is_some_and(|ratio| ratio <= most)),
        }
    }

    pub fn to_json(&self) -> serde_json::Value {
        let target = match self.target {
            Target::None => None,
            Target::AtMost(most) => Some(format!("<= {most} {}", self.unit)),
            Target::AtLeast(least) => Some(format!(">= {least} {}", self.unit)),
            Target::RatioAtMost(most) => Some(format!("<= {most} x peer")),
        };
        json!({
            "name": self.name,
            "value": rounded(self.value),
            "unit": self.unit,
            "peer": self.peer.as_ref().map(|(name, value)| json!({ "name": name, "value": rounded(*value) })),
            "ratio": self.ratio().map(rounded),
            "target": target,
            "met": self.met(),
            "spread": self.spread.map(|(least, most)| [rounded(least), rounded(most)]),
        })
    }
}

/// Prints one line per figure on standard output.
pub fn report(figures: &[Figure]) -> Result<()> {
    let mut out = std::io::stdout().lock();
    for figure in figures {
        writeln!(out, "{}", figure.to_json())?;
    }
    Ok(())
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

/// Four significant digits say all that a median of five can.
fn rounded(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let scale = 10f64.powf(3.0 - value.abs().log10().floor());
    (value * scale).round() / scale
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contestants_take_turns_and_the_warm_up_is_not_counted() {
        let order = std::cell::RefCell::new(String::new());
        let contestant = |name: &'static str| Contestant {
            name,
            per_round: 1,
            ready: None,
            round: Box::new(|_| {
                order.borrow_mut().push_str(name);
                Ok(())
            }),
        };
        let measured = compare(&mut [contestant("a"), contestant("b")]).unwrap();
        assert_eq!(*order.borrow(), "ab".repeat(ROUNDS + 1));
        assert!(measured.iter().all(|it| it.least <= it.median && it.median <= it.most));
    }

    #[test]
    fn a_figure_says_whether_its_target_is_met() {
        let ours = Measured::of("ours", vec![30.0, 10.0, 20.0, 50.0, 40.0]);
        let peer = Measured { name: "peer".into(), median: 20.0, least: 19.0, most: 21.0 };
        let check = |target, met| assert_eq!(ours.figure(Some(&peer), target).met(), met);
        check(Target::None, None);
        check(Target::AtMost(30.0), Some(true));
        check(Target::AtLeast(30.5), Some(false));
        check(Target::RatioAtMost(1.5), Some(true));
        check(Target::RatioAtMost(1.4), Some(false));
        assert_eq!(ours.figure(None, Target::RatioAtMost(9.0)).met(), Some(false));
        let expected: serde_json::Value = serde_json::from_str(
            r#"{"met":true,"name":"ours","peer":{"name":"peer","value":20.0},"ratio":1.5,"spread":[10.0,50.0],"target":"<= 1.5 x peer","unit":"µs","value":30.0}"#,
        )
        .unwrap();
        assert_eq!(ours.figure(Some(&peer), Target::RatioAtMost(1.5)).to_json(), expected);
    }
}
