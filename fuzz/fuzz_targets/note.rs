//! What a log, a witness or whoever stands in their place hands an auditor: keys, checkpoints, cosigned notes and
//! receipts. Nothing panics, what is read has one text, and nothing that is not signed is believed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tlog::{Checkpoint, Receipt, SigningKey, VerifierKey, WitnessKey, WitnessSigningKey};

fuzz_target!(|text: &str| {
    if let Ok(checkpoint) = Checkpoint::parse(text) {
        assert_eq!(checkpoint.to_text(), text);
    }
    if let Ok(key) = text.parse::<VerifierKey>() {
        assert!(text.parse::<WitnessKey>().is_err());
        assert_eq!(key.to_string(), text);
    }
    let (Ok(log), Ok(witness)) =
        (SigningKey::from_seed("log", &[7; 32]), WitnessSigningKey::from_seed("witness", &[9; 32]))
    else {
        return;
    };
    assert!(tlog::open_checkpoint(text, &log.verifier()).is_err());
    assert!(tlog::open_cosigned(text, &witness.verifier()).is_err());
    if let Ok(receipt) = Receipt::parse(text) {
        assert_eq!(Receipt::parse(&receipt.to_text()), Ok(receipt));
    }
});
