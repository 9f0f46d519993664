//! A body passed on as it comes. Everything that the head promised is held against what arrived before the last of it
//! is given out, so that a body which is not what it said never becomes whole at the other end.

use model::{Digest, Request};
use sha2::{Digest as _, Sha256};

use super::{AWS_CHUNKED, PayloadError, Signatures, encodings, header_items, unframe::Unframer};
use crate::sigv4::PayloadHash;

/// How a body is framed and how long its content is, as the head says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Framing {
    /// Bytes of content.
    pub length: u64,
    /// Names of the checksums that follow the content.
    pub trailers: Vec<String>,
}

/// What a streamed body was, once it has come to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrived {
    pub content: Digest,
    /// In the order announced or received; each is one that was announced.
    pub trailers: Vec<(String, String)>,
    /// What had been kept back.
    pub rest: Vec<u8>,
}

/// One body on its way.
#[derive(Debug)]
pub struct Streaming {
    reader: Reader,
    framing: Framing,
    seen: u64,
    hash: Sha256,
    /// The newest content, given out once more comes or all of it is found right.
    kept: Vec<u8>,
}

#[derive(Debug)]
enum Reader {
    Plain { declared: Option<Digest> },
    Framed(Unframer),
}

impl Framing {
    /// `None` where the head does not say how long the content is.
    pub fn of(request: &Request, payload: &PayloadHash) -> Option<Self> {
        let is_framed = framed(payload);
        let says_framed = encodings(request).any(|coding| coding.eq_ignore_ascii_case(AWS_CHUNKED));
        if says_framed && !is_framed {
            return None;
        }
        let length = if is_framed { "x-amz-decoded-content-length" } else { "content-length" };
        let length = request.header(length)?.trim();
        let plain = (1..=15).contains(&length.len()) && length.bytes().all(|byte| byte.is_ascii_digit());
        let trailers =
            header_items(request, "x-amz-trailer").map(str::to_ascii_lowercase).collect::<Vec<_>>();
        let checksums = trailers.iter().all(|name| name.starts_with("x-amz-checksum-"));
        let repeated = trailers.iter().any(|name| request.headers.iter().any(|(header, _)| header == name));
        (plain && checksums && !repeated && (is_framed || trailers.is_empty())).then_some(())?;
        Some(Self { length: length.parse().ok()?, trailers })
    }
}

impl Streaming {
    pub fn new(payload: &PayloadHash, framing: Framing) -> Self {
        let limit = framing.length;
        let reader = match payload {
            PayloadHash::Sha256(_) | PayloadHash::Unsigned => Reader::Plain { declared: None },
            PayloadHash::Promised(digest) => Reader::Plain { declared: Some(*digest) },
            PayloadHash::StreamingUnsignedTrailer => Reader::Framed(Unframer::new(Signatures::None, limit)),
            PayloadHash::StreamingSigned(chain) => {
                Reader::Framed(Unframer::new(Signatures::Chunks(chain.clone()), limit))
            }
            PayloadHash::StreamingSignedTrailer(chain) => {
                Reader::Framed(Unframer::new(Signatures::ChunksAndTrailer(chain.clone()), limit))
            }
        };
        Self { reader, framing, seen: 0, hash: Sha256::new(), kept: Vec::new() }
    }

    /// Takes the next bytes of the body and gives out content that came before them.
    ///
    /// # Errors
    /// Where the framing, a signature or the length is not as it should be; nothing may be given out any more.
    pub fn feed(&mut self, input: &[u8]) -> Result<Vec<u8>, PayloadError> {
        let mut content = Vec::with_capacity(input.len());
        match &mut self.reader {
            Reader::Plain { .. } => content.extend_from_slice(input),
            Reader::Framed(unframer) => unframer.feed(input, &mut content)?,
        }
        if content.is_empty() {
            return Ok(content);
        }
        self.seen += content.len() as u64;
        if self.seen > self.framing.length {
            return Err(self.wrong_length());
        }
        self.hash.update(&content);
        Ok(std::mem::replace(&mut self.kept, content))
    }

    /// # Errors
    /// Where the body is not whole, or not the one that was signed.
    pub fn finish(self) -> Result<Arrived, PayloadError> {
        if self.seen != self.framing.length {
            return Err(self.wrong_length());
        }
        let content = Digest::from_bytes(self.hash.finalize().into());
        let trailers = match self.reader {
            Reader::Plain { declared } if declared.is_some_and(|declared| declared != content) => {
                return Err(PayloadError::Content);
            }
            Reader::Plain { .. } => Vec::new(),
            Reader::Framed(unframer) => unframer.finish()?,
        };
        let announced = &self.framing.trailers;
        let unknown = trailers.iter().map(|(name, _)| name).find(|name| !announced.contains(name));
        let missing = announced.iter().find(|name| !trailers.iter().any(|(trailer, _)| trailer == *name));
        if let Some(name) = unknown.or(missing) {
            return Err(PayloadError::Trailer(model::sanitize(name, 64)));
        }
        Ok(Arrived { content, trailers, rest: self.kept })
    }

    fn wrong_length(&self) -> PayloadError {
        PayloadError::Length { declared: self.framing.length, found: self.seen }
    }
}

const fn framed(payload: &PayloadHash) -> bool {
    match payload {
        PayloadHash::Sha256(_) | PayloadHash::Promised(_) | PayloadHash::Unsigned => false,
        PayloadHash::StreamingUnsignedTrailer
        | PayloadHash::StreamingSigned(_)
        | PayloadHash::StreamingSignedTrailer(_) => true,
    }
}

/// Takes off `request` every header that speaks of framing; what is forwarded is framed anew.
pub fn take_off_framing(request: &mut Request) {
    let codings = encodings(request)
        .filter(|coding| !coding.eq_ignore_ascii_case(AWS_CHUNKED))
        .collect::<Vec<_>>()
        .join(", ");
    request.headers.retain(|(name, _)| {
        !matches!(
            name.as_str(),
            "content-encoding"
                | "content-length"
                | "transfer-encoding"
                | "trailer"
                | "x-amz-content-sha256"
                | "x-amz-decoded-content-length"
                | "x-amz-trailer"
        )
    });
    if !codings.is_empty() {
        request.headers.push(("content-encoding".into(), codings));
    }
}
