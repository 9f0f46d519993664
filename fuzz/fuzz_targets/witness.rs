//! What anybody may send to a witness, and what a witness may answer. Nothing panics, a body has one reading, nothing is
//! cosigned that no known log signed, and no answer counts that the witness did not sign.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use tlog::{SigningKey, WitnessKey, WitnessSigningKey};
use witness::{Logs, Record, Refusal, Reply, Request, Step, Submission};

/// The keys of the exchanges in `crates/witness/tests/it`, so that what is true there comes true here too.
static KEYS: LazyLock<Option<(Logs, WitnessSigningKey)>> = LazyLock::new(|| {
    let mut logs = Logs::default();
    for (name, seed) in [("log.example/orders", 1), ("log.example/empty", 2), ("log.example/orders", 3)] {
        logs.add(SigningKey::from_seed(name, &[seed; 32]).ok()?.verifier());
    }
    Some((logs, WitnessSigningKey::from_seed("witness.example/w1", &[9; 32]).ok()?))
});

fuzz_target!(|body: &[u8]| {
    let Some((logs, key)) = &*KEYS else { return };
    let witness = key.verifier();
    if let Ok(request) = Request::parse(body) {
        assert_eq!(request.to_text().as_bytes(), body);
    }
    match Submission::receive(body, logs) {
        Ok(submission) => cosigned(submission, key, &witness),
        Err(refusal) => {
            assert!((400..=404).contains(&refusal.status()), "{refusal}");
            assert!(refusal.answer().body.len() < 1000);
        }
    }
    let note = "log.example/orders\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n";
    for status in [200, 409, 422, 500] {
        if let Ok(Reply::Cosigned { .. }) =
            Reply::read(status, Some("text/x.tlog.size"), body, note, &witness)
        {
            panic!("a cosignature that was never made");
        }
    }
    if let Ok(text) = std::str::from_utf8(body) {
        let _ = Logs::read(text);
        assert!(Record::open(text, "log.example/orders", &witness).is_err());
    }
});

fn cosigned(submission: Submission, key: &WitnessSigningKey, witness: &WitnessKey) {
    let origin = submission.origin().to_owned();
    match submission.step(None, 1_700_000_000, key) {
        Ok(Step::Next(record)) => {
            assert_eq!(Record::open(record.note(), &origin, witness), Ok(record));
        }
        Ok(Step::Known) => panic!("nothing is known yet"),
        Err(Refusal::Conflict { size: 0 } | Refusal::NotProved(_)) => {}
        Err(refusal) => panic!("{refusal}"),
    }
}
