//! Signed notes (C2SP `signed-note`): a text, an empty line, and one line a signature. Everything is bounded before
//! any base64 is decoded; a signature by a key that is not asked for is skipped, an ill-formed line is an error.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    SigningKey, VerifierKey,
    key::{Verifier, check_name},
};

/// Room for many witnesses with post-quantum signatures (about 3.3 kB of base64 each).
const MAX_NOTE: usize = 256 * 1024;
const MAX_SIGNATURES: usize = 64;
const MAX_SIGNATURE_LINE: usize = 8 * 1024;
const MARK: &str = "\u{2014} ";

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    #[error("the note is longer than {MAX_NOTE} bytes")]
    TooLong,
    #[error("the note has more than {MAX_SIGNATURES} signatures")]
    TooManySignatures,
    #[error("the note has no empty line with signatures below it")]
    NoSignatures,
    #[error("the note's text has a control character")]
    ControlCharacter,
    #[error("signature line {0} is malformed")]
    SignatureLine(usize),
    #[error("the note has no signature by {0}")]
    NotSigned(String),
    #[error("the note has two signatures by {0}")]
    SignedTwice(String),
    #[error("the signature by {0} does not belong to this text")]
    WrongSignature(String),
    #[error("the cosignature by {0} gives no time that a witness may state (1 to 2^63 - 1 seconds)")]
    CosignatureTime(String),
    #[error("the note is no checkpoint: {0}")]
    Checkpoint(#[from] crate::CheckpointError),
    #[error("the checkpoint is of the log `{found}`, not of `{expected}`")]
    Origin { found: String, expected: String },
}

/// `text`, which ends in a newline, as a note with this key's signature.
pub fn sign_note(text: &str, key: &SigningKey) -> String {
    format!("{text}\n{}", signature_line(&key.verifier(), &key.sign(text)))
}

/// The text of `note`, where `key` signed it. Signatures by other keys are not looked at.
pub fn open_note<'a>(note: &'a str, key: &VerifierKey) -> Result<&'a str, NoteError> {
    let (text, signature) = signed_by(note, key)?;
    if key.verifies(text, &signature) {
        Ok(text)
    } else {
        Err(NoteError::WrongSignature(key.name().to_owned()))
    }
}

/// The line, with its newline, that says that `key` gave `signature`.
pub(crate) fn signature_line<const TYPE: u8>(key: &Verifier<TYPE>, signature: &[u8]) -> String {
    format!("{MARK}{} {}\n", key.name(), STANDARD.encode([&key.id(), signature].concat()))
}

/// The text of `note` and the `N` bytes that it says are `key`'s signature, not yet verified.
pub(crate) fn signed_by<'a, const TYPE: u8, const N: usize>(
    note: &'a str,
    key: &Verifier<TYPE>,
) -> Result<(&'a str, [u8; N]), NoteError> {
    let (text, signatures) = split(note)?;
    let mut found = None;
    for (nth, line) in signatures.lines().enumerate() {
        match signature_of(line, key).ok_or(NoteError::SignatureLine(nth + 1))? {
            Signed::ByAnother => {}
            Signed::ByKey(signature) if found.is_none() => found = Some(signature),
            Signed::ByKey(_) => return Err(NoteError::SignedTwice(key.name().to_owned())),
        }
    }
    found.map(|signature| (text, signature)).ok_or_else(|| NoteError::NotSigned(key.name().to_owned()))
}

/// The text of `note`, signed by whomever.
pub(crate) fn text_of(note: &str) -> Result<&str, NoteError> {
    split(note).map(|(text, _)| text)
}

/// Text (with its last newline) and signature lines, at the last empty line.
fn split(note: &str) -> Result<(&str, &str), NoteError> {
    if note.len() > MAX_NOTE {
        return Err(NoteError::TooLong);
    }
    if note.chars().any(|character| character.is_ascii_control() && character != '\n') {
        return Err(NoteError::ControlCharacter);
    }
    let at = note.rfind("\n\n").ok_or(NoteError::NoSignatures)?;
    let (text, rest) = note.split_at_checked(at + 1).ok_or(NoteError::NoSignatures)?;
    let signatures = rest.strip_prefix('\n').ok_or(NoteError::NoSignatures)?;
    if !signatures.ends_with('\n') {
        return Err(NoteError::NoSignatures);
    }
    if signatures.lines().count() > MAX_SIGNATURES {
        return Err(NoteError::TooManySignatures);
    }
    Ok((text, signatures))
}

enum Signed<const N: usize> {
    ByAnother,
    ByKey([u8; N]),
}

