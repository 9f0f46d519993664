//! The reader of `aws-chunked` framing, fed piece by piece as a body arrives. It holds one line, or one signed chunk
//! until its signature is found true; nothing of a chunk is given out before.

use super::{PayloadError, Signatures};

const SIZE_LINE_BYTES: usize = 128;
const TRAILERS: usize = 16;
const TRAILER_BYTES: usize = 1024;
/// More chunks than this for the content they hold is an attempt to keep us busy; clients send 64 KiB or more each.
const CHUNKS: u64 = 65_536;
const CHUNK_BYTES_MEAN: u64 = 4096;
/// A signed chunk is held whole. Clients sign chunks of 64 KiB to 1 MiB.
const SIGNED_CHUNK_BYTES: u64 = 8 * 1024 * 1024;
const TRAILER_SIGNATURE: &[u8] = b"x-amz-trailer-signature:";

/// One body being read.
#[derive(Debug)]
pub(super) struct Unframer {
    signatures: Signatures,
    state: State,
    /// Of a line, a signed chunk or a line end that has not come whole.
    held: Vec<u8>,
    /// Bytes before those in `held`.
    at: u64,
    chunks: u64,
    content: u64,
    limit: u64,
    trailers: Vec<(String, String)>,
}

#[derive(Debug)]
enum State {
    Size,
    Data {
        left: u64,
        signature: Option<String>,
    },
    DataEnd,
    Trailers,
    /// The list has ended; its signature may follow.
    AfterTrailers,
}

impl Unframer {
    pub(super) const fn new(signatures: Signatures, limit: u64) -> Self {
        Self {
            signatures,
            state: State::Size,
            held: Vec::new(),
            at: 0,
            chunks: 0,
            content: 0,
            limit,
            trailers: Vec::new(),
        }
    }

    /// Takes the next bytes; what they carry goes to `out`.
    pub(super) fn feed(&mut self, mut input: &[u8], out: &mut Vec<u8>) -> Result<(), PayloadError> {
        while !input.is_empty() {
            let taken = match self.state {
                State::Size => self.line(input, SIZE_LINE_BYTES, Self::size)?,
                State::Data { left, signature: None } => self.plain(input, left, out),
                State::Data { left, signature: Some(_) } => self.signed(input, left, out)?,
                State::DataEnd => self.data_end(input)?,
                State::Trailers => self.line(input, TRAILER_BYTES, Self::trailer)?,
                State::AfterTrailers => self.after_trailers(input)?,
            };
            input = input.get(taken..).unwrap_or_default();
        }
        Ok(())
    }

    /// The trailers; an error where the body was not whole.
    pub(super) fn finish(mut self) -> Result<Vec<(String, String)>, PayloadError> {
        match self.state {
            State::AfterTrailers if self.held.is_empty() => {
                self.signatures.accept_trailers(&mut self.trailers)?;
                Ok(self.trailers)
            }
            State::AfterTrailers => Err(self.malformed("bytes after its end")),
            State::Size | State::Trailers => Err(PayloadError::Truncated("a line")),
            State::Data { .. } => Err(PayloadError::Truncated("a chunk")),
            State::DataEnd => Err(PayloadError::Truncated("its framing")),
        }
    }

    const fn malformed(&self, what: &'static str) -> PayloadError {
        PayloadError::Malformed { what, at: self.at }
    }

    /// Of unsigned chunks everything is given out as it comes.
    fn plain(&mut self, input: &[u8], left: u64, out: &mut Vec<u8>) -> usize {
        let taken = usize::try_from(left).unwrap_or(usize::MAX).min(input.len());
        out.extend_from_slice(input.get(..taken).unwrap_or_default());
        self.at += taken as u64;
        let left = left.saturating_sub(taken as u64);
        self.state = if left == 0 { State::DataEnd } else { State::Data { left, signature: None } };
        taken
    }

    fn signed(&mut self, input: &[u8], left: u64, out: &mut Vec<u8>) -> Result<usize, PayloadError> {
        let missing = usize::try_from(left).unwrap_or(usize::MAX).saturating_sub(self.held.len());
        let taken = missing.min(input.len());
        self.held.extend_from_slice(input.get(..taken).unwrap_or_default());
        if taken == missing {
            let State::Data { signature, .. } = std::mem::replace(&mut self.state, State::DataEnd) else {
                return Err(self.malformed("a chunk out of place"));
            };
            self.signatures.accept_chunk(&self.held, signature.as_deref())?;
            self.at += self.held.len() as u64;
            out.append(&mut self.held);
        }
        Ok(taken)
    }

    fn data_end(&mut self, input: &[u8]) -> Result<usize, PayloadError> {
        const END: &[u8] = b"\r\n";
        let missing = END.get(self.held.len()..).unwrap_or_default();
        let taken = missing.len().min(input.len());
        let came = input.get(..taken).unwrap_or_default();
        if !missing.starts_with(came) {
            return Err(self.malformed("no line end after a chunk"));
        }
        self.held.extend_from_slice(came);
        if taken == missing.len() {
            self.let_go();
            self.state = State::Size;
        }
        Ok(taken)
    }

