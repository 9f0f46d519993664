//! Whatever a pinned table says of an operation, what the two come to together is no milder than either.

use expect_test::expect;
use model::{Account, ActionParts, Effect, Operation, Partition, Resource, Undo};
use proptest::prelude::*;

use super::*;
use crate::{
    call::{Call, build},
    classify::{Pinned, Says, Target, Terms, classify, effects},
    table::{Row, Table},
};

fn sets() -> impl Strategy<Value = EffectSet> {
    (0..Effect::ALL.len(), prop::collection::vec(0..Effect::ALL.len(), 0..3)).prop_map(|(first, more)| {
        let effect = |nth: usize| Effect::ALL[nth];
        more.into_iter().fold(EffectSet::of(effect(first)), |set, nth| set.with(effect(nth)))
    })
}

fn marks() -> impl Strategy<Value = Mark> {
    prop_oneof![Just(Mark::default()), any::<u8>().prop_map(|it| Mark::of(&Value::Int(it.into())))]
}

fn lines() -> impl Strategy<Value = Line> {
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    let naming = prop_oneof![Just(String::new()), Just("b:Name".to_owned()), Just("b:Id*,u:Key".to_owned())];
    (sets(), flags, naming, marks(), marks(), marks()).prop_map(
        |(effects, flags, naming, undo, quantity, looks)| {
            let (data, credentials, additive, events, harmless) = flags;
            let exposure = Exposure { data, credentials };
            Line { effects, exposure, additive, events, harmless, naming, undo, quantity, looks }
        },
    )
}

fn rows() -> impl Strategy<Value = &'static Row> {
    let all = Table::shared().rows();
    (0..all.len()).prop_map(move |nth| &all[nth])
}

