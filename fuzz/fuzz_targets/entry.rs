//! Envelopes, as whoever holds the log might forge them, one on a line: the auditor always ends with a report, an entry
//! that it takes is written in one way only, and a log that no checkpoint covers is never acquitted.
#![no_main]

use audit::{Auditor, Code, Given};
use libfuzzer_sys::fuzz_target;
use model::{Entry, Genesis, Timestamp};
use tlog::SigningKey;

/// Of a log that signed nothing here.
fn genesis() -> Vec<u8> {
    let origin = "log.example/fuzz".to_owned();
    let key = SigningKey::from_seed(&origin, &[7; 32]).expect("a good name");
    let created_at = Timestamp::from_seconds(1_795_228_800);
    Genesis { origin, vkey: key.verifier().to_string(), installation: "00".into(), created_at, site: None }.to_json()
}

fuzz_target!(|data: &[u8]| {
    let genesis = genesis();
    let given = Given {
        genesis: &genesis,
        expected_genesis: None,
        checkpoint: b"",
        held_checkpoints: &[],
        database: None,
    };
    let mut auditor = Auditor::new(given);
    let lines: Vec<&[u8]> = data.split(|byte| *byte == b'\n').collect();
    lines.iter().for_each(|line| auditor.entry(line));
    let report = auditor.finish();
    assert!(!report.ok && report.entries == lines.len() as u64);
    for (line, index) in lines.iter().zip(0..) {
        let convicted = report.problems.iter().any(|it| {
            it.entry == Some(index) && matches!(it.code, Code::EntryMalformed | Code::EntryNotCanonical)
        });
        if let Ok(entry) = serde_json::from_slice::<Entry>(line)
            && report.problems.len() < 400
        {
            let canonical = entry.schema == Entry::SCHEMA && serde_json::to_vec(&entry).ok().as_deref() == Some(*line);
            assert_eq!(canonical, !convicted);
        }
    }
});
