//! `aws-chunked` bodies, from the bytes as they came to the content they carry. The framing is read strictly: one
//! way to read a body or none, since what is approved is the content and what is forwarded is the content.
//!
//! ```text
//! body    := chunk* last trailer* CRLF
//! chunk   := size [";chunk-signature=" 64HEX] CRLF  size bytes  CRLF
//! last    := "0"  [";chunk-signature=" 64HEX] CRLF
//! trailer := name ":" value (CRLF | LF)
//! ```
//!
//! What is not here: HTTP's own chunked coding (the server has taken it off), and checksums (the cloud checks them).

mod stream;
mod unframe;

use model::Request;

pub use stream::{Arrived, Framing, Streaming, take_off_framing};
use unframe::Unframer;

use crate::sigv4::{ChunkChain, PayloadHash};

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    #[error("the aws-chunked body ends in the middle of {0}")]
    Truncated(&'static str),
    #[error("the aws-chunked body has {what} at byte {at}")]
    Malformed { what: &'static str, at: u64 },
    #[error("the aws-chunked body has more than {limit} {what}")]
    Oversized { what: &'static str, limit: u64 },
    #[error("the signature of {0} of the aws-chunked body does not match")]
    Signature(&'static str),
    #[error("the content is {found} bytes long, and x-amz-decoded-content-length says {declared}")]
    Length { declared: u64, found: u64 },
    #[error("the body is {0}, and its signature says otherwise; which is meant would be a guess")]
    Framing(&'static str),
    #[error("the body is not the one whose digest was signed")]
    Content,
    #[error("the trailer {0} was not announced in x-amz-trailer, or is no checksum")]
    Trailer(String),
}

/// What an `aws-chunked` body carried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    pub content: Vec<u8>,
    /// Lower-case name and value, in the order received.
    pub trailers: Vec<(String, String)>,
}

/// The content of `body`, read as `payload` says. A body that is not framed comes back as it is; one larger than
/// `limit` once decoded is an error.
pub fn decode(body: &[u8], payload: &PayloadHash, limit: usize) -> Result<Decoded, PayloadError> {
    match payload {
        PayloadHash::Sha256(_) | PayloadHash::Promised(_) | PayloadHash::Unsigned => {
            if body.len() > limit {
                return Err(PayloadError::Oversized { what: "bytes", limit: limit as u64 });
            }
            Ok(Decoded { content: body.to_vec(), trailers: Vec::new() })
        }
        PayloadHash::StreamingUnsignedTrailer => read(body, Signatures::None, limit),
        PayloadHash::StreamingSigned(chain) => read(body, Signatures::Chunks(chain.clone()), limit),
        PayloadHash::StreamingSignedTrailer(chain) => {
            read(body, Signatures::ChunksAndTrailer(chain.clone()), limit)
        }
    }
}

/// Turns `request` into the same request with a plain body: content in place of frames, announced checksum trailers as
/// headers, and no header left that speaks of framing.
pub fn unframe(request: &mut Request, payload: &PayloadHash, limit: usize) -> Result<(), PayloadError> {
    let framed = match payload {
        PayloadHash::Sha256(_) | PayloadHash::Promised(_) | PayloadHash::Unsigned => false,
        PayloadHash::StreamingUnsignedTrailer
        | PayloadHash::StreamingSigned(_)
        | PayloadHash::StreamingSignedTrailer(_) => true,
    };
    let says_framed = encodings(request).any(|coding| coding.eq_ignore_ascii_case(AWS_CHUNKED));
    if !framed {
        return if says_framed {
            Err(PayloadError::Framing("called aws-chunked in content-encoding"))
        } else {
            Ok(())
        };
    }
    let Decoded { content, trailers } = decode(&request.body, payload, limit)?;
    check_length(request, &content)?;
    let announced: Vec<String> =
        header_items(request, "x-amz-trailer").map(str::to_ascii_lowercase).collect();
    for (name, _) in &trailers {
        let known = name.starts_with("x-amz-checksum-") && announced.contains(name);
        if !known || request.headers.iter().any(|(header, _)| header == name) {
            return Err(PayloadError::Trailer(model::sanitize(name, 64)));
        }
    }
    if let Some(missing) = announced.iter().find(|name| !trailers.iter().any(|(trailer, _)| trailer == *name))
    {
        return Err(PayloadError::Trailer(model::sanitize(missing, 64)));
    }
    take_off_framing(request);
    request.headers.push(("content-length".into(), content.len().to_string()));
    request.headers.extend(trailers);
    request.body = content;
    Ok(())
}

const AWS_CHUNKED: &str = "aws-chunked";

fn encodings(request: &Request) -> impl Iterator<Item = &str> {
    header_items(request, "content-encoding")
}

fn header_items<'a>(request: &'a Request, name: &'a str) -> impl Iterator<Item = &'a str> {
    let values = request.headers.iter().filter(move |(header, _)| header == name);
    values.flat_map(|(_, value)| value.split(',')).map(str::trim).filter(|item| !item.is_empty())
}

fn check_length(request: &Request, content: &[u8]) -> Result<(), PayloadError> {
    let found = content.len() as u64;
    for (_, declared) in request.headers.iter().filter(|(name, _)| name == "x-amz-decoded-content-length") {
        let declared = declared.trim().parse().map_err(|_| {
            PayloadError::Framing("given a length in x-amz-decoded-content-length that is no number")
        })?;
        if declared != found {
            return Err(PayloadError::Length { declared, found });
        }
    }
    Ok(())
}

#[derive(Debug)]
enum Signatures {
    None,
    Chunks(ChunkChain),
    ChunksAndTrailer(ChunkChain),
}

impl Signatures {
    /// Whether a chunk may have, or must have, a signature at all.
    fn check_form(&self, signature: Option<&str>) -> Result<(), PayloadError> {
        match (self, signature) {
            (Self::None, None) | (Self::Chunks(_) | Self::ChunksAndTrailer(_), Some(_)) => Ok(()),
            (Self::None, Some(_)) => Err(PayloadError::Framing("made of signed chunks")),
            (Self::Chunks(_) | Self::ChunksAndTrailer(_), None) => Err(PayloadError::Signature("a chunk")),
        }
    }

    fn accept_chunk(&mut self, chunk: &[u8], signature: Option<&str>) -> Result<(), PayloadError> {
        let accepted = match (self, signature) {
            (Self::None, None) => true,
            (Self::Chunks(chain) | Self::ChunksAndTrailer(chain), Some(signature)) => {
                chain.accepts_chunk(chunk, signature)
            }
            (Self::None, Some(_)) => return Err(PayloadError::Framing("made of signed chunks")),
            (Self::Chunks(_) | Self::ChunksAndTrailer(_), None) => false,
        };
        if accepted { Ok(()) } else { Err(PayloadError::Signature("a chunk")) }
    }

    /// Takes the trailer's own signature out of `trailers` where there must be one, and checks it.
    fn accept_trailers(&mut self, trailers: &mut Vec<(String, String)>) -> Result<(), PayloadError> {
        match self {
            Self::None => Ok(()),
            Self::Chunks(_) if trailers.is_empty() => Ok(()),
            Self::Chunks(_) => Err(PayloadError::Framing("followed by trailers")),
            Self::ChunksAndTrailer(chain) => {
                let (name, signature) = trailers.pop().ok_or(PayloadError::Signature("the trailer"))?;
                let text: String = trailers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
                if name == "x-amz-trailer-signature" && chain.accepts_trailer(&text, &signature) {
                    Ok(())
                } else {
                    Err(PayloadError::Signature("the trailer"))
                }
            }
        }
    }
}

fn read(body: &[u8], signatures: Signatures, limit: usize) -> Result<Decoded, PayloadError> {
    let mut content = Vec::with_capacity(body.len().min(limit));
    let mut unframer = Unframer::new(signatures, limit as u64);
    unframer.feed(body, &mut content)?;
    let trailers = unframer.finish()?;
    Ok(Decoded { content, trailers })
}

#[cfg(test)]
mod tests;
