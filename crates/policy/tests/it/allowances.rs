//! Budgets and standing approvals: what they free, what they never free, and how a wrong one is refused.

use expect_test::{Expect, expect};
use model::{Effect, EffectSet, Operation, Quantity, Resource, Verdict};
use policy::{Bundle, Profile};

use crate::world::{World, files, told};

const BUDGETS: &str = r#"
[budgets.mails]
effect = "emit"
operations = ["sqs:SendMessage*"]
resources = ["jobs-*"]
accounts = ["111122223333"]
agents = ["kiro"]
limit = 10
per = "day"
reason = "what a busy day sends"

[budgets.all-mails]
effect = "emit"
operations = ["sqs:*"]
accounts = ["111122223333"]
limit = 15
per = "day"
reason = "nobody sends more"

[budgets.machines]
effect = "spend"
operations = ["ec2:RunInstances"]
accounts = ["111122223333"]
sizes = ["t3.*"]
each = 20
limit = 100
per = "week"
reason = "small machines"
"#;

const STANDING: &str = r#"
[standing.feed]
operations = ["sqs:SendMessage"]
resources = ["jobs-*"]
accounts = ["111122223333"]
reason = "the workers take only what they know"

[standing.restart]
operations = ["ecs:UpdateService", "rds:ModifyDBInstance", "ec2:StopInstances"]
resources = ["web-*", "*shop-*"]
accounts = ["111122223333"]
limit = 3
per = "hour"
reason = "restarts are routine"
"#;

fn bundle() -> Bundle {
    let mut files = files(Profile::Standard);
    files.insert("budgets.toml".to_owned(), BUDGETS.into());
    files.insert("standing.toml".to_owned(), STANDING.into());
    Bundle::load(&files).unwrap_or_else(|err| panic!("{err}"))
}

/// `operation` on `name`, a `kind`, with these effects, in production.
fn world(operation: &str, effects: &[Effect], kind: &str, name: &str) -> World {
    let (service, operation) = operation.split_once(':').unwrap();
    let effects = effects.iter().copied().map(EffectSet::of).reduce(EffectSet::union).unwrap();
    let world = World::new(Effect::Read, kind, "production");
    let resource = Resource { service: service.into(), kind: kind.parse().unwrap(), name: name.into() };
    World { operation: Operation::new(service, operation), effects, resources: vec![resource], ..world }
}

/// As the engine asks: what was taken out before, and what this one would.
fn decided(bundle: &Bundle, mut world: World, before: u64) -> Verdict {
    let charges = bundle.charges(&world.ask());
    for charge in charges.charges {
        world.spent.insert(charge.allowance, before + charge.amount);
    }
    for allowance in charges.beyond {
        world.spent.insert(allowance, u64::MAX);
    }
    bundle.decide(&world.ask())
}

#[test]
fn a_budget_frees_what_it_has_room_for() {
    let bundle = bundle();
    let emit = |name: &str, units| World {
        quantity: Quantity { units, ..Quantity::one() },
        ..world("sqs:SendMessageBatch", &[Effect::Emit], "queue", name)
    };
    for (what, world, before, expected) in [
        ("room", emit("jobs-1", Some(10)), 0, "allow"),
        ("the last one", emit("jobs-1", Some(1)), 9, "allow"),
        ("one too many", emit("jobs-1", Some(1)), 10, "hold"),
        ("too many at once", emit("jobs-1", Some(11)), 0, "hold"),
        ("how many cannot be told", emit("jobs-1", None), 0, "hold"),
        ("only the other budget is about it", emit("other", Some(11)), 0, "allow"),
        ("and has no room", emit("other", Some(11)), 5, "hold"),
    ] {
        assert_eq!(decided(&bundle, world, before).name(), expected, "{what}");
    }
    let mut elsewhere = emit("jobs-1", Some(1));
    elsewhere.account = model::Account("777788889999".into());
    assert_eq!(decided(&bundle, elsewhere, 0).name(), "hold", "an account that it does not name");
    let mut other_account = emit("jobs-1", Some(1));
    other_account.resources[0].name = "arn:aws:sqs:eu-west-1:999999999999:jobs-1".into();
    assert_eq!(decided(&bundle, other_account, 0).name(), "hold", "a queue of another account");
    let mut other_agent = emit("jobs-1", Some(12));
    other_agent.chain.agent = "codex".parse().unwrap();
    assert_eq!(bundle.charges(&other_agent.ask()).charges.len(), 1, "of all agents together");
    let uncounted = emit("jobs-1", Some(1));
    assert_eq!(bundle.decide(&uncounted.ask()).name(), "hold", "nothing was counted");
}

