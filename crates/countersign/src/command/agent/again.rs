//! Asking a server again where nobody knows whether it heard: what was asked for is looked for first, and there is an end to it. Only what
//! may be asked for twice is asked for this way.

use std::time::Duration;

use crate::failure::Failure;

/// Between questions that were not answered.
const PAUSES: [Duration; 4] =
    [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(4), Duration::from_secs(8)];

/// The answer to `ask`; where none came, what `look` finds of it, or else the answer to asking again.
pub(super) async fn heard<T>(
    mut ask: impl AsyncFnMut() -> Result<T, Failure>,
    mut look: impl AsyncFnMut() -> Result<Option<T>, Failure>,
    mut pause: impl AsyncFnMut(Duration),
) -> Result<T, Failure> {
    let mut last = match ask().await {
        Err(failure) if failure.passes() => failure,
        answered => return answered,
    };
    for wait in PAUSES {
        pause(wait).await;
        let answered = match look().await {
            Ok(Some(found)) => return Ok(found),
            Ok(None) => ask().await,
            Err(failure) => Err(failure),
        };
        match answered {
            Err(failure) if failure.passes() => last = failure,
            // It may be refused because the first one was heard, and is done only now.
            Err(failure) => return look().await.ok().flatten().ok_or(failure),
            Ok(answer) => return Ok(answer),
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use super::*;

    /// What comes of asking and of looking, in turn: `?` nobody answers, `*` too busy, `!` refused, `-` nothing found.
    async fn check(asked: &str, looked: &str, expected: &str, waited: u64) {
        let (asks, looks) = (RefCell::new(asked.chars()), RefCell::new(looked.chars()));
        let slept = Cell::new(Duration::ZERO);
        let came = |letter: Option<char>| match letter {
            Some('?') => Err(Failure::unreachable_server("here", "it did not answer in time")),
            Some('*') => Err(Failure { busy: true, ..Failure::usage("too many wait") }),
            Some('!') => Err(Failure::usage("refused")),
            Some(letter) => Ok(letter),
            None => panic!("{asked}, {looked}: asked once too often"),
        };
        let found = heard(
            async || came(asks.borrow_mut().next()),
            async || match looks.borrow_mut().next() {
                Some('-') => Ok(None),
                other => came(other).map(Some),
            },
            async |pause| slept.set(slept.get() + pause),
        )
        .await;
        let told = found.map_or_else(|failure| failure.message, String::from);
        assert!(told.starts_with(expected), "{asked}, {looked}: {told}");
        assert_eq!(slept.get(), Duration::from_secs(waited), "{asked}, {looked}");
        assert_eq!((asks.borrow().as_str(), looks.borrow().as_str()), ("", ""), "{asked}, {looked}");
    }

    #[tokio::test]
    async fn what_nobody_answered_is_looked_for_and_asked_again_until_it_is_enough() {
        check("a", "", "a", 0).await;
        check("!", "", "refused", 0).await;
        check("?a", "-", "a", 1).await;
        check("?", "b", "b", 1).await;
        check("*?a", "--", "a", 3).await;
        // That it was heard may show only in that it is refused the second time.
        check("?!", "-b", "b", 1).await;
        check("?!", "--", "refused", 1).await;
        check("?!", "-?", "refused", 1).await;
        // Nobody can be looked with either.
        check("?a", "?-", "a", 3).await;
        check("?", "!-", "refused", 1).await;
        check("?????", "----", "no answer from the server", 15).await;
        check("*****", "----", "too many wait", 15).await;
    }
}
