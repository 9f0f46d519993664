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

use model::Request;

use crate::sigv4::{ChunkChain, PayloadHash};

const SIZE_LINE_BYTES: usize = 128;
const TRAILERS: usize = 16;
const TRAILER_BYTES: usize = 1024;
/// More chunks than this for the content they hold is an attempt to keep us busy; clients send 64 KiB or more each.
const CHUNKS: usize = 65_536;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    #[error("the aws-chunked body ends in the middle of {0}")]
    Truncated(&'static str),
    #[error("the aws-chunked body has {what} at byte {at}")]
    Malformed { what: &'static str, at: usize },
    #[error("the aws-chunked body has more than {limit} {what}")]
    Oversized { what: &'static str, limit: usize },
    #[error("the signature of {0} of the aws-chunked body does not match")]
    Signature(&'static str),
    #[error("the content is {found} bytes long, and x-amz-decoded-content-length says {declared}")]
    Length { declared: u64, found: u64 },
    #[error("the body is {0}, and its signature says otherwise; which is meant would be a guess")]
    Framing(&'static str),
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
        PayloadHash::Sha256(_) | PayloadHash::Unsigned => {
            if body.len() > limit {
                return Err(PayloadError::Oversized { what: "bytes", limit });
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
        PayloadHash::Sha256(_) | PayloadHash::Unsigned => false,
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

enum Signatures {
    None,
    Chunks(ChunkChain),
    ChunksAndTrailer(ChunkChain),
}

impl Signatures {
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

fn read(body: &[u8], mut signatures: Signatures, limit: usize) -> Result<Decoded, PayloadError> {
    let mut reader = Reader { body, at: 0 };
    let mut content = Vec::with_capacity(body.len().min(limit));
    for _ in 0..CHUNKS {
        let (size, signature) = reader.size_line()?;
        if size == 0 {
            signatures.accept_chunk(&[], signature)?;
            let mut trailers = reader.trailers()?;
            signatures.accept_trailers(&mut trailers)?;
            return Ok(Decoded { content, trailers });
        }
        if size > limit.saturating_sub(content.len()) {
            return Err(PayloadError::Oversized { what: "bytes", limit });
        }
        let chunk = reader.take(size)?;
        reader.expect(b"\r\n", "no line end after a chunk")?;
        signatures.accept_chunk(chunk, signature)?;
        content.extend_from_slice(chunk);
    }
    Err(PayloadError::Oversized { what: "chunks", limit: CHUNKS })
}

struct Reader<'a> {
    body: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a [u8] {
        self.body.get(self.at..).unwrap_or_default()
    }

    const fn malformed(&self, what: &'static str) -> PayloadError {
        PayloadError::Malformed { what, at: self.at }
    }

    fn take(&mut self, size: usize) -> Result<&'a [u8], PayloadError> {
        let taken = self.rest().get(..size).ok_or(PayloadError::Truncated("a chunk"))?;
        self.at += size;
        Ok(taken)
    }

    fn expect(&mut self, bytes: &[u8], what: &'static str) -> Result<(), PayloadError> {
        if self.rest().starts_with(bytes) {
            self.at += bytes.len();
            Ok(())
        } else if bytes.starts_with(self.rest()) {
            Err(PayloadError::Truncated("its framing"))
        } else {
            Err(self.malformed(what))
        }
    }

    /// A line of at most `max` bytes up to its `\n`, which is taken too; visible ASCII, spaces and a `\r` at its end.
    fn line(&mut self, max: usize) -> Result<&'a str, PayloadError> {
        let window = self.rest().get(..max).unwrap_or(self.rest());
        let end = window.iter().position(|&byte| byte == b'\n').ok_or_else(|| {
            if window.len() < max {
                PayloadError::Truncated("a line")
            } else {
                self.malformed("a line without an end")
            }
        })?;
        let line = window.get(..end).and_then(|line| std::str::from_utf8(line).ok());
        let line = line.ok_or_else(|| self.malformed("a line that is no text"))?;
        let bare = line.strip_suffix('\r').unwrap_or(line);
        if !bare.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') {
            return Err(self.malformed("a line with control characters"));
        }
        self.at += end + 1;
        Ok(line)
    }

    /// `size[;chunk-signature=…]` CRLF
    fn size_line(&mut self) -> Result<(usize, Option<&'a str>), PayloadError> {
        let start = self.at;
        let malformed = |what| PayloadError::Malformed { what, at: start };
        let line = self.line(SIZE_LINE_BYTES)?;
        let line =
            line.strip_suffix('\r').ok_or_else(|| malformed("a size line that does not end in CRLF"))?;
        let (size, signature) = match line.split_once(';') {
            None => (line, None),
            Some((size, extension)) => {
                let signature = extension.strip_prefix("chunk-signature=");
                (
                    size,
                    Some(signature.ok_or_else(|| malformed("a chunk extension other than its signature"))?),
                )
            }
        };
        let good = (1..=8).contains(&size.len()) && size.bytes().all(|byte| byte.is_ascii_hexdigit());
        let size = good.then(|| usize::from_str_radix(size, 16).ok()).flatten();
        Ok((size.ok_or_else(|| malformed("a chunk size that is no short hexadecimal number"))?, signature))
    }

    /// Trailing headers up to the empty line that ends the body.
    fn trailers(&mut self) -> Result<Vec<(String, String)>, PayloadError> {
        let mut trailers: Vec<(String, String)> = Vec::new();
        loop {
            let start = self.at;
            let malformed = |what| PayloadError::Malformed { what, at: start };
            let line = self.line(TRAILER_BYTES)?;
            let bare = line.strip_suffix('\r').unwrap_or(line);
            if bare.is_empty() {
                // Signers that end a trailer with a bare LF end the list with CRLF all the same.
                if line.is_empty() {
                    return Err(malformed("an empty line that does not end in CRLF"));
                }
                // One more trailer may follow the list: its signature.
                if !self.rest().starts_with(b"x-amz-trailer-signature:") {
                    break;
                }
                continue;
            }
            let (name, value) = bare.split_once(':').ok_or_else(|| malformed("a trailer without a colon"))?;
            let name = name.to_ascii_lowercase();
            if name.is_empty()
                || !name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'))
            {
                return Err(malformed("a trailer without a proper name"));
            }
            if trailers.iter().any(|(known, _)| *known == name) {
                return Err(malformed("the same trailer twice"));
            }
            if trailers.len() == TRAILERS {
                return Err(PayloadError::Oversized { what: "trailers", limit: TRAILERS });
            }
            trailers.push((name, value.trim().to_owned()));
        }
        if self.rest().is_empty() { Ok(trailers) } else { Err(self.malformed("bytes after its end")) }
    }
}

#[cfg(test)]
mod tests;
