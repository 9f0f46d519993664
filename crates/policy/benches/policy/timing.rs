//! Every call timed by itself, contestants taking turns in short stretches: a decision that stalls now and then shows in
//! the 99th percentile, where a round's mean would hide it.

use std::{hint::black_box, time::Instant};

use testkit::bench::{Figure, ROUNDS, Target};

/// Calls before the next contestant's turn.
const STRETCH: usize = 100;

/// Called with the number of the call, which never comes twice.
pub(crate) type Call<'a> = Box<dyn FnMut(usize) + 'a>;

/// Microseconds: the median over the rounds, and the rounds' least and most.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quantile {
    median: f64,
    least: f64,
    most: f64,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Timed {
    pub(crate) p50: Quantile,
    pub(crate) p99: Quantile,
}

/// One warm-up round and [`ROUNDS`] rounds of `per_round` calls each; so many calls altogether are made of each.
pub(crate) const fn calls(per_round: usize) -> usize {
    per_round * (ROUNDS + 1)
}

#[expect(clippy::disallowed_methods, reason = "measuring time is what a bench is for")]
pub(crate) fn compare<const N: usize>(per_round: usize, mut contestants: [Call<'_>; N]) -> [Timed; N] {
    let mut rounds: [Vec<(f64, f64)>; N] = [const { Vec::new() }; N];
    for round in 0..=ROUNDS {
        let mut took: [Vec<f64>; N] = [const { Vec::new() }; N];
        for start in (0..per_round).step_by(STRETCH) {
            for (call, took) in contestants.iter_mut().zip(&mut took) {
                for nth in start..(start + STRETCH).min(per_round) {
                    let nth = black_box(round * per_round + nth);
                    let started = Instant::now();
                    call(nth);
                    took.push(started.elapsed().as_secs_f64() * 1e6);
                }
            }
        }
        if round > 0 {
            for (rounds, took) in rounds.iter_mut().zip(&mut took) {
                took.sort_by(f64::total_cmp);
                rounds.push((took[took.len() / 2], took[took.len() * 99 / 100]));
            }
        }
    }
    rounds.map(|rounds| Timed {
        p50: Quantile::over(rounds.iter().map(|it| it.0).collect()),
        p99: Quantile::over(rounds.iter().map(|it| it.1).collect()),
    })
}

impl Quantile {
    fn over(mut rounds: Vec<f64>) -> Self {
        rounds.sort_by(f64::total_cmp);
        Self { median: rounds[rounds.len() / 2], least: rounds[0], most: rounds[rounds.len() - 1] }
    }

    pub(crate) fn figure(self, name: String, peer: Option<(&str, Self)>, target: Target) -> Figure {
        Figure {
            name,
            value: self.median,
            unit: "µs",
            peer: peer.map(|(name, peer)| (name.to_owned(), peer.median)),
            target,
            spread: Some((self.least, self.most)),
        }
    }
}
