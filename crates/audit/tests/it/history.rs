//! The holder of the log's key, who can sign any history: what left the building convicts, in a client's pocket or in
//! a statement that somebody signed.

use expect_test::{Expect, expect};

use crate::story::{BOB, COUNT, HELD, Log, READS, VETO, sign_log, story};

fn check(tamper: impl FnOnce(&mut Log), expected: &Expect) {
    let mut log = story();
    tamper(&mut log);
    log.sign_again();
    expected.assert_eq(&log.problems());
}

#[test]
fn a_rewritten_history_contradicts_what_left_the_building() {
    let held = |log: &mut Log| log.held = vec![sign_log(&log.entries[..COUNT - 1])];
    check(
        |log| {
            held(log);
            log.detail(READS, "count", "1");
        },
        &expect![[r#"
            history_rewritten @-: held checkpoint 1 has the root AAyQF6Bgcz0U1X7d5j4dsbDmKL/zbj01ru19LRYvoTI= at 11 entries, the log has YGjyHDgAi5Z2Q/J1Lv9OkumPtjqdRwytFuPoDBM5t9w=: history was rewritten after it was signed
            history_rewritten @4: the checkpoint that was signed into the statement of entry 4 has the root KDuKPXe8A91IlPqYFnSbH9LuoO/MCS/y2tinUsZtfSY= at 4 entries, the log has fWnHXZXr7bwdRQQnnF9rxSCn6/7Gh3FcMOXbLuhBd6g=: history was rewritten after it was signed (and so in 3 later entries)
            permit_unapproved @7: entry 7 permits chg-01m7xzk500040g2081040g2081, which took the approval of 2 outside its chain; before it the log has those of nobody
        "#]],
    );
    check(
        |log| {
            held(log);
            log.entries.truncate(HELD);
        },
        &expect![[r#"
            history_truncated @-: held checkpoint 1 covers 11 entries, the log admits to 3: entries were cut off after it was signed
        "#]],
    );
    check(
        |log| {
            held(log);
            log.entries.truncate(VETO);
        },
        &expect![[r#"
            history_truncated @-: held checkpoint 1 covers 11 entries, the log admits to 10: entries were cut off after it was signed
        "#]],
    );
}

#[test]
fn without_a_held_checkpoint_the_signed_statements_still_tell() {
    check(
        |log| log.detail(READS, "count", "1"),
        &expect![[r#"
        history_rewritten @4: the checkpoint that was signed into the statement of entry 4 has the root KDuKPXe8A91IlPqYFnSbH9LuoO/MCS/y2tinUsZtfSY= at 4 entries, the log has fWnHXZXr7bwdRQQnnF9rxSCn6/7Gh3FcMOXbLuhBd6g=: history was rewritten after it was signed (and so in 3 later entries)
        permit_unapproved @7: entry 7 permits chg-01m7xzk500040g2081040g2081, which took the approval of 2 outside its chain; before it the log has those of nobody
    "#]],
    );
    check(
        |log| drop(log.entries.remove(BOB)),
        &expect![[r#"
            history_rewritten @4: the checkpoint that was signed into the statement of entry 4 has the root b9SUdJCb+c3hlX+OzbHawN52ZKH4pYcs6vKlHw70jBU= at 5 entries, the log has 1hkc/s2vcQS2Q8/NWZh2dIc4hM4corCaSVJsFJMdC3o=: history was rewritten after it was signed (and so in 2 later entries)
            permit_unapproved @6: entry 6 permits chg-01m7xzk500040g2081040g2081, which took the approval of 2 outside its chain; before it the log has those of nobody
        "#]],
    );
}
