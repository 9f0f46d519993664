//! Whatever is asked for, in whatever order: what a witness has cosigned is one history.

use proptest::prelude::*;
use tlog::{
    Checkpoint, Hash, SigningKey, consistency_proof, leaf_hash, open_cosigned, root_of, sign_checkpoint,
};
use witness::{Logs, Record, Request};

use crate::rig::Witness;

const ORIGIN: &str = "log.example/1";
const MOST: usize = 40;

/// A log that keeps several books: they agree up to the entry where the second and third begin.
fn books() -> [Vec<Hash>; 3] {
    let book = |from: usize, name: u8| -> Vec<Hash> {
        (0..MOST).map(|n| leaf_hash(&[n as u8, if n < from { 0 } else { name }])).collect()
    };
    [book(MOST, 0), book(7, 1), book(20, 2)]
}

#[derive(Clone, Debug)]
struct Ask {
    book: usize,
    old: usize,
    new: usize,
    now: u64,
}

fn asks() -> impl Strategy<Value = Vec<Ask>> {
    let ask = (0..3usize, 0..MOST, 0..=MOST, 0..500u64);
    proptest::collection::vec(ask.prop_map(|(book, old, new, now)| Ask { book, old, new, now }), 1..60)
}

proptest! {
    #[test]
    fn what_is_cosigned_is_one_history(asks in asks(), obliging: bool) {
        let key = SigningKey::from_seed(ORIGIN, &[1; 32]).unwrap();
        let mut logs = Logs::default();
        logs.add(key.verifier());
        let mut witness = Witness::new(logs);
        let books = books();
        let mut cosigned: Vec<(Checkpoint, u64)> = Vec::new();
        for Ask { book, old, new, now } in asks {
            let known = witness.kept.get(ORIGIN).map_or(0, Record::size) as usize;
            // A log that lies well knows what the witness knows.
            let old = if obliging { known } else { old };
            let checkpoint = Checkpoint { origin: ORIGIN.to_owned(), size: new as u64, root: root_of(&books[book][..new]) };
            let proof = consistency_proof(&books[book], old as u64, new as u64).unwrap_or_default();
            let note = sign_checkpoint(&checkpoint, &key);
            let body = Request { old: old as u64, proof, note: &note }.to_text();
            if let Ok(line) = witness.add_checkpoint(body.as_bytes(), now + 1) {
                let seen = open_cosigned(&format!("{note}{line}"), &witness.vkey()).unwrap();
                prop_assert_eq!(&seen.0, &checkpoint);
                cosigned.push(seen);
            } else if obliging && new >= known && known > 0 {
                let agree = books.iter().any(|book| root_of(&book[..known]) == witness.kept[ORIGIN].root()
                    && root_of(&book[..new]) == checkpoint.root);
                prop_assert!(!agree, "an honest step was refused");
            }
        }
        prop_assert!(cosigned.windows(2).all(|pair| pair[0].0.size <= pair[1].0.size && pair[0].1 <= pair[1].1));
        if let Some((newest, _)) = cosigned.last() {
            let one = books.iter().find(|book| root_of(&book[..newest.size as usize]) == newest.root).unwrap();
            for (seen, _) in &cosigned {
                prop_assert_eq!(seen.root, root_of(&one[..seen.size as usize]));
            }
        }
    }

    #[test]
    fn a_kept_note_with_one_byte_changed_is_not_taken(at in 0usize..400, byte in 0x20u8..0x7f) {
        let key = SigningKey::from_seed(ORIGIN, &[1; 32]).unwrap();
        let mut logs = Logs::default();
        logs.add(key.verifier());
        let mut witness = Witness::new(logs);
        let checkpoint = Checkpoint { origin: ORIGIN.to_owned(), size: 3, root: root_of(&books()[0][..3]) };
        let note = sign_checkpoint(&checkpoint, &key);
        let body = Request { old: 0, proof: Vec::new(), note: &note }.to_text();
        witness.add_checkpoint(body.as_bytes(), 1).unwrap();
        let kept = witness.kept[ORIGIN].note().to_owned();
        prop_assert!(Record::open(&kept, "log.example/2", &witness.vkey()).is_err());
        let mut bytes = kept.clone().into_bytes();
        let at = at % bytes.len();
        bytes[at] = byte;
        let Ok(changed) = String::from_utf8(bytes) else { return Ok(()) };
        if let Ok(record) = Record::open(&changed, ORIGIN, &witness.vkey()) {
            // The log's own line is not what the witness goes by.
            prop_assert_eq!((record.size(), record.root()), (3, checkpoint.root));
            prop_assert_eq!(record.cosignature(), witness.kept[ORIGIN].cosignature());
        }
    }
}
