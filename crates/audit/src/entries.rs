//! From bytes to entries: each must be the one way in which its event is written, and none may be there twice.

use std::io;

use model::{Digest, Entry, EntryKind};

use crate::{Code, ids::Ids, report::Findings};

/// An entry at its place in the log; entries that cannot be read are left out.
#[derive(Debug)]
pub(crate) struct Placed {
    pub(crate) index: u64,
    pub(crate) entry: Entry,
}

/// Whether the bundle that such an entry names must be the one in force: it was decided by, or signed under, then and there.
/// What comes of a change later names the bundle that it was decided under.
pub(crate) const fn decides(kind: EntryKind) -> bool {
    matches!(
        kind,
        EntryKind::Genesis
            | EntryKind::BundleAdopted
            | EntryKind::ChangeHeld
            | EntryKind::ReadsAdmitted
            | EntryKind::ActionDenied
            | EntryKind::ApprovalGiven
            | EntryKind::ChangeRejected
            | EntryKind::PermitIssued
    )
}

/// The bundle that was in force when this entry was written, where it says so: the newest that does tells which one is.
pub fn decided_under(entry: &[u8]) -> Option<Digest> {
    read(entry).ok().filter(|entry| decides(entry.kind))?.bundle
}

impl Placed {
    pub(crate) fn detail(&self, key: &str) -> Option<&str> {
        self.entry.detail.get(key).map(String::as_str)
    }
}

#[derive(Debug, Default)]
pub(crate) struct Entries {
    ids: Ids,
}

impl Entries {
    pub(crate) fn take(&mut self, index: u64, bytes: &[u8], findings: &mut Findings) -> Option<Placed> {
        match read(bytes) {
            Ok(entry) => {
                self.ids.add(index, entry.id);
                Some(Placed { index, entry })
            }
            Err((code, why)) => {
                findings.add(code, Some(index), format!("entry {index} {why}"));
                None
            }
        }
    }

    /// Adds to what was found on the way; told in the order of the log.
    pub(crate) fn finish(self, findings: &mut Findings) {
        let mut repeated = Findings::default();
        for (id, first, index) in self.ids.repeated() {
            let message = format!("entry {index} has the id {id}, which entry {first} has already");
            repeated.add(Code::EntryRepeated, Some(index), message);
        }
        findings.merge(repeated);
    }
}

/// What an entry's bytes say; for who audits, [`Entries::take`].
pub(crate) fn read(bytes: &[u8]) -> Result<Entry, (Code, String)> {
    if bytes.len() > Entry::MAX_BYTES {
        return Err((Code::EntryMalformed, format!("has {} bytes, more than an entry can", bytes.len())));
    }
    let entry: Entry = serde_json::from_slice(bytes)
        .map_err(|err| (Code::EntryMalformed, format!("cannot be read as an entry: {err}")))?;
    if entry.schema != Entry::SCHEMA {
        let why = format!("says it is {}; this verifier reads {}", entry.schema, Entry::SCHEMA);
        return Err((Code::EntryMalformed, why));
    }
    let mut again = Against { bytes, alike: 0, differs: false };
    serde_json::to_writer(&mut again, &entry).map_err(|err| (Code::EntryMalformed, err.to_string()))?;
    if again.differs || again.alike < bytes.len() {
        let at = again.alike;
        let why = format!("is not written as its event is written: the bytes differ from byte {at} on");
        return Err((Code::EntryNotCanonical, why));
    }
    Ok(entry)
}

/// Holds what is written against what is there already.
struct Against<'a> {
    bytes: &'a [u8],
    /// So many bytes from the first on.
    alike: usize,
    differs: bool,
}

impl io::Write for Against<'_> {
    fn write(&mut self, ours: &[u8]) -> io::Result<usize> {
        if !self.differs {
            let theirs = self.bytes.get(self.alike..).unwrap_or_default();
            if theirs.starts_with(ours) {
                self.alike += ours.len();
            } else {
                self.differs = true;
                self.alike += ours.iter().zip(theirs).take_while(|(ours, theirs)| ours == theirs).count();
            }
        }
        Ok(ours.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use model::{EntryId, EntryKind, Timestamp};
    use proptest::prelude::*;

    use super::*;

    fn entry() -> String {
        let mut entry = Entry::new(EntryId::new(1, [1; 10]), Timestamp::from_seconds(1), EntryKind::Alarm);
        entry.detail.insert("a".into(), "b".into());
        serde_json::to_string(&entry).unwrap()
    }

    fn check(text: &str, expected: &Expect) {
        expected.assert_eq(
            &read(text.as_bytes()).map_or_else(|(code, why)| format!("{code}: {why}"), |_| "read".into()),
        );
    }

    #[test]
    fn an_event_is_written_in_one_way() {
        let text = entry();
        check(&text, &expect!["read"]);
        check(
            &format!(" {text}"),
            &expect![
                "entry_not_canonical: is not written as its event is written: the bytes differ from byte 0 on"
            ],
        );
        check(
            &text.replace("\"a\":\"b\"", "\"a\":\"x\",\"a\":\"b\""),
            &expect![
                "entry_not_canonical: is not written as its event is written: the bytes differ from byte 145 on"
            ],
        );
        check(
            &text.replace("\"detail\"", "\"more\":1,\"detail\""),
            &expect![
                "entry_not_canonical: is not written as its event is written: the bytes differ from byte 131 on"
            ],
        );
        check(
            &text.replace("\"b\"", "\"\\u0062\""),
            &expect![
                "entry_not_canonical: is not written as its event is written: the bytes differ from byte 145 on"
            ],
        );
        check(
            &text.replace(".000Z", "Z"),
            &expect![
                "entry_not_canonical: is not written as its event is written: the bytes differ from byte 96 on"
            ],
        );
        check(
            &text.replace("entry/v1", "entry/v2"),
            &expect![
                "entry_malformed: says it is countersign.entry/v2; this verifier reads countersign.entry/v1"
            ],
        );
        check(
            &text.replace("alarm", "alert"),
            &expect![
                "entry_malformed: cannot be read as an entry: unknown variant `alert`, expected one of `genesis`, `continuity_broken`, `row_carried`, `bundle_adopted`, `session_issued`, `session_stopped`, `reads_admitted`, `action_allowed`, `action_denied`, `change_held`, `change_joined`, `change_sealed`, `change_judged`, `approval_given`, `approval_refused`, `change_rejected`, `change_reopened`, `change_withdrawn`, `change_expired`, `permit_issued`, `outcome_recorded`, `outcome_unknown`, `body_erased`, `glass_broken`, `body_moved`, `signed_in`, `agent_reported`, `authentication_failed`, `checkpoint_witnessed`, `alarm` at line 1 column 117"
            ],
        );
        check(
            "{}",
            &expect![
                "entry_malformed: cannot be read as an entry: missing field `schema` at line 1 column 2"
            ],
        );
        check(
            &"[".repeat(60_000),
            &expect![
                "entry_malformed: cannot be read as an entry: invalid type: sequence, expected a string at line 1 column 1"
            ],
        );
    }

    proptest! {
        #[test]
        fn reading_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200), at in 0usize..300, byte: u8) {
            prop_assert!(read(&bytes).is_err());
            let mut changed = entry().into_bytes();
            let at = at % changed.len();
            changed[at] = byte;
            if let Ok(entry) = read(&changed) {
                prop_assert_eq!(serde_json::to_vec(&entry).unwrap(), changed);
            }
        }
    }
}
