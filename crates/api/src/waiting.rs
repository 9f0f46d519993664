//! How many requests of one session may wait at a time: each holds a connection's place for up to a minute, and one
//! session's must not be all there are.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use model::SessionId;

const AT_A_TIME: usize = 8;

#[derive(Clone, Debug, Default)]
pub(crate) struct Waiting(Arc<Mutex<BTreeMap<SessionId, usize>>>);

/// Waits, until dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    session: SessionId,
    waiting: Waiting,
}

impl Waiting {
    /// `None` where enough requests of this session wait already.
    pub(crate) fn begin(&self, session: SessionId) -> Option<Turn> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = waiting.entry(session).or_default();
        if *count >= AT_A_TIME {
            return None;
        }
        *count = count.saturating_add(1);
        Some(Turn { session, waiting: self.clone() })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut waiting = self.waiting.0.lock().unwrap_or_else(PoisonError::into_inner);
        match waiting.get_mut(&self.session) {
            Some(count) if *count > 1 => *count = count.saturating_sub(1),
            Some(_) | None => {
                waiting.remove(&self.session);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_session_waits_only_so_often_and_others_beside_it() {
        let waiting = Waiting::default();
        let [one, other] = [1, 2].map(|at| SessionId::new(at, [0; 10]));
        let mut turns: Vec<Turn> = (0..AT_A_TIME).map(|_| waiting.begin(one).unwrap()).collect();
        assert!(waiting.begin(one).is_none());
        assert!(waiting.begin(other).is_some());
        turns.pop();
        turns.push(waiting.begin(one).unwrap());
        assert!(waiting.begin(one).is_none());
        drop(turns);
        assert!(waiting.0.lock().unwrap().is_empty(), "nothing is remembered of whoever does not wait");
    }
}
