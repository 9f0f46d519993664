//! Metrics: one question for each resource, a value for each day of the window.

use std::{collections::BTreeMap, sync::LazyLock};

use model::{Timestamp, Value};
use serde_json::{Value as Json, json};

use crate::{
    kept, shape,
    table::{Answer, Collector, MetricRule, Pages},
    template::Filling,
};

pub(crate) const CALL: &str = "cloudwatch:GetMetricData";
const DAY_S: i64 = 86_400;

/// The whole days that are asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    pub(crate) from: Timestamp,
    days: u32,
}

impl Window {
    /// `days` whole days until the last midnight (UTC) before `now`.
    pub(crate) fn before(now: Timestamp, days: u32) -> Self {
        let midnight = now.seconds().div_euclid(DAY_S).saturating_mul(DAY_S);
        let from = midnight.saturating_sub(i64::from(days).saturating_mul(DAY_S));
        Self { from: Timestamp::from_seconds(from), days }
    }

    pub(crate) const fn period() -> u32 {
        86_400
    }

    fn until(self) -> Timestamp {
        self.from.plus_seconds(i64::from(self.days).saturating_mul(DAY_S))
    }
}

/// One metric's values so far.
#[derive(Clone, Debug)]
pub(crate) struct Values {
    pub(crate) namespace: String,
    pub(crate) metric: String,
    pub(crate) statistic: String,
    pub(crate) values: Vec<Option<f64>>,
}

/// The rules that hold for an item, with their dimensions filled in; a dimension that cannot be filled leaves its metric out.
pub(crate) fn asked(
    collector: &Collector,
    filling: &Filling<'_>,
    window: Window,
) -> Option<(Value, Vec<Values>)> {
    let rules: Vec<(&MetricRule, BTreeMap<&str, String>)> = collector
        .metrics
        .iter()
        .filter(|rule| rule.when.iter().all(|condition| condition.holds(filling.item)))
        .filter_map(|rule| {
            let dimensions =
                rule.dimensions.iter().map(|(name, text)| Some((name.as_str(), filling.text(text)?)));
            Some((rule, dimensions.collect::<Option<_>>()?))
        })
        .collect();
    if rules.is_empty() {
        return None;
    }
    let queries = rules.iter().enumerate().map(|(nth, (rule, dimensions))| {
        let dimensions = dimensions.iter().map(|(name, value)| {
            Value::map([("Name", Value::text(*name)), ("Value", Value::text(value.clone()))])
        });
        let metric = Value::map([
            ("Namespace", Value::text(rule.namespace.clone())),
            ("MetricName", Value::text(rule.metric.clone())),
            ("Dimensions", Value::List(dimensions.collect())),
        ]);
        let statistic = Value::map([
            ("Metric", metric),
            ("Period", Value::Int(DAY_S)),
            ("Stat", Value::text(rule.statistic.clone())),
        ]);
        Value::map([("Id", Value::text(format!("m{nth}"))), ("MetricStat", statistic)])
    });
    let parameters = Value::map([
        ("MetricDataQueries", Value::List(queries.collect())),
        ("StartTime", Value::Int(window.from.seconds())),
        ("EndTime", Value::Int(window.until().seconds())),
        ("ScanBy", Value::text("TimestampAscending")),
    ]);
    let empty = vec![None; usize::try_from(window.days).unwrap_or(0)];
    let values = rules.into_iter().map(|(rule, _)| Values {
        namespace: rule.namespace.clone(),
        metric: rule.metric.clone(),
        statistic: rule.statistic.clone(),
        values: empty.clone(),
    });
    Some((parameters, values.collect()))
}

/// Puts a page's values where they belong; `false`: the cloud says that a metric's values are not all there.
pub(crate) fn fill(values: &mut [Values], page: &Json, window: Window) -> bool {
    let mut whole = true;
    for result in kept::select(page, "MetricDataResults") {
        let id = kept::text(result, "Id").and_then(|id| id.strip_prefix('m')?.parse::<usize>().ok());
        let Some(series) = id.and_then(|nth| values.get_mut(nth)) else { continue };
        whole &= !matches!(kept::text(result, "StatusCode").as_deref(), Some("InternalError" | "Forbidden"));
        let times = kept::select(result, "Timestamps").into_iter().filter_map(Json::as_str).map(shape::time);
        let found = kept::select(result, "Values").into_iter().filter_map(Json::as_f64);
        for (at, value) in times.zip(found) {
            let place = at.map(|at| at.since(window.from).div_euclid(1000 * DAY_S));
            if let Some(slot) =
                place.and_then(|it| usize::try_from(it).ok()).and_then(|it| series.values.get_mut(it))
            {
                *slot = Some(value);
            }
        }
    }
    whole
}

/// How the question is answered: the one form that is written by hand, since no collector asks for it.
pub(crate) fn form() -> &'static Answer {
    static FORM: LazyLock<Answer> = LazyLock::new(|| {
        let list = |of: &str| json!({ "list": of });
        let result = json!({ "list": {
            "Id": ["Id", "text"], "StatusCode": ["StatusCode", "text"],
            "Timestamps": ["Timestamps", list("time")], "Values": ["Values", list("float")],
        } });
        let shape =
            json!({ "MetricDataResults": ["MetricDataResults", result], "NextToken": ["NextToken", "text"] });
        Answer {
            shape: serde_json::from_value(shape).unwrap_or(crate::shape::Shape::Members(BTreeMap::new())),
            pages: Some(Pages {
                from: vec!["NextToken".to_owned()],
                to: vec!["NextToken".to_owned()],
                more: None,
            }),
        }
    });
    &FORM
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_stands_in_its_day() {
        let now: Timestamp = "2026-11-29T22:00:00Z".parse().unwrap();
        let window = Window::before(now, 3);
        assert_eq!(window.from.to_string(), "2026-11-26T00:00:00.000Z");
        assert_eq!(window.until().to_string(), "2026-11-29T00:00:00.000Z");
        let text = String::new;
        let mut values =
            vec![Values { namespace: text(), metric: text(), statistic: text(), values: vec![None; 3] }];
        let page = json!({ "MetricDataResults": [{ "Id": "m0", "StatusCode": "Complete",
            "Timestamps": ["2026-11-27T00:00:00.000Z", "2026-11-28T00:00:00.000Z", "2026-12-01T00:00:00.000Z"], "Values": [1.5, 0, 9] }] });
        assert!(fill(&mut values, &page, window));
        assert_eq!(values[0].values, [None, Some(1.5), Some(0.0)]);
        let broken = json!({ "MetricDataResults": [{ "Id": "m0", "StatusCode": "InternalError" }, { "Id": "m7" }, { "Id": "x" }] });
        assert!(!fill(&mut values, &broken, window));
    }

    #[test]
    fn the_form_is_one() {
        assert!(form().shape.at("MetricDataResults.Values").is_some());
    }
}
