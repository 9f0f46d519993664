//! What came of forwarding: in the document the time and the status, in the blob store the answer itself.

use serde::{Deserialize, Serialize};

use crate::{
    Digest, Timestamp,
    blob::{BlobError, Content, Kept, framed, unframed},
};

/// The upstream's answer, as the agent got it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    /// At most [`Answer::MAX_BODY`] bytes, as text; of a longer or binary body, and of one that would expose something,
    /// only the digest is kept.
    pub body: Option<String>,
    pub body_digest: Digest,
    /// Of what was sent, where it was passed on as it came and is in no action's digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Digest>,
}

impl Answer {
    pub const MAX_BODY: usize = 256 * 1024;

    pub const fn succeeded(&self) -> bool {
        succeeded(self.status)
    }
}

const fn succeeded(status: u16) -> bool {
    status >= 200 && status < 300
}

/// The head of an answer's blob; the body follows it.
#[derive(Serialize, Deserialize)]
struct Head {
    status: u16,
    headers: Vec<(String, String)>,
    kept: bool,
    body_digest: Digest,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content: Option<Digest>,
}

impl Content for Answer {
    fn to_body(&self) -> Vec<u8> {
        let head = Head {
            status: self.status,
            headers: self.headers.clone(),
            kept: self.body.is_some(),
            body_digest: self.body_digest,
            content: self.content,
        };
        framed(&head, self.body.as_deref().unwrap_or_default().as_bytes())
    }

    fn from_body(body: &[u8]) -> Result<Self, BlobError> {
        let (Head { status, headers, kept, body_digest, content }, tail) = unframed(body)?;
        let text = std::str::from_utf8(tail).map_err(|_| BlobError::Unreadable("its body is no text"))?;
        Ok(Self { status, headers, body: kept.then(|| text.to_owned()), body_digest, content })
    }
}

/// What a document keeps of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Written")]
pub struct Outcome {
    pub at: Timestamp,
    pub status: u16,
    /// `None` where none of it was ever kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Kept<Answer>>,
}

impl Outcome {
    pub const fn succeeded(&self) -> bool {
        succeeded(self.status)
    }
}

/// Both forms in which documents have an outcome.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Before {
        at: Timestamp,
        #[serde(flatten)]
        answer: Answer,
    },
    Now {
        at: Timestamp,
        status: u16,
        #[serde(default)]
        answer: Option<Kept<Answer>>,
    },
}

impl From<Written> for Outcome {
    fn from(written: Written) -> Self {
        match written {
            Written::Now { at, status, answer } => Self { at, status, answer },
            Written::Before { at, answer } => {
                Self { at, status: answer.status, answer: Some(Kept::Inline(answer)) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::{Blob, Request};

    fn answer(body: Option<&str>) -> Answer {
        Answer {
            status: 200,
            headers: vec![("etag".into(), "\"x\"\n".into())],
            body: body.map(str::to_owned),
            body_digest: Digest::of(b"x"),
            content: Some(Digest::of(b"y")),
        }
    }

    #[test]
    fn what_is_kept_is_what_was_given() {
        for body in [None, Some(""), Some("<Done/>\n{}")] {
            let blob = Blob::of([1; 32], &answer(body)).unwrap();
            assert_eq!(blob.content::<Answer>(), Ok(answer(body)));
        }
        let request = Request {
            method: "PUT".into(),
            path: "/a%20b".into(),
            query: "x=1".into(),
            headers: vec![("content-type".into(), "text/plain".into())],
            body: vec![0, b'\n', 255],
        };
        let blob = Blob::of([1; 32], &request).unwrap();
        assert_eq!(blob.content::<Request>(), Ok(request));
        expect![[r#"
            {"status":200,"headers":[["etag","\"x\"\n"]],"kept":true,"body_digest":"2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881","content":"a1fce4363854ff888cff4b8e7875d600c2682390412a8cf79b37d0b11148b0fa"}
            ok"#]]
        .assert_eq(&String::from_utf8(answer(Some("ok")).to_body()).unwrap());
    }

    #[test]
    fn an_outcome_is_read_in_both_forms_and_written_in_one() {
        let commitment = Blob::of([1; 32], &answer(None)).unwrap().commitment();
        let now =
            Outcome { at: Timestamp::from_seconds(0), status: 200, answer: Some(Kept::Blob(commitment)) };
        let text = serde_json::to_string(&now).unwrap();
        assert_eq!(
            text,
            format!(r#"{{"at":"1970-01-01T00:00:00.000Z","status":200,"answer":"{commitment}"}}"#)
        );
        assert_eq!(serde_json::from_str::<Outcome>(&text).unwrap(), now);
        let before = format!(
            r#"{{"at":"1970-01-01T00:00:00.000Z","status":409,"headers":[["a","b"]],"body":"no","body_digest":"{}"}}"#,
            Digest::of(b"no")
        );
        let before: Outcome = serde_json::from_str(&before).unwrap();
        let Some(Kept::Inline(inline)) = &before.answer else { panic!("{before:?}") };
        assert_eq!((before.status, inline.status, inline.body.as_deref()), (409, 409, Some("no")));
        assert_eq!(
            serde_json::from_str::<Outcome>(&serde_json::to_string(&before).unwrap()).unwrap(),
            before
        );
    }
}
