//! Reads that were allowed a moment ago. What a read's verdict depends on (the bundle, the session, the request and the
//! calendar, whose boundaries are whole minutes) is the same for the rest of the second; a client that polls need not
//! be judged anew within it. Nothing but an allow is remembered.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

use model::{Digest, SessionId, Timestamp};

/// More than can be asked in a second; beyond it everything is judged.
const MAX: usize = 20_000;

#[derive(Debug, Default)]
pub(crate) struct Recent(Mutex<Allowed>);

#[derive(Debug, Default)]
struct Allowed {
    second: i64,
    bundle: Option<Digest>,
    reads: HashSet<(SessionId, Digest)>,
}

impl Recent {
    pub(crate) fn was_allowed(
        &self,
        session: SessionId,
        read: Digest,
        bundle: Digest,
        now: Timestamp,
    ) -> bool {
        let allowed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        allowed.is_of(bundle, now) && allowed.reads.contains(&(session, read))
    }

    pub(crate) fn allow(&self, session: SessionId, read: Digest, bundle: Digest, now: Timestamp) {
        let mut allowed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !allowed.is_of(bundle, now) {
            allowed.second = now.seconds();
            allowed.bundle = Some(bundle);
            allowed.reads.clear();
        }
        if allowed.reads.len() < MAX {
            allowed.reads.insert((session, read));
        }
    }
}

impl Allowed {
    fn is_of(&self, bundle: Digest, now: Timestamp) -> bool {
        self.second == now.seconds() && self.bundle == Some(bundle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_in_the_same_second_under_the_same_bundle_was_allowed() {
        let recent = Recent::default();
        let (one, two) = (SessionId::new(1, [0; 10]), SessionId::new(2, [0; 10]));
        let digest = |byte: u8| Digest::of(&[byte]);
        let at = Timestamp::from_millis;
        recent.allow(one, digest(1), digest(9), at(5_000));
        for (session, read, bundle, now, expected) in [
            (one, 1, 9, 5_999, true),
            (one, 1, 9, 6_000, false),
            (one, 1, 9, 4_999, false),
            (two, 1, 9, 5_000, false),
            (one, 2, 9, 5_000, false),
            (one, 1, 8, 5_000, false),
        ] {
            let allowed = recent.was_allowed(session, digest(read), digest(bundle), at(now));
            assert_eq!(allowed, expected, "{session} {read} {bundle} {now}");
        }
        recent.allow(one, digest(2), digest(9), at(6_000));
        assert!(!recent.was_allowed(one, digest(1), digest(9), at(5_000)), "what is over is forgotten");
    }
}
