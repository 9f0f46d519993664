//! When something was used, by its metrics: how long it is quiet, how long it was quiet before, and how far back that is known.
//! A job that runs once a quarter is not idle: its pause now is no longer than its pauses before. One that was observed for less than
//! a year may be such a job.

use model::Timestamp;
use snapshot::{ReadRef, Series};

use crate::{
    Level, Parameters,
    draft::{Draft, NotKnown},
    subject::{DAY_S, Subject},
};

/// A metric that shows use where it is above `above` in a day.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Metric {
    pub(crate) namespace: &'static str,
    pub(crate) name: &'static str,
    pub(crate) statistic: &'static str,
    pub(crate) above: f64,
}

#[derive(Clone, Debug)]
pub(crate) struct Rhythm {
    /// Since the last use, or since the window began.
    pub(crate) quiet_days: i64,
    /// How far back all metrics reach.
    pub(crate) window_days: i64,
    /// The last use in the window.
    pub(crate) last: Option<Timestamp>,
    /// The last use, or where the window begins.
    quiet_since: Timestamp,
    /// The longest pause before the last use.
    longest_pause_days: i64,
    pub(crate) reads: Vec<ReadRef>,
}

/// What a rhythm says of whether it is used.
pub(crate) enum Use {
    Now,
    /// Used before, after pauses like the one it is in.
    Rare(String),
    Idle,
}

/// `above` is for one day: what a shorter or longer period may have is as much of it.
fn is_use(series: &Series<'_>, metric: &Metric, value: f64) -> bool {
    let days = match metric.statistic {
        "Sum" => f64::from(series.period) / 86_400.0,
        _ => 1.0,
    };
    value > metric.above * days
}

/// `born`: when it was made, where that is known; before, it had no pauses, and nothing was seen of it.
pub(crate) fn of(
    subject: &Subject<'_, '_>,
    born: Option<Timestamp>,
    metrics: &[Metric],
) -> Result<Rhythm, NotKnown> {
    let taken = subject.snapshot.taken().until;
    let mut uses: Vec<Timestamp> = Vec::new();
    let (mut from, mut reads) = (born.unwrap_or(Timestamp::from_millis(i64::MIN)), Vec::new());
    for metric in metrics {
        let (all, oldest) = window(subject, metric)?;
        from = from.max(oldest);
        reads.extend(all.iter().map(|series| series.read));
        // What is counted and was not reported did not happen; what is measured and was not reported is not known.
        let (mut measured, counted) = (None::<Timestamp>, metric.statistic == "Sum");
        for series in all {
            let points = series.points().map_err(|err| NotKnown(err.to_string()))?;
            let points =
                points.inspect(|(at, _)| measured = Some(measured.map_or(*at, |first| first.min(*at))));
            // Used somewhere in the period: the last moment of it, as far as is known.
            let end = |at: Timestamp| at.plus_seconds(i64::from(series.period)).min(taken);
            uses.extend(points.filter(|(_, value)| is_use(series, metric, *value)).map(|(at, _)| end(at)));
        }
        if !counted {
            let first =
                measured.ok_or_else(|| NotKnown(format!("the metric {} has no values", metric.name)))?;
            from = from.max(first);
        }
    }
    reads.sort_unstable();
    reads.dedup();
    uses.retain(|at| *at >= from);
    // A few ascending runs, one for each series: a stable sort merges them.
    uses.sort();
    let days = |later: Timestamp, earlier: Timestamp| later.since(earlier).div_euclid(1000 * DAY_S);
    let pauses = std::iter::once(from).chain(uses.iter().copied()).zip(uses.iter().copied());
    Ok(Rhythm {
        quiet_days: days(taken, uses.last().copied().unwrap_or(from)),
        window_days: days(taken, from),
        last: uses.last().copied(),
        quiet_since: uses.last().copied().unwrap_or(from),
        longest_pause_days: pauses.map(|(earlier, later)| days(later, earlier)).max().unwrap_or(0),
        reads,
    })
}

