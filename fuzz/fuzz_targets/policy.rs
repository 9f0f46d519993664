//! Trust policies, and notes opened under them. Nothing panics; a policy is bounded and says which line is wrong; and no
//! note that nobody signed satisfies one, not even that which asks for no witness.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tlog::{Policy, PolicyError, SigningKey};

fuzz_target!(|data: &[u8]| {
    let (policy, note) = data.split_at(data.iter().position(|byte| *byte == 0).unwrap_or(data.len()));
    let policy = match Policy::parse(policy) {
        Ok(policy) => policy,
        Err(err) => {
            if let PolicyError::Line { line, .. } = &err {
                assert!((1..=policy.split_inclusive(|byte| *byte == b'\n').count()).contains(line));
            }
            assert!(!err.to_string().chars().any(char::is_control));
            return;
        }
    };
    assert!(policy.logs().len() <= 64 && policy.witnesses().len() <= 64);
    let Ok(log) = SigningKey::from_seed("log", &[7; 32]) else { return };
    if let Ok(note) = std::str::from_utf8(note.get(1..).unwrap_or_default()) {
        assert!(policy.open(note).is_err() && policy.open_of(note, &log.verifier()).is_err());
    }
});
