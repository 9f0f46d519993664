//! The numbers as Prometheus reads them: text exposition format 0.0.4. Names end in their unit (`_seconds`, `_bytes`) or, where
//! they only grow, in `_total`; labels have few values each, and none that an agent chooses.

use std::fmt::Display;

use engine::Spread;

use crate::health::Report;

pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(crate) fn page(report: &Report) -> String {
    let Report { parts, vitals, friction, disks } = report;
    let mut page = Page::default();
    page.family("countersign_build_info", "gauge", "Which version is running; always 1.");
    page.sample("countersign_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
    page.family("process_start_time_seconds", "gauge", "When it began to serve, since the Unix epoch.");
    page.sample("process_start_time_seconds", &[], millis(vitals.began.millis()));

    page.family("countersign_ready", "gauge", "1 while this part is as it must be for a request to pass.");
    for part in parts {
        page.sample("countersign_ready", &[("part", part.name)], u8::from(part.missing.is_none()));
    }

    let counted = &vitals.counted;
    page.family(
        "countersign_decisions_total",
        "counter",
        "Requests of agents that were decided, by how. Besides allow, hold and deny: fault (CS101 to CS110), repeat (answered from \
         the record), replay, in_flight, closed (the session is over).",
    );
    for (verdict, count) in &counted.decisions {
        page.sample("countersign_decisions_total", &[("verdict", verdict)], count);
    }
    page.family(
        "countersign_decision_seconds",
        "histogram",
        "How long deciding took. own: our part, with the wait for the log and its witnesses; upstream: looking at the target, of \
         the decisions that need it.",
    );
    page.histogram("countersign_decision_seconds", ("part", "own"), &counted.own);
    page.histogram("countersign_decision_seconds", ("part", "upstream"), &counted.upstream);
    page.family(
        "countersign_signatures_total",
        "counter",
        "Statements that people signed, by act; counts=false: of somebody whose signature does not count there.",
    );
    for (act, counts, refused) in &counted.signed {
        page.sample("countersign_signatures_total", &[("act", act), ("counts", "true")], counts);
        page.sample("countersign_signatures_total", &[("act", act), ("counts", "false")], refused);
    }
    page.family(
        "countersign_authentication_failures_total",
        "counter",
        "Requests that nobody signed who is known here.",
    );
    page.sample("countersign_authentication_failures_total", &[], counted.strangers);

    page.family("countersign_store_readable", "gauge", "0 where the database could not be read for this.");
    page.sample("countersign_store_readable", &[], u8::from(vitals.stored.is_some()));
    if let Some(stored) = &vitals.stored {
        page.family(
            "countersign_changes",
            "gauge",
            "Changes that wait: held for people, approved for their agent.",
        );
        page.sample("countersign_changes", &[("state", "held")], stored.held);
        page.sample("countersign_changes", &[("state", "approved")], stored.approved);
        page.family(
            "countersign_ledger_pending_entries",
            "gauge",
            "Recorded, and under no signed checkpoint yet.",
        );
        page.sample("countersign_ledger_pending_entries", &[], stored.pending);
        page.family(
            "countersign_ledger_pending_seconds",
            "gauge",
            "How long the oldest of these waits; 0 where none does.",
        );
        page.sample("countersign_ledger_pending_seconds", &[], stored.pending_s);
    }
    page.family("countersign_ledger_entries", "gauge", "Under the newest signed checkpoint.");
    page.sample("countersign_ledger_entries", &[], vitals.log);

    page.family("countersign_witness_behind_entries", "gauge", "Of these, not cosigned by this witness.");
    for witness in &vitals.witnesses {
        page.sample(
            "countersign_witness_behind_entries",
            &[("witness", witness.name.as_str())],
            witness.behind,
        );
    }
    page.family("countersign_witness_answers", "gauge", "0 where it did not answer when it was asked last.");
    for witness in &vitals.witnesses {
        let answers = u8::from(!witness.away);
        page.sample("countersign_witness_answers", &[("witness", witness.name.as_str())], answers);
    }
    page.family("countersign_witness_quorum", "gauge", "How many make a checkpoint witnessed.");
    page.sample("countersign_witness_quorum", &[], vitals.quorum);

    page.family("countersign_disk_free_bytes", "gauge", "That may still be written where this lies.");
    for disk in disks {
        page.sample("countersign_disk_free_bytes", &[("of", disk.of)], disk.free);
    }
    page.family("countersign_disk_size_bytes", "gauge", "Of the disk where this lies.");
    for disk in disks {
        page.sample("countersign_disk_size_bytes", &[("of", disk.of)], disk.size);
    }

    page.family(
        "countersign_sessions",
        "gauge",
        "Live sessions of agents; a role that one took on is not counted apart.",
    );
    page.sample("countersign_sessions", &[], vitals.live_sessions);
    page.family(
        "countersign_agent_seconds_total",
        "counter",
        "That sessions were live, added up, since the start.",
    );
    page.sample("countersign_agent_seconds_total", &[], vitals.agent_seconds);

    if let Some(friction) = friction {
        page.family(
            "countersign_friction_prompts",
            "gauge",
            "Changes of agents that were held, in the last 24 hours.",
        );
        page.sample("countersign_friction_prompts", &[], friction.prompts);
        let figures = [
            (
                "countersign_friction_prompts_per_agent_hour",
                "Of the last 24 hours; absent where no session was live.",
                friction.prompts_per_agent_hour(),
            ),
            (
                "countersign_friction_decision_median_seconds",
                "From asking to the signature that decided, of the last 24 hours; absent where nothing was decided.",
                friction.median_decision_s,
            ),
            (
                "countersign_friction_expired_ratio",
                "Of the held changes of the last 24 hours that are over: that nobody answered; absent where none is over.",
                friction.expired_share,
            ),
        ];
        for (name, help, value) in figures {
            if let Some(value) = value {
                page.family(name, "gauge", help);
                page.sample(name, &[], value);
            }
        }
    }
    page.0
}

#[derive(Debug, Default)]
struct Page(String);

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        self.0.push_str(&format!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let labels: Vec<String> =
            labels.iter().map(|(label, value)| format!("{label}=\"{}\"", escaped(value))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        self.0.push_str(&format!("{name}{labels} {value}\n"));
    }

    fn histogram(&mut self, name: &str, label: (&str, &str), spread: &Spread) {
        let bucket = format!("{name}_bucket");
        for (bound, count) in &spread.within {
            self.sample(&bucket, &[label, ("le", &bound.to_string())], count);
        }
        self.sample(&bucket, &[label, ("le", "+Inf")], spread.count);
        self.sample(&format!("{name}_sum"), &[label], spread.sum_s);
        self.sample(&format!("{name}_count"), &[label], spread.count);
    }
}

/// Backslash, quote and line feed, as the format has it.
fn escaped(value: &str) -> String {
    value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n")
}

#[expect(clippy::cast_precision_loss, reason = "seconds that are shown")]
fn millis(value: i64) -> f64 {
    value as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use engine::{Counted, Friction, Missing, Part, Seen, Stored, Vitals};
    use model::Timestamp;

    use super::*;
    use crate::health::Disk;

    fn report() -> Report {
        let counted = Counted {
            decisions: vec![("allow", 7), ("hold", 2)],
            own: Spread { within: vec![(0.001, 5), (0.25, 8)], count: 9, sum_s: 1.5 },
            upstream: Spread { within: vec![(0.001, 0), (0.25, 1)], count: 2, sum_s: 0.5 },
            signed: vec![("approve", 3, 1)],
            strangers: 4,
        };
        let seen = |name: &str, behind, away| Seen { name: name.parse().unwrap(), behind, away };
        Report {
            parts: vec![
                Part { name: "ledger", missing: Some(Missing { why: "no", detail: "secret".to_owned() }) },
                Part { name: "clock", missing: None },
            ],
            vitals: Vitals {
                now: Timestamp::from_seconds(1_795_228_900),
                began: Timestamp::from_millis(1_795_228_800_500),
                counted,
                stored: Some(Stored { held: 2, approved: 1, pending: 3, pending_s: 0.25 }),
                log: 40,
                witnesses: vec![seen("w1", 0, false), seen("w2", 40, true)],
                quorum: 1,
                live_sessions: 1,
                agent_seconds: 90.5,
            },
            friction: Some(Friction {
                prompts: 3,
                agent_hours: 1.5,
                median_decision_s: Some(60.0),
                expired_share: None,
            }),
            disks: vec![Disk { of: "log", free: 10, size: 20 }],
        }
    }

    #[test]
    fn the_page_says_what_was_counted() {
        let page = page(&report());
        for line in [
            "process_start_time_seconds 1795228800.5",
            "countersign_ready{part=\"ledger\"} 0",
            "countersign_ready{part=\"clock\"} 1",
            "countersign_decisions_total{verdict=\"allow\"} 7",
            "countersign_decision_seconds_bucket{part=\"own\",le=\"0.25\"} 8",
            "countersign_decision_seconds_bucket{part=\"own\",le=\"+Inf\"} 9",
            "countersign_decision_seconds_sum{part=\"upstream\"} 0.5",
            "countersign_signatures_total{act=\"approve\",counts=\"false\"} 1",
            "countersign_authentication_failures_total 4",
            "countersign_changes{state=\"held\"} 2",
            "countersign_ledger_pending_entries 3",
            "countersign_ledger_pending_seconds 0.25",
            "countersign_witness_behind_entries{witness=\"w2\"} 40",
            "countersign_witness_answers{witness=\"w2\"} 0",
            "countersign_disk_free_bytes{of=\"log\"} 10",
            "countersign_sessions 1",
            "countersign_friction_prompts_per_agent_hour 2",
            "countersign_friction_decision_median_seconds 60",
        ] {
            assert!(page.lines().any(|it| it == line), "{line} is not in\n{page}");
        }
        assert!(!page.contains("expired_ratio"), "nothing is over: there is no share");
        assert!(!page.contains("secret"));
    }

    /// The rules of the format that a parser stumbles over: a family is told once, before its samples, in one piece.
    #[test]
    fn families_are_whole_and_told_once() {
        let page = page(&report());
        let (mut told, mut current) = (BTreeSet::new(), String::new());
        assert!(page.ends_with('\n'));
        for line in page.lines() {
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, _) = rest.split_once(' ').unwrap();
                assert!(told.insert(name.to_owned()), "{name} is told twice");
                current = name.to_owned();
            } else if !line.starts_with("# HELP ") {
                let (sample, value) = line.rsplit_once(' ').unwrap();
                let name = sample.split('{').next().unwrap();
                let ends = ["", "_bucket", "_sum", "_count"];
                assert!(ends.iter().any(|end| name == format!("{current}{end}")), "{line} below {current}");
                assert!(value.parse::<f64>().is_ok(), "{line}");
            }
        }
        assert_eq!(escaped("a\"b\\c\nd"), r#"a\"b\\c\nd"#);
    }
}
