//! A metric over a window: one value for each period from its beginning, or none where nothing was reported. Its values stay the text that
//! they are in until somebody asks: an account has tens of millions of them.

use model::Timestamp;
use serde_json::value::RawValue;

use crate::{ReadRef, Text};

#[derive(Clone, Debug)]
pub struct Series<'a> {
    pub resource: Text<'a>,
    pub namespace: Text<'a>,
    pub metric: Text<'a>,
    pub statistic: Text<'a>,
    /// Seconds; never 0.
    pub period: u32,
    pub from: Timestamp,
    pub read: ReadRef,
    values: &'a RawValue,
    periods: usize,
}

/// Its values are not numbers: then what it shows is not known.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the values of {0} are not numbers")]
pub struct NotNumbers(pub String);

impl<'a> Series<'a> {
    pub(crate) fn new(
        [resource, namespace, metric, statistic]: [Text<'a>; 4],
        (period, from): (u32, Timestamp),
        read: ReadRef,
        values: &'a RawValue,
    ) -> Self {
        Self {
            resource,
            namespace,
            metric,
            statistic,
            period,
            from,
            read,
            periods: count(values.get()),
            values,
        }
    }

    /// Until when it was asked for: the end of the last period, reported or not.
    pub fn until(&self) -> Timestamp {
        self.start_of(self.periods)
    }

    /// What was reported, each with the beginning of its period.
    ///
    /// # Errors
    /// Where something else than numbers stands in it.
    pub fn points(&self) -> Result<impl Iterator<Item = (Timestamp, f64)>, NotNumbers> {
        let values = self.values()?;
        Ok(values.into_iter().enumerate().filter_map(|(nth, value)| Some((self.start_of(nth), value?))))
    }

    /// How many periods the window has.
    pub const fn periods(&self) -> usize {
        self.periods
    }

    pub(crate) fn values(&self) -> Result<Vec<Option<f64>>, NotNumbers> {
        let not_numbers = || NotNumbers(model::sanitize(self.metric.as_str(), 80));
        let values: Vec<Option<f64>> = serde_json::from_str(self.values.get()).map_err(|_| not_numbers())?;
        if values.len() == self.periods { Ok(values) } else { Err(not_numbers()) }
    }

    pub(crate) fn text(&self) -> &'a str {
        self.values.get()
    }

    fn start_of(&self, nth: usize) -> Timestamp {
        let periods = i64::try_from(nth).unwrap_or(i64::MAX);
        self.from.plus_seconds(periods.saturating_mul(i64::from(self.period)))
    }
}

/// The members of a flat list, by its commas; whether it is one, [`Series::values`] finds out.
fn count(list: &str) -> usize {
    let inside = list.trim_start_matches('[').trim_end_matches(']').trim();
    if inside.is_empty() { 0 } else { inside.bytes().filter(|byte| *byte == b',').count() + 1 }
}
