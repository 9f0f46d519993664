//! One sign-in under way in one browser. Everything of it follows from chance that only that browser holds (in a cookie) and a
//! secret that only this server holds, so beginning one makes the server remember nothing: asking for many costs nobody anything.

use std::{
    collections::BTreeSet,
    fmt,
    sync::{Mutex, PoisonError},
};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac as _, digest::KeyInit};
use model::Timestamp;
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

const LIFE_MS: i64 = 10 * 60_000;
const TIME: usize = 8;
const CHANCE: usize = 32;
const MARK: usize = 32;
/// Of those that came back within their life; whoever gets so far has asked twice for each.
const MOST_SPENT: usize = 10_000;

/// Begins sign-ins, and lets each come back once, in its own browser and in time.
pub struct Errands {
    secret: [u8; 32],
    spent: Mutex<BTreeSet<Begun>>,
}

/// A sign-in, as the server derives it.
pub struct Errand {
    begun: Begun,
    state: String,
    nonce: String,
    verifier: String,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Begun {
    at_ms: i64,
    chance: [u8; CHANCE],
}

/// Why somebody who comes back from a provider is not let on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotBegun {
    #[error("this sign-in was not begun in this browser, or longer than ten minutes ago")]
    Unknown,
    #[error("this sign-in is another one than was begun last in this browser")]
    Another,
    #[error("this sign-in has come back already, and each does so once")]
    Spent,
}

impl fmt::Debug for Errands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Errands")
    }
}

impl fmt::Debug for Errand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Errand")
    }
}

impl Errands {
    /// For how long a browser keeps the cookie.
    pub const LIFE_S: i64 = LIFE_MS / 1000;

    /// `secret` is drawn anew at each start, so none outlives the memory of which came back.
    pub const fn new(secret: [u8; 32]) -> Self {
        Self { secret, spent: Mutex::new(BTreeSet::new()) }
    }

    /// A new one at `provider`, and the cookie for it.
    pub fn begin(&self, provider: &str, chance: [u8; CHANCE], now: Timestamp) -> (Errand, String) {
        let begun = Begun { at_ms: now.millis(), chance };
        let mark = self.derive("cookie", provider, begun);
        let cookie = [&begun.at_ms.to_be_bytes()[..], &chance, &mark].concat();
        (self.errand(provider, begun), BASE64_URL_SAFE_NO_PAD.encode(cookie))
    }

    /// The one that this browser began at `provider`, where `state` is its own. Used up by that, whatever comes of it.
    ///
    /// # Errors
    /// Where it is none, or not this browser's, or too old, or came back before.
    pub fn come_back(
        &self,
        provider: &str,
        cookie: &str,
        state: &str,
        now: Timestamp,
    ) -> Result<Errand, NotBegun> {
        let begun = self.open(provider, cookie, now).ok_or(NotBegun::Unknown)?;
        let errand = self.errand(provider, begun);
        if !bool::from(errand.state.as_bytes().ct_eq(state.as_bytes())) {
            return Err(NotBegun::Another);
        }
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        while spent.first().is_some_and(|it| now.millis().saturating_sub(it.at_ms) >= LIFE_MS) {
            spent.pop_first();
        }
        if spent.len() >= MOST_SPENT || !spent.insert(begun) {
            return Err(NotBegun::Spent);
        }
        Ok(errand)
    }

    fn open(&self, provider: &str, cookie: &str, now: Timestamp) -> Option<Begun> {
        if cookie.len() > 2 * (TIME + CHANCE + MARK) {
            return None;
        }
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(cookie).ok()?;
        let bytes: [u8; TIME + CHANCE + MARK] = bytes.try_into().ok()?;
        let (time, rest) = bytes.split_first_chunk::<TIME>()?;
        let (chance, mark) = rest.split_first_chunk::<CHANCE>()?;
        let begun = Begun { at_ms: i64::from_be_bytes(*time), chance: *chance };
        let ours = self.derive("cookie", provider, begun);
        let age = now.millis().saturating_sub(begun.at_ms);
        (bool::from(ours.ct_eq(mark)) && (0..LIFE_MS).contains(&age)).then_some(begun)
    }

    fn errand(&self, provider: &str, begun: Begun) -> Errand {
        let text = |what| BASE64_URL_SAFE_NO_PAD.encode(self.derive(what, provider, begun));
        Errand { begun, state: text("state"), nonce: text("nonce"), verifier: text("verifier") }
    }