fn signature_of<const TYPE: u8, const N: usize>(line: &str, key: &Verifier<TYPE>) -> Option<Signed<N>> {
    if line.len() > MAX_SIGNATURE_LINE {
        return None;
    }
    let (name, encoded) = line.strip_prefix(MARK)?.split_once(' ')?;
    check_name(name).ok()?;
    let bytes = STANDARD.decode(encoded).ok()?;
    let (id, signature) = bytes.split_at_checked(4)?;
    if signature.is_empty() {
        return None;
    }
    if name == key.name() && id == key.id() {
        signature.try_into().ok().map(Signed::ByKey)
    } else {
        Some(Signed::ByAnother)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_seed("log.example/1", &[seed; 32]).unwrap()
    }

    fn check(note: &str, expected: Result<&str, NoteError>) {
        assert_eq!(open_note(note, &key(7).verifier()), expected, "{note}");
    }

    /// The published example of the format: seed, key and signature as its first implementation documents them.
    #[test]
    fn the_formats_own_example_opens_and_is_signed_alike() {
        let vkey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
        let text = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
        let line = "\u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=";
        let seed: [u8; 33] =
            STANDARD.decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz").unwrap().try_into().unwrap();
        let signer = SigningKey::from_seed("PeterNeumann", seed[1..].try_into().unwrap()).unwrap();
        assert_eq!(signer.verifier().to_string(), vkey);
        assert_eq!(sign_note(text, &signer), format!("{text}\n{line}\n"));
        assert_eq!(open_note(&format!("{text}\n{line}\n"), &vkey.parse().unwrap()), Ok(text));
    }

    #[test]
    fn other_signatures_are_skipped_and_ours_must_be_there_and_right() {
        let name = || "log.example/1".to_owned();
        let note = sign_note("one\n\ntwo\n", &key(7));
        check(&note, Ok("one\n\ntwo\n"));
        check(&sign_note("one\n", &key(8)), Err(NoteError::NotSigned(name())));
        check(&note.replace("two", "tow"), Err(NoteError::WrongSignature(name())));

        let witness = format!("{MARK}witness.example {}\n", STANDARD.encode([9; 2424]));
        check(&format!("{note}{}", witness.repeat(20)), Ok("one\n\ntwo\n"));
        check(&format!("{note}{}", witness.repeat(64)), Err(NoteError::TooManySignatures));
        check(&format!("{note}{}", "x".repeat(MAX_NOTE)), Err(NoteError::TooLong));

        let line = note.lines().last().unwrap();
        check(&format!("{note}{line}\n"), Err(NoteError::SignedTwice(name())));
        check(&format!("{note}{MARK}w AAAA\n"), Err(NoteError::SignatureLine(2)));
        check(&format!("{note}{MARK}w\n"), Err(NoteError::SignatureLine(2)));
        check(&format!("{note}- w AAAAAAAA\n"), Err(NoteError::SignatureLine(2)));
        check(&format!("{note}{MARK}w {}\n", "A".repeat(9000)), Err(NoteError::SignatureLine(2)));
        check(note.trim_end(), Err(NoteError::NoSignatures));
        check("one\n", Err(NoteError::NoSignatures));
        check("one\n\n", Err(NoteError::NoSignatures));
        check("", Err(NoteError::NoSignatures));
        check(&note.replace("two", "t\tw"), Err(NoteError::ControlCharacter));
        check(&note.replace('\n', "\r\n"), Err(NoteError::ControlCharacter));
    }

    #[test]
    fn a_signature_of_another_length_under_our_id_is_malformed() {
        let note = sign_note("one\n", &key(7));
        let mut bytes = key(7).verifier().id().to_vec();
        bytes.extend_from_slice(&[1; 63]);
        let line = format!("{MARK}log.example/1 {}\n", STANDARD.encode(bytes));
        check(&format!("{note}{line}"), Err(NoteError::SignatureLine(2)));
    }

    proptest! {
        #[test]
        fn opening_never_panics(text in "(.|\n){0,80}", tail in "(\u{2014} [a-z]{0,3} [A-Za-z0-9+/=]{0,12}\n){0,3}") {
            let note = format!("{text}\n\n{tail}");
            prop_assert!(open_note(&note, &key(7).verifier()).is_err());
        }

        #[test]
        fn any_single_changed_byte_is_noticed(at in 0usize..200, byte in 0x20u8..0x7f) {
            let note = sign_note("log.example/1\n12\nAAAA\n", &key(7));
            let mut bytes = note.clone().into_bytes();
            let at = at % bytes.len();
            bytes[at] = byte;
            if let Ok(changed) = String::from_utf8(bytes) {
                prop_assert!(changed == note || open_note(&changed, &key(7).verifier()).is_err());
            }
        }
    }
}
