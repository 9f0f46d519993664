//! Synthetic accounts for measuring analyzers. What is planted is a *cause* (a job that runs once a quarter, a machine that somebody
//! forgot, a site that stands by), and what a snapshot shows of it follows from that: when it was used, what refers to it, what its owner
//! wrote on it. Nobody here knows what analyzers look for: this crate may not import them (the house test).
//!
//! Taken for granted: owners read the mark on what they need and take it off within the grace, where nothing else in the account shows
//! that it is needed. Where something does (a use in the past, a name, a schedule), some of them overlook the mark.

mod causes;
mod dice;
mod land;

use model::Timestamp;

pub use causes::Cause;

/// When every synthetic snapshot was taken: 2026-11-29T00:00:00Z.
pub const TAKEN: Timestamp = Timestamp::from_seconds(1_795_910_400);

#[derive(Clone, Debug)]
pub struct Account {
    /// A snapshot's text.
    pub snapshot: String,
    pub planted: Vec<Planted>,
}

/// One resource and the truth about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planted {
    pub resource: String,
    pub cause: Cause,
    /// What is wasted a month, in millionths of a dollar; 0 where nothing is, or nobody can say how much.
    pub micros: i64,
}

/// An account of about so many resources; the same for the same seed.
pub fn account(seed: u64, size: usize) -> Account {
    let mut land = land::Land::new(seed);
    let mut planted = Vec::new();
    while land.resources() < size {
        planted.push(causes::plant(&mut land));
    }
    Account { snapshot: land.text(), planted }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_account_and_every_cause_occurs() {
        let one = account(7, 3000);
        let other = account(7, 3000);
        assert_eq!((&one.snapshot, &one.planted), (&other.snapshot, &other.planted));
        assert_ne!(account(8, 3000).snapshot, one.snapshot);
        assert_eq!(TAKEN.to_string(), "2026-11-29T00:00:00.000Z");
        for cause in Cause::ALL {
            assert!(one.planted.iter().any(|planted| planted.cause == cause), "{cause:?} is never planted");
        }
        snapshot::Snapshot::parse(&one.snapshot, TAKEN).unwrap();
    }
}
