//! A metric over a window: one value for each period from its beginning, or none where nothing was reported.

use model::Timestamp;

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
    /// `NaN`: not reported. Never anything else that is not finite.
    values: Box<[f64]>,
}

impl<'a> Series<'a> {
    pub(crate) fn new(
        [resource, namespace, metric, statistic]: [Text<'a>; 4],
        period: u32,
        from: Timestamp,
        read: ReadRef,
        values: Vec<Option<f64>>,
    ) -> Self {
        let values = values.into_iter().map(|value| value.unwrap_or(f64::NAN)).collect();
        Self { resource, namespace, metric, statistic, period, from, read, values }
    }

    /// Until when it was asked for: the end of the last period, reported or not.
    pub fn until(&self) -> Timestamp {
        self.start_of(self.values.len())
    }

    /// What was reported, each with the beginning of its period.
    pub fn points(&self) -> impl DoubleEndedIterator<Item = (Timestamp, f64)> {
        self.values
            .iter()
            .enumerate()
            .filter(|(_, value)| !value.is_nan())
            .map(|(nth, value)| (self.start_of(nth), *value))
    }

    /// How many periods the window has.
    pub fn periods(&self) -> usize {
        self.values.len()
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = Option<f64>> {
        self.values.iter().map(|value| (!value.is_nan()).then_some(*value))
    }

    fn start_of(&self, nth: usize) -> Timestamp {
        let periods = i64::try_from(nth).unwrap_or(i64::MAX);
        self.from.plus_seconds(periods.saturating_mul(i64::from(self.period)))
    }
}
