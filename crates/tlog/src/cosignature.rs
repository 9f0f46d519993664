//! Cosignatures of witnesses (C2SP `tlog-cosignature`, Ed25519): that a witness saw a checkpoint, found it consistent
//! with every earlier one that it cosigned, and when. Whether it was consistent is the witness's business
//! ([`crate::verify_growth`]); this is the format.

use crate::{
    Checkpoint, NoteError, WitnessKey, WitnessSigningKey,
    note::{signature_line, signed_by},
};

/// Eight bytes of time, big-endian, and the signature.
const LENGTH: usize = 72;

/// The signature line, with its newline, by which a witness says that it saw `checkpoint` at `time` (Unix seconds).
/// `None` for a time that the format does not have: 0 states none, and 2^63 and past it are refused by readers.
pub fn cosign(checkpoint: &Checkpoint, time: u64, key: &WitnessSigningKey) -> Option<String> {
    cosign_text(&checkpoint.to_text(), time, key)
}

/// As [`cosign`], over the text of a checkpoint as its log wrote it: other logs than ours may write extension lines,
/// and a cosignature covers them.
pub fn cosign_text(text: &str, time: u64, key: &WitnessSigningKey) -> Option<String> {
    if !is_time(time) {
        return None;
    }
    let signature = key.sign(&message(time, text));
    Some(signature_line(&key.verifier(), &[time.to_be_bytes().as_slice(), &signature].concat()))
}

/// The checkpoint in `note` and when (Unix seconds) the witness `key` saw it. The log's own signature is not looked
/// at: [`crate::open_checkpoint`] is for that, and a checkpoint without it is worth nothing.
pub fn open_cosigned(note: &str, key: &WitnessKey) -> Result<(Checkpoint, u64), NoteError> {
    let (text, time) = open_cosigned_text(note, key)?;
    Ok((Checkpoint::parse(text)?, time))
}

/// As [`open_cosigned`], and the text as it stands, extension lines and all.
pub fn open_cosigned_text<'n>(note: &'n str, key: &WitnessKey) -> Result<(&'n str, u64), NoteError> {
    let (text, bytes) = signed_by::<_, LENGTH>(note, key)?;
    let wrong = || NoteError::WrongSignature(key.name().to_owned());
    let (time, signature) = bytes.split_first_chunk().ok_or_else(wrong)?;
    let time = u64::from_be_bytes(*time);
    if !is_time(time) {
        return Err(NoteError::CosignatureTime(key.name().to_owned()));
    }
    let signature = signature.try_into().map_err(|_| wrong())?;
    if !key.verifies(&message(time, text), signature) {
        return Err(wrong());
    }
    Ok((text, time))
}

fn message(time: u64, text: &str) -> String {
    format!("cosignature/v1\ntime {time}\n{text}")
}

