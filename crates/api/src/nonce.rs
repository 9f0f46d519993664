//! Values that the server draws for one signed request each. It remembers none of them before they are used: a nonce
//! carries its own time and proof of origin, so asking for many costs nobody anything.

use std::{
    collections::BTreeSet,
    fmt,
    sync::{Mutex, PoisonError},
};

use hmac::{Hmac, Mac as _, digest::KeyInit};
use model::Timestamp;
use sha2::Sha256;

const LIFE_MS: i64 = 60_000;
const TIME: usize = 8;
const CHANCE: usize = 16;
const MARK: usize = 32;

/// Issues nonces, and lets each pass once within a minute.
pub struct Nonces {
    secret: [u8; 32],
    /// Those of the last minute that a person's signature came with, by time: no more than enrolled people sign.
    used: Mutex<BTreeSet<Nonce>>,
}

/// One that we issued and that is not too old.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Nonce {
    issued_ms: i64,
    chance: [u8; CHANCE],
}

impl fmt::Debug for Nonces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Nonces")
    }
}

impl Nonces {
    /// `secret` is drawn anew at each start, so none outlives the memory of which were used.
    pub const fn new(secret: [u8; 32]) -> Self {
        Self { secret, used: Mutex::new(BTreeSet::new()) }
    }

    pub(crate) fn issue(&self, chance: [u8; CHANCE], now: Timestamp) -> String {
        let nonce = Nonce { issued_ms: now.millis(), chance };
        let mark = self.mac(nonce).finalize().into_bytes();
        hex::encode([&nonce.issued_ms.to_be_bytes()[..], &chance, &mark].concat())
    }

    /// The nonce behind `text`, where it may still be used. Nothing is used up yet.
    pub(crate) fn open(&self, text: &str, now: Timestamp) -> Option<Nonce> {
        let mut bytes = [0; TIME + CHANCE + MARK];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        let (time, rest) = bytes.split_first_chunk::<TIME>()?;
        let (chance, mark) = rest.split_first_chunk::<CHANCE>()?;
        let nonce = Nonce { issued_ms: i64::from_be_bytes(*time), chance: *chance };
        self.mac(nonce).verify_slice(mark).ok()?;
        let age = now.millis().saturating_sub(nonce.issued_ms);
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        ((0..LIFE_MS).contains(&age) && !used.contains(&nonce)).then_some(nonce)
    }

    /// Uses it up, once the signature over it is known to be good; false where another request was faster.
    pub(crate) fn spend(&self, nonce: Nonce, now: Timestamp) -> bool {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        while used.first().is_some_and(|it| now.millis().saturating_sub(it.issued_ms) >= LIFE_MS) {
            used.pop_first();
        }
        used.insert(nonce)
    }

    fn mac(&self, nonce: Nonce) -> Hmac<Sha256> {
        // Filled up with zeros to the hash's block, as HMAC does with a shorter key; so it takes it without complaint.
        let mut block = [0; 64];
        for (to, from) in block.iter_mut().zip(self.secret) {
            *to = from;
        }
        let mut mac = <Hmac<Sha256> as KeyInit>::new(&block.into());
        mac.update(b"countersign nonce v1\0");
        mac.update(&nonce.issued_ms.to_be_bytes());
        mac.update(&nonce.chance);
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    fn later(ms: i64) -> Timestamp {
        Timestamp::from_millis(NOW.millis() + ms)
    }

    #[test]
    fn a_nonce_lives_a_minute_and_works_once() {
        let nonces = Nonces::new([7; 32]);
        let text = nonces.issue([1; CHANCE], NOW);
        for (at, lives) in [(-1, false), (0, true), (59_999, true), (60_000, false), (i64::MAX / 2, false)] {
            assert_eq!(nonces.open(&text, later(at)).is_some(), lives, "after {at} ms");
        }
        let (first, second) =
            (nonces.open(&text, NOW).unwrap(), nonces.open(&text.to_uppercase(), NOW).unwrap());
        assert!(nonces.spend(first, NOW));
        assert!(!nonces.spend(second, NOW), "two requests at once are one");
        assert_eq!(nonces.open(&text, later(59_999)), None);
    }

    #[test]
    fn only_ours_pass_and_no_bit_of_them_can_be_changed() {
        let nonces = Nonces::new([7; 32]);
        let text = nonces.issue([1; CHANCE], NOW);
        assert!(Nonces::new([8; 32]).open(&text, NOW).is_none(), "of another run");
        assert!(text.len() <= 256 && nonces.open(&text, NOW).is_some());
        for place in 0..text.len() {
            let mut other = text.clone().into_bytes();
            other[place] = if other[place] == b'0' { b'1' } else { b'0' };
            let other = String::from_utf8(other).unwrap();
            assert!(nonces.open(&other, NOW).is_none(), "{other}");
        }
        for text in ["", "00", text.trim_start_matches('0'), &format!("{text}00"), &"é".repeat(56)] {
            assert!(nonces.open(text, NOW).is_none(), "{text}");
        }
    }

    #[test]
    fn issuing_remembers_nothing_and_using_only_a_minute() {
        let nonces = Nonces::new([7; 32]);
        for count in 0..20_000_u128 {
            let chance = count.to_be_bytes();
            let at = later(i64::try_from(count).unwrap() * 10);
            let text = nonces.issue(chance, at);
            let nonce = nonces.open(&text, at).unwrap();
            if count % 2 == 0 {
                assert!(nonces.spend(nonce, at));
            }
        }
        assert_eq!(nonces.used.lock().unwrap().len(), 3000, "one in 20 ms for 60 s");
    }
}
