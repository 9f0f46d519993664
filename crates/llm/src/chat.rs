//! The seam: what a model is to everything above, and what it needs of the world. Above it nobody knows a protocol or a client.

use std::{fmt, future::Future, pin::Pin, time::Duration};

use crate::{conversation::Request, event::Event, failure::FailedTurn};

pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A language model somewhere. It has no memory: each request says everything.
pub trait ChatModel: fmt::Debug + Send + Sync {
    /// Sends a request; the answer arrives as events.
    fn open<'a>(&'a self, request: Request<'a>) -> Boxed<'a, Result<Box<dyn Events>, FailedTurn>>;
}

/// One answer. Whoever drops it hangs up.
pub trait Events: Send {
    /// `None` where the answer is over, whether it came to its end or not.
    fn next(&mut self) -> Boxed<'_, Option<Result<Event, FailedTurn>>>;
}

/// Time, as a parameter.
pub trait Clock: fmt::Debug + Send + Sync {
    /// Since some moment that stays the same.
    fn now(&self) -> Duration;

    fn sleep(&self, time: Duration) -> Boxed<'_, ()>;
}

/// Somebody who reads along.
pub trait Watcher: Send {
    /// More of the answer, as a model wrote it: whoever shows it sanitizes it. It may have to be taken back.
    fn text(&mut self, piece: &str);

    /// Everything since the last whole turn did not happen.
    fn took_back(&mut self, why: &FailedTurn);
}

/// Nobody does.
impl Watcher for () {
    fn text(&mut self, _: &str) {}

    fn took_back(&mut self, _: &FailedTurn) {}
}
