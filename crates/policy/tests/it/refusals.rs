//! Bundles that must not load: each problem with its file, its line and what to write instead.

use expect_test::{Expect, expect};
use policy::{Bundle, Files, Profile};

use crate::world::files;

fn check(edit: impl FnOnce(&mut Files), expected: Expect) {
    let mut files = files(Profile::Standard);
    edit(&mut files);
    let told = Bundle::load(&files).map_or_else(|err| err.to_string(), |_| "loads".to_owned());
    expected.assert_eq(&told);
}

fn replace(path: &'static str, from: &'static str, to: &'static str) -> impl FnOnce(&mut Files) {
    move |files| {
        let text = String::from_utf8(files[path].clone()).unwrap();
        assert!(text.contains(from), "{path} has no {from}");
        files.insert(path.into(), text.replace(from, to).into_bytes());
    }
}

fn put(path: &'static str, text: &'static str) -> impl FnOnce(&mut Files) {
    move |files| {
        files.insert(path.into(), text.into());
    }
}

fn append(path: &'static str, more: &str) -> impl FnOnce(&mut Files) {
    move |files| files.get_mut(path).unwrap().extend(more.bytes())
}

fn remove(path: &'static str) -> impl FnOnce(&mut Files) {
    move |files| {
        files.remove(path);
    }
}

