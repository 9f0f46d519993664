//! A bounded memory of what was worked out: so many places, in which newer entries follow older ones. What is kept is found
//! only where its whole key is equal; a hash leads to it and never stands for it.

use std::{
    fmt,
    hash::{BuildHasher, Hash, RandomState},
    sync::{Arc, Mutex, PoisonError},
};

/// Places in which an entry may stand: that many keys with one hash can be kept side by side.
const WAYS: usize = 4;

pub(crate) struct Slots<K, V> {
    hasher: RandomState,
    buckets: Box<[Bucket<K, V>]>,
}

type Bucket<K, V> = Mutex<Vec<Kept<K, V>>>;
/// The hash, and what is kept under it.
type Kept<K, V> = (u64, Arc<(K, V)>);

impl<K, V> Slots<K, V> {
    /// `buckets` × [`WAYS`] entries at most.
    pub(crate) fn new(buckets: usize) -> Self {
        Self { hasher: RandomState::new(), buckets: (0..buckets).map(|_| Mutex::default()).collect() }
    }

    /// Of a key, or of what hashes like it.
    pub(crate) fn hash_of(&self, key: &impl Hash) -> u64 {
        self.hasher.hash_one(key)
    }

    /// What is kept under the key for which `is` holds. The lock is held while hashes are compared, not keys.
    pub(crate) fn get(&self, hash: u64, is: impl FnOnce(&K) -> bool) -> Option<Arc<(K, V)>> {
        let kept = self.with(hash, |bucket| {
            let place = bucket.iter().position(|(known, _)| *known == hash)?;
            // To the front: what is asked for outlasts what was asked once.
            bucket.get_mut(..=place)?.rotate_right(1);
            bucket.first().map(|(_, kept)| Arc::clone(kept))
        })??;
        is(&kept.0).then_some(kept)
    }

    /// Takes the place of whatever has the same hash, or of what was not asked for the longest.
    pub(crate) fn put(&self, hash: u64, key: K, value: V) -> Arc<(K, V)> {
        let kept = Arc::new((key, value));
        self.with(hash, |bucket| {
            bucket.retain(|(known, _)| *known != hash);
            bucket.truncate(WAYS - 1);
            bucket.insert(0, (hash, Arc::clone(&kept)));
        });
        kept
    }

    fn with<T>(&self, hash: u64, act: impl FnOnce(&mut Vec<Kept<K, V>>) -> T) -> Option<T> {
        let count = u64::try_from(self.buckets.len()).ok()?;
        let bucket = self.buckets.get(usize::try_from(hash.checked_rem(count)?).ok()?)?;
        // Nothing in here is left half done.
        Some(act(&mut bucket.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl<K, V> fmt::Debug for Slots<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slots").field("buckets", &self.buckets.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_found_by_its_whole_key_and_no_more_of_it_than_there_are_places() {
        let slots = Slots::new(1);
        for key in 0..9u64 {
            slots.put(key, key, key * 10);
        }
        let found: Vec<_> = (0..9u64).filter(|key| slots.get(*key, |kept| kept == key).is_some()).collect();
        assert_eq!(found, [5, 6, 7, 8]);
        // What was asked for stays longer.
        assert!(slots.get(5, |kept| *kept == 5).is_some());
        slots.put(9, 9, 90);
        assert!(slots.get(5, |kept| *kept == 5).is_some() && slots.get(6, |kept| *kept == 6).is_none());
        // One hash, two keys: the later is kept, and the earlier is not taken for it.
        slots.put(8, 800, 1);
        assert!(slots.get(8, |kept| *kept == 8).is_none());
        assert_eq!(slots.get(8, |kept| *kept == 800).unwrap().1, 1);
        assert!(Slots::<u8, u8>::new(0).get(0, |_| true).is_none());
    }

    #[test]
    fn a_borrowed_key_finds_an_owned_one() {
        let slots = Slots::new(8);
        let owned = ("a".to_owned(), 1u8);
        slots.put(slots.hash_of(&owned), owned, ());
        assert!(slots.get(slots.hash_of(&("a", 1u8)), |kept| kept.0 == "a").is_some());
    }
}
