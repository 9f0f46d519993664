//! Whatever a log contains, the verifier ends with a report.

use audit::{AuditInput, Database, Row};
use proptest::prelude::*;

use crate::story::story;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn arbitrary_bytes_are_never_acquitted(
        genesis in proptest::collection::vec(any::<u8>(), 0..60),
        checkpoint in proptest::collection::vec(any::<u8>(), 0..60),
        held in proptest::collection::vec(".{0,40}", 0..3),
        entries in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..60), 0..5),
    ) {
        let input = AuditInput {
            genesis, expected_genesis: None, checkpoint, held_checkpoints: held, entries: &entries,
            database: Some(Database {
                rows: vec![Row { table: "change".into(), id: "x".into(), document: Vec::new(), altered: None }],
                bodies: vec![audit::Body { commitment: "x".into(), found: None }],
                sequenced: 1,
                pending: vec![b"x".to_vec()],
            }),
        };
        prop_assert!(!audit::verify(&input).ok);
    }

    #[test]
    fn any_changed_byte_of_any_entry_convicts(entry in 0usize..12, at: prop::sample::Index, byte: u8) {
        let mut log = story();
        let at = at.index(log.entries[entry].len());
        prop_assume!(log.entries[entry][at] != byte);
        log.entries[entry][at] = byte;
        prop_assert!(!log.verify().ok);
    }

    #[test]
    fn members_of_an_entry_may_hold_anything(
        entry in 0usize..12,
        key in "statement|signature|people|step|roster|genesis|presence|vetoed|verdict|reason",
        value in "(.|\n){0,60}|[0-9]{1,30}",
    ) {
        let mut log = story();
        log.detail(entry, &key, &value);
        log.sign_again();
        let _ = log.verify();
    }
}