const fn is_time(time: u64) -> bool {
    time != 0 && time < 1 << 63
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    use proptest::prelude::*;

    use super::*;
    use crate::{SigningKey, leaf_hash, open_checkpoint, root_of, sign_checkpoint};

    const SEEN: u64 = 1_679_315_147;

    fn checkpoint() -> Checkpoint {
        Checkpoint {
            origin: "log.example/1".to_owned(),
            size: 2,
            root: root_of(&[leaf_hash(b"one"), leaf_hash(b"two")]),
        }
    }

    fn log() -> SigningKey {
        SigningKey::from_seed("log.example/1", &[7; 32]).unwrap()
    }

    fn witness(name: &str, seed: u8) -> WitnessSigningKey {
        WitnessSigningKey::from_seed(name, &[seed; 32]).unwrap()
    }

    fn cosigned() -> String {
        sign_checkpoint(&checkpoint(), &log())
            + &cosign(&checkpoint(), SEEN, &witness("witness.example/w1", 9)).unwrap()
    }

    fn check(note: &str, expected: Result<u64, NoteError>) {
        let opened = open_cosigned(note, &witness("witness.example/w1", 9).verifier());
        assert_eq!(opened, expected.map(|seen| (checkpoint(), seen)), "{note}");
    }

    fn line(time: u64, signed: &str) -> String {
        let key = witness("witness.example/w1", 9);
        signature_line(&key.verifier(), &[time.to_be_bytes().as_slice(), &key.sign(signed)].concat())
    }

    /// The specification's example, of which the witness's key is not published: the line is well formed, as long as
    /// ours, and of the time that it says.
    #[test]
    fn the_specifications_example_has_our_shape() {
        let example = "jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==";
        let theirs = STANDARD.decode(example).unwrap();
        assert_eq!(theirs.len(), 4 + LENGTH);
        assert_eq!(theirs[4..12], SEEN.to_be_bytes());
        let ours =
            cosigned().lines().last().unwrap().rsplit(' ').next().map(|line| STANDARD.decode(line)).unwrap();
        assert_eq!(ours.unwrap()[4..12], theirs[4..12]);
    }

    #[test]
    fn a_witness_signs_beside_the_log_and_neither_key_stands_for_the_other() {
        let note = cosigned();
        check(&note, Ok(SEEN));
        assert_eq!(open_checkpoint(&note, &log().verifier()), Ok(checkpoint()));

        let same_secret = witness("log.example/1", 7).verifier();
        let not_signed = Err(NoteError::NotSigned("log.example/1".to_owned()));
        assert_eq!(open_cosigned(&note, &same_secret), not_signed);
        assert!(same_secret.to_string().parse::<crate::VerifierKey>().is_err());
        assert_eq!(same_secret.to_string().parse(), Ok(same_secret));
    }

    #[test]
    fn what_is_no_cosignature_is_named() {
        let name = || "witness.example/w1".to_owned();
        let signed = sign_checkpoint(&checkpoint(), &log());
        let text = checkpoint().to_text();
        check(&signed, Err(NoteError::NotSigned(name())));
        let strangers = cosign(&checkpoint(), SEEN, &witness("witness.example/w1", 8)).unwrap();
        check(&format!("{signed}{strangers}"), Err(NoteError::NotSigned(name())));
        let last = line(SEEN, &message(SEEN, &text));
        assert_eq!(format!("{signed}{last}"), cosigned());
        check(&format!("{}{last}", cosigned()), Err(NoteError::SignedTwice(name())));
        check(&cosigned().replace("\n2\n", "\n3\n"), Err(NoteError::WrongSignature(name())));
        for (time, said) in [(SEEN + 1, message(SEEN, &text)), (SEEN, text.clone())] {
            check(&format!("{signed}{}", line(time, &said)), Err(NoteError::WrongSignature(name())));
        }
        for time in [0, 1 << 63, u64::MAX] {
            check(
                &format!("{signed}{}", line(time, &message(time, &text))),
                Err(NoteError::CosignatureTime(name())),
            );
            assert_eq!(cosign(&checkpoint(), time, &witness("witness.example/w1", 9)), None);
        }
        let short = signature_line(&witness("witness.example/w1", 9).verifier(), &[1; 64]);
        check(&format!("{signed}{short}"), Err(NoteError::SignatureLine(2)));
    }

    #[test]
    fn another_logs_extension_lines_are_signed_with_the_rest() {
        let (w1, text) =
            (witness("witness.example/w1", 9), format!("{}one more line\n", checkpoint().to_text()));
        let note = format!("{text}\n{}", cosign_text(&text, SEEN, &w1).unwrap());
        assert_eq!(open_cosigned_text(&note, &w1.verifier()), Ok((text.as_str(), SEEN)));
        let without = note.replace("one more line\n", "");
        assert!(open_cosigned_text(&without, &w1.verifier()).is_err());
        assert_eq!(open_cosigned(&note, &w1.verifier()), Err(crate::CheckpointError::Lines.into()));
    }

    proptest! {
        #[test]
        fn any_single_changed_byte_is_noticed(at in 0usize..400, byte in 0x20u8..0x7f) {
            let note = cosigned();
            let logs = note.lines().position(|line| line.contains("log.example/1 ")).unwrap();
            let mut bytes = note.clone().into_bytes();
            let at = at % bytes.len();
            bytes[at] = byte;
            let Ok(changed) = String::from_utf8(bytes) else { return Ok(()) };
            let of_the_log = |text: &str| text.lines().nth(logs).map(str::to_owned);
            if of_the_log(&changed) == of_the_log(&note) && changed != note {
                prop_assert!(open_cosigned(&changed, &witness("witness.example/w1", 9).verifier()).is_err());
            }
        }
    }
}
