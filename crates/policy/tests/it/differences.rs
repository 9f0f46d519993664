//! What is told of an edit, outside Cedar: each line that makes something laxer says so.

use expect_test::{Expect, expect};
use model::{Effect, EffectSet, Operation};
use policy::{Bundle, Files, Profile};

use crate::world::{NOON, files};

/// In each file every occurrence of a text by another; a file that is not there is made.
type Edit<'a> = (&'a str, &'a str, &'a str);

fn edited(files: &Files, edits: &[Edit<'_>]) -> Files {
    let mut edited = files.clone();
    for (file, from, to) in edits {
        let text =
            edited.get(*file).map(|bytes| String::from_utf8(bytes.clone()).unwrap()).unwrap_or_default();
        let next = if from.is_empty() { format!("{text}\n{to}") } else { text.replace(from, to) };
        assert_ne!(next, text, "the edit of {file} changes nothing");
        edited.insert((*file).to_owned(), next.into_bytes());
    }
    edited
}

/// As the tables would: `s3:DeleteBucket` destroys.
fn table(operation: &Operation) -> Option<EffectSet> {
    (operation.to_string() == "s3:DeleteBucket").then(|| EffectSet::of(Effect::Destroy))
}

fn told(old: &Files, new: &Files) -> String {
    let (old, new) = (Bundle::load(old).unwrap(), Bundle::load(new).unwrap_or_else(|err| panic!("{err}")));
    let lines = old.differences(&new, NOON, &table);
    lines.iter().map(|it| format!("{} {}: {}\n", it.way, it.file, it.what)).collect()
}

/// What the edit is told as, and what taking it back is.
fn check(before: &[Edit<'_>], edit: &[Edit<'_>], there: &Expect, back: &Expect) {
    let old = edited(&files(Profile::Standard), before);
    let new = edited(&old, edit);
    there.assert_eq(&told(&old, &new));
    back.assert_eq(&told(&new, &old));
    assert_eq!(told(&new, &new), "");
}

const STAGING: &str = "accounts = [\"444455556666\"]";

#[test]
fn what_is_no_longer_production_is_told() {
    check(
        &[],
        &[
            ("environments.toml", STAGING, "accounts = [\"444455556666\", \"777788889999\"]"),
            ("environments.toml", "accounts = [\"777788889999\"]", "accounts = []"),
        ],
        &expect![[r#"
            laxer environments.toml: account 777788889999 goes from shop-prod-eu (production) to staging
        "#]],
        &expect![[r#"
            stricter environments.toml: account 777788889999 goes from staging to shop-prod-eu (production)
        "#]],
    );
    // An account that nobody knows is production.
    check(
        &[],
        &[("environments.toml", STAGING, "accounts = [\"444455556666\", \"999999999999\"]")],
        &expect![[r#"
            laxer environments.toml: account 999999999999 goes from production to staging
        "#]],
        &expect![[r#"
            stricter environments.toml: account 999999999999 goes from staging to production
        "#]],
    );
    check(
        &[(
            "environments.toml",
            "accounts = [\"777788889999\"]\nown_roles = []",
            "accounts = [\"777788889999\"]\nnames = [\"shop-*\"]\ntags = [\"env=prod*\"]\nown_roles = [\"countersign-write\"]",
        )],
        &[(
            "environments.toml",
            "names = [\"shop-*\"]\ntags = [\"env=prod*\"]\nown_roles = [\"countersign-write\"]",
            "names = [\"shop-eu-*\"]",
        )],
        &expect![[r#"
            laxer environments.toml: countersign-write does not count as a role of Countersign's own any more
            laxer environments.toml: what is called shop-* to shop-prod-eu (production) is not raised any more
            laxer environments.toml: what is tagged env=prod* to shop-prod-eu (production) is not raised any more
            stricter environments.toml: what is called shop-eu-* to shop-prod-eu (production) is raised
        "#]],
        &expect![[r#"
            laxer environments.toml: what is called shop-eu-* to shop-prod-eu (production) is not raised any more
            stricter environments.toml: countersign-write counts as a role of Countersign's own
            stricter environments.toml: what is called shop-* to shop-prod-eu (production) is raised
            stricter environments.toml: what is tagged env=prod* to shop-prod-eu (production) is raised
        "#]],
    );
}

#[test]
fn an_hour_that_is_no_longer_peak_is_told() {
    let calendar = |peak: &str| {
        format!(
            "timezone = \"Europe/Berlin\"\nfreeze = []\n[[peak]]\ndays = [\"mon-fri\"]\nfrom = \"08:00\"\nto = \"{peak}\"\n"
        )
    };
    let at = |peak: &str| Files::from([("calendar.toml".to_owned(), calendar(peak).into_bytes())]);
    let base = files(Profile::Standard);
    let with = |peak: &str| base.clone().into_iter().chain(at(peak)).collect::<Files>();
    expect![[r#"
        laxer calendar.toml: production: not peak any more for 48 h of the 400 days ahead, first 2026-11-23 16:50 UTC
        laxer calendar.toml: shop-prod-eu: not peak any more for 48 h of the 400 days ahead, first 2026-11-23 16:50 UTC
    "#]].assert_eq(&told(&with("18:00"), &with("17:50")));
    expect![[r#"
        stricter calendar.toml: production: peak for 48 h of the 400 days ahead, first 2026-11-23 16:50 UTC
        stricter calendar.toml: shop-prod-eu: peak for 48 h of the 400 days ahead, first 2026-11-23 16:50 UTC
    "#]]
    .assert_eq(&told(&with("17:50"), &with("18:00")));
    let mut none = with("18:00");
    none.remove("calendar.toml");
    expect![[r#"
        laxer calendar.toml: production: not frozen any more for 9600 h of the 400 days ahead, first 2026-11-23 12:00 UTC
        laxer calendar.toml: production: not peak any more for 6740 h of the 400 days ahead, first 2026-11-23 17:00 UTC
        laxer calendar.toml: shop-prod-eu: not frozen any more for 9600 h of the 400 days ahead, first 2026-11-23 12:00 UTC
        laxer calendar.toml: shop-prod-eu: not peak any more for 6740 h of the 400 days ahead, first 2026-11-23 17:00 UTC
        laxer calendar.toml: staging: not frozen any more for 9600 h of the 400 days ahead, first 2026-11-23 12:00 UTC
        laxer calendar.toml: staging: not peak any more for 9600 h of the 400 days ahead, first 2026-11-23 12:00 UTC
    "#]].assert_eq(&told(&none, &with("18:00")));
    let freeze = "freeze = [{ from = \"2026-12-20\", to = \"2027-01-02\", reason = \"the holidays\" }]";
    let frozen = edited(&with("18:00"), &[("calendar.toml", "freeze = []", freeze)]);
    expect![[r#"
        laxer calendar.toml: production: not frozen any more for 336 h of the 400 days ahead, first 2026-12-19 23:00 UTC
        laxer calendar.toml: shop-prod-eu: not frozen any more for 336 h of the 400 days ahead, first 2026-12-19 23:00 UTC
    "#]].assert_eq(&told(&frozen, &with("18:00")));
    // Another spelling of the same hours is no difference.
    let zone = edited(&with("18:00"), &[("calendar.toml", "Europe/Berlin", "Europe/Vienna")]);
    assert_eq!(told(&zone, &with("18:00")), "");
}

#[test]
fn who_may_newly_recover_and_how_soon_is_told() {
    let safe = |name: &str| {
        format!("[people.{name}]\nkeys = [\"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5{name}\"]\nrecovery = true\n")
    };
    let three = ["north", "south", "west"].map(safe).concat();
    check(
        &[],
        &[("roster.toml", "", &format!("{three}[recovery]\ndelay_hours = 24"))],
        &expect![[r#"
            laxer roster.toml: a recovery waits 24 hours in place of 72
            laxer roster.toml: north is newly enrolled
            laxer roster.toml: north may newly recover the roster
            laxer roster.toml: south is newly enrolled
            laxer roster.toml: south may newly recover the roster
            laxer roster.toml: west is newly enrolled
            laxer roster.toml: west may newly recover the roster
        "#]],
        &expect![[r#"
            stricter roster.toml: a recovery waits 72 hours in place of 24
            stricter roster.toml: north is not enrolled any more
            stricter roster.toml: south is not enrolled any more
            stricter roster.toml: west is not enrolled any more
        "#]],
    );
}

/// What a bundle's digest is made of tells whether nothing but the roster is another.
#[test]
fn a_digest_has_the_roster_apart() {
    let load = |edits: &[Edit<'_>]| Bundle::load(&edited(&files(Profile::Standard), edits)).unwrap();
    let before = load(&[]);
    assert_eq!(before.digest(), before.made_of().digest());
    let person =
        load(&[("roster.toml", "operator = true\napprover = false", "operator = true\napprover = true")]);
    assert_eq!(before.made_of().rest, person.made_of().rest);
    assert_ne!(before.made_of().roster, person.made_of().roster);
    assert_ne!(before.digest(), person.digest());
    let limit = load(&[("bundle.toml", "hold_expiry_s = 86400", "hold_expiry_s = 86401")]);
    assert_eq!(before.made_of().roster, limit.made_of().roster);
    assert_ne!(before.made_of().rest, limit.made_of().rest);
}

#[test]
fn who_may_newly_approve_is_told() {
    check(
        &[],
        &[(
            "roster.toml",
            "",
            "[people.eve]\nkeys = [\"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5eve\"]\napprover = true\nroles = [\"dba\"]",
        )],
        &expect![[r#"
            laxer roster.toml: eve is newly counted as dba
            laxer roster.toml: eve is newly enrolled
            laxer roster.toml: eve may newly approve
        "#]],
        &expect![[r#"
            stricter roster.toml: eve is not enrolled any more
        "#]],
    );
    check(
        &[],
        &[
            ("roster.toml", "operator = true\napprover = false", "operator = true\napprover = true"),
            ("roster.toml", "", "[agents.crow]"),
        ],
        &expect![[r#"
            laxer roster.toml: ana may newly approve
            laxer roster.toml: sessions can be opened for agent crow
        "#]],
        &expect![[r#"
            stricter roster.toml: ana may not approve any more
            stricter roster.toml: no session can be opened for agent crow any more
        "#]],
    );
    check(
        &[],
        &[("roster.toml", "AAAAC3NzaC1lZDI1NTE5ben", "AAAAC3NzaC1lZDI1NTE5other")],
        &expect![[r#"
            laxer roster.toml: ben may sign with 1 other key(s)
            stricter roster.toml: 1 key(s) of ben do not count any more
        "#]],
        &expect![[r#"
            laxer roster.toml: ben may sign with 1 other key(s)
            stricter roster.toml: 1 key(s) of ben do not count any more
        "#]],
    );
}

#[test]
fn a_limit_that_is_raised_is_told() {
    check(
        &[("bundle.toml", "hold_expiry_s = 86400", "hold_expiry_s = 3600")],
        &[(
            "bundle.toml",
            "hold_expiry_s = 3600\nmax_body_bytes = 6291456\nopen_holds_per_session = 10\nhistory_window_s = 3600",
            "hold_expiry_s = 7200\nmax_body_bytes = 6291456\nopen_holds_per_session = 5\nhistory_window_s = 1800",
        )],
        &expect![[r#"
            laxer bundle.toml: how far back rules look, in seconds, goes from 3600 to 1800
            laxer bundle.toml: how long a held change waits, in seconds, goes from 3600 to 7200
            stricter bundle.toml: how many changes a session may have open goes from 10 to 5
        "#]],
        &expect![[r#"
            laxer bundle.toml: how many changes a session may have open goes from 5 to 10
            stricter bundle.toml: how far back rules look, in seconds, goes from 1800 to 3600
            stricter bundle.toml: how long a held change waits, in seconds, goes from 7200 to 3600
        "#]],
    );
    check(
        &[("bundle.toml", "[levels.production]", "[levels.production]\nwrite = \"sequenced\"")],
        &[("bundle.toml", "write = \"sequenced\"", "spend = \"sequenced\"")],
        &expect![[r#"
            laxer bundle.toml: write in production waits until recorded in place of sequenced
            stricter bundle.toml: spend in production waits until sequenced in place of recorded
        "#]],
        &expect![[r#"
            laxer bundle.toml: spend in production waits until recorded in place of sequenced
            stricter bundle.toml: write in production waits until sequenced in place of recorded
        "#]],
    );
    let budget = "[budgets.mails]\neffect = \"emit\"\noperations = [\"ses:SendEmail\"]\naccounts = [\"111122223333\"]\nlimit = 100\nper = \"day\"\nreason = \"orders\"";
    check(
        &[("budgets.toml", "", budget)],
        &[("budgets.toml", "limit = 100", "limit = 50")],
        &expect![[r#"
            stricter budgets.toml: the budget mails goes from 100 a day to 50 a day
        "#]],
        &expect![[r#"
            laxer budgets.toml: the budget mails goes from 50 a day to 100 a day
        "#]],
    );
    check(
        &[],
        &[("budgets.toml", "", budget)],
        &expect![[r#"
        laxer budgets.toml: the budget mails allows 100 a day
    "#]],
        &expect![[r#"
        stricter budgets.toml: the budget mails is gone
    "#]],
    );
    let standing = "[standing.feed]\noperations = [\"sqs:SendMessage\"]\nresources = [\"111122223333/jobs-*\"]\naccounts = [\"111122223333\"]\nlimit = 5\nper = \"hour\"\nreason = \"workers\"";
    check(
        &[("standing.toml", "", standing)],
        &[("standing.toml", "jobs-*", "*")],
        &expect![[r#"
            laxer standing.toml: what feed allows in advance is otherwise
        "#]],
        &expect![[r#"
            laxer standing.toml: what feed allows in advance is otherwise
        "#]],
    );
}

#[test]
fn an_effect_that_is_lowered_is_told() {
    let lowered = "[[override]]\noperation = \"s3:DeleteBucket\"\neffects = [\"write\"]\nundo = \"additive\"\n\
        reason = \"ours are versioned\"\n[[override]]\noperation = \"s3:Unheard\"\neffects = [\"read\"]\nreason = \"new\"";
    check(
        &[],
        &[("overrides.toml", "override = []", lowered)],
        &expect![[r#"
        laxer overrides.toml: s3:DeleteBucket goes from destroy to write
        laxer overrides.toml: s3:DeleteBucket needs no captured inverse any more
        laxer overrides.toml: s3:Unheard goes from unknown to read
    "#]],
        &expect![[r#"
            stricter overrides.toml: s3:DeleteBucket goes from write to destroy
            stricter overrides.toml: s3:DeleteBucket needs a captured inverse
            stricter overrides.toml: s3:Unheard goes from read to unknown
        "#]],
    );
}

#[test]
fn a_rule_that_reads_otherwise_is_left_to_the_proof() {
    let rule = "constitution/two-people-to-recreate.cedar";
    for said in [
        (
            "constitution/nothing-in-a-freeze.cedar",
            "forbid (",
            "// Another comment is no other rule.\nforbid (",
        ),
        ("grants/operator-ana.cedar", "look at anything, anywhere", "look at it all"),
    ] {
        check(&[], &[said], &expect![""], &expect![""]);
    }
    check(
        &[],
        &[
            (rule, "context.approvals.people >= 2", "context.approvals.people >= 3"),
            ("constitution/two-people-to-recreate.examples.toml", "people = 2", "people = 3"),
        ],
        &expect![[r#"
            rules rules: two-people-to-recreate (constitution/two-people-to-recreate.cedar) reads otherwise
        "#]],
        &expect![[r#"
            rules rules: two-people-to-recreate (constitution/two-people-to-recreate.cedar) reads otherwise
        "#]],
    );
    let mut without = files(Profile::Standard);
    without.remove(rule);
    without.remove("constitution/two-people-to-recreate.examples.toml");
    expect![[r#"
        rules rules: two-people-to-recreate (constitution/two-people-to-recreate.cedar) is gone
    "#]]
    .assert_eq(&told(&files(Profile::Standard), &without));
    expect![[r#"
        rules rules: two-people-to-recreate (constitution/two-people-to-recreate.cedar) is new
    "#]]
    .assert_eq(&told(&without, &files(Profile::Standard)));
}

/// No proof about allowed requests would find these: a mark decides what may be asked, an invariant what is proved.
#[test]
fn marks_of_rules_and_what_is_claimed_of_them_are_told() {
    let rule = "@id(\"no-queues\")\n@reason(\"r\")\n@absolute\nforbid (principal, action == Action::\"destroy\", resource in \
        Kind::\"queue\");";
    let example = |kind: &str, expect: &str| {
        format!(
            "[[example]]\nname = \"{kind}\"\neffects = [\"destroy\"]\nkind = \"{kind}\"\nenvironment = \"staging\"\nexpect = {expect}\n"
        )
    };
    let examples =
        [example("queue", "\"deny\"\nrules = [\"no-queues\"]"), example("topic", "\"allow\"")].concat();
    check(
        &[
            ("constitution/no-queues.cedar", "", rule),
            ("constitution/no-queues.examples.toml", "", &examples),
        ],
        &[("constitution/no-queues.cedar", "@absolute\n", "@breakglass\n")],
        &expect![[r#"
            laxer rules: breaking the glass may waive no-queues
            laxer rules: no-queues is not absolute any more: what it stops may be held, and not denied at once
        "#]],
        &expect![[r#"
            stricter rules: breaking the glass may not waive no-queues any more
            stricter rules: no-queues is absolute
        "#]],
    );
    check(
        &[],
        &[("constitution/invariants/data-takes-two.cedar", "people < 2", "people < 1")],
        &expect![[r#"
            laxer invariants: data-takes-two claims something else: In production, data and backups are destroyed only with two people who agree to this very change, also where that takes something back.
        "#]],
        &expect![[r#"
            laxer invariants: data-takes-two claims something else: In production, data and backups are destroyed only with two people who agree to this very change, also where that takes something back.
        "#]],
    );
    let mut without = files(Profile::Standard);
    without.remove("constitution/invariants/data-takes-two.cedar");
    without.remove("constitution/invariants/reads-are-free.cedar");
    expect![[r#"
        laxer invariants: data-takes-two is not claimed any more: In production, data and backups are destroyed only with two people who agree to this very change, also where that takes something back.
        rules invariants: reads-are-free is not claimed any more: The constitution is in the way of no plain read; what shows credentials is none.
    "#]].assert_eq(&told(&files(Profile::Standard), &without));
    expect![[r#"
        rules invariants: data-takes-two is newly claimed: In production, data and backups are destroyed only with two people who agree to this very change, also where that takes something back.
        rules invariants: reads-are-free is newly claimed: The constitution is in the way of no plain read; what shows credentials is none.
    "#]].assert_eq(&told(&without, &files(Profile::Standard)));
}

#[test]
fn another_operation_table_is_told() {
    let (one, other) = ("1".repeat(64), "2".repeat(64));
    let (one, other) = (format!("aws = \"{one}\"\n"), format!("aws = \"{other}\"\n"));
    check(
        &[("tables.toml", "", &one)],
        &[("tables.toml", &one, &other)],
        &expect![[r#"
            laxer tables.toml: the operation table goes from 1111111111111111111111111111111111111111111111111111111111111111 to 2222222222222222222222222222222222222222222222222222222222222222
        "#]],
        &expect![[r#"
            laxer tables.toml: the operation table goes from 2222222222222222222222222222222222222222222222222222222222222222 to 1111111111111111111111111111111111111111111111111111111111111111
        "#]],
    );
    check(
        &[],
        &[("tables.toml", "", &one)],
        &expect![[r#"
        laxer tables.toml: the operation table goes from none to 1111111111111111111111111111111111111111111111111111111111111111
    "#]],
        &expect![[r#"
        laxer tables.toml: the operation table goes from 1111111111111111111111111111111111111111111111111111111111111111 to none
    "#]],
    );
}
