//! Beside `signed_note` and the checkpoints of `tlog_tiles`.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use proptest::prelude::*;
use signed_note::{Note, StandardSigner, StandardVerifier, Verifier as _, VerifierList};
use tlog::{
    Checkpoint, Hash, SigningKey, VerifierKey, open_checkpoint, open_note, sign_checkpoint, sign_note,
};

fn key(name: &str, seed: [u8; 32]) -> SigningKey {
    SigningKey::from_seed(name, &seed).unwrap()
}

/// The other's spelling of the same secret.
fn signer(name: &str, seed: [u8; 32]) -> StandardSigner {
    let id = key(name, seed).verifier().to_string().split('+').nth(1).unwrap().to_owned();
    let secret = STANDARD.encode([&[1], &seed[..]].concat());
    StandardSigner::new(&format!("PRIVATE+KEY+{name}+{id}+{secret}")).unwrap()
}

fn theirs_opens(note: &str, key: &VerifierKey) -> bool {
    let verifier = StandardVerifier::new(&key.to_string()).unwrap();
    let known = VerifierList::new(vec![Box::new(verifier)]);
    Note::from_bytes(note.as_bytes()).is_ok_and(|note| note.verify(&known).is_ok())
}

proptest! {
    #[test]
    fn keys_have_the_same_text_and_id(name in "[a-z./]{1,20}", seed: [u8; 32]) {
        let ours = key(&name, seed).verifier();
        let theirs = StandardVerifier::new(&ours.to_string()).unwrap();
        prop_assert_eq!(theirs.name(), ours.name());
        let start = format!("{name}+{:08x}+", theirs.key_id());
        prop_assert!(ours.to_string().starts_with(&start));
    }

    #[test]
    fn notes_are_the_same_and_opened_by_both(text in "[a-zé ]{1,20}(\n[a-z]{0,9}){0,3}", name in "[a-z./]{1,20}", seed: [u8; 32]) {
        let text = format!("{text}\n");
        let ours = sign_note(&text, &key(&name, seed));
        let mut note = Note::new(text.as_bytes(), &[]).unwrap();
        note.add_sigs(&[&signer(&name, seed)]).unwrap();
        prop_assert_eq!(String::from_utf8(note.to_bytes()).unwrap(), ours.clone());
        prop_assert!(theirs_opens(&ours, &key(&name, seed).verifier()));
        prop_assert_eq!(open_note(&ours, &key(&name, seed).verifier()), Ok(text.as_str()));
    }

    /// With one byte changed, what we take the other takes too: we are the stricter.
    #[test]
    fn what_we_open_the_other_opens(at in 0usize..200, byte: u8, seed: [u8; 32]) {
        let key = key("log.example/1", seed);
        let mut bytes = sign_note("log.example/1\n12\nAAAA\n", &key).into_bytes();
        let at = at % bytes.len();
        bytes[at] = byte;
        let Ok(note) = String::from_utf8(bytes) else { return Ok(()) };
        if open_note(&note, &key.verifier()).is_ok() {
            prop_assert!(theirs_opens(&note, &key.verifier()));
        }
    }

    #[test]
    fn checkpoints_have_the_same_text(size: u64, root: [u8; 32], seed: [u8; 32]) {
        let ours = Checkpoint { origin: "log.example/1".into(), size, root: Hash::from_bytes(root) };
        let theirs = tlog_tiles::Checkpoint::from_bytes(ours.to_text().as_bytes()).unwrap();
        prop_assert_eq!((theirs.origin(), theirs.size(), theirs.hash().0), ("log.example/1", size, root));
        prop_assert_eq!(Checkpoint::parse(std::str::from_utf8(&theirs.to_bytes()).unwrap()), Ok(ours.clone()));
        let key = key("log.example/1", seed);
        prop_assert_eq!(open_checkpoint(&sign_checkpoint(&ours, &key), &key.verifier()), Ok(ours));
    }
}
