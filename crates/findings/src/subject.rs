//! One resource under one analyzer: everything that it may ask about it. What was not read is an error here, so that no analyzer
//! can take a missing answer for an empty one.

use model::{Timestamp, sanitize};
use serde::Deserialize;
use snapshot::{Edge, EdgeKind, Outcome, ReadRef, Resource, Snapshot, Text};

use crate::{
    Parameters, Prices, Saving, asked,
    draft::NotKnown,
    price_of::{self, Cost},
    tags,
};

pub(crate) const DAY_S: i64 = 86_400;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'s, 'a> {
    pub(crate) snapshot: &'s Snapshot<'a>,
    pub(crate) resource: &'s Resource<'a>,
    pub(crate) parameters: &'s Parameters,
    pub(crate) prices: &'s Prices,
    pub(crate) now: Timestamp,
}

/// What a read about this one resource said.
pub(crate) enum Answer<T> {
    Is(T, ReadRef),
    /// The cloud says that there is none.
    Absent(ReadRef),
}

impl<'s, 'a> Subject<'s, 'a> {
    pub(crate) fn id(&self) -> &'s str {
        self.resource.id.as_str()
    }

    pub(crate) fn name(&self) -> &'s str {
        self.resource.name.as_str()
    }

    pub(crate) fn region(&self) -> &'s str {
        self.resource.region.as_str()
    }

    /// What is written on it, ascending by key.
    pub(crate) fn tags(&self) -> Result<&'s [(Text<'a>, Text<'a>)], NotKnown> {
        tags::known(self.snapshot, self.resource)?;
        Ok(&self.resource.tags)
    }

    /// The value of one tag; `None`: it is known not to be there.
    pub(crate) fn tag(&self, key: &str) -> Result<Option<&'s str>, NotKnown> {
        tags::known(self.snapshot, self.resource)?;
        Ok(self.resource.tag(key))
    }

    /// Its attributes as the read that listed it showed them.
    pub(crate) fn attributes<T: Deserialize<'a>>(&self) -> Result<T, NotKnown> {
        let Some(view) = self.resource.views.first() else {
            return Err(NotKnown("it has no attributes".into()));
        };
        view.parse().map_err(|err| NotKnown(format!("its attributes are not understood: {}", words(&err))))
    }

    /// Where a list gives names only: what `operation` then said of it, and the read that said it.
    pub(crate) fn described<T: Deserialize<'a>>(&self, operation: &str) -> Result<(T, ReadRef), NotKnown> {
        match self.answer(operation)? {
            Answer::Is(described, read) => Ok((described, read)),
            Answer::Absent(_) => Err(NotKnown(format!("{operation} does not find it"))),
        }
    }

    /// The read that listed it.
    pub(crate) fn listed(&self) -> Vec<ReadRef> {
        self.resource.views.iter().take(1).map(|view| view.read).collect()
    }

    /// What `operation` said of this resource alone.
    pub(crate) fn answer<T: Deserialize<'a>>(&self, operation: &str) -> Result<Answer<T>, NotKnown> {
        if let Some(view) = self.snapshot.view(self.resource, operation) {
            return self.understood(view.read, operation, &view);
        }
        match self.snapshot.answer(operation, self.id()) {
            Some((read, answered)) if answered.outcome == Outcome::Absent => Ok(Answer::Absent(read)),
            Some((_, answered)) if !answered.outcome.is_whole() => {
                Err(NotKnown(format!("{operation} was {}", answered.outcome.name())))
            }
            Some(_) => {
                Err(NotKnown(format!("{operation} was answered, and its answer is not in the snapshot")))
            }
            None => Err(NotKnown(format!("{operation} was not asked"))),
        }
    }

    fn understood<T: Deserialize<'a>>(
        &self,
        read: ReadRef,
        operation: &str,
        view: &snapshot::View<'a>,
    ) -> Result<Answer<T>, NotKnown> {
        if let Some(answered) = self.snapshot.read(read).filter(|answered| !answered.outcome.is_whole()) {
            return Err(NotKnown(format!("{operation} was {}", answered.outcome.name())));
        }
        let parsed = view
            .parse()
            .map_err(|err| NotKnown(format!("what {operation} said is not understood: {}", words(&err))))?;
        Ok(Answer::Is(parsed, read))
    }

    /// The reads of everything that `operation` lists in its region.
    pub(crate) fn whole(&self, operation: &str) -> Result<Vec<ReadRef>, NotKnown> {
        asked::whole(self.snapshot, operation, self.region()).map_err(|missing| NotKnown(missing.why))
    }

    /// What leads to it.
    pub(crate) fn led_to_by(&self, kind: EdgeKind) -> impl Iterator<Item = &'s Edge<'a>> + use<'s, 'a> {
        self.snapshot.edges_to(self.id()).filter(move |edge| edge.kind == kind)
    }

    /// Where it leads.
    pub(crate) fn leads_to(&self, kind: EdgeKind) -> impl Iterator<Item = &'s Edge<'a>> + use<'s, 'a> {
        self.snapshot.edges_from(self.id()).iter().filter(move |edge| edge.kind == kind)
    }

    /// Whole days from `time` until the snapshot was taken.
    pub(crate) fn days_since(&self, time: Timestamp) -> i64 {
        self.snapshot.taken().until.since(time).div_euclid(1000).div_euclid(DAY_S)
    }

    /// What is paid for it now.
    pub(crate) fn cost(&self) -> Cost {
        price_of::cost(self.snapshot, self.resource, self.prices)
    }

    /// The whole of it, where it goes.
    pub(crate) fn whole_cost(&self) -> Saving {
        match self.cost() {
            Cost::Known(amount) => Saving::Known(amount),
            Cost::NotKnown(why) => Saving::NotKnown(why),
            Cost::None => Saving::NotKnown("nothing is known to be paid for it".into()),
        }
    }
}

/// The parser's words without the place within the attributes.
fn words(err: &serde_json::Error) -> String {
    let text = err.to_string();
    sanitize(text.rsplit_once(" at line ").map_or(text.as_str(), |(words, _)| words), 120)
}
