//! `exchanges.txt`, line by line.

use witness::{Answer, Logs};

use crate::rig::Witness;

/// Its first lines say how it is to be read.
const EXCHANGES: &str = include_str!("exchanges.txt");

struct Exchange<'t> {
    title: &'t str,
    at: u64,
    asked: Asked,
    status: u16,
    content_type: Option<&'t str>,
    body: String,
}

enum Asked {
    Checkpoint(String),
    Monitor(String),
}

fn read(section: &'static str) -> Exchange<'static> {
    let mut lines = section.lines();
    let title = lines.next().unwrap();
    let mut exchange = Exchange {
        title,
        at: 0,
        asked: Asked::Checkpoint(String::new()),
        status: 0,
        content_type: None,
        body: String::new(),
    };
    let mut request = String::new();
    for line in lines.filter(|line| !line.is_empty()) {
        let (mark, rest) = line.split_once(' ').unwrap_or((line, ""));
        match mark {
            "at" => exchange.at = rest.parse().unwrap(),
            "monitor" => exchange.asked = Asked::Monitor(rest.to_owned()),
            ">" => request.extend([rest, "\n"]),
            ">|" => request.push_str(rest),
            "<" => {
                let (status, kind) = rest.split_once(' ').map_or((rest, None), |(it, kind)| (it, Some(kind)));
                (exchange.status, exchange.content_type) = (status.parse().unwrap(), kind);
            }
            "<<" => exchange.body.extend([rest, "\n"]),
            _ => panic!("{title}: {line}"),
        }
    }
    if let Asked::Checkpoint(body) = &mut exchange.asked {
        *body = request;
    }
    exchange
}

#[test]
fn recorded_exchanges_are_answered_as_the_specification_says() {
    let (head, sections) = EXCHANGES.split_once("\n== ").unwrap();
    let of = |kind: &'static str| head.lines().filter_map(move |line| line.strip_prefix(kind));
    let mut logs = Logs::default();
    of("log ").for_each(|key| logs.add(key.parse().unwrap()));
    let mut witness = Witness::new(logs);
    assert_eq!(of("witness ").collect::<Vec<_>>(), [witness.vkey().to_string()]);

    let mut exchanges = 0;
    for exchange in sections.split("\n== ").map(read) {
        let Exchange { title, at, asked, status, content_type, body } = exchange;
        let answer = match asked {
            Asked::Checkpoint(request) => match witness.add_checkpoint(request.as_bytes(), at) {
                Ok(line) => Answer { status: 200, content_type: "text/plain; charset=utf-8", body: line },
                Err(refusal) => refusal.answer(),
            },
            Asked::Monitor(origin) => match witness.kept.get(&origin) {
                Some(record) => Answer {
                    status: 200,
                    content_type: "text/plain; charset=utf-8",
                    body: record.note().to_owned(),
                },
                None => Answer { status: 404, content_type: "text/plain", body: String::new() },
            },
        };
        assert_eq!(answer.status, status, "{title}: {}", answer.body);
        if let Some(prescribed) = content_type {
            assert_eq!(answer.content_type, prescribed, "{title}");
        }
        if !body.is_empty() {
            assert_eq!(answer.body, body, "{title}");
        }
        exchanges += 1;
    }
    assert!(exchanges > 50, "{exchanges}");
}
