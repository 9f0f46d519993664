//! What may become of a backup, by what is known of the log it is of: it is put back where it is the newest state that was
//! signed for. Anything else would sign a second history, and a new log is begun instead where that was asked for.

use std::fmt;

use model::Digest;
use tlog::Checkpoint;

/// What this place knows of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Here {
    /// Which installation it is; absent where there is no log.
    pub(crate) genesis: Option<Digest>,
    /// The checkpoint in the lock file.
    pub(crate) lock: Option<Checkpoint>,
    /// Of all checkpoints of this log that are here, the largest.
    pub(crate) newest: Option<Checkpoint>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is what the lock file was signed for.
    PutBack,
    /// A new log continues it.
    Anew,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    OtherInstallation {
        here: Digest,
        backup: Digest,
    },
    /// Two checkpoints of one size and different roots were signed.
    Forked {
        size: u64,
    },
    NoLock,
    Behind {
        backup: u64,
        signed: u64,
    },
    LockBehind {
        backup: u64,
        lock: u64,
    },
    NotNeeded,
}

/// `anew`: a new log was asked for.
pub(crate) fn judge(
    backup: &Checkpoint,
    genesis: Digest,
    here: &Here,
    anew: bool,
) -> Result<Verdict, Refused> {
    if let Some(own) = here.genesis.filter(|own| *own != genesis) {
        return Err(Refused::OtherInstallation { here: own, backup: genesis });
    }
    let known = [&here.lock, &here.newest].into_iter().flatten();
    if known.clone().any(|it| it.size == backup.size && it.root != backup.root) {
        return Err(Refused::Forked { size: backup.size });
    }
    let signed = known.map(|it| it.size).max().unwrap_or(0);
    let refused = match &here.lock {
        None => Refused::NoLock,
        Some(_) if signed > backup.size => Refused::Behind { backup: backup.size, signed },
        Some(lock) if lock.size < backup.size => Refused::LockBehind { backup: backup.size, lock: lock.size },
        Some(_) if anew => return Err(Refused::NotNeeded),
        Some(_) => return Ok(Verdict::PutBack),
    };
    if anew { Ok(Verdict::Anew) } else { Err(refused) }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherInstallation { here, backup } => write!(
                f,
                "the backup is of the installation {}, but this is {}",
                backup.short(),
                here.short()
            ),
            Self::Forked { size } => write!(
                f,
                "two checkpoints of {size} entries were signed, of different entries: the log was forked, and the backup is \
                 one of its histories"
            ),
            Self::NoLock => f.write_str(
                "there is no lock file, so nothing says how far the log was signed after the backup was made",
            ),
            Self::Behind { backup, signed } => write!(
                f,
                "the backup has {backup} entries, but {signed} were signed for: put back, the log would go on beside what \
                 others have seen"
            ),
            Self::LockBehind { backup, lock } => write!(
                f,
                "the backup has {backup} entries, the lock file was signed for {lock}: the lock file is an old copy"
            ),
            Self::NotNeeded => f.write_str(
                "the backup is the newest state that was signed for: it can be put back, and its log goes on",
            ),
        }
    }
}

impl Refused {
    pub(crate) const fn hint(&self) -> &'static str {
        match self {
            Self::OtherInstallation { .. } => {
                "restore it into a folder of its own, with its own countersign.toml"
            }
            Self::Forked { .. } => {
                "keep both, and the lock file: they are evidence. Only `countersign init` makes something to go on with"
            }
            Self::NoLock | Self::Behind { .. } => {
                "bring back a newer backup, or the lock file if it was merely moved; if what came after is lost for good, a new \
                 log can continue this one: --new-origin --ground 'WHY'"
            }
            Self::LockBehind { .. } => {
                "bring back the newest lock file; if it is lost for good, a new log can continue this one: --new-origin \
                 --ground 'WHY'"
            }
            Self::NotNeeded => "leave out --new-origin",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint(size: u8, tag: u8) -> Checkpoint {
        let leaves: Vec<_> = (0..size).map(|nth| tlog::leaf_hash(&[tag, nth])).collect();
        Checkpoint { origin: "log.example/1".into(), size: size.into(), root: tlog::root_of(&leaves) }
    }

    #[test]
    fn only_the_newest_signed_state_is_put_back() {
        let (own, other) = (Digest::of(b"own"), Digest::of(b"other"));
        let at = |size| Some(checkpoint(size, 0));
        let forked = Some(checkpoint(5, 1));
        let behind = |signed| Err(Refused::Behind { backup: 5, signed });
        let old_lock = Err(Refused::LockBehind { backup: 5, lock: 4 });
        let another = Err(Refused::OtherInstallation { here: other, backup: own });
        type Told = Result<Verdict, Refused>;
        type Known = (Option<Digest>, Option<Checkpoint>, Option<Checkpoint>);
        // What is here, and the verdicts on a backup of five entries: to be put back, and to be begun anew.
        let cases: [(Known, Told, Told); 11] = [
            ((Some(own), at(5), at(5)), Ok(Verdict::PutBack), Err(Refused::NotNeeded)),
            ((None, at(5), None), Ok(Verdict::PutBack), Err(Refused::NotNeeded)),
            ((Some(own), at(5), at(4)), Ok(Verdict::PutBack), Err(Refused::NotNeeded)),
            ((Some(own), at(8), at(8)), behind(8), Ok(Verdict::Anew)),
            ((Some(own), at(5), at(8)), behind(8), Ok(Verdict::Anew)),
            ((Some(own), at(4), at(4)), old_lock, Ok(Verdict::Anew)),
            ((None, None, None), Err(Refused::NoLock), Ok(Verdict::Anew)),
            ((Some(own), None, at(5)), Err(Refused::NoLock), Ok(Verdict::Anew)),
            ((Some(other), at(5), at(5)), another.clone(), another),
            (
                (Some(own), forked.clone(), at(5)),
                Err(Refused::Forked { size: 5 }),
                Err(Refused::Forked { size: 5 }),
            ),
            ((Some(own), at(5), forked), Err(Refused::Forked { size: 5 }), Err(Refused::Forked { size: 5 })),
        ];
        for (((genesis, lock, newest), put_back, anew), nth) in cases.into_iter().zip(0..) {
            let here = Here { genesis, lock, newest };
            assert_eq!(judge(&checkpoint(5, 0), own, &here, false), put_back, "{nth}");
            assert_eq!(judge(&checkpoint(5, 0), own, &here, true), anew, "{nth}");
        }
    }
}
