//! The two ways in which Cedar fails open, each shown as Cedar has it and as a bundle has it: an erring `forbid` is
//! skipped, and entities without the hierarchy of actions make rules about groups of them silent.

use std::collections::BTreeSet;

use cedar_policy::{Authorizer, Context, Decision, Entities, Policy, PolicyId, PolicySet, Request};
use model::{
    Account, Autonomy, Chain, Effect, EffectSet, Environment, Exposure, Fault, History, Operation, Quantity,
    Resource, RuleRef, Tally, Timestamp, Verdict,
};

use super::{Bundle, Files};
use crate::{
    allowances::Spent,
    ask::{Ask, ChangeFacts},
    law::Law,
    naming::Naming,
    rules::{Place, Rule},
    settings::Profile,
    shape::Shape,
    starter::{StarterOptions, starter},
};

/// Nobody who could sign; an agent whose grant and whose operator's grant permit any change.
fn files(rule: &str) -> Files {
    let key = |name: &str| vec![model::EnrolledKey(format!("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5{name}"))];
    let mut files = starter(&StarterOptions {
        profile: Profile::Lab,
        operators: vec![("ana".parse().unwrap(), key("ana"))],
        recovery: Vec::new(),
        approvers: vec![("ben".parse().unwrap(), vec![], key("ben"))],
        agents: vec!["kiro".parse().unwrap()],
        environments: vec![("staging".parse().unwrap(), Account("444455556666".into()))],
        calendar: None,
    })
    .unwrap();
    let examples = "\
[[example]]
name = \"it decides\"
effects = [\"write\"]
operation = \"own:Operation\"
kind = \"stack\"
environment = \"staging\"
expect = \"hold\"
rules = [\"own\"]
[[example]]
name = \"near miss\"
effects = [\"read\"]
operation = \"own:Operation\"
kind = \"stack\"
environment = \"staging\"
expect = \"allow\"
";
    files.insert("constitution/own.cedar".into(), format!("@id(\"own\")\n@reason(\"own\")\n{rule}").into());
    files.insert("constitution/own.examples.toml".into(), examples.into());
    files
}

fn decide(bundle: &Bundle, effect: Effect, people: u32) -> Verdict {
    bundle.decide(&Ask {
        chain: &Chain {
            agent: "kiro".parse().unwrap(),
            operator: "ana".parse().unwrap(),
            launcher: None,
            owner: None,
        },
        autonomy: Autonomy::Autonomous,
        in_scope: true,
        operation: &Operation::new("own", "Operation"),
        effects: EffectSet::of(effect),
        listed: EffectSet::of(effect),
        quantity: &Quantity::one(),
        exposure: Exposure::default(),
        resources: &[Resource { service: "own".into(), kind: "stack".parse().unwrap(), name: "n".into() }],
        account: &Account("444455556666".into()),
        environment: &Environment { name: "staging".parse().unwrap(), production: false },
        change: ChangeFacts::default(),
        approvals: &Tally { people, ..Tally::default() },
        eligible: &Tally::default(),
        evidence: &BTreeSet::new(),
        gatherable: &BTreeSet::new(),
        now: Timestamp::from_seconds(1_795_435_200),
        history: History::default(),
        spent: &Spent::new(),
        glass: None,
    })
}

/// What Cedar itself answers where `rule` stands beside a permit for everything.
fn cedar(rule: &str, context: Context, entities: &Entities) -> Decision {
    let set: PolicySet = format!("permit (principal, action, resource);\n{rule}").parse().unwrap();
    let uid = |text: &str| text.parse().unwrap();
    let request =
        Request::new(uid("Agent::\"kiro\""), uid("Action::\"write\""), uid("Resource::\"n\""), context, None);
    Authorizer::new().is_authorized(&request.unwrap(), &set, entities).decision()
}

/// Each of these errs for somebody: no bundle with one of them loads.
#[test]
fn a_rule_that_can_err_does_not_load() {
    let check = |condition: &str, why: &str| {
        let rule = format!(
            "forbid (principal, action in Action::\"change\", resource in Service::\"own\") {condition};"
        );
        let told = Bundle::load(&files(&rule)).unwrap_err().to_string();
        assert!(told.contains("constitution/own.cedar") && told.contains(why), "{condition}: {told}");
    };
    check("unless { context.approvals.people * 2 >= 4 }", "arithmetic can overflow");
    check("unless { context.approvals.people + 1 >= 3 }", "arithmetic can overflow");
    check("unless { -context.approvals.people <= -2 }", "arithmetic can overflow");
    check("unless { context.approvals.humans >= 2 }", "humans");
    check("unless { principal.trusted }", "trusted");
    check("unless { context.operation >= 2 }", "String");
    check("unless { context.approvals.people }", "Bool");
    Bundle::load(&files(
        "forbid (principal, action in Action::\"change\", resource in Service::\"own\") \
         unless { context.approvals.people >= 2 };",
    ))
    .unwrap();
}

/// What if one did: Cedar skips it and would allow. Here the answer is no, says that it is a fault, and stays so when it is
/// kept.
#[test]
fn an_error_in_evaluation_is_a_denial_that_says_so() {
    let text = "forbid (principal, action in Action::\"change\", resource) \
                unless { context.approvals.people * 9223372036854775807 >= 9 };";
    let context = |people: u32| {
        let json = serde_json::from_str(&format!("{{\"approvals\": {{\"people\": {people}}}}}")).unwrap();
        Context::from_json_value(json, None).unwrap()
    };
    let schema = cedar_policy::Schema::from_cedarschema_str(crate::schema_text()).unwrap().0;
    let actions = schema.action_entities().unwrap();
    assert_eq!(cedar(text, context(0), &actions), Decision::Deny);
    assert_eq!(cedar(text, context(2), &actions), Decision::Allow, "Cedar skips a forbid that errs");

    let holds = "forbid (principal, action in Action::\"change\", resource in Service::\"own\") \
                 unless { context.approvals.people >= 2 };";
    let mut bundle = Bundle::load(&files(holds)).unwrap();
    assert_eq!(decide(&bundle, Effect::Write, 2), Verdict::Allow);
    let permits = ["Agent::\"kiro\"", "Person::\"ana\""]
        .map(|who| format!("permit (principal == {who}, action, resource);"));
    let places =
        [Place::Constitution, Place::Agent("kiro".parse().unwrap()), Place::Operator("ana".parse().unwrap())];
    let texts = [text, &permits[0], &permits[1]];
    bundle = Bundle {
        law: Law::new(places.into_iter().zip(texts.map(unchecked)).collect(), &bundle.vocabulary).unwrap(),
        decisions: crate::decisions::Decisions::new(),
        ..bundle
    };
    for _ in 0..2 {
        // With two people it errs as things are; with none, only in the search for what would suffice.
        for people in [0, 2] {
            let Verdict::Deny(denial) = decide(&bundle, Effect::Write, people) else { panic!("not denied") };
            let told = format!("{denial:?}");
            assert!(
                matches!(denial.fault, Some(Fault::Evaluation(err)) if err.contains("overflow")),
                "{told}"
            );
        }
        // It is no rule about reads, and so errs for none.
        assert_eq!(decide(&bundle, Effect::Read, 2), Verdict::Allow);
    }
}

/// A rule as loading would have refused it.
fn unchecked(text: &str) -> Rule {
    let id = model::Digest::of(text.as_bytes()).short();
    let policy = Policy::parse(Some(PolicyId::new(&id)), text).unwrap();
    Rule {
        reference: RuleRef {
            id: "own".parse().unwrap(),
            reason: "r".into(),
            file: "own.cedar".into(),
            line: 1,
        },
        instead: None,
        absolute: false,
        waivable: false,
        naming: Naming::Nothing,
        words: Vec::new(),
        reads_names: false,
        shape: Shape::of(&policy, &policy.to_json().unwrap()),
        policy,
    }
}

/// The group stands in the condition, where only the entities can say what lies in it.
#[test]
fn a_rule_about_a_group_of_actions_holds() {
    let rule = "forbid (principal, action, resource in Service::\"own\") when { action in Action::\"change\" } \
                unless { context.approvals.people >= 2 };";
    let silent = "forbid (principal, action, resource) when { action in Action::\"change\" };";
    assert_eq!(
        cedar(silent, Context::empty(), &Entities::empty()),
        Decision::Allow,
        "without entities of actions Cedar does not see the group"
    );
    let bundle = Bundle::load(&files(rule)).unwrap();
    for effect in Effect::ALL.into_iter().filter(|effect| *effect != Effect::Read) {
        let verdict = decide(&bundle, effect, 0);
        assert!(verdict.rules().iter().any(|rule| rule.id.as_str() == "own"), "{effect}: {verdict:?}");
    }
    assert_eq!(decide(&bundle, Effect::Write, 2), Verdict::Allow);
    assert_eq!(decide(&bundle, Effect::Read, 0), Verdict::Allow);
}
