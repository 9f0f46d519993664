//! What a task may cost: turns, tokens, money, time. Hard: looked at before each request and after each answer. What the other side does
//! not say counts as the most that it can be. Whole numbers only; pure.
//!
//! One answer can pass a limit by what its prompt has more than a token for every four bytes; what it may say is bounded by what is left.

use std::time::Duration;

use serde::Deserialize;

use crate::{conversation::Request, event::Usage};

/// Millionths of a unit of the currency in which the prices are given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(transparent)]
pub struct Micros(pub u64);

/// What a million tokens cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    pub input: Micros,
    pub output: Micros,
}

/// The most of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Requests, those included whose answer failed.
    pub turns: u32,
    pub tokens: u64,
    /// `None`: not counted.
    pub money: Option<Micros>,
    pub time: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is a limit of money, and no price to count it by")]
pub struct NoPrice;

/// Which limit, and what of it was used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Exhausted {
    #[error("all {0} turns are used")]
    Turns(u32),
    #[error("{used} of {of} tokens are used")]
    Tokens { used: u64, of: u64 },
    #[error("{} of {} millionths are spent", used.0, of.0)]
    Money { used: Micros, of: Micros },
    #[error("{} s are over", of.as_secs())]
    Time { of: Duration },
}

/// Of one task.
#[derive(Clone, Debug)]
pub struct Budget {
    limits: Limits,
    /// Where nobody asks what it costs, nothing does.
    price: Price,
    spent: Spent,
    started: Duration,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    pub turns: u32,
    pub input: u64,
    pub output: u64,
    pub money: Micros,
}

/// What the next answer may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Allowance {
    pub(crate) output: u32,
    pub(crate) time: Duration,
}

/// An answer that may say less says nothing.
const LEAST_OUTPUT: u64 = 16;

/// Most texts have fewer tokens than a quarter of their bytes.
const BYTES_A_TOKEN: u64 = 4;

const MILLION: u128 = 1_000_000;

impl Budget {
    /// `now` is of the same clock as all that follow.
    ///
    /// # Errors
    /// Where money is limited and nothing says what the model costs. One that costs nothing has a price of nothing.
    pub fn new(limits: Limits, price: Option<Price>, now: Duration) -> Result<Self, NoPrice> {
        let price = match (limits.money, price) {
            (Some(_), None) => return Err(NoPrice),
            (_, price) => price.unwrap_or_default(),
        };
        Ok(Self { limits, price, spent: Spent::default(), started: now })
    }

    pub fn spent(&self) -> Spent {
        self.spent
    }

    /// # Errors
    /// Where one limit has been reached.
    pub fn check(&self, now: Duration) -> Result<(), Exhausted> {
        let Limits { turns, tokens, money, time } = self.limits;
        let used = self.tokens();
        if used >= tokens {
            return Err(Exhausted::Tokens { used, of: tokens });
        }
        // What costs nothing uses nothing up.
        if let Some(of) = money
            && self.spent.money >= of
            && self.price != Price::default()
        {
            return Err(Exhausted::Money { used: self.spent.money, of });
        }
        if now.saturating_sub(self.started) >= time {
            return Err(Exhausted::Time { of: time });
        }
        // Last: whoever has just taken the last turn that there is may still have passed another limit with it.
        if self.spent.turns >= turns {
            return Err(Exhausted::Turns(turns));
        }
        Ok(())
    }

    pub(crate) fn allow(&self, prompt: usize, wanted: u32, now: Duration) -> Result<Allowance, Exhausted> {
        self.check(now)?;
        let Limits { tokens, time, .. } = self.limits;
        let prompt = count(prompt).div_ceil(BYTES_A_TOKEN);
        let left = tokens.saturating_sub(self.tokens()).saturating_sub(prompt);
        let output = left.min(u64::from(wanted));
        if output < LEAST_OUTPUT {
            return Err(Exhausted::Tokens { used: self.tokens(), of: tokens });
        }
        let output = match self.limits.money {
            Some(of) => {
                let affordable = output.min(self.affordable(of, prompt));
                if affordable < LEAST_OUTPUT {
                    return Err(Exhausted::Money { used: self.spent.money, of });
                }
                affordable
            }
            None => output,
        };
        let time = time.saturating_sub(now.saturating_sub(self.started));
        Ok(Allowance { output: u32::try_from(output).unwrap_or(wanted), time })
    }

    pub(crate) fn charge(&mut self, usage: Option<Usage>, request: Request<'_>) {
        self.add(
            usage.unwrap_or(Usage { input: count(request.bytes()), output: request.max_output().into() }),
        );
    }

    fn add(&mut self, Usage { input, output }: Usage) {
        self.spent.input = self.spent.input.saturating_add(input);
        self.spent.output = self.spent.output.saturating_add(output);
        let cost = self.cost(input, output);
        self.spent.money = Micros(self.spent.money.0.saturating_add(cost));
    }

    pub(crate) fn turn(&mut self) {
        self.spent.turns = self.spent.turns.saturating_add(1);
    }

    fn tokens(&self) -> u64 {
        self.spent.input.saturating_add(self.spent.output)
    }

