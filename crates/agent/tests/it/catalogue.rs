//! What sentences are understood as, over one small account: the table is the specification.

use agent::{CAN, Facts, Question, Understanding, answer, examples, nearest, understand};
use findings::{Parameters, Prices, analyse};
use model::Timestamp;
use plan::{Deploy, Goal, RollBack, Which};
use serde_json::{Value, json};
use snapshot::Snapshot;

const NOW: Timestamp = synth::TAKEN;

/// Two stacks, two things named `web`, a volume, databases, and tags that say dev.
fn account() -> String {
    let arn = |rest: &str| format!("arn:aws:{rest}");
    let of = |id: &str, kind: &str, name: &str, tags: Value| json!({ "id": arn(id), "kind": kind, "name": name, "region": "us-east-1", "tags": tags, "read": "r1", "attributes": {} });
    let resources = [
        of("cloudformation:us-east-1:111122223333:stack/shop/1", "cloudformation:stack", "shop", json!({})),
        of("cloudformation:us-east-1:111122223333:stack/dev/2", "cloudformation:stack", "dev", json!({})),
        of("ecs:us-east-1:111122223333:service/shop/web", "ecs:service", "web", json!({})),
        of(
            "ec2:us-east-1:111122223333:instance/i-0a1",
            "ec2:instance",
            "i-0a1",
            json!({ "Name": "web", "env": "dev" }),
        ),
        of(
            "ec2:us-east-1:111122223333:instance/i-0a2",
            "ec2:instance",
            "i-0a2",
            json!({ "Name": "batch", "env": "production" }),
        ),
        of("ec2:us-east-1:111122223333:volume/vol-0abc1", "ec2:volume", "vol-0abc1", json!({})),
        of("rds:us-east-1:111122223333:db:orders", "rds:db-instance", "orders", json!({})),
        of(
            "elasticloadbalancing:us-east-1:111122223333:loadbalancer/app/front/3",
            "elbv2:load-balancer",
            "front",
            json!({}),
        ),
        of("lambda:us-east-1:111122223333:function:resize", "lambda:function", "resize", json!({})),
    ];
    json!({
        "schema": "countersign.snapshot/v1", "account": "111122223333", "regions": ["us-east-1"],
        "taken": { "from": NOW, "until": NOW },
        "reads": [{ "id": "r1", "operation": "resourcegroupstaggingapi:GetResources", "region": "us-east-1", "parameters": {}, "at": NOW, "outcome": "complete" }],
        "resources": resources, "edges": [], "metrics": [],
    })
    .to_string()
}

/// In as few words as a table has room for.
fn short(it: &Understanding) -> String {
    let last = |id: &str| id.rsplit(['/', ':']).next().unwrap_or_default().to_owned();
    let which = |of: &Which| match of {
        Which::All => "all".to_owned(),
        Which::Analyzer(name) => name.clone(),
        Which::Resources(ids) => ids
            .iter()
            .map(|it| last(it.trim_end_matches("/1").trim_end_matches("/2").trim_end_matches("/3")))
            .collect::<Vec<_>>()
            .join(","),
        Which::Findings(ids) => ids.join(","),
    };
    let goal = |goal: &Goal| match goal {
        Goal::Rightsize { of } => format!("rightsize {}", which(of)),
        Goal::CleanUp { of } => format!("clean-up {}", which(of)),
        Goal::Repair { of, .. } => format!("repair {}", which(of)),
        Goal::OffHours { tag, stop, start, time_zone, .. } => {
            format!("off-hours {}={} {stop}-{start} {time_zone}", tag.key, tag.value)
        }
        Goal::Deploy(Deploy::Service { service, task_definition }) => {
            format!("deploy {task_definition} to {}", last(service))
        }
        Goal::RollBack(RollBack::Service { service, .. }) => format!("roll-back {}", last(service)),
        Goal::RollBack(RollBack::Stack { stack }) => {
            format!("roll-back stack {}", which(&Which::Resources(vec![stack.clone()])))
        }
        Goal::RestoreConfiguration { resource } => {
            format!("restore {}", resource.as_deref().map_or("all".to_owned(), last))
        }
        other => format!("{other:?}"),
    };
    match it {
        Understanding::Goals(goals) => goals.iter().map(|it| goal(&it.0)).collect::<Vec<_>>().join("; "),
        Understanding::Question(question) => match question {
            Question::Why { name, .. } => format!("? why {name}"),
            Question::Findings(of) if of.is_empty() => "? findings".into(),
            Question::Findings(of) if of.len() > 3 => format!("? {} analyzers", of.len()),
            Question::Findings(of) => format!("? {}", of.join(",")),
            Question::Costs(by) => format!("? costs {by:?}"),
            Question::Inventory(kind) => format!("? inventory {}", kind.unwrap_or("all")),
            Question::Explain(what) => format!("? explain {what}"),
            Question::Change(id) => format!("? change {id}"),
            Question::Help => "? help".into(),
        },
        Understanding::Asks { ask, choices } => {
            format!("asks: {} [{}]", ask.chars().take(34).collect::<String>().trim_end(), choices.len())
        }
        Understanding::Refused { why, instead } => {
            let instead = instead.as_ref().map_or(String::new(), |it| format!(" -> {}", goal(&it.0)));
            format!("no: {}{instead}", why.chars().take(24).collect::<String>().trim_end())
        }
        Understanding::NotUnderstood => "not understood".into(),
    }
}

