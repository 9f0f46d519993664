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

    #[test]
    fn spans_are_said_in_the_unit_that_fits() {
        let at = Timestamp::from_seconds;
        for (seconds, ago_, left_) in [
            (-5, "just now", None),
            (0, "just now", None),
            (59, "just now", Some("59 s left")),
            (60, "1 min ago", Some("1 min left")),
            (3599, "59 min ago", Some("59 min left")),
            (3660, "1 h 1 min ago", Some("1 h 1 min left")),
            (172_800, "2 days ago", Some("2 days left")),
        ] {
            assert_eq!(ago(at(0), at(seconds)), ago_, "{seconds}");
            assert_eq!(left(at(seconds), at(0)).as_deref(), left_, "{seconds}");
        }
    }
}
