//! Times as people say them. `now` is a parameter.

use model::Timestamp;

/// "3 min ago"
pub(crate) fn ago(at: Timestamp, now: Timestamp) -> String {
    match now.since(at) / 1000 {
        ..60 => "just now".to_owned(),
        seconds => format!("{} ago", span(seconds)),
    }
}

/// "27 min left"; `None` once it is over.
pub(crate) fn left(until: Timestamp, now: Timestamp) -> Option<String> {
    let seconds = until.since(now).max(0) / 1000;
    (seconds > 0).then(|| format!("{} left", span(seconds)))
}

/// Where [`left`] says nothing.
pub(crate) fn over() -> String {
    "its time is over".to_owned()
}

pub(crate) fn span(seconds: i64) -> String {
    match seconds {
        ..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..172_800 => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same words as on pages that stay open (`assets/when.js`), where a test in the browser holds them to that list, too.
    #[test]
    fn spans_are_said_in_the_unit_that_fits() {
        let at = Timestamp::from_seconds;
        let cases = include_str!("../tests/spans.txt").lines().filter(|line| !line.starts_with('#'));
        let cases: Vec<Vec<&str>> = cases.map(|line| line.split(" | ").collect()).collect();
        assert!(cases.len() > 5);
        for case in cases {
            let [seconds, ago_, left_] = case[..] else { panic!("{case:?}") };
            let seconds: i64 = seconds.parse().unwrap();
            assert_eq!(ago(at(0), at(seconds)), ago_, "{seconds}");
            assert_eq!(left(at(seconds), at(0)).unwrap_or_else(over), left_, "{seconds}");
        }
    }
}
