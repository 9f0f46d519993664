//! Every threshold, with its default. A file gives those that are to be otherwise.

use model::{Timestamp, sanitize};
use serde::{Deserialize, Serialize};

use crate::subject::DAY_S;

/// How many days old it is by `now` what was seen at `taken`, where that is more than `most` ([`Parameters::stale_days`]).
pub fn stale(taken: Timestamp, now: Timestamp, most: u32) -> Option<i64> {
    let days = now.since(taken).div_euclid(1000 * DAY_S);
    (days > i64::from(most)).then_some(days)
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Parameters {
    /// Without a sign of use for so many days something is idle.
    pub idle_days: u32,
    /// What is quiet for less than this may still run once a year: its confidence is not high, and nothing destroys it.
    pub season_days: u32,
    /// It has stopped only where it is quiet for so many times its longest pause before.
    pub pauses: u32,
    /// How long something stays marked before what would destroy it is proposed.
    pub grace_days: u32,
    /// A snapshot that is older than this changes nothing any more.
    pub stale_days: u32,
    /// Unattached volumes younger than this are left alone.
    pub volume_days: u32,
    /// Disk snapshots younger than this are left alone.
    pub snapshot_days: u32,
    /// Images younger than this, or started from since, are left alone.
    pub image_days: u32,
    /// Instances stopped for less than this are left alone.
    pub stopped_days: u32,
    /// An instance below this (the greatest processor load of any period, percent) is idle.
    pub idle_cpu: f64,
    /// And at most so many bytes in and out a day.
    pub idle_network_bytes: f64,
    /// An instance or service that never came above this is too large.
    pub oversized_cpu: f64,
    /// The same of a service's memory.
    pub oversized_memory: f64,
    /// A load balancer with at most so many requests (or new flows) a day is idle.
    pub idle_requests: f64,
    /// A table that never used more than this share (percent) of its capacity has too much.
    pub capacity_used: f64,
    /// Certificates that end within so many days are told of.
    pub certificate_days: u32,
    /// An alarm that has been on for longer than this is told of.
    pub alarm_minutes: u32,
    /// A stack that is in transition for longer than this is stuck.
    pub stack_minutes: u32,
    /// Uploads that began before this and never ended count as left behind.
    pub upload_days: u32,
    /// What a log group without retention is proposed to keep.
    pub retention_days: u32,
    /// Log groups that hold less are left alone.
    pub log_bytes: u64,
    /// Ports by which machines and databases are administered.
    pub admin_ports: Vec<u16>,
    /// Words of names and tags that say: it stands by.
    pub standby_words: Vec<String>,
    /// Words of names and tags that say: it is used rarely.
    pub season_words: Vec<String>,
}

impl Default for Parameters {
    fn default() -> Self {
        let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
        Self {
            idle_days: 14,
            season_days: 400,
            pauses: 3,
            grace_days: 30,
            stale_days: 7,
            volume_days: 14,
            snapshot_days: 90,
            image_days: 90,
            stopped_days: 30,
            idle_cpu: 10.0,
            idle_network_bytes: 5_000_000.0,
            oversized_cpu: 40.0,
            oversized_memory: 40.0,
            idle_requests: 100.0,
            capacity_used: 30.0,
            certificate_days: 30,
            alarm_minutes: 60,
            stack_minutes: 24 * 60,
            upload_days: 7,
            retention_days: 365,
            log_bytes: 1_000_000_000,
            admin_ports: vec![22, 1433, 1521, 2375, 3306, 3389, 5432, 5985, 6379, 9200, 27017],
            standby_words: words(&[
                "dr", "standby", "failover", "disaster", "passive", "fallback", "coldsite",
            ]),
            season_words: words(&[
                "annual",
                "annually",
                "audit",
                "biannual",
                "month",
                "monthly",
                "quarter",
                "quarterly",
                "seasonal",
                "yearend",
                "yearly",
            ]),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {cause}")]
pub struct ParametersError {
    pub path: String,
    pub cause: String,
}

impl Parameters {
    /// As a TOML file says.
    ///
    /// # Errors
    /// Where it names what is no parameter, or gives a value that is none.
    pub fn parse(text: &str) -> Result<Self, ParametersError> {
        let parameters: Self = toml::from_str(text).map_err(|err| {
            let line = err
                .span()
                .map_or(1, |span| text.get(..span.start).unwrap_or_default().matches('\n').count() + 1);
            ParametersError { path: format!("line {line}"), cause: sanitize(err.message(), 300) }
        })?;
        let shares = [
            ("idle_cpu", parameters.idle_cpu),
            ("oversized_cpu", parameters.oversized_cpu),
            ("oversized_memory", parameters.oversized_memory),
            ("capacity_used", parameters.capacity_used),
        ];
        for (name, share) in shares {
            if !(0.0..=100.0).contains(&share) {
                return Err(ParametersError {
                    path: name.into(),
                    cause: "a percentage is between 0 and 100".into(),
                });
            }
        }
        for (name, amount) in [
            ("idle_network_bytes", parameters.idle_network_bytes),
            ("idle_requests", parameters.idle_requests),
        ] {
            if !(amount.is_finite() && amount >= 0.0) {
                return Err(ParametersError { path: name.into(), cause: "it is a number, 0 or more".into() });
            }
        }
        Ok(parameters)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_is_old_once_it_is_a_whole_day_older() {
        let taken = Timestamp::from_seconds(0);
        let after = |seconds| stale(taken, Timestamp::from_seconds(seconds), 7);
        assert_eq!((after(-1), after(7 * DAY_S), after(8 * DAY_S - 1)), (None, None, None));
        assert_eq!(after(8 * DAY_S), Some(8));
    }

    #[test]
    fn a_file_says_only_what_is_otherwise() {
        let given = Parameters::parse("idle_days = 30\n").unwrap();
        assert_eq!(given, Parameters { idle_days: 30, ..Parameters::default() });
        let err = Parameters::parse("idle_days = 30\nidle_dayz = 3\n").unwrap_err();
        assert!(err.to_string().starts_with("line 2: unknown field `idle_dayz`"), "{err}");
        assert_eq!(Parameters::parse("idle_cpu = 120.0").unwrap_err().path, "idle_cpu");
        assert_eq!(Parameters::parse("idle_requests = nan").unwrap_err().path, "idle_requests");
    }
}
