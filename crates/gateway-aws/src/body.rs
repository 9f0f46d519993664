//! A body on its way through: read from the agent piece by piece, held against what its head promised, and sent on in
//! the form that the upstream takes. Nothing is kept but the newest piece, which goes out only once the whole is right.

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use classify_aws::{
    payload::{Arrived, Framing, PayloadError, Streaming},
    sigv4::{Covers, PayloadHash},
};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use listener::{BodyError, Paced};
use model::{Digest, Request};

/// S3 takes chunks of 8 KiB and more; clients send 64 KiB.
const CHUNK_BYTES: usize = 64 * 1024;

/// What is sent, and what became of it.
pub(crate) struct Passing {
    body: Paced<Incoming>,
    reader: Option<Streaming>,
    form: Form,
    fate: Arc<Fate>,
}

/// How the content is framed towards the upstream.
enum Form {
    /// As long as this, and nothing else.
    Plain { left: u64 },
    /// `aws-chunked`, with the checksums that follow it.
    Chunks { gathered: Vec<u8> },
}

/// Shared with whoever waits for the answer.
#[derive(Debug, Default)]
pub(crate) struct Fate {
    came: AtomicU64,
    end: Mutex<Option<Result<Digest, String>>>,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum PassError {
    #[error("{0}")]
    Client(#[from] BodyError),
    #[error("{0}")]
    Payload(#[from] PayloadError),
    #[error("it was read past its end")]
    Ended,
}

/// What stands for the body in our own signature.
pub(crate) const fn covers(payload: &PayloadHash, trailers: bool) -> Covers {
    match (payload, trailers) {
        (PayloadHash::Promised(digest), _) => Covers::Promised(*digest),
        (_, true) => Covers::UnsignedTrailer,
        (_, false) => Covers::Unsigned,
    }
}

/// Headers that say how the content is framed towards the upstream.
pub(crate) fn frame(request: &mut Request, framing: &Framing) {
    if framing.trailers.is_empty() {
        request.headers.push(("content-length".into(), framing.length.to_string()));
        return;
    }
    let coding = match request.header("content-encoding") {
        Some(other) => format!("aws-chunked,{other}"),
        None => "aws-chunked".to_owned(),
    };
    request.headers.retain(|(name, _)| name != "content-encoding");
    request.headers.extend([
        ("content-encoding".to_owned(), coding),
        ("x-amz-decoded-content-length".to_owned(), framing.length.to_string()),
        ("x-amz-trailer".to_owned(), framing.trailers.join(",")),
    ]);
}

impl Passing {
    pub(crate) fn new(body: Paced<Incoming>, payload: &PayloadHash, framing: Framing) -> (Self, Arc<Fate>) {
        let fate = Arc::<Fate>::default();
        let form = if framing.trailers.is_empty() {
            Form::Plain { left: framing.length }
        } else {
            Form::Chunks { gathered: Vec::new() }
        };
        let reader = Some(Streaming::new(payload, framing));
        (Self { body, reader, form, fate: Arc::clone(&fate) }, fate)
    }

    fn take(&mut self, came: &[u8]) -> Result<Option<Bytes>, PassError> {
        self.fate.came.fetch_add(came.len() as u64, Ordering::Relaxed);
        let reader = self.reader.as_mut().ok_or(PassError::Ended)?;
        let content = reader.feed(came)?;
        Ok(match &mut self.form {
            Form::Plain { left } => {
                *left = left.saturating_sub(content.len() as u64);
                (!content.is_empty()).then(|| Bytes::from(content))
            }
            Form::Chunks { gathered } => {
                gathered.extend_from_slice(&content);
                (gathered.len() >= CHUNK_BYTES).then(|| chunk(&std::mem::take(gathered)))
            }
        })
    }

    fn end(&mut self) -> Result<Bytes, PassError> {
        let Arrived { content, trailers, rest } = self.reader.take().ok_or(PassError::Ended)?.finish()?;
        let last = match &mut self.form {
            Form::Plain { left } => {
                *left = 0;
                Bytes::from(rest)
            }
            Form::Chunks { gathered } => {
                gathered.extend_from_slice(&rest);
                let mut last = if gathered.is_empty() { Vec::new() } else { chunk(gathered).to_vec() };
                last.extend_from_slice(b"0\r\n");
                for (name, value) in &trailers {
                    last.extend_from_slice(format!("{name}:{value}\r\n").as_bytes());
                }
                last.extend_from_slice(b"\r\n");
                Bytes::from(last)
            }
        };
        self.fate.ended(Ok(content));
        Ok(last)
    }
}

fn chunk(content: &[u8]) -> Bytes {
    let mut chunk = format!("{:x}\r\n", content.len()).into_bytes();
    chunk.extend_from_slice(content);
    chunk.extend_from_slice(b"\r\n");
    Bytes::from(chunk)
}

impl Body for Passing {
    type Data = Bytes;
    type Error = PassError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, PassError>>> {
        loop {
            if self.reader.is_none() {
                return Poll::Ready(None);
            }
            let passed = match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.take(&data),
                    // Trailers of HTTP's own chunked coding: nobody signed them.
                    Err(_) => Ok(None),
                },
                Some(Err(err)) => Err(PassError::from(err)),
                None => self.end().map(Some),
            };
            match passed {
                Ok(None) => {}
                Ok(Some(data)) if data.is_empty() => {}
                Ok(Some(data)) => return Poll::Ready(Some(Ok(Frame::data(data)))),
                Err(err) => {
                    self.reader = None;
                    self.fate.ended(Err(err.to_string()));
                    return Poll::Ready(Some(Err(err)));
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.reader.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        match (&self.form, &self.reader) {
            (Form::Plain { left }, Some(_)) => SizeHint::with_exact(*left),
            (Form::Plain { .. }, None) => SizeHint::with_exact(0),
            (Form::Chunks { .. }, _) => SizeHint::default(),
        }
    }
}

impl Fate {
    fn ended(&self, how: Result<Digest, String>) {
        *self.end.lock().unwrap_or_else(PoisonError::into_inner) = Some(how);
    }

    /// How much has come so far; grows while there is any progress.
    pub(crate) fn came(&self) -> u64 {
        self.came.load(Ordering::Relaxed)
    }

    /// The content's digest where all of it was sent; why it was not, where it was not.
    pub(crate) fn end(&self) -> Option<Result<Digest, String>> {
        self.end.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