    /// Collects up to the next `\n` and hands the line, without it, to `then`. Visible ASCII, spaces and a `\r` at its
    /// end.
    fn line(
        &mut self,
        input: &[u8],
        max: usize,
        then: impl FnOnce(&mut Self, &str) -> Result<State, PayloadError>,
    ) -> Result<usize, PayloadError> {
        let end = input.iter().position(|&byte| byte == b'\n');
        let taken = end.map_or(input.len(), |end| end + 1);
        if self.held.len() + taken > max {
            return Err(self.malformed("a line without an end"));
        }
        self.held.extend_from_slice(input.get(..taken).unwrap_or_default());
        if end.is_some() {
            let line = std::mem::take(&mut self.held);
            let text = line.strip_suffix(b"\n").and_then(|line| std::str::from_utf8(line).ok());
            let text = text.ok_or_else(|| self.malformed("a line that is no text"))?;
            let bare = text.strip_suffix('\r').unwrap_or(text);
            if !bare.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') {
                return Err(self.malformed("a line with control characters"));
            }
            self.state = then(self, text)?;
            self.at += line.len() as u64;
        }
        Ok(taken)
    }

    /// `size[;chunk-signature=…]` CRLF
    fn size(&mut self, line: &str) -> Result<State, PayloadError> {
        let line =
            line.strip_suffix('\r').ok_or_else(|| self.malformed("a size line that does not end in CRLF"))?;
        let (size, signature) = match line.split_once(';') {
            None => (line, None),
            Some((size, extension)) => {
                let signature = extension.strip_prefix("chunk-signature=");
                let what = "a chunk extension other than its signature";
                (size, Some(signature.ok_or_else(|| self.malformed(what))?.to_owned()))
            }
        };
        let good = (1..=8).contains(&size.len()) && size.bytes().all(|byte| byte.is_ascii_hexdigit());
        let size = good.then(|| u64::from_str_radix(size, 16).ok()).flatten();
        let size = size.ok_or_else(|| self.malformed("a chunk size that is no short hexadecimal number"))?;
        if size == 0 {
            self.signatures.accept_chunk(&[], signature.as_deref())?;
            return Ok(State::Trailers);
        }
        self.signatures.check_form(signature.as_deref())?;
        self.chunks += 1;
        if self.chunks > CHUNKS && self.content < self.chunks * CHUNK_BYTES_MEAN {
            return Err(PayloadError::Oversized { what: "chunks", limit: CHUNKS });
        }
        if size > self.limit.saturating_sub(self.content) {
            return Err(PayloadError::Oversized { what: "bytes", limit: self.limit });
        }
        if signature.is_some() && size > SIGNED_CHUNK_BYTES {
            return Err(PayloadError::Oversized {
                what: "bytes in a signed chunk",
                limit: SIGNED_CHUNK_BYTES,
            });
        }
        self.content += size;
        Ok(State::Data { left: size, signature })
    }

    fn trailer(&mut self, line: &str) -> Result<State, PayloadError> {
        let bare = line.strip_suffix('\r').unwrap_or(line);
        if bare.is_empty() {
            // Signers that end a trailer with a bare LF end the list with CRLF all the same.
            return if line.is_empty() {
                Err(self.malformed("an empty line that does not end in CRLF"))
            } else {
                Ok(State::AfterTrailers)
            };
        }
        let (name, value) =
            bare.split_once(':').ok_or_else(|| self.malformed("a trailer without a colon"))?;
        let name = name.to_ascii_lowercase();
        if name.is_empty()
            || !name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'))
        {
            return Err(self.malformed("a trailer without a proper name"));
        }
        if self.trailers.iter().any(|(known, _)| *known == name) {
            return Err(self.malformed("the same trailer twice"));
        }
        if self.trailers.len() == TRAILERS {
            return Err(PayloadError::Oversized { what: "trailers", limit: TRAILERS as u64 });
        }
        self.trailers.push((name, value.trim().to_owned()));
        Ok(State::Trailers)
    }

    /// One more trailer may follow the list: its signature.
    fn after_trailers(&mut self, input: &[u8]) -> Result<usize, PayloadError> {
        let missing = TRAILER_SIGNATURE.get(self.held.len()..).unwrap_or_default();
        let taken = missing.len().min(input.len());
        let came = input.get(..taken).unwrap_or_default();
        if !missing.starts_with(came) {
            return Err(self.malformed("bytes after its end"));
        }
        self.held.extend_from_slice(came);
        if taken == missing.len() {
            // The name is kept in `held`: the rest of its line follows.
            self.state = State::Trailers;
        }
        Ok(taken)
    }

    fn let_go(&mut self) {
        self.at += self.held.len() as u64;
        self.held.clear();
    }
}
