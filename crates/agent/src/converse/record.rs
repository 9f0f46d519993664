//! What became of a conversation: kept in order, in words that are safe to show. What a model said stands in it as what it said.

use model::Digest;
use serde::Serialize;

use super::claims::Claim;

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A tool was called, and answered.
    Called { tool: String },
    /// A call was not carried out, and why.
    Refused { tool: String, why: String },
    /// A plan came of a goal, or of steps. Nothing was asked for.
    Planned { plan: Digest, steps: usize, unverified: usize },
    /// The model says that something is so, which only people, checks or rules can make so.
    Claimed { claim: Claim },
    /// A turn was not taken, and nothing of it happened; it may have been asked for again.
    TookBack { why: String },
    /// No further turn was asked for.
    Ended { why: String },
}

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Record {
    events: Vec<Event>,
}

/// A conversation is bounded by its calls; this is far beyond.
const MOST: usize = 1_000;

impl Record {
    pub(super) fn add(&mut self, event: Event) {
        if self.events.len() < MOST {
            self.events.push(event);
        }
    }

    pub fn events(&self) -> &[Event] {
        &self.events
    }

    pub fn refusals(&self) -> impl Iterator<Item = (&str, &str)> {
        self.events.iter().filter_map(|it| match it {
            Event::Refused { tool, why } => Some((tool.as_str(), why.as_str())),
            Event::Called { .. }
            | Event::Planned { .. }
            | Event::Claimed { .. }
            | Event::TookBack { .. }
            | Event::Ended { .. } => None,
        })
    }

    /// Why turns were not taken.
    pub fn taken_back(&self) -> impl Iterator<Item = &str> {
        self.events.iter().filter_map(|it| match it {
            Event::TookBack { why } => Some(why.as_str()),
            Event::Called { .. }
            | Event::Planned { .. }
            | Event::Refused { .. }
            | Event::Claimed { .. }
            | Event::Ended { .. } => None,
        })
    }

    pub fn claims(&self) -> impl Iterator<Item = &Claim> {
        self.events.iter().filter_map(|it| match it {
            Event::Claimed { claim } => Some(claim),
            Event::Called { .. }
            | Event::Planned { .. }
            | Event::Refused { .. }
            | Event::TookBack { .. }
            | Event::Ended { .. } => None,
        })
    }
}