/// Our own table with other lines for some operations; `None` takes one out.
fn edited(edits: impl IntoIterator<Item = (&'static Row, Option<Line>)>) -> Sheet {
    let mut sheet = OWN.clone();
    for (row, line) in edits {
        let service = sheet.services.get_mut(row.service).unwrap();
        match line {
            Some(line) => drop(service.insert(row.operation.to_owned(), line)),
            None => drop(service.remove(row.operation)),
        }
    }
    sheet
}

/// What such a call is; `None` where it is refused, or cannot be written without parameters.
fn called(row: &Row, terms: &Terms) -> Option<ActionParts> {
    let call = Call {
        service: row.service.to_owned(),
        operation: row.operation.to_owned(),
        region: "us-east-1".to_owned(),
        parameters: Value::map::<String>([]),
    };
    let signing = Table::shared().service(row.service).unwrap().signing;
    let target = Target::new(Partition("aws".into()), Account("111122223333".into()));
    let classified = classify(build(&call).ok()?, signing, "us-east-1", &target, terms).ok()?;
    Some(classified.action.parts().clone())
}

static OWN: std::sync::LazyLock<Sheet> = std::sync::LazyLock::new(Sheet::own);

fn pinned(sheet: &Sheet) -> Pinned {
    sheet.beside(&OWN)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn together_they_are_no_milder_than_either(edits in prop::collection::vec((rows(), prop::option::of(lines())), 1..20)) {
        let sheet = edited(edits);
        let pinned = pinned(&sheet);
        for row in Table::shared().rows() {
            let (own, both) = (effects::of(row), pinned.of(row));
            let theirs = sheet.line(row.service, row.operation);
            // What the pinned table does not have counts as the worst, should the bundle make it known at all.
            let theirs = theirs.map_or(Judged::worst(), Line::judged);
            for one in [own, theirs] {
                prop_assert_eq!(both.effects.union(one.effects), both.effects);
                prop_assert!(both.exposure.data >= one.exposure.data);
                prop_assert!(both.exposure.credentials >= one.exposure.credentials);
            }
            prop_assert!(!both.additive || own.additive);
        }
    }

    /// Through the whole way, with no parameters but those that the wire asks for.
    #[test]
    fn a_request_is_no_milder_than_under_either(row in rows(), line in lines()) {
        let rank = |undo| match undo {
            Undo::NotNeeded | Undo::Additive => 0,
            Undo::Capturable => 1,
            Undo::Unlisted => 2,
        };
        let own = called(row, &Terms::default());
        let sheet = edited([(row, Some(line.clone()))]);
        let both = called(row, &Terms { pinned: pinned(&sheet).into(), ..Terms::default() });
        let (Some(own), Some(both)) = (own, both) else { return Ok(()) };
        // Some are written alike, and the other one is taken.
        if own.operation != Operation::new(row.service, row.operation) {
            return Ok(());
        }
        prop_assert!(!line.events, "what either takes for a stream of events is refused");
        // Nothing here lowers, where it does not under ours alone.
        let lowered = own.effects.union(effects::of(row).effects) != own.effects;
        let theirs = if lowered { own.effects } else { line.effects };
        prop_assert_eq!(both.effects.union(own.effects).union(theirs), both.effects);
        prop_assert!(both.exposure.data >= (own.exposure.data || line.exposure.data));
        prop_assert!(both.exposure.credentials >= (own.exposure.credentials || line.exposure.credentials));
        // What reads alone needs no inverse, and what is no read alone does.
        let reads = both.undo == Undo::NotNeeded;
        prop_assert!(rank(both.undo) >= rank(own.undo), "{:?} {:?}", both.undo, own.undo);
        prop_assert!(reads || line.additive || both.undo != Undo::Additive);
        for resource in own.resources.iter().filter(|resource| resource.name != Resource::UNKNOWN) {
            prop_assert!(both.resources.contains(resource), "{resource}");
        }
    }

    /// By nothing but their names, as a role's rights are judged.
    #[test]
    fn an_undo_counts_only_where_both_have_it(row in rows(), line in lines()) {
        let pinned = pinned(&edited([(row, Some(line.clone()))]));
        let says = pinned.says(row.service, row.operation);
        let own = OWN.line(row.service, row.operation).unwrap();
        prop_assert_eq!(matches!(says, Says::Same), *own == line);
        prop_assert!(!says.allows_additive() || line.additive || matches!(says, Says::Same));
        prop_assert!(!says.is_undone_alike() || own.undo == line.undo || line.additive && line.undo.is_none());
    }

    #[test]
    fn a_sheet_has_one_text(edits in prop::collection::vec((rows(), prop::option::of(lines())), 1..5)) {
        let sheet = edited(edits);
        let text = sheet.text();
        let read = Sheet::read(&text, Sheet::digest_of(&text));
        prop_assert_eq!(read.as_ref(), Ok(&sheet));
        prop_assert_eq!(sheet == *OWN, Sheet::digest_of(&text) == own_digest());
    }

    #[test]
    fn arbitrary_text_is_refused_and_nothing_falls(text in "\\PC*") {
        prop_assert!(Sheet::read(&text, Sheet::digest_of(&text)).is_err());
        let behind = format!("{}{text}\n", OWN.text());
        prop_assert!(Sheet::parse(&behind).is_err() || text.is_empty());
    }
}

#[test]
fn our_own_says_nothing_otherwise() {
    assert!(!pinned(&OWN).is_otherwise() && OWN.differences(&OWN).is_empty());
    assert_eq!(OWN.operations(), Table::shared().rows().len());
    let text = OWN.text();
    assert!(text.len() < 2 << 20, "{}", text.len());
    assert_eq!(Sheet::read(&text, own_digest()).as_ref(), Ok(&*OWN));
}

#[test]
fn what_is_said_to_people_is_no_part_of_it() {
    let text = OWN.text();
    for word in ["AWS CloudFormation", "takes no final snapshot"] {
        assert!(!text.contains(word), "{word}");
    }
}

#[test]
fn a_text_that_is_not_the_one_or_not_in_its_form_is_refused() {
    let text = OWN.text();
    let other = text.replacen("DeleteDBInstance\td\t", "DeleteDBInstance\tw\t", 1);
    assert_ne!(text, other);
    assert!(matches!(Sheet::read(&other, own_digest()), Err(SheetError::Other { .. })));
    for (from, to, why) in [
        ("/v1\n", "/v2\n", "its form is not one that this version reads (countersign/aws-table/v1)"),
        ("DeleteDBInstance\td\t", "DeleteDBInstance\tz\t", "says what this version cannot read"),
        ("DeleteDBInstance\td\t", "DeleteDBInstance\t\t", "says what this version cannot read"),
        ("\nroles\t", "\nboles\t", "says what this version cannot read"),
        (
            "noun\t*\tstack\tstack\n",
            "noun\t*\tstack\tstack\nnoun\t*\tstack\tstack\n",
            "it is not written as one is",
        ),
        ("\nservice\trds\n", "\nservice\trds\r\n", "it is not written as one is"),
    ] {
        let text = text.replacen(from, to, 1);
        let err = Sheet::read(&text, Sheet::digest_of(&text)).unwrap_err().to_string();
        assert!(err.contains(why), "{from:?} → {to:?}: {err}");
    }
}

/// A newer version's words for a rule: it may hold, and lowers nothing.
#[test]
fn a_rule_that_cannot_be_read_may_hold() {
    let rule = |instead: Option<Effect>, add: Option<Effect>| PinnedRule {
        operation: "dynamodb:UpdateTable".to_owned(),
        rank: instead.map(|_| 0),
        when: vec!["TableName resembles prod".to_owned()],
        add: add.map(EffectSet::of),
        instead: instead.map(EffectSet::of),
        hands_over: false,
        exposure: Vec::new(),
    };
    let mut sheet = OWN.clone();
    sheet.rules.push(rule(None, Some(Effect::Destroy)));
    sheet.rules.push(rule(Some(Effect::Read), None));
    let pinned = pinned(&sheet);
    let mut judged = effects::of(Table::shared().get("dynamodb", "UpdateTable").unwrap());
    let before = judged;
    let readings = [Operation::new("dynamodb", "UpdateTable")];
    let (params, told) = (Value::map::<String>([]), crate::classify::Told::Whole);
    let rules = pinned.rules.as_ref().unwrap();
    crate::classify::parameters::lower(&rules.lower, &readings, &params, told, &mut judged);
    assert_eq!(judged, before);
    let says =
        pinned.raise(&readings, &params, told, crate::classify::parameters::Patterns::Too, &mut judged).says;
    assert!(judged.effects.contains(Effect::Destroy) && says.len() == 1);
}

#[test]
fn differences_are_told_by_what_became_of_them() {
    let row = |service, name| Table::shared().get(service, name).unwrap();
    let line = |service: &str, name: &str| OWN.line(service, name).unwrap().clone();
    let mut old = edited([
        (
            row("rds", "DeleteDBInstance"),
            Some(Line { effects: EffectSet::of(Effect::Write), ..line("rds", "DeleteDBInstance") }),
        ),
        (
            row("rds", "CreateDBSnapshot"),
            Some(Line {
                effects: EffectSet::of(Effect::Destroy),
                additive: false,
                ..line("rds", "CreateDBSnapshot")
            }),
        ),
        (row("s3", "GetObject"), Some(Line { exposure: Exposure::default(), ..line("s3", "GetObject") })),
        (row("ssm", "PutParameter"), Some(Line { undo: Mark::default(), ..line("ssm", "PutParameter") })),
        (
            row("sqs", "SendMessageBatch"),
            Some(Line { quantity: Mark::default(), ..line("sqs", "SendMessageBatch") }),
        ),
        (row("ec2", "StopInstances"), None),
        (row("ec2", "DescribeInstances"), None),
        (row("ec2", "DescribeImages"), None),
    ]);
    let gone = Line { looks: Mark::default(), ..line("ec2", "StopInstances") };
    old.services.get_mut("ec2").unwrap().insert("RebootPlanet".to_owned(), gone);
    old.rules.retain(|rule| rule.operation != "secretsmanager:DeleteSecret");
    old.kinds.nouns.insert("stack".to_owned(), "table".parse().unwrap());
    let mut out = String::new();
    for (what, differences) in [("to our own", old.differences(&OWN)), ("and back", OWN.differences(&old))] {
        out.push_str(&format!("{what}: {:?}\n", differences.counts()));
        for Difference { turn, what } in differences.lines(10_000) {
            out.push_str(&format!("{turn:?} {what}\n"));
        }
    }
    expect![[r#"
        to our own: (7, 4)
        Laxer from destroy to write: rds:CreateDBSnapshot
        Laxer needing no inverse any more: rds:CreateDBSnapshot
        Laxer undone otherwise: ssm:PutParameter
        Laxer called another kind of thing: stack of *
        Laxer counted otherwise against budgets: sqs:SendMessageBatch
        Laxer known from now on, as destroy: ec2:StopInstances
        Laxer known from now on, as read: ec2:DescribeImages, ec2:DescribeInstances
        Stricter from write to destroy: rds:DeleteDBInstance
        Stricter counted as showing data: s3:GetObject
        Stricter with a rule that it had not: secretsmanager:DeleteSecret - +d  ForceDeleteWithoutRecovery true or RecoveryWindowInDays below 30
        Stricter not known any more: ec2:RebootPlanet
        and back: (7, 4)
        Laxer from destroy to write: rds:DeleteDBInstance
        Laxer not counted as showing data: s3:GetObject
        Laxer undone otherwise: ssm:PutParameter
        Laxer called another kind of thing: stack of *
        Laxer without a rule that it had: secretsmanager:DeleteSecret - +d  ForceDeleteWithoutRecovery true or RecoveryWindowInDays below 30
        Laxer counted otherwise against budgets: sqs:SendMessageBatch
        Laxer known from now on, as destroy: ec2:RebootPlanet
        Stricter from write to destroy: rds:CreateDBSnapshot
        Stricter needing an inverse: rds:CreateDBSnapshot
        Stricter not known any more: ec2:DescribeImages, ec2:DescribeInstances, ec2:StopInstances
    "#]].assert_eq(&out);
}

/// A statement has little room; whatever does not fit is counted.
#[test]
fn names_that_do_not_fit_are_counted() {
    let others = Table::shared().rows().iter().filter(|row| row.service == "ec2");
    let old = edited(others.map(|row| (row, None)));
    let differences = old.differences(&OWN);
    for room in [0, 500, 5_000, 1_000_000] {
        let lines = differences.lines(room);
        assert!(lines.iter().all(|line| line.what.len() < 1000), "{room}");
        let bytes: usize = lines.iter().map(|line| line.what.len()).sum();
        assert!(bytes < room + 1000 || room == 1_000_000, "{room}: {bytes}");
        let more = lines.iter().any(|line| line.what.ends_with(" more"));
        assert_eq!(more, room < 1_000_000, "{room}");
    }
}
