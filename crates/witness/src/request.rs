//! The body of `add-checkpoint`: the size that the witness is believed to know, the proof from there, and the
//! checkpoint. Read within bounds, before anything is decoded.

use tlog::Hash;

use crate::size_of;

/// A checkpoint with as many signatures as a note must be able to carry, and a whole proof.
pub const MAX_BODY: usize = 128 * 1024;
/// A proof in a tree of 2^64 entries has no more hashes.
pub const MAX_PROOF: usize = 63;

/// The parts of a well-formed body; nothing in it has been verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request<'b> {
    pub old: u64,
    pub proof: Vec<Hash>,
    /// A signed note, as it was sent.
    pub note: &'b str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    #[error("the body is longer than {MAX_BODY} bytes")]
    TooLong,
    #[error("the body is not UTF-8 text")]
    NotText,
    #[error("the body is `old SIZE`, the proof line by line, an empty line, and the checkpoint")]
    Lines,
    #[error("the first line is `old` and a size in decimal without leading zeros")]
    OldSize,
    #[error("the proof has more than {MAX_PROOF} lines")]
    TooManyHashes,
    #[error("a proof line is not the base64 of 32 bytes")]
    Hash,
    #[error("the checkpoint's text is not origin, size and root, each on its line")]
    Checkpoint,
    #[error("the checkpoint is no signed note")]
    Note,
}

impl<'b> Request<'b> {
    pub fn parse(body: &'b [u8]) -> Result<Self, Malformed> {
        if body.len() > MAX_BODY {
            return Err(Malformed::TooLong);
        }
        let body = std::str::from_utf8(body).map_err(|_| Malformed::NotText)?;
        let (head, note) = body.split_once("\n\n").ok_or(Malformed::Lines)?;
        let mut lines = head.split('\n');
        let old = lines.next().and_then(|line| line.strip_prefix("old ")).ok_or(Malformed::OldSize)?;
        let old = size_of(old).ok_or(Malformed::OldSize)?;
        if lines.clone().count() > MAX_PROOF {
            return Err(Malformed::TooManyHashes);
        }
        let proof = lines.map(|line| line.parse().map_err(|_| Malformed::Hash)).collect::<Result<_, _>>()?;
        Ok(Self { old, proof, note })
    }

    pub fn to_text(&self) -> String {
        let proof: String = self.proof.iter().map(|hash| format!("{hash}\n")).collect();
        format!("old {}\n{proof}\n{}", self.old, self.note)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(body: &str, expected: Result<(u64, usize, &str), Malformed>) {
        let parsed = Request::parse(body.as_bytes());
        if let Ok(parsed) = &parsed {
            assert_eq!(parsed.to_text(), body);
        }
        assert_eq!(parsed.map(|it| (it.old, it.proof.len(), it.note)), expected, "{body:?}");
    }

    #[test]
    fn a_body_has_one_form() {
        let hash = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";
        check("old 0\n\nnote", Ok((0, 0, "note")));
        check(&format!("old {}\n{hash}\n\nnote\n\n", u64::MAX), Ok((u64::MAX, 1, "note\n\n")));
        let full = format!("{hash}\n").repeat(MAX_PROOF);
        check(&format!("old 9\n{full}\n"), Ok((9, MAX_PROOF, "")));
        check(&format!("old 9\n{full}{hash}\n\n"), Err(Malformed::TooManyHashes));
        for old in
            ["old", "old ", "old  1", "old 01", "old 00", "old +1", "old 1 ", "Old 1", "old 1\r", " old 1"]
        {
            check(&format!("{old}\n\nnote"), Err(Malformed::OldSize));
        }
        check("old 18446744073709551616\n\nnote", Err(Malformed::OldSize));
        for line in ["AAAA", "", &hash.replace('=', ""), &hash.replace("I=", "J="), &format!("{hash} ")] {
            check(&format!("old 1\n{line}\n{hash}\n\n"), Err(Malformed::Hash).or_else(|it| empty(line, it)));
        }
        for body in ["", "old 1", "old 1\n", "old 1\nnote\n", "\n\n"] {
            check(body, Err(if body == "\n\n" { Malformed::OldSize } else { Malformed::Lines }));
        }
        assert_eq!(Request::parse(b"old 1\n\n\xff"), Err(Malformed::NotText));
        assert_eq!(Request::parse(&vec![b'a'; MAX_BODY + 1]), Err(Malformed::TooLong));
    }

    /// An empty line ends the proof, so what follows it is the checkpoint's.
    fn empty<'n>(line: &str, wrong: Malformed) -> Result<(u64, usize, &'n str), Malformed> {
        if line.is_empty() {
            Ok((1, 0, "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"))
        } else {
            Err(wrong)
        }
    }

    proptest! {
        #[test]
        fn what_is_read_has_one_text(body in "old [0-9]{0,3}\n([A-Za-z0-9+/=]{43,45}\n){0,3}\n(.|\n){0,30}") {
            if let Ok(request) = Request::parse(body.as_bytes()) {
                prop_assert_eq!(request.to_text(), body);
            }
        }

        #[test]
        fn parsing_never_panics(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Request::parse(&body);
        }
    }
}