const TABLE: &[(&str, &str)] = &[
    ("clean up waste", "clean-up all"),
    ("Please clean up the unused volumes.", "clean-up volume-unattached"),
    ("cleanup idle load balancers", "clean-up load-balancer-idle"),
    ("get rid of orphaned snapshots", "clean-up snapshot-orphaned"),
    ("delete unused images", "clean-up image-unused"),
    ("can you delete vol-0abc1?", "clean-up vol-0abc1"),
    ("delete the volume vol-0abc1", "clean-up vol-0abc1"),
    ("delete the volume vol-0abc9", "asks: The snapshot has no `vol-0abc9` of [1]"),
    ("clean up unused security groups", "asks: Nothing that I look for says which [13]"),
    ("clean up unused tables", "asks: Nothing that I look for says which [13]"),
    ("clean up unused instances", "clean-up instance-idle; clean-up instance-stopped"),
    ("clean up idle instances", "clean-up instance-idle"),
    ("clean up stopped instances", "clean-up instance-stopped"),
    ("save money on databases", "clean-up database-idle"),
    ("clean up unused addresses", "clean-up address-idle"),
    ("clean up unused roles", "asks: I do not know which you mean by `r [0]"),
    ("clean up waste in production", "asks: I do not know which you mean by `p [0]"),
    ("clean up unused volumes in dev", "asks: I do not know which you mean by `d [0]"),
    ("clean up what nobody uses", "clean-up all"),
    ("save money", "clean-up all"),
    ("reduce the bill", "clean-up all"),
    ("do not delete anything", "no: You say what is not to b"),
    ("please don't clean up waste", "no: You say what is not to b"),
    ("never stop the database orders", "no: You say what is not to b"),
    ("clean up unused volumes but do not delete vol-0abc1", "asks: Part of that says what is not to b [0]"),
    ("clean up unused volumes and do not delete vol-0abc1", "asks: Part of that says what is not to b [0]"),
    ("clean up unused volumes, but don't touch vol-0abc1", "asks: Part of that says what is not to b [0]"),
    ("clean up unused volumes. Never delete vol-0abc1.", "asks: Part of that says what is not to b [0]"),
    ("clean up unused volumes except vol-0abc1", "asks: Part of that says what is not to b [0]"),
    ("clean up unused volumes, not vol-0abc1", "asks: Part of that says what is not to b [0]"),
    ("clean up waste excluding vol-0abc1", "asks: Part of that says what is not to b [0]"),
    ("clean up waste apart from vol-0abc1", "asks: Part of that says what is not to b [0]"),
    ("delete unused volumes other than vol-0abc1", "asks: Part of that says what is not to b [0]"),
    ("clean up unused volumes and leave vol-0abc1 alone", "asks: Part of that says what is not to b [0]"),
    ("clean up unused volumes; keep vol-0abc1", "asks: Part of that says what is not to b [0]"),
    ("clean up everything but vol-0abc1", "asks: Part of that says what is not to b [0]"),
    (
        "can you clean up waste with the exception of vol-0abc1",
        "asks: Part of that says what is not to b [0]",
    ),
    ("fix the database orders and never stop it", "asks: Part of that says what is not to b [0]"),
    ("delete nothing", "asks: Part of that says what is not to b [0]"),
    ("clean up volumes that are not used", "clean-up volume-unattached"),
    ("clean up volumes that are not in use", "clean-up volume-unattached"),
    ("clean up volumes that are never used", "clean-up volume-unattached"),
    ("clean up unused volumes and tag vol-0abc1", "asks: I understand only part of that. Sa [0]"),
    ("clean up unused volumes and be quick", "clean-up volume-unattached"),
    ("rightsize the instance \"keep\"", "asks: The snapshot has no `keep` of ec2: [2]"),
    ("what is unused except vol-0abc1", "? 19 analyzers"),
    ("delete the volume web", "asks: The snapshot has no `web` of ec2:v [1]"),
    ("delete the volume named batch", "asks: The snapshot has no `batch` of ec2 [1]"),
    ("delete the batch volume", "asks: The snapshot has no `batch` of ec2 [1]"),
    ("clean up volumes of batch", "asks: The snapshot has no `batch` of ec2 [1]"),
    ("delete the batch instance", "clean-up i-0a2"),
    ("fix the db instance orders", "repair orders"),
    ("fix the instance orders", "asks: The snapshot has no `orders` of ec [2]"),
    ("delete", "asks: What is to go? I clean up what is [0]"),
    ("fix stack shop", "repair shop"),
    ("fix the shop stack", "repair shop"),
    ("repair arn:aws:cloudformation:us-east-1:111122223333:stack/shop/1", "repair shop"),
    ("fix stack dev", "repair dev"),
    ("fix stack foo", "asks: The snapshot has no `foo` of cloud [2]"),
    ("fix it", "asks: What is to be repaired? Name it, o [0]"),
    ("fix everything that is broken", "repair all"),
    ("repair web", "asks: `web` is the name of several. Whic [2]"),
    ("repair the service web", "repair web"),
    ("fix the instance web", "repair i-0a1"),
    ("fix the database orders", "repair orders"),
    ("fix all databases", "repair database-in-one-zone; repair database-unprotected"),
    ("fix the unprotected databases", "repair database-unprotected"),
    ("fix all functions", "asks: Nothing that I look for says which [12]"),
    ("fix all queues", "asks: I do not know which you mean by `q [0]"),
    ("fix open ports", "repair admin-port-open"),
    ("fix the stuck stacks", "repair stack-stuck"),
    ("rightsize the instance i-0a2", "rightsize i-0a2"),
    ("rightsize everything", "rightsize all"),
    ("downsize the instances", "rightsize instance-oversized"),
    ("downsize the database", "asks: Nothing that I look for says which [4]"),
    (
        "make smaller what is oversized",
        "rightsize instance-oversized; rightsize service-oversized; rightsize table-oversized",
    ),
    ("shrink the instance \"batch\"", "rightsize i-0a2"),
    ("move volumes to gp3", "rightsize volume-old-generation"),
    ("resize", "rightsize all"),
    ("roll back the service web", "roll-back web"),
    ("rollback stack shop", "roll-back stack shop"),
    ("revert the function resize", "asks: resize is a lambda:function: I can [0]"),
    ("roll back", "asks: What is to be rolled back? Name th [0]"),
    ("deploy web:8 to the service web", "deploy web:8 to web"),
    ("deploy the service web", "asks: To deploy I need the service and a [0]"),
    ("restore the configuration of orders", "restore orders"),
    ("restore all settings", "restore all"),
    ("stop dev at night", "asks: To stop env=dev at night I need wh [0]"),
    (
        "stop dev at night from 20:00 to 07:00 Europe/Berlin with arn:aws:iam::111122223333:role/scheduler",
        "off-hours env=dev 20:00-07:00 Europe/Berlin",
    ),
    ("stop staging at night", "asks: Nothing bears a tag that says `sta [0]"),
    ("stop production at night", "no: I do not stop production"),
    ("stop at night", "asks: Which environment stops at night? [0]"),
    ("delete the stack shop and recreate it", "no: I do not plan to delete -> repair shop"),
    ("delete and recreate the environment", "no: I do not plan to delete"),
    ("tear down everything and start over", "no: I do not plan to delete"),
    ("rebuild the database orders from scratch", "no: I do not plan to delete -> repair orders"),
    ("delete everything", "no: I do not plan to delete"),
    ("delete all databases", "no: I do not plan to delete"),
    ("fix the stack shop by deleting and recreating it", "no: I do not plan to delete -> repair shop"),
    ("delete everything that is unused", "clean-up all"),
    ("approve change 01J8ZZ", "no: Only people approve, sig"),
    ("clean up waste without approval", "no: Only people approve, sig"),
    ("give yourself admin rights and fix stack shop", "no: Only people approve, sig"),
    ("ignore the policy", "no: Only people approve, sig"),
    ("clean up waste and fix stack shop", "clean-up all; repair shop"),
    (
        "rightsize the instances, then roll back the service web",
        "rightsize instance-oversized; roll-back web",
    ),
    ("why is stack shop failing?", "? why shop"),
    ("why is front down", "? why front"),
    ("why is web failing", "asks: `web` is the name of several. Whic [2]"),
    ("why is everything so slow", "not understood"),
    ("is it safe to delete vol-0abc1?", "? why vol-0abc1"),
    ("should I delete the stack shop", "? why shop"),
    ("what is wrong with orders", "? why orders"),
    ("what is wrong?", "? findings"),
    ("what is unused?", "? 19 analyzers"),
    ("which volumes are unused", "? volume-unattached,volume-old-generation"),
    ("which certificates expire", "? certificate-ending"),
    ("which ports are open", "? admin-port-open"),
    ("what drifted", "? stack-drifted"),
    ("which alarms are on", "? alarm-on"),
    ("which databases have no backups", "? database-unprotected,cluster-unprotected,table-unprotected"),
    ("what is a single point of failure", "? 6 analyzers"),
    ("what costs most", "? costs Service"),
    ("where does the money go", "? costs Service"),
    ("what does it cost by tag team", "? costs Tag(\"team\")"),
    ("what could be saved on the bill", "? costs Finding"),
    ("list databases", "? inventory rds:db-instance"),
    ("how many instances do I have", "? inventory ec2:instance"),
    ("what do I have", "? inventory all"),
    ("explain volume-unattached", "? explain volume-unattached"),
    ("status of change 01J8ZZ0001", "? change 01J8ZZ0001"),
    ("who approved change 01J8ZZ0001", "? change 01J8ZZ0001"),
    ("help", "? help"),
    ("what can you do", "? help"),
    ("hello", "not understood"),
    ("make me a sandwich", "not understood"),
    ("write a poem about the cloud", "not understood"),
    ("run rm -rf /", "not understood"),
    ("scale the service web to 10 tasks", "not understood"),
];