#[test]
fn money_is_counted_by_what_one_is_taken_to_cost() {
    let bundle = bundle();
    let spend = |units, size: &str| World {
        quantity: Quantity { units: Some(units), sizes: vec![size.to_owned()] },
        ..world("ec2:RunInstances", &[Effect::Spend], "instance", "i-1")
    };
    for (what, world, before, expected) in [
        ("five small ones", spend(5, "t3.micro"), 0, "allow"),
        ("six", spend(6, "t3.micro"), 0, "hold"),
        ("a large one", spend(1, "p5.48xlarge"), 0, "hold"),
        ("one whose size is not said", spend(1, Quantity::UNKNOWN), 0, "hold"),
        ("the money is spent", spend(1, "t3.micro"), 81, "hold"),
        ("more than can be reckoned", spend(u64::MAX, "t3.micro"), 0, "hold"),
    ] {
        assert_eq!(decided(&bundle, world, before).name(), expected, "{what}");
    }
    expect![[r#"
        hold: 1 other person
          one-person-to-emit-or-spend (constitution/one-person-to-emit-or-spend.cedar:2)
          instead: write it down as a draft, or use what is already paid for
          instead: the budget machines (100 a week) has no room for it now"#]]
    .assert_eq(&told(&decided(&bundle, spend(6, "t3.micro"), 0)));
}

#[test]
fn a_standing_approval_frees_routine_and_nothing_else() {
    let bundle = bundle();
    let both = [Effect::Emit, Effect::Execute];
    let write = [Effect::Write, Effect::Destroy];
    let listed = |effect: Effect, world: World| World { listed: Some(EffectSet::of(effect)), ..world };
    for (what, world, before, expected) in [
        ("a message that is obeyed", world("sqs:SendMessage", &both, "queue", "jobs-1"), 0, "allow"),
        ("another queue", world("sqs:SendMessage", &both, "queue", "orders"), 0, "hold"),
        ("another operation", world("sqs:SendMessageBatch", &both, "queue", "jobs-1"), 0, "hold"),
        (
            "a write without an undo",
            listed(Effect::Write, world("ecs:UpdateService", &write, "service", "web-1")),
            0,
            "allow",
        ),
        (
            "the fourth of an hour",
            listed(Effect::Write, world("ecs:UpdateService", &write, "service", "web-1")),
            3,
            "hold",
        ),
        ("what the tables call destroy", world("ecs:UpdateService", &write, "service", "web-1"), 0, "hold"),
        (
            "a data store",
            listed(Effect::Write, world("rds:ModifyDBInstance", &write, "database", "shop-1")),
            0,
            "hold",
        ),
        (
            "what may be one",
            listed(Effect::Write, world("rds:ModifyDBInstance", &write, "unknown", "shop-1")),
            0,
            "hold",
        ),
        (
            "what destroys by its name",
            world("ec2:StopInstances", &[Effect::Destroy], "instance", "web-1"),
            0,
            "hold",
        ),
        ("rights", world("ecs:UpdateService", &[Effect::Privilege], "service", "web-1"), 0, "hold"),
        ("money", world("ecs:UpdateService", &[Effect::Spend], "service", "web-1"), 0, "hold"),
        (
            "rights among the rest",
            world("sqs:SendMessage", &[Effect::Emit, Effect::Privilege], "queue", "jobs-1"),
            0,
            "hold",
        ),
    ] {
        assert_eq!(decided(&bundle, world, before).name(), expected, "{what}");
    }
    let mut two = world("sqs:SendMessage", &both, "queue", "jobs-1");
    two.resources.push(Resource { name: "orders".into(), ..two.resources[0].clone() });
    assert_eq!(decided(&bundle, two, 0).name(), "hold", "each target is judged");
    let told: Vec<String> = bundle
        .standing(&world("sqs:SendMessage", &both, "queue", "jobs-1").ask())
        .iter()
        .map(|rule| format!("{} ({}:{})", rule.id, rule.file, rule.line))
        .collect();
    assert_eq!(told, ["feed (standing.toml:2)"]);
    let mut suggest = world("sqs:SendMessage", &both, "queue", "jobs-1");
    suggest.autonomy = model::Autonomy::Suggest;
    assert_eq!(decided(&bundle, suggest, 0).name(), "deny", "who only suggests does nothing all the same");
}

fn check(budgets: &str, standing: &str, expected: Expect) {
    let mut files = files(Profile::Standard);
    files.insert("budgets.toml".to_owned(), budgets.into());
    files.insert("standing.toml".to_owned(), standing.into());
    expected.assert_eq(&Bundle::load(&files).unwrap_err().to_string());
}

#[test]
fn an_allowance_that_says_too_little_or_too_much_is_refused() {
    check(
        "[budgets.a]\nlimit = 0\noperations = [\"sqs\", \"*:*\"]\n[budgets.b]\neffect = \"destroy\"\n",
        "",
        expect![[r#"
            budgets.toml:1: [budgets.a] has no `accounts`
              hint: accounts = ["111122223333"], of environments.toml
            budgets.toml:1: [budgets.a] has no `effect`
              hint: effect = "emit" or "spend"
            budgets.toml:1: [budgets.a] has no `operations`
              hint: operations = ["sqs:SendMessage"]
            budgets.toml:1: [budgets.a] has no `per`
              hint: per = "day"
            budgets.toml:1: [budgets.a] has no `reason`
              hint: reason = "…": why this may pass without asking anybody
            budgets.toml:2: `limit` should be a whole number from 1 to 1000000000 (found: integer)
            budgets.toml:3: `operations`: `*:*` is no operation such as "sqs:SendMessage*"
            budgets.toml:3: `operations`: `sqs` is no operation such as "sqs:SendMessage*"
            budgets.toml:4: [budgets.b] has no `accounts`
              hint: accounts = ["111122223333"], of environments.toml
            budgets.toml:4: [budgets.b] has no `effect`
              hint: effect = "emit" or "spend"
            budgets.toml:4: [budgets.b] has no `limit`
              hint: limit = 100
            budgets.toml:4: [budgets.b] has no `operations`
              hint: operations = ["sqs:SendMessage"]
            budgets.toml:4: [budgets.b] has no `per`
              hint: per = "day"
            budgets.toml:4: [budgets.b] has no `reason`
              hint: reason = "…": why this may pass without asking anybody
            budgets.toml:5: `effect` cannot be `destroy`
              hint: expected one of: emit, spend"#]],
    );
    check(
        "[budgets.a]\neffect = \"spend\"\noperations = [\"ec2:RunInstances\"]\naccounts = [\"999999999999\"]\n\
         agents = [\"kira\"]\nlimit = 1\nper = \"year\"\nreason = \"r\"\n",
        "",
        expect![[r#"
            budgets.toml:1: [budgets.a] has no `each`
              hint: each = 40: what one of these is taken to cost, in whole currency units; requests do not say it
            budgets.toml:4: account `999999999999` is in no environment of environments.toml
              hint: expected one of: 111122223333, 444455556666, 777788889999
            budgets.toml:5: the agent `kira` is not in roster.toml
              hint: did you mean `kiro`?
            budgets.toml:7: `per` cannot be `year`
              hint: expected one of: hour, day, week, month"#]],
    );
    check(
        "[budgets.a]\neffect = \"emit\"\noperations = [\"sqs:*\"]\naccounts = [\"111122223333\"]\neach = 2\n\
         limit = 1\nper = \"day\"\nreason = \"r\"\n",
        "[standing.a]\noperations = [\"sqs:Send*\"]\nresources = [\"*\", \"arn:aws:sqs:*:*:*\"]\n\
         accounts = [\"111122223333\"]\nreason = \"r\"\nlimits = 3\n",
        expect![[r#"
            budgets.toml:5: messages are counted, not priced
            standing.toml:1: `a` is also a budget's name
              hint: give one of them another
            standing.toml:2: `sqs:Send*` is a pattern; a standing approval names each operation
              hint: write out the operations that were agreed to
            standing.toml:3: `*` could be anything; a standing approval names its resources
              hint: at least three plain characters; of an ARN, after the account
            standing.toml:3: `arn:aws:sqs:*:*:*` could be anything; a standing approval names its resources
              hint: at least three plain characters; of an ARN, after the account
            standing.toml:6: [standing.a] has no setting `limits`
              hint: did you mean `limit`?"#]],
    );
    check(
        "",
        "[standing.a]\noperations = [\"sqs:SendMessage\"]\n",
        expect![[r#"
        standing.toml:1: [standing.a] has no `accounts`
          hint: accounts = ["111122223333"], of environments.toml
        standing.toml:1: [standing.a] has no `reason`
          hint: reason = "…": why this may pass without asking anybody"#]],
    );
}