/// From the oldest until the snapshot, without holes of more than two days between one series and the next.
fn check_whole(
    subject: &Subject<'_, '_>,
    metric: &Metric,
    all: &[&Series<'_>],
    oldest: Timestamp,
) -> Result<(), NotKnown> {
    let mut windows: Vec<_> = all.iter().map(|series| (series.from, series.until())).collect();
    windows.sort_unstable();
    let mut reached = oldest;
    let slack = 2 * DAY_S;
    for (from, until) in windows {
        if from > reached.plus_seconds(slack) {
            return Err(NotKnown(format!(
                "the metric {} was not read from {reached} to {from}",
                metric.name
            )));
        }
        reached = reached.max(until);
    }
    if reached.plus_seconds(slack) < subject.snapshot.taken().until {
        return Err(NotKnown(format!("the metric {} was read until {reached} only", metric.name)));
    }
    Ok(())
}

/// The greatest value in the window, its reads, and how many days the window has.
pub(crate) fn peak(subject: &Subject<'_, '_>, metric: &Metric) -> Result<(f64, Vec<ReadRef>, i64), NotKnown> {
    let (all, _) = window(subject, metric)?;
    let (mut most, mut first, mut reads) = (None::<f64>, subject.snapshot.taken().until, Vec::new());
    for series in all {
        let points = series.points().map_err(|err| NotKnown(err.to_string()))?;
        let points = points.inspect(|(at, _)| first = first.min(*at));
        most = points.map(|(_, value)| value).chain(most).reduce(f64::max);
        reads.push(series.read);
    }
    let days = subject.days_since(first);
    most.map(|peak| (peak, reads, days))
        .ok_or_else(|| NotKnown(format!("the metric {} has no values", metric.name)))
}

/// All series of a metric, and from when on it is known.
fn window<'s, 'a>(
    subject: &Subject<'s, 'a>,
    metric: &Metric,
) -> Result<(Vec<&'s Series<'a>>, Timestamp), NotKnown> {
    let all: Vec<&Series<'_>> = of_metric(subject, metric).collect();
    let Some(oldest) = all.iter().map(|series| series.from).min() else {
        return Err(NotKnown(format!("the metric {} was not read", metric.name)));
    };
    let mut reads = all.iter().filter_map(|one| subject.snapshot.read(one.read));
    if let Some(read) = reads.find(|read| !read.outcome.is_whole()) {
        let outcome = read.outcome.name();
        return Err(NotKnown(format!("the read of the metric {} was {outcome}", metric.name)));
    }
    check_whole(subject, metric, &all, oldest)?;
    Ok((all, oldest))
}

fn of_metric<'s, 'a>(subject: &Subject<'s, 'a>, metric: &Metric) -> impl Iterator<Item = &'s Series<'a>> {
    let (namespace, name, statistic) = (metric.namespace, metric.name, metric.statistic);
    subject.snapshot.metrics_of(subject.id()).iter().filter(move |one| {
        one.namespace.as_str() == namespace
            && one.metric.as_str() == name
            && one.statistic.as_str() == statistic
            && one.periods() > 0
    })
}

impl Rhythm {
    pub(crate) fn says(&self, parameters: &Parameters) -> Result<Use, NotKnown> {
        if self.window_days < i64::from(parameters.idle_days) {
            return Err(NotKnown(format!("it was observed for {} days only", self.window_days)));
        }
        if self.quiet_days < i64::from(parameters.idle_days) {
            return Ok(Use::Now);
        }
        let pause = self.longest_pause_days.max(1).saturating_mul(i64::from(parameters.pauses));
        match self.last {
            Some(last) if self.quiet_days <= pause => Ok(Use::Rare(format!(
                "it is used after pauses: last until {}, and before that its longest pause was {} days; now it is {}",
                day(last),
                self.longest_pause_days,
                self.quiet_days
            ))),
            Some(_) | None => Ok(Use::Idle),
        }
    }

    /// How sure one can be after so long a pause. What was used for a season and has stopped looks like what is used every season, until
    /// that comes round.
    pub(crate) fn sure(&self, draft: Draft, parameters: &Parameters) -> Draft {
        let draft = Draft { quiet_since: Some(self.quiet_since), ..draft };
        if self.quiet_days >= i64::from(parameters.season_days) {
            draft.because(format!("quiet for {} days: what runs once a year would show", self.quiet_days))
        } else {
            draft.at_most(
                Level::Medium,
                format!(
                    "quiet for {} days as far as is known: what runs once a year may still come",
                    self.quiet_days
                ),
            )
        }
    }

    pub(crate) fn tells(&self) -> String {
        match self.last {
            Some(last) => format!("last used on {}, {} days before the snapshot", day(last), self.quiet_days),
            None => format!("not used in the {} days that were observed", self.window_days),
        }
    }
}

/// `2026-11-29`.
pub(crate) fn day(time: Timestamp) -> String {
    time.to_string().split('T').next().unwrap_or_default().to_owned()
}