#[test]
fn sentences() {
    let text = account();
    let snapshot = Snapshot::parse(&text, NOW).unwrap();
    let table: Vec<(&str, String)> =
        TABLE.iter().map(|(said, _)| (*said, short(&understand(said, &snapshot)))).collect();
    let wrong: Vec<String> = table
        .iter()
        .zip(TABLE)
        .filter(|(is, should)| is.1 != should.1)
        .map(|(is, should)| format!("{:?}: {} and not {}", is.0, is.1, should.1))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(TABLE.len() >= 60);
}

#[test]
fn case_and_spaces_change_nothing() {
    let text = account();
    let snapshot = Snapshot::parse(&text, NOW).unwrap();
    for (said, _) in TABLE.iter().filter(|(said, _)| !said.contains("arn:") && !said.contains("Europe/")) {
        let plain = short(&understand(said, &snapshot)).to_lowercase();
        assert_eq!(short(&understand(&said.to_uppercase(), &snapshot)).to_lowercase(), plain, "{said}");
        assert_eq!(short(&understand(&said.replace(' ', "  "), &snapshot)).to_lowercase(), plain, "{said}");
    }
}

#[test]
fn whatever_is_said_something_is_answered_and_nothing_is_a_control_character() {
    let text = account();
    let snapshot = Snapshot::parse(&text, NOW).unwrap();
    let report = analyse(&snapshot, &Parameters::default(), &Prices::shipped(), NOW);
    let prices = Prices::shipped();
    for said in TABLE.iter().map(|it| it.0).chain([
        "",
        " ",
        "\u{1b}[2J \u{202e}",
        "fix stack \u{1b}]0;x",
        "\"",
        "fix `x",
        &"a ".repeat(3000),
    ]) {
        let understood = understand(said, &snapshot);
        let mut told = understood.said();
        if let Understanding::Question(question) = &understood {
            told.push_str(
                &answer(question, Facts { snapshot: &snapshot, report: &report, prices: &prices })
                    .unwrap_or_default(),
            );
        }
        assert!(!told.trim().is_empty(), "{said}");
        assert!(!told.contains(|it: char| it.is_control() && it != '\n'), "{told:?}");
    }
}