    /// Rounded up: a thousand small turns are not free.
    fn cost(&self, input: u64, output: u64) -> u64 {
        let part = |tokens: u64, price: Micros| u128::from(tokens) * u128::from(price.0);
        let cost = part(input, self.price.input).saturating_add(part(output, self.price.output));
        u64::try_from(cost.div_ceil(MILLION)).unwrap_or(u64::MAX)
    }

    /// Tokens of an answer that the money left is enough for.
    fn affordable(&self, Micros(of): Micros, prompt: u64) -> u64 {
        let left = of.checked_sub(self.spent.money.0).and_then(|left| left.checked_sub(self.cost(prompt, 0)));
        match (left, u128::from(self.price.output.0)) {
            (None, _) => 0,
            (Some(_), 0) => u64::MAX,
            (Some(left), price) => u64::try_from(u128::from(left) * MILLION / price).unwrap_or(u64::MAX),
        }
    }
}

fn count(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{conversation::Conversation, fence::Fence, scrub::Scrubbed, tool::Tools};

    const PRICE: Price = Price { input: Micros(3_000_000), output: Micros(15_000_000) };

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    fn limits() -> Limits {
        Limits { turns: 3, tokens: 10_000, money: Some(Micros(60_000)), time: seconds(100) }
    }

    fn used(input: u64, output: u64) -> Usage {
        Usage { input, output }
    }

    #[test]
    fn each_limit_stops_on_its_own() {
        let fresh = || Budget::new(limits(), Some(PRICE), seconds(5)).unwrap();
        assert_eq!(fresh().allow(400, 1000, seconds(5)), Ok(Allowance { output: 1000, time: seconds(100) }));

        let mut turns = fresh();
        (0..3).for_each(|_| turns.turn());
        assert_eq!(turns.check(seconds(6)), Err(Exhausted::Turns(3)));

        let mut tokens = Budget::new(Limits { money: None, ..limits() }, Some(PRICE), seconds(5)).unwrap();
        tokens.add(used(9_000, 500));
        // What is left bounds what may be said; what the question takes is taken off first.
        assert_eq!(tokens.allow(400, 1000, seconds(6)).unwrap().output, 400);
        assert_eq!(tokens.allow(1_960, 1000, seconds(6)), Err(Exhausted::Tokens { used: 9_500, of: 10_000 }));
        tokens.add(used(0, 500));
        assert_eq!(tokens.check(seconds(6)), Err(Exhausted::Tokens { used: 10_000, of: 10_000 }));

        let mut money = fresh();
        money.add(used(5_000, 2_000));
        assert_eq!(money.spent().money, Micros(45_000));
        // 15,000 left, 300 for the question: 980 tokens.
        assert_eq!(money.allow(400, 5000, seconds(6)).unwrap().output, 980);
        money.add(used(0, 1_000));
        let spent = Exhausted::Money { used: Micros(60_000), of: Micros(60_000) };
        assert_eq!(money.check(seconds(6)), Err(spent));

        assert_eq!(fresh().check(seconds(104)), Ok(()));
        assert_eq!(fresh().check(seconds(105)), Err(Exhausted::Time { of: seconds(100) }));
    }

    #[test]
    fn what_nobody_says_counts_as_the_most() {
        let mut conversation = Conversation::new("You help.", Fence::new([1; 16]), Tools::default());
        conversation.say(Scrubbed::ours("why?")).unwrap();
        let request = conversation.request(100).unwrap();
        let mut budget = Budget::new(limits(), Some(PRICE), seconds(0)).unwrap();
        budget.charge(None, request);
        let input = count(request.bytes());
        let money = Micros(input * 3 + 1_500);
        assert_eq!(budget.spent(), Spent { turns: 0, input, output: 100, money });
        assert!(input > 100);
    }

    #[test]
    fn money_is_counted_by_a_price_or_not_at_all() {
        assert_eq!(Budget::new(limits(), None, seconds(0)).unwrap_err(), NoPrice);
        let uncounted = Budget::new(Limits { money: None, ..limits() }, None, seconds(0)).unwrap();
        assert_eq!(uncounted.allow(400, 1000, seconds(1)).unwrap().output, 1000);
        let none = Some(Micros(0));
        let free =
            Budget::new(Limits { money: none, ..limits() }, Some(Price::default()), seconds(0)).unwrap();
        assert_eq!(free.allow(400, 1000, seconds(1)).unwrap().output, 1000);
        let poor = Budget::new(Limits { money: none, ..limits() }, Some(PRICE), seconds(0)).unwrap();
        let exhausted = Exhausted::Money { used: Micros(0), of: Micros(0) };
        assert_eq!(poor.allow(400, 1000, seconds(1)), Err(exhausted));
    }

    proptest! {
        /// However it is used, a spent budget stays spent and no sum wraps around.
        #[test]
        fn it_only_shrinks(usages in proptest::collection::vec((any::<u64>(), any::<u64>()), 1..6), prices in any::<(u64, u64)>()) {
            let price = Price { input: Micros(prices.0), output: Micros(prices.1) };
            let mut budget = Budget::new(limits(), Some(price), seconds(0)).unwrap();
            let mut stopped = false;
            for (input, output) in usages {
                let before = budget.spent();
                budget.add(used(input, output));
                prop_assert!(budget.spent().money >= before.money && budget.spent().input >= before.input);
                let stops = budget.check(seconds(1)).is_err();
                prop_assert!(stops || !stopped);
                stopped = stops;
            }
        }
    }
}
