//! A body read piece by piece, for as long as it keeps coming at a pace that no honest client falls below.

use std::{
    error::Error,
    future::Future as _,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use hyper::body::{Body, Frame};
use tokio::time::{Duration, Instant, Sleep};

use crate::{BODY_PATIENCE, BodyError, seats::TURN};

/// Bytes a second, on the whole; what has come buys time for what has not.
const PACE: u64 = 4096;

/// Of one request. From its first poll the connection keeps its place until the request is answered.
#[derive(Debug)]
pub struct Paced<B> {
    body: B,
    began: Instant,
    came: u64,
    deadline: Pin<Box<Sleep>>,
}

impl<B> Paced<B> {
    /// # Errors
    /// Where the connection's place went to another one.
    pub fn new(body: B) -> Result<Self, BodyError> {
        // Outside of a connection there is no place to lose.
        match TURN.try_with(|turn| turn.work()) {
            Ok(true) | Err(_) => {}
            Ok(false) => return Err(BodyError::MadeRoom),
        }
        Ok(Self {
            body,
            began: Instant::now(),
            came: 0,
            deadline: Box::pin(tokio::time::sleep(BODY_PATIENCE)),
        })
    }
}

impl<B> Body for Paced<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            let frame = frame.transpose().map_err(|err| BodyError::Broken(err.into()));
            if let Ok(Some(data)) = frame.as_ref().map(|frame| frame.as_ref().and_then(Frame::data_ref)) {
                self.came = self.came.saturating_add(data.len() as u64);
                let bought = Duration::from_secs(self.came / PACE);
                let deadline = self.began + BODY_PATIENCE + bought;
                self.deadline.as_mut().reset(deadline);
            }
            return Poll::Ready(frame.transpose());
        }
        match self.deadline.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Some(Err(BodyError::TooSlow))),
            Poll::Pending => Poll::Pending,
        }
    }
}