    fn derive(&self, what: &str, provider: &str, begun: Begun) -> [u8; MARK] {
        // Filled up with zeros to the hash's block, as HMAC does with a shorter key; so it takes it without complaint.
        let mut block = [0; 64];
        for (to, from) in block.iter_mut().zip(self.secret) {
            *to = from;
        }
        let mut mac = <Hmac<Sha256> as KeyInit>::new(&block.into());
        for part in ["countersign errand v1", what, provider] {
            mac.update(part.as_bytes());
            mac.update(b"\0");
        }
        mac.update(&begun.at_ms.to_be_bytes());
        mac.update(&begun.chance);
        mac.finalize().into_bytes().into()
    }
}

impl Errand {
    /// Comes back through the browser (RFC 6749 §10.12).
    pub fn state(&self) -> &str {
        &self.state
    }

    /// Comes back in the ID token (OpenID Connect Core §3.1.2.1).
    pub(crate) fn nonce(&self) -> &str {
        &self.nonce
    }

    /// Never leaves this server but for the provider's own (RFC 7636 §4.1).
    pub(crate) fn verifier(&self) -> &str {
        &self.verifier
    }

    pub(crate) const fn begun(&self) -> Timestamp {
        Timestamp::from_millis(self.begun.at_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    fn later(ms: i64) -> Timestamp {
        Timestamp::from_millis(NOW.millis() + ms)
    }

    fn begun(errands: &Errands) -> (String, String) {
        let (errand, cookie) = errands.begin("corp", [1; CHANCE], NOW);
        (errand.state().to_owned(), cookie)
    }

    #[test]
    fn a_sign_in_comes_back_once_in_time_to_its_own_provider() {
        for (provider, at, expected) in [
            ("corp", 0, None),
            ("corp", LIFE_MS - 1, None),
            ("corp", LIFE_MS, Some(NotBegun::Unknown)),
            ("corp", -1, Some(NotBegun::Unknown)),
            ("other", 0, Some(NotBegun::Unknown)),
        ] {
            let errands = Errands::new([7; 32]);
            let (state, cookie) = begun(&errands);
            let found = errands.come_back(provider, &cookie, &state, later(at)).err();
            assert_eq!(found, expected, "{provider} after {at} ms");
        }
        let errands = Errands::new([7; 32]);
        let (state, cookie) = begun(&errands);
        errands.come_back("corp", &cookie, &state, NOW).unwrap();
        let again = errands.come_back("corp", &cookie, &state, NOW).unwrap_err();
        assert_eq!(again, NotBegun::Spent);
    }

    #[test]
    fn it_belongs_to_the_browser_in_which_it_was_begun() {
        let errands = Errands::new([7; 32]);
        let (state, cookie) = begun(&errands);
        let (other, others_cookie) = errands.begin("corp", [2; CHANCE], NOW);
        let check = |cookie: &str, state: &str, expected| {
            assert_eq!(errands.come_back("corp", cookie, state, NOW).unwrap_err(), expected);
        };
        check(&others_cookie, &state, NotBegun::Another);
        check(&cookie, other.state(), NotBegun::Another);
        check(&cookie, "", NotBegun::Another);
        check("", &state, NotBegun::Unknown);
        check(cookie.get(1..).unwrap_or_default(), &state, NotBegun::Unknown);
        check(&"A".repeat(1_000_000), &state, NotBegun::Unknown);
        for place in 0..cookie.len() - 1 {
            let mut forged = cookie.clone().into_bytes();
            forged[place] = if forged[place] == b'A' { b'B' } else { b'A' };
            check(std::str::from_utf8(&forged).unwrap(), &state, NotBegun::Unknown);
        }
        let restarted = Errands::new([8; 32]).come_back("corp", &cookie, &state, NOW).unwrap_err();
        assert_eq!(restarted, NotBegun::Unknown);
        errands.come_back("corp", &cookie, &state, NOW).unwrap();
    }

    #[test]
    fn what_was_begun_is_not_remembered_and_what_came_back_only_for_its_life() {
        let errands = Errands::new([7; 32]);
        for nth in 0..3000_i64 {
            let at = later(nth * 1000);
            let chance = [u8::try_from(nth % 251).unwrap(); CHANCE];
            let (errand, cookie) = errands.begin("corp", chance, at);
            if nth % 2 == 0 {
                errands.come_back("corp", &cookie, errand.state(), at).unwrap();
            }
        }
        assert_eq!(errands.spent.lock().unwrap().len(), 300, "one in 2 s for ten minutes");
    }

    #[test]
    fn nothing_of_it_says_anything_of_the_rest() {
        let errands = Errands::new([7; 32]);
        let (errand, cookie) = errands.begin("corp", [1; CHANCE], NOW);
        let mut all = vec![errand.state(), errand.nonce(), errand.verifier(), cookie.as_str()];
        assert!((43..=128).contains(&errand.verifier().len()), "RFC 7636 §4.1");
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 4);
    }
}
