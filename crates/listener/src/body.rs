//! A request's body: whole, within bytes and time, or not at all.

use std::error::Error;

use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Body;

use crate::{BODY_PATIENCE, seats::TURN};

#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    #[error("the body is larger than {limit} bytes")]
    TooLarge { limit: usize },
    #[error("the body did not come within {} seconds", BODY_PATIENCE.as_secs())]
    TooSlow,
    #[error("the body broke off")]
    Broken(#[source] Box<dyn Error + Send + Sync>),
    /// Its place went to another connection before it was whole.
    #[error("the connection had to make room before the body had come")]
    MadeRoom,
}

/// Receives a body. From then on the connection keeps its place until the request is answered.
///
/// # Errors
/// Where it is larger than `limit`, slower than [`BODY_PATIENCE`], or never comes to its end.
pub async fn collect<B>(body: B, limit: usize) -> Result<Bytes, BodyError>
where
    B: Body,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    if body.size_hint().lower() > u64::try_from(limit).unwrap_or(u64::MAX) {
        return Err(BodyError::TooLarge { limit });
    }
    let whole = tokio::time::timeout(BODY_PATIENCE, Limited::new(body, limit).collect()).await;
    let bytes = match whole {
        Ok(Ok(whole)) => whole.to_bytes(),
        Ok(Err(err)) if err.is::<LengthLimitError>() => return Err(BodyError::TooLarge { limit }),
        Ok(Err(err)) => return Err(BodyError::Broken(err)),
        Err(_) => return Err(BodyError::TooSlow),
    };
    // Outside of a connection there is no place to lose.
    match TURN.try_with(|turn| turn.work()) {
        Ok(true) | Err(_) => Ok(bytes),
        Ok(false) => Err(BodyError::MadeRoom),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        convert::Infallible,
        pin::Pin,
        task::{Context, Poll},
    };

    use http_body_util::Full;
    use hyper::body::Frame;

    use super::*;

    async fn check<B>(body: B, limit: usize, expected: Result<&'static str, &str>)
    where
        B: Body,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let found = collect(body, limit).await.map_err(|err| err.to_string());
        assert_eq!(found, expected.map(Bytes::from).map_err(str::to_owned));
    }

    #[tokio::test(start_paused = true)]
    async fn whole_or_not_at_all() {
        check(Full::<Bytes>::from("1234"), 4, Ok("1234")).await;
        check(Full::<Bytes>::from(""), 0, Ok("")).await;
        check(Full::<Bytes>::from("12345"), 4, Err("the body is larger than 4 bytes")).await;
        check(Pieces(vec!["34", "12"]), 4, Err("the body did not come within 30 seconds")).await;
        check(Pieces(vec!["345", "12"]), 4, Err("the body is larger than 4 bytes")).await;
    }

    /// Says nothing of its size; comes from the back, and never to its end.
    struct Pieces(Vec<&'static str>);

    impl Body for Pieces {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            match self.0.pop() {
                Some(piece) => Poll::Ready(Some(Ok(Frame::data(Bytes::from(piece))))),
                None => Poll::Pending,
            }
        }
    }
}