#[test]
fn hand_written_lines_get_help() {
    check(|_| {}, expect!["loads"]);
    check(
        replace("bundle.toml", "profile = \"standard\"", "profile = \"standart\""),
        expect!["bundle.toml:4: `profile`: `standart` is no profile; use lab, standard or strict"],
    );
    check(
        replace("bundle.toml", "hold_expiry_s", "hold_expiry"),
        expect![[r#"
        bundle.toml:13: [limits] has no setting `hold_expiry`
          hint: did you mean `hold_expiry_s`?"#]],
    );
    check(
        replace("bundle.toml", "hold_expiry_s = 86400", "hold_expiry_s = \"1d\""),
        expect![
            "bundle.toml:13: `hold_expiry_s` should be a whole number from 60 to 2592000 (found: string)"
        ],
    );
    check(
        replace("bundle.toml", "hold_expiry_s = 86400", "hold_expiry_s = 99999999"),
        expect![
            "bundle.toml:13: `hold_expiry_s` should be a whole number from 60 to 2592000 (found: integer)"
        ],
    );
    check(
        replace("bundle.toml", "outside-production\"", "everywhere\""),
        expect![[r#"
        bundle.toml:9: `everywhere` is laxer than the profile standard allows
          hint: the laxest for standard is "outside-production""#]],
    );
    check(
        replace("bundle.toml", "bundle/v1", "bundle/v2"),
        expect![[r#"
        bundle.toml:2: `countersign.bundle/v2` is no schema known here
          hint: this version reads countersign.bundle/v1"#]],
    );
    check(
        replace("bundle.toml", "[keys]", "[keys"),
        expect!["bundle.toml:6: not TOML: unclosed table, expected `]`"],
    );
    check(
        remove("bundle.toml"),
        expect![[r#"
        bundle.toml: the bundle has no such file
          hint: `countersign init` writes one"#]],
    );
    let safe = |name: &str, more: &str| {
        format!(
            "[people.{name}]\nkeys = [\"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5{name}\"]\nrecovery = true\n{more}\n"
        )
    };
    let three = ["north", "south", "west"].map(|name| safe(name, "")).concat();
    check(
        append("roster.toml", &[safe("north", ""), safe("south", "")].concat()),
        expect![
            "roster.toml: 2 recovery key(s): it takes two of them to recover and any one may be lost, so give at least 3, or none"
        ],
    );
    check(
        append("roster.toml", &format!("{three}{}", safe("east", "approver = true"))),
        expect![
            "roster.toml: east is a recovery key, and those are for nothing else: one key, no operator, no approver, no role, no agent of its own"
        ],
    );
    check(
        append("roster.toml", &format!("{three}[recovery]\ndelay_hours = 1\n")),
        expect!["roster.toml: a recovery waits at least 24 hours, so that somebody notices"],
    );
    check(
        replace("roster.toml", "approver = true", "aprover = true"),
        expect![[r#"
        roster.toml:16: [people.ben] has no setting `aprover`
          hint: did you mean `approver`?
        roster.toml:24: [people.cem] has no setting `aprover`
          hint: did you mean `approver`?
        roster.toml:32: [people.dot] has no setting `aprover`
          hint: did you mean `approver`?"#]],
    );
    check(
        replace("roster.toml", "ssh-ed25519 ", "ssh-ed25519\\u0000"),
        expect![[r#"
        roster.toml: ana has no key, so could never sign
        roster.toml:3: [people.ana] has no `keys`
          hint: keys = ["ssh-ed25519 AAAA…"], as in the person's public key file
        roster.toml:5: `keys`: not a public key as OpenSSH writes it on one line: `ssh-ed25519 AAAA…`
        roster.toml:11: [people.ben] has no `keys`
          hint: keys = ["ssh-ed25519 AAAA…"], as in the person's public key file
        roster.toml:13: `keys`: not a public key as OpenSSH writes it on one line: `ssh-ed25519 AAAA…`
        roster.toml:19: [people.cem] has no `keys`
          hint: keys = ["ssh-ed25519 AAAA…"], as in the person's public key file
        roster.toml:21: `keys`: not a public key as OpenSSH writes it on one line: `ssh-ed25519 AAAA…`
        roster.toml:27: [people.dot] has no `keys`
          hint: keys = ["ssh-ed25519 AAAA…"], as in the person's public key file
        roster.toml:29: `keys`: not a public key as OpenSSH writes it on one line: `ssh-ed25519 AAAA…`"#]],
    );
    check(
        replace("roster.toml", "# owner = \"NAME\"", "owner = \"bne\" #"),
        expect![[r#"
        roster.toml: agent kiro's owner bne is not in the roster
        roster.toml:36: the owner `bne` is not among the people
          hint: did you mean `ben`?"#]],
    );
    check(
        replace("roster.toml", "[agents.kiro]", "[agents.countersign]"),
        expect![[r#"
            grants/agent-kiro.cedar: a grant for the agent `kiro`, who is not in roster.toml
              hint: expected one of: countersign
            roster.toml:35: nobody can be called `countersign`
              hint: another name; this one is what we read with ourselves"#]],
    );
    check(
        replace("environments.toml", "444455556666", "111122223333"),
        expect!["environments.toml:18: account 111122223333 is also in production"],
    );
    check(
        replace("environments.toml", "production = true", "production = false"),
        expect![[r#"
            environments.toml:7: the environment `production` is production
              hint: give an environment in which the rules are laxer another name"#]],
    );
    check(
        replace("environments.toml", "production = false", "production = false\nnames = [\"*live*\"]"),
        expect![[r#"
            environments.toml:18: names cannot make anything staging: they only raise, and staging is not production
              hint: put them under the environment that is production"#]],
    );
    check(
        replace("environments.toml", "production = false", "production = false\ntags = [\"env=live\"]"),
        expect![[r#"
            environments.toml:18: tags cannot make anything staging: they only raise, and staging is not production
              hint: put them under the environment that is production"#]],
    );
    check(
        replace(
            "environments.toml",
            "production = true",
            "production = true\ntags = [\"env\", \"=prod\", \"e*v=prod\", \"env=\"]\nnames = [\"\"]",
        ),
        expect![[r#"
            environments.toml:8: `tags`: `=prod` is no tag such as "env=prod*"
            environments.toml:8: `tags`: `e*v=prod` is no tag such as "env=prod*"
            environments.toml:8: `tags`: `env=` is no tag such as "env=prod*"
            environments.toml:8: `tags`: `env` is no tag such as "env=prod*"
            environments.toml:9: `names`: `` is no pattern: 1 to 512 characters that can be seen, in which `*` and `?` stand for others
            environments.toml:15: `tags`: `=prod` is no tag such as "env=prod*"
            environments.toml:15: `tags`: `e*v=prod` is no tag such as "env=prod*"
            environments.toml:15: `tags`: `env=` is no tag such as "env=prod*"
            environments.toml:15: `tags`: `env` is no tag such as "env=prod*"
            environments.toml:16: `names`: `` is no pattern: 1 to 512 characters that can be seen, in which `*` and `?` stand for others"#]],
    );
    check(
        put("overrides.toml", "[[override]]\noperation = \"rds\"\n"),
        expect![[r#"overrides.toml:2: `operation`: `rds` is no operation such as "rds:StartExportTask""#]],
    );
    check(
        put(
            "overrides.toml",
            "[[override]]\noperation = \"rds:X\"\neffects = [\"delete\"]\nreason = \"r\"\n",
        ),
        expect![[r#"
            overrides.toml:1: [[override]] has no `effects`
              hint: an override says what the operation does (effects) and why we may say so (reason)
            overrides.toml:3: `effects`: `delete` is no effect; use read, emit, spend, write, execute, privilege or destroy"#]],
    );
    check(
        put(
            "overrides.toml",
            "[[override]]\noperation = \"rds:X\"\neffects = [\"write\"]\nkind = \"databse\"\nreason = \"r\"\n",
        ),
        expect![[r#"
            overrides.toml:4: no kind is called `databse`
              hint: did you mean `database`?"#]],
    );
    check(
        put("constitution/README.md", "hello"),
        expect![[r#"
        constitution/README.md: no such file belongs in a bundle
          hint: expected one of: bundle.toml, roster.toml, environments.toml, accounts.toml, calendar.toml, overrides.toml, budgets.toml, standing.toml, tables.toml, witnesses.toml"#]],
    );
    check(
        put("roster.tml", "hello"),
        expect![[r#"
        roster.tml: no such file belongs in a bundle
          hint: did you mean `roster.toml`?"#]],
    );
    check(
        |files| {
            files.insert("overrides.toml".into(), vec![0xff]);
        },
        expect!["overrides.toml: not UTF-8 text"],
    );
}

#[test]
fn calendars_get_help() {
    check(
        put("calendar.toml", ""),
        expect![[r#"
        calendar.toml:1: the file has no `freeze`
          hint: days on which nothing may change, as [[freeze]] tables; `freeze = []` for none
        calendar.toml:1: the file has no `peak`
          hint: hours in which the rules are stricter, as [[peak]] tables; `peak = []` for none
        calendar.toml:1: the file has no `timezone`
          hint: for example timezone = "Europe/Berlin" or "UTC""#]],
    );
    check(
        put("calendar.toml", "timezone = \"Europe/Berlim\"\npeak = []\nfreeze = []\n"),
        expect![[r#"
        calendar.toml:1: `Europe/Berlim` is no time zone
          hint: did you mean `Europe/Berlin`?"#]],
    );
    check(
        put(
            "calendar.toml",
            "timezone = \"UTC\"\nfreeze = []\n[[peak]]\ndays = [\"monday\"]\nfrom = \"8:00\"\nto = \"25:00\"\n",
        ),
        expect![[r#"
            calendar.toml:3: [[peak]] has no `days`
              hint: for example days = ["mon-fri"]
            calendar.toml:4: `days`: `monday` is no day: mon, tue, wed, thu, fri, sat, sun, or a range like mon-fri
            calendar.toml:5: `from`: `8:00` is no time of day from "00:00" to "24:00"
            calendar.toml:6: `to`: `25:00` is no time of day from "00:00" to "24:00""#]],
    );
    check(
        put(
            "calendar.toml",
            "timezone = \"UTC\"\nfreeze = []\n[[peak]]\ndays = [\"mon\"]\nfrom = 08:00:00\nto = \"08:00\"\n",
        ),
        expect![[r#"
            calendar.toml:6: a window from 08:00 to 08:00 is empty
              hint: "00:00" to "24:00" is a whole day"#]],
    );
    check(
        put(
            "calendar.toml",
            "timezone = \"UTC\"\npeak = []\n[[freeze]]\nfrom = 2027-01-04\nto = 2026-12-18\nreason = \"year's end\"\n",
        ),
        expect![[r#"
            calendar.toml:5: the freeze ends before it starts
              hint: `to` is the last day of it"#]],
    );
    check(
        put(
            "calendar.toml",
            "timezone = \"UTC\"\npeak = []\n[[freeze]]\nfrom = 2026-12-18\nto = 2027-01-04\nenvironments = [\"stagin\"]\n",
        ),
        expect![[r#"
            calendar.toml:3: [[freeze]] has no `reason`
              hint: a sentence that agents and people are shown
            calendar.toml:6: no environment is called `stagin`
              hint: did you mean `staging`?"#]],
    );
}

/// A rule in the place of `two-people-to-recreate`, whose examples stay.
fn rule(text: &'static str) -> impl FnOnce(&mut Files) {
    put("constitution/two-people-to-recreate.cedar", text)
}

#[test]
fn rules_that_could_fail_open_are_refused() {
    // Arithmetic overflows, and a forbid that errs forbids nothing.
    check(
        rule(
            "@id(\"two-people-to-recreate\")\n@reason(\"r\")\nforbid (principal, action in Action::\"change\", resource)\nwhen { context.change.replaces }\nunless { context.approvals.people * 2 >= 4 };\n",
        ),
        expect![[r#"
            constitution/two-people-to-recreate.cedar:1: arithmetic (+, -, *) or too deep an expression in a rule
              hint: arithmetic can overflow, and a rule that errs forbids nothing: compare with a number instead"#]],
    );
    // What is not in the schema.
    check(
        rule(
            "@id(\"two-people-to-recreate\")\n@reason(\"r\")\nforbid (principal, action, resource)\nunless { context.approvals.peple >= 2 };\n",
        ),
        expect![[r#"
            constitution/two-people-to-recreate.cedar:4: attribute `approvals.peple` in context for Action::"destroy" not found
              hint: did you mean `people`?"#]],
    );
    check(
        rule(
            "@id(\"two-people-to-recreate\")\n@reason(\"r\")\nforbid (principal, action == Action::\"destory\", resource);\n",
        ),
        expect![[r#"
            constitution/two-people-to-recreate.cedar:1: policy is impossible: the policy expression evaluates to false for all valid requests
              hint: `countersign policy schema` has everything that a rule can speak of, with examples
            constitution/two-people-to-recreate.cedar:1: the rule is about no effect
            constitution/two-people-to-recreate.cedar:1: unable to find an applicable action given the policy scope constraints
              hint: `countersign policy schema` has everything that a rule can speak of, with examples
            constitution/two-people-to-recreate.cedar:3: unrecognized action `Action::"destory"`
              hint: did you mean `destroy`?"#]],
    );
    // Names that nothing has.
    check(
        rule(
            "@id(\"two-people-to-recreate\")\n@reason(\"r\")\nforbid (principal, action in Action::\"change\", resource in Environment::\"prodcution\")\nwhen { context.change.replaces && resource in Kind::\"databse\" }\nunless { context.approvals.people >= 2 };\n",
        ),
        expect![[r#"
            constitution/two-people-to-recreate.cedar:1: there is no Environment::"prodcution"
              hint: did you mean `production`?
            constitution/two-people-to-recreate.cedar:1: there is no Kind::"databse"
              hint: did you mean `database`?"#]],
    );
    // Rules that say nothing of themselves, or too much.
    check(
        rule("forbid (principal, action, resource) when { context.change.replaces };\n"),
        expect![[r#"
        constitution/two-people-to-recreate.cedar:1: a rule has no @id
          hint: @id("two-people-to-destroy") before `forbid`"#]],
    );
    check(
        rule(
            "@id(\"two-people-to-recreate\")\n@reason(\"r\")\n@absolute\n@breakglass\n\
             forbid (principal, action, resource) when { context.change.replaces };\n",
        ),
        expect![[r#"
            constitution/two-people-to-recreate.cedar:1: the rule is marked @absolute and @breakglass
              hint: an absolute rule has no exception; take one of the two away"#]],
    );
    check(
        rule(
            "@id(\"other-name\")\n@raeson(\"r\")\nforbid (principal, action, resource) when { context.change.replaces };\n",
        ),
        expect![[r#"
            constitution/two-people-to-recreate.cedar:1: a rule of the constitution has the name of its file as its @id
            constitution/two-people-to-recreate.cedar:1: nothing reads the annotation @raeson
              hint: did you mean `reason`?
            constitution/two-people-to-recreate.cedar:1: the rule other-name has no @reason
              hint: @reason("…"): the sentence that whoever is stopped by it will read"#]],
    );
    check(
        rule("@id(\"two-people-to-recreate\")\n@reason(\"r\")\npermit (principal, action, resource);\n"),
        expect![[r#"
            constitution/two-people-to-recreate.cedar:1: a permit in the constitution
              hint: a constitution only forbids; what an agent may do stands in grants/"#]],
    );
    check(
        rule(
            "@id(\"two-people-to-recreate\")\n@reason(\"r\")\nforbid (principal == ?principal, action, resource);\n",
        ),
        expect![[r#"
            constitution/two-people-to-recreate.cedar: a template (`?principal`, `?resource`) is no rule
              hint: write the names out
            constitution/two-people-to-recreate.cedar: no rule in here
              hint: delete the file, or write one"#]],
    );
    check(
        rule("forbid (principal, action, resource\n"),
        expect![[r#"
            constitution/two-people-to-recreate.cedar:1: not Cedar: unexpected end of input
              hint: `countersign policy schema` has everything that a rule can speak of, with examples"#]],
    );
    check(
        rule("// nothing\n"),
        expect![[r#"
        constitution/two-people-to-recreate.cedar: no rule in here
          hint: delete the file, or write one"#]],
    );
    check(
        remove("constitution/two-people-to-recreate.examples.toml"),
        expect![[r#"
        constitution/two-people-to-recreate.cedar: constitution/two-people-to-recreate.examples.toml needs an example that the rule decides, and a near miss that it does not
          hint: rules = ["two-people-to-recreate"] says that it decides"#]],
    );
    check(
        remove("constitution/two-people-to-recreate.cedar"),
        expect![
            "constitution/two-people-to-recreate.examples.toml: examples of constitution/two-people-to-recreate.cedar, which is not there"
        ],
    );
    check(
        |files| files.retain(|path, _| !path.starts_with("constitution/")),
        expect![[r#"
        constitution/: the bundle has no constitution
          hint: `countersign init` writes one"#]],
    );
}

#[test]
fn grants_are_about_their_own_name() {
    check(
        put("grants/agent-kiro.cedar", "@id(\"a\")\n@reason(\"r\")\npermit (principal, action, resource);\n"),
        expect![[r#"
            grants/agent-kiro.cedar:1: a rule of a grant is about the one it is named after, and nobody else
              hint: principal == Agent::"kiro""#]],
    );
    check(
        put(
            "grants/agent-kiro.cedar",
            "@id(\"a\")\n@reason(\"r\")\npermit (principal == Agent::\"kira\", action, resource);\n",
        ),
        expect![[r#"
            grants/agent-kiro.cedar:1: a rule of a grant is about the one it is named after, and nobody else
              hint: principal == Agent::"kiro"
            grants/agent-kiro.cedar:1: there is no Agent::"kira"
              hint: did you mean `kiro`?"#]],
    );
    check(
        put(
            "grants/agent-kira.cedar",
            "@id(\"a\")\n@reason(\"r\")\npermit (principal == Agent::\"kira\", action, resource);\n",
        ),
        expect![[r#"
            grants/agent-kira.cedar: a grant for the agent `kira`, who is not in roster.toml
              hint: did you mean `kiro`?"#]],
    );
    check(
        put(
            "grants/agent-kiro.cedar",
            "@id(\"two-people-to-destroy\")\n@reason(\"r\")\npermit (principal == Agent::\"kiro\", action, resource);\n",
        ),
        expect![
            "grants/agent-kiro.cedar:1: the id two-people-to-destroy is taken by constitution/two-people-to-destroy.cedar"
        ],
    );
    check(
        put("grants/kiro.cedar", "permit (principal, action, resource);\n"),
        expect![[r#"
            grants/kiro.cedar: whose grant this is cannot be told from its name
              hint: grants/agent-NAME.cedar, grants/operator-NAME.cedar or grants/breakglass-NAME.cedar"#]],
    );
}

#[test]
fn examples_are_held_to_their_word() {
    check(
        replace("constitution/two-people-to-destroy.cedar", "people >= 2", "people >= 1"),
        expect![[r#"
            constitution/no-database-loss-in-peak.examples.toml:31: example "outside peak hours it waits for two people" came out otherwise: expected hold, people = 2; got hold, people = 1, rules = [two-people-to-destroy]
              hint: `countersign policy explain --file FILE` tells why each example gets its verdict
            constitution/no-database-loss-in-peak.examples.toml:40: example "in peak hours, but a stack" came out otherwise: expected hold, people = 2, rules = [two-people-to-destroy]; got hold, people = 1, rules = [two-people-to-destroy]
            constitution/no-database-loss-in-peak.examples.toml:51: example "taking back what was just created does not wait for the evening, only for people" came out otherwise: expected hold, people = 2, rules = [two-people-to-destroy]; got hold, people = 1, rules = [two-people-to-destroy]
            constitution/nothing-in-a-freeze.examples.toml:11: example "no number of people lifts a freeze" came out otherwise: expected hold, people = 2, rules = [nothing-in-a-freeze]; got hold, people = 1, rules = [nothing-in-a-freeze]
            constitution/one-person-to-destroy-data.examples.toml:44: example "having made it is no licence in production" came out otherwise: expected hold, people = 2; got hold, people = 1, rules = [two-people-to-destroy]
            constitution/two-people-to-destroy.examples.toml:1: example "the agent deletes a production stack" came out otherwise: expected hold, people = 2, rules = [two-people-to-destroy]; got hold, people = 1, rules = [two-people-to-destroy]
            constitution/two-people-to-destroy.examples.toml:12: example "one signature is not two" came out otherwise: expected hold, people = 2, rules = [two-people-to-destroy]; got allow, people = 0, rules = []
            constitution/two-people-to-destroy.examples.toml:32: example "a roster that has only one other person can never agree" came out otherwise: expected deny, rules = [two-people-to-destroy]; got hold, people = 1, rules = [two-people-to-destroy]
            constitution/two-people-to-destroy.examples.toml:42: example "an environment of another name in which the rules for production hold" came out otherwise: expected hold, people = 2; got hold, people = 1, rules = [two-people-to-destroy]
            constitution/two-people-to-destroy.examples.toml:68: example "taking back a create is still a destroy" came out otherwise: expected hold, people = 2; got hold, people = 1, rules = [two-people-to-destroy]
            grants/agent-kiro.examples.toml:47: example "what cannot be undone waits for two people" came out otherwise: expected hold, people = 2, rules = [two-people-to-destroy]; got hold, people = 1, rules = [two-people-to-destroy]"#]],
    );
    check(
        |files| {
            let wider = "@id(\"wider\")\n@reason(\"r\")\npermit (principal == Agent::\"kiro\", action, resource in Service::\"example\");\n";
            files.get_mut("grants/agent-kiro.cedar").unwrap().extend(wider.bytes());
        },
        expect![[r#"
            grants/agent-kiro.examples.toml:12: example "it does not see data" came out otherwise: expected deny, rules = [no-grant]; got allow, people = 0, rules = []
              hint: `countersign policy explain --file FILE` tells why each example gets its verdict"#]],
    );
    check(
        |files| {
            let name = "constitution/two-people-to-recreate.examples.toml";
            let text = String::from_utf8(files[name].clone()).unwrap();
            let (decided, _) = text.split_once("\n[[example]]").unwrap();
            files.insert(name.to_owned(), decided.into());
        },
        expect![[r#"
            constitution/two-people-to-recreate.cedar: constitution/two-people-to-recreate.examples.toml needs a near miss, which the rule does not decide
              hint: a rule that leaves nothing alone forbids everything"#]],
    );
    check(
        replace("constitution/two-people-to-recreate.examples.toml", "replaces = true", "replace = true"),
        expect![[r#"
            constitution/two-people-to-recreate.examples.toml:8: [change] has no setting `replace`
              hint: did you mean `replaces`?"#]],
    );
    check(
        replace(
            "constitution/two-people-to-recreate.examples.toml",
            "expect = \"hold\"",
            "expects = \"hold\"",
        ),
        expect![[r#"
            constitution/two-people-to-recreate.cedar: constitution/two-people-to-recreate.examples.toml needs an example that the rule decides
              hint: rules = ["two-people-to-recreate"] says that it decides
            constitution/two-people-to-recreate.examples.toml:1: [[example]] has no `expect`
              hint: an example says name, effects, kind, environment and expect
            constitution/two-people-to-recreate.examples.toml:9: [[example]] has no setting `expects`
              hint: did you mean `expect`?"#]],
    );
}

#[test]
fn failing_examples_can_be_tested_and_never_loaded() {
    let mut files = files(Profile::Lab);
    replace("constitution/two-people-to-execute.cedar", "people >= 2", "people >= 3")(&mut files);
    assert!(Bundle::load(&files).is_err());
    let results = Bundle::test(&files).unwrap();
    let failed: Vec<_> = results.iter().filter(|it| !it.passed).map(|it| it.name.as_str()).collect();
    assert_eq!(failed, ["a shell command on a production instance"]);
    assert!(results.len() > 40);
}

#[test]
fn nothing_that_is_written_makes_loading_panic() {
    let mut texts = vec![
        "(".repeat(32 * 1024),
        "a && ".repeat(6_000),
        format!(
            "forbid (principal, action, resource) when {{ {} true }};",
            "context.time.peak && ".repeat(1_200)
        ),
        format!(
            "forbid (principal, action, resource) when {{ {} true }};",
            "if true then false else ".repeat(1_200)
        ),
        format!("forbid (principal, action, resource) when {{ context{} }};", ".a".repeat(15_000)),
        format!(
            "forbid (principal, action, resource) when {{ {} true }};",
            "context.time.peak && ".repeat(80)
        ),
        format!(
            "forbid (principal, action, resource) when {{ {} true }};",
            "if true then false else ".repeat(80)
        ),
        format!("forbid (principal, action, resource) when {{ context{} }};", ".a".repeat(250)),
        format!("forbid (principal, action, resource) when {{ {}true{} }};", "(".repeat(30), ")".repeat(30)),
        format!("forbid (principal, action, resource) when {{ {}true{} }};", "[".repeat(30), "]".repeat(30)),
        "!".repeat(30_000),
        "@a ".repeat(10_000),
        String::from_utf8(vec![0; 100]).unwrap(),
    ];
    texts.push(format!("{}\u{202e}", "é".repeat(400)));
    for text in texts {
        for path in ["constitution/own.cedar", "constitution/own.examples.toml", "calendar.toml"] {
            let mut files = files(Profile::Lab);
            files.insert(path.into(), text.clone().into_bytes());
            assert!(Bundle::load(&files).is_err(), "{path}");
        }
    }
}

const WITNESSED: &str = "quorum = 1\n[witnesses.w1]\nkey = \"witness.example/w1+24b5d9fe+BP0XJDhaoMdbZPt4zWAvodmR/ev3axPFjtcC6sg16fYY\"\n";

#[test]
fn witnesses_are_keys_of_their_own_and_as_many_as_are_asked_for() {
    check(put("witnesses.toml", WITNESSED), expect!["loads"]);
    check(put("witnesses.toml", "# nobody yet\n"), expect!["loads"]);
    let with = |from: &str, to: &str| {
        let text = WITNESSED.replace(from, to);
        move |files: &mut Files| drop(files.insert("witnesses.toml".into(), text.into_bytes()))
    };
    check(
        with("quorum = 1\n", ""),
        expect![[r#"
            witnesses.toml:1: the file has no `quorum`
              hint: how many witnesses make a checkpoint witnessed"#]],
    );
    check(with("quorum = 1", "quorum = 2"), expect!["witnesses.toml:1: 2 of 1 witnesses can never be had"]);
    check(
        with("quorum = 1", "quorum = 0"),
        expect!["witnesses.toml:1: `quorum` should be a whole number from 1 to 32 (found: integer)"],
    );
    check(
        with("key =", "vkey ="),
        expect![[r#"
            witnesses.toml:2: [witnesses.w1] has no `key`
              hint: the line that `countersign witness` prints
            witnesses.toml:3: [witnesses.w1] has no setting `vkey`
              hint: did you mean `key`?"#]],
    );
    // A log's key; a key cut short; one with spaces in its name.
    for (from, to) in
        [("+BP0", "+AP0"), ("fYY", "fY"), ("24b5d9fe", "24B5d9fe"), ("witness.example", "my witness")]
    {
        let mut told = String::new();
        let mut files = files(Profile::Standard);
        with(from, to)(&mut files);
        if let Err(err) = Bundle::load(&files) {
            told = err.to_string();
        }
        assert!(told.contains("is no witness's key, such as"), "{from} to {to}: {told}");
    }
    let twice = format!(
        "{WITNESSED}[witnesses.w2]\nkey = \"other+00000000+BP0XJDhaoMdbZPt4zWAvodmR/ev3axPFjtcC6sg16fYY\"\n"
    );
    check(
        move |files| drop(files.insert("witnesses.toml".into(), twice.into_bytes())),
        expect!["witnesses.toml:5: it is the key of w1 too: two names do not make two witnesses"],
    );
}

#[test]
fn an_operation_table_is_named_by_its_digest() {
    const DIGEST: &str = "aws = \"6f0d3c2b1a09f8e7d6c5b4a3928170605f4e3d2c1b0a99887766554433221100\"\n";
    check(put("tables.toml", DIGEST), expect!["loads"]);
    check(put("tables.toml", "# none\n"), expect!["loads"]);
    check(
        put("tables.toml", "aws = \"newest\"\n"),
        expect!["tables.toml:1: `aws`: a digest is 64 lower-case hexadecimal digits"],
    );
    check(
        put("tables.toml", "azure = \"newest\"\n"),
        expect![[r#"
        tables.toml:1: the file has no setting `azure`
          hint: expected one of: aws"#]],
    );
}
