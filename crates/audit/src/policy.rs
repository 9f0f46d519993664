//! Whose signatures stand under a log, held against an auditor's trust policy (C2SP `tlog-policy`).

use tlog::{Checkpoint, Policy};

/// Why `policy` is not met, if it is not. `newest` is the log's checkpoint, `witnessed` the newest one that witnesses have
/// cosigned (empty: there is none), which may be of up to `unwitnessed` entries less: a log is always a little ahead of them.
pub fn unmet(policy: &Policy, newest: &str, witnessed: &str, unwitnessed: u64) -> Option<String> {
    if policy.open(newest).is_ok() {
        return None;
    }
    let note = if witnessed.is_empty() { newest } else { witnessed };
    if let Err(why) = policy.open(note) {
        return Some(format!("the checkpoint does not meet the policy: {why}"));
    }
    let (Some(all), Some(seen)) = (size_of(newest), size_of(note)) else {
        return Some("the checkpoint cannot be read, so nothing vouches for its entries".to_owned());
    };
    let behind = all.saturating_sub(seen);
    (behind > unwitnessed).then(|| {
        format!(
            "the policy is met up to entry {seen}; the {behind} entries after it have the log's own signature alone"
        )
    })
}

/// Of a note whose signatures are somebody else's to check.
fn size_of(note: &str) -> Option<u64> {
    let (text, _) = note.split_once("\n\n")?;
    Checkpoint::parse(&format!("{text}\n")).ok().map(|checkpoint| checkpoint.size)
}

#[cfg(test)]
mod tests {
    use tlog::{SigningKey, WitnessSigningKey, cosign, leaf_hash, root_of, sign_checkpoint};

    use super::*;

    #[test]
    fn a_policy_is_met_as_far_as_witnesses_have_seen() {
        let log = SigningKey::from_seed("log.example/1", &[1; 32]).unwrap();
        let witness = WitnessSigningKey::from_seed("witness.example/w", &[2; 32]).unwrap();
        let checkpoint = |size: u8| {
            let leaves: Vec<_> = (0..size).map(|nth| leaf_hash(&[nth])).collect();
            Checkpoint { origin: "log.example/1".into(), size: size.into(), root: root_of(&leaves) }
        };
        let signed = |size| sign_checkpoint(&checkpoint(size), &log);
        let cosigned = |size| signed(size) + &cosign(&checkpoint(size), 1_795_228_800, &witness).unwrap();
        let text = format!("log {}\nwitness w {}\nquorum w\n", log.verifier(), witness.verifier());
        let policy = Policy::parse(text.as_bytes()).unwrap();
        for (newest, witnessed, unwitnessed, says) in [
            (signed(9), cosigned(9), 0, None),
            (cosigned(9), String::new(), 0, None),
            (signed(9), cosigned(5), 4, None),
            (signed(9), cosigned(5), 3, Some("up to entry 5; the 4 entries after it")),
            (signed(9), String::new(), 100, Some("does not meet the policy")),
            (signed(9), signed(9), 100, Some("does not meet the policy")),
            (String::new(), cosigned(5), 100, Some("cannot be read")),
        ] {
            let told = unmet(&policy, &newest, &witnessed, unwitnessed);
            match (&told, says) {
                (None, None) => {}
                (Some(told), Some(says)) => assert!(told.contains(says), "{told}"),
                _ => panic!("{told:?} instead of {says:?}"),
            }
        }
    }
}