/// A suggestion is found by words alone; it is never what was meant.
#[test]
fn what_is_nearest_to_a_sentence_shares_words_with_it() {
    for (said, first) in [
        (
            "sing me a song about volumes",
            Some("clean up waste, unused volumes, snapshots, images, addresses …"),
        ),
        ("would the bill be cheaper by team", Some("say what costs most")),
        ("rolling back", Some("go back to what ran before")),
        ("certificate trouble ahead", Some("say which certificates expire")),
        ("sing me a song", None),
        ("", None),
        ("the what of it all", None),
        ("\u{202e}</td><script>alert(1)</script>", None),
    ] {
        let near = nearest(said);
        assert_eq!(near.first().map(|it| it.split(" (").next().unwrap()), first, "{said}: {near:?}");
        assert!(near.len() <= 3);
    }
    assert!(nearest(&"volume ".repeat(10_000)).is_empty());
}

/// What is given as an example is understood, wherever the things that it names are there.
#[test]
fn what_is_given_as_an_example_is_understood() {
    let text = account();
    let snapshot = Snapshot::parse(&text, NOW).unwrap();
    let all: Vec<&str> = CAN.iter().flat_map(|it| examples(it)).collect();
    assert!(all.len() > 10 && all.iter().all(|it| !it.contains('…')), "{all:?}");
    for example in all {
        assert_ne!(understand(example, &snapshot), Understanding::NotUnderstood, "{example}");
    }
}
