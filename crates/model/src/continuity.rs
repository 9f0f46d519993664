//! A log that cannot go on is not continued under its own name: what was signed for is gone, and whatever came in its place
//! would be a fork. A new log is begun instead, under a new key, and its entry 1 says which log it continues, how far that
//! one is here, how far it had been signed for, and why ([`EntryKind::ContinuityBroken`](crate::EntryKind)).

use std::collections::BTreeMap;

use crate::{Digest, Genesis, Ground};

/// What the entry says. Notes are C2SP `signed-note` under the key of the log before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Continuity {
    pub before: Genesis,
    /// The checkpoint that belongs to what was restored.
    pub restored: String,
    /// The newest checkpoint that is known to have been signed; absent where the lock file went too.
    pub signed: Option<String>,
    pub ground: Ground,
    /// [`Continuity::succession`], signed with the key of the log before; absent where that key went too.
    pub vouched: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContinuityError {
    #[error("it does not say `{0}`")]
    Missing(&'static str),
    #[error("its `before` is no genesis: {0}")]
    Genesis(String),
    #[error("its `ground` is no ground: {0}")]
    Ground(String),
}

impl Continuity {
    /// For the entry's detail.
    pub fn to_detail(&self) -> BTreeMap<String, String> {
        let before = String::from_utf8_lossy(&self.before.to_json()).into_owned();
        let mut detail = BTreeMap::from([
            ("before".to_owned(), before),
            ("restored".to_owned(), self.restored.clone()),
            ("ground".to_owned(), self.ground.to_string()),
        ]);
        for (key, value) in [("signed", &self.signed), ("vouched", &self.vouched)] {
            detail.extend(value.clone().map(|value| (key.to_owned(), value)));
        }
        detail
    }

    /// Members that it does not know are left to who wrote them.
    pub fn from_detail(detail: &BTreeMap<String, String>) -> Result<Self, ContinuityError> {
        let get = |key: &'static str| detail.get(key).ok_or(ContinuityError::Missing(key));
        let before = Genesis::from_json(get("before")?.as_bytes());
        let ground: Result<Ground, _> = get("ground")?.parse();
        Ok(Self {
            before: before.map_err(|err| ContinuityError::Genesis(err.to_string()))?,
            restored: get("restored")?.clone(),
            signed: detail.get("signed").cloned(),
            ground: ground.map_err(|err| ContinuityError::Ground(err.to_string()))?,
            vouched: detail.get("vouched").cloned(),
        })
    }

    /// What the key of the log before signs, as a note's text:
    ///
    /// ```text
    /// countersign-continuity/v1
    /// <fingerprint of the log before>
    /// <fingerprint of the log that continues it>
    /// <SHA-256 of `restored`>
    /// ```
    ///
    /// Its first two lines are no origin and no size, so it is never a checkpoint.
    pub fn succession(&self, after: Digest) -> String {
        let (before, restored) = (self.before.fingerprint(), Digest::of(self.restored.as_bytes()));
        format!("countersign-continuity/v1\n{before}\n{after}\n{restored}\n")
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::Timestamp;

    fn continuity() -> Continuity {
        Continuity {
            before: Genesis {
                origin: "log.example/1".into(),
                vkey: "log.example/1+00000000+AA==".into(),
                installation: "00112233445566778899aabbccddeeff".into(),
                created_at: Timestamp::from_seconds(1_795_228_800),
                site: None,
            },
            restored: "a note\n".into(),
            signed: Some("a later note\n".into()),
            ground: "the disk of db1 was lost".parse().unwrap(),
            vouched: None,
        }
    }

    #[test]
    fn it_reads_back_with_and_without_what_may_be_lost() {
        for (signed, vouched) in [(None, None), (Some("s"), None), (None, Some("v")), (Some("s"), Some("v"))]
        {
            let (signed, vouched) = (signed.map(str::to_owned), vouched.map(str::to_owned));
            let continuity = Continuity { signed, vouched, ..continuity() };
            assert_eq!(Continuity::from_detail(&continuity.to_detail()), Ok(continuity));
        }
    }

    fn check(change: fn(&mut BTreeMap<String, String>), expected: &Expect) {
        let mut detail = continuity().to_detail();
        change(&mut detail);
        expected.assert_eq(&Continuity::from_detail(&detail).unwrap_err().to_string());
    }

    #[test]
    fn what_is_missing_is_named() {
        check(|it| drop(it.remove("before")), &expect!["it does not say `before`"]);
        check(|it| drop(it.remove("restored")), &expect!["it does not say `restored`"]);
        check(|it| drop(it.remove("ground")), &expect!["it does not say `ground`"]);
        check(
            |it| drop(it.insert("before".into(), "{}".into())),
            &expect!["its `before` is no genesis: missing field `origin` at line 1 column 2"],
        );
        check(
            |it| drop(it.insert("ground".into(), String::new())),
            &expect!["its `ground` is no ground: a ground is 1 to 500 characters of plain text on one line"],
        );
    }

    #[test]
    fn the_succession_is_golden() {
        expect![[r#"
            countersign-continuity/v1
            db434b9a019572d55a8b6f9c2117388861af67b1e86f121fa808bfe2b47e4ba0
            ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad
            037279912cb60d7be67228853b057cc642443b4ce29b8a5a5bfbb68234b0b962
        "#]]
        .assert_eq(&continuity().succession(Digest::of(b"abc")));
    }
}
