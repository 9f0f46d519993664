//! What a policy of IAM lets its holder do, as operations of the tables: so that a role that an agent hands to the cloud
//! can be held against what the agent may do itself.
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html>)
//!
//! It is the most that the policy can allow: what narrows it (`Deny`, `Condition`, `Resource`, a boundary) is not read.
//! What cannot be told is [`Beyond`] what can be compared: `NotAction`, an action that is the name of no operation
//! (`data/aws_lone_rights.tsv` lists IAM's), a resource in another account, or too much.

use std::{
    collections::{BTreeSet, HashMap},
    sync::LazyLock,
};

use model::{ActionParts, Operation, Region, sanitize};
use serde::Deserialize;
use serde_json::Value as Json;

use crate::{
    classify::{Parameters, Says, Target, Terms, supposed},
    table::{Row, Table},
};

/// More operations than these are not asked about one by one.
pub const MAX_OPERATIONS: usize = 256;
/// Of one policy: AWS takes 10,240 characters at most, and no action is shorter than four.
const MAX_PATTERNS: usize = 2560;
const MAX_DOCUMENT: usize = 64 * 1024;

/// Why a policy cannot be compared with anything; it counts as more than anybody has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Beyond {
    #[error("a policy that cannot be read ({0})")]
    Unreadable(&'static str),
    #[error("everything but something (`NotAction`, `NotResource`)")]
    Inverted,
    #[error("`{0}`, which is the name of no operation")]
    Lone(String),
    #[error("what lies in account {0}")]
    Elsewhere(String),
    #[error("more than {MAX_OPERATIONS} operations (`{0}` among them)")]
    TooMuch(String),
}

/// Every operation that `document` (a policy's text) can allow in `account`.
///
/// # Errors
/// Where it allows what cannot be told, or too much.
pub fn allowed(document: &str, account: &str) -> Result<BTreeSet<Operation>, Beyond> {
    let text = plain(document)?;
    let policy: Json = serde_json::from_str(&text).map_err(|_| Beyond::Unreadable("it is no JSON"))?;
    let mut found = BTreeSet::new();
    for statement in one_or_many(policy.get("Statement").ok_or(Beyond::Unreadable("it has no statements"))?) {
        match statement.get("Effect").and_then(Json::as_str) {
            Some("Deny") => continue,
            Some("Allow") => {}
            Some(_) | None => return Err(Beyond::Unreadable("a statement neither allows nor denies")),
        }
        let actions = statement.get("Action").ok_or(Beyond::Inverted)?;
        if statement.get("NotResource").is_some() || statement.get("NotAction").is_some() {
            return Err(Beyond::Inverted);
        }
        for resource in statement.get("Resource").into_iter().flat_map(one_or_many) {
            let resource = resource.as_str().ok_or(Beyond::Unreadable("a resource is no text"))?;
            if let Some(other) = other_account(resource, account) {
                return Err(Beyond::Elsewhere(other));
            }
        }
        let actions = one_or_many(actions);
        if actions.len() > MAX_PATTERNS {
            return Err(Beyond::Unreadable("it names too many actions"));
        }
        for action in actions {
            let action = action.as_str().ok_or(Beyond::Unreadable("an action is no text"))?;
            expand(action, &mut found)?;
        }
    }
    Ok(found)
}

/// The calls that `operations` are, whatever their parameters, as actions that a bundle can be asked about.
pub fn as_actions(
    operations: &BTreeSet<Operation>,
    region: &Region,
    target: &Target,
    terms: &Terms,
) -> Vec<ActionParts> {
    let rows = operations.iter().filter_map(|it| Table::shared().get(&it.service, &it.name));
    rows.map(|row| {
        let parameters = match terms.pinned.says(row.service, row.operation) {
            Says::Same => parameters_of(row),
            Says::Otherwise(other) if other.line.harmless => parameters_of(row),
            Says::Otherwise(_) | Says::Unknown => Parameters::Worst,
        };
        supposed(row, parameters, region.clone(), target, terms)
    })
    .collect()
}

/// The services answer with the document percent-encoded.
fn plain(document: &str) -> Result<String, Beyond> {
    if document.len() > MAX_DOCUMENT {
        return Err(Beyond::Unreadable("it is too long"));
    }
    if document.trim_start().starts_with('{') {
        return Ok(document.to_owned());
    }
    let decoded = percent_encoding::percent_decode_str(document).decode_utf8();
    decoded.map(|text| text.replace('\u{feff}', "")).map_err(|_| Beyond::Unreadable("it is no text"))
}

fn one_or_many(json: &Json) -> &[Json] {
    match json {
        Json::Array(items) => items,
        other => std::slice::from_ref(other),
    }
}

fn other_account(resource: &str, account: &str) -> Option<String> {
    let named = resource.split(':').nth(4)?;
    (!["", "*", account].contains(&named)).then(|| sanitize(named, 40))
}

fn expand(pattern: &str, found: &mut BTreeSet<Operation>) -> Result<(), Beyond> {
    let wanted = pattern.to_ascii_lowercase();
    let shown = || sanitize(pattern, 128);
    let mut add = |rows: &[&'static Row]| {
        found.extend(rows.iter().map(|row| Operation::new(row.service, row.operation)));
        if found.len() > MAX_OPERATIONS { Err(Beyond::TooMuch(shown())) } else { Ok(()) }
    };
    if !wanted.contains(['*', '?']) {
        let rows = ACTIONS.rows.get(&wanted).ok_or_else(|| Beyond::Lone(shown()))?;
        return add(rows);
    }
    let mut any = false;
    for (_, rows) in ACTIONS.rows.iter().filter(|(action, _)| model::glob(&wanted, action)) {
        any = true;
        add(rows)?;
    }
    // A service that is newer than the tables.
    if !any {
        return Err(Beyond::Lone(shown()));
    }
    match ACTIONS.lone.iter().find(|action| model::glob(&wanted, &action.to_ascii_lowercase())) {
        Some(lone) => Err(Beyond::Lone((*lone).to_owned())),
        None => Ok(()),
    }
}

/// The actions of IAM, in small letters as it compares them.
struct Actions {
    rows: HashMap<String, Vec<&'static Row>>,
    /// Those that are the name of no operation.
    lone: Vec<&'static str>,
    harmless: BTreeSet<String>,
}

static ACTIONS: LazyLock<Actions> = LazyLock::new(|| {
    let table = Table::shared();
    let mut rows: HashMap<String, Vec<&'static Row>> = HashMap::new();
    for row in table.rows() {
        if let Some(service) = table.service(row.service) {
            rows.entry(row.iam(service).to_ascii_lowercase()).or_default().push(row);
        }
    }
    let lone = include_str!("../data/aws_lone_rights.tsv").lines().skip(1).collect();
    // A file that cannot be read is found by a test; without it, nothing is harmless.
    let file: File = toml::from_str(include_str!("../data/rights.toml")).unwrap_or_default();
    let harmless = file.harmless.iter().flat_map(|it| it.operations.split_whitespace());
    Actions { rows, lone, harmless: harmless.map(str::to_owned).collect() }
});

fn parameters_of(row: &Row) -> Parameters {
    if is_harmless(row) { Parameters::Harmless } else { Parameters::Worst }
}

/// Whether no parameter does more than the operation says (`data/rights.toml`).
pub(crate) fn is_harmless(row: &Row) -> bool {
    ACTIONS.harmless.contains(&format!("{}:{}", row.service, row.operation))
}

/// The actions of IAM that are the name of no operation.
pub(crate) fn lone() -> &'static [&'static str] {
    &ACTIONS.lone
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    harmless: Vec<Harmless>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Harmless {
    operations: String,
    #[serde(rename = "why")]
    _why: String,
}

#[cfg(test)]
mod tests {
    use model::{Account, Effect, EffectSet, Partition};
    use proptest::prelude::*;

    use super::*;

    const HERE: &str = "111122223333";

    fn document(statement: &str) -> String {
        format!(r#"{{"Version":"2012-10-17","Statement":{statement}}}"#)
    }

    fn check(statement: &str, expected: Result<&str, Beyond>) {
        let found = allowed(&document(statement), HERE)
            .map(|all| all.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "));
        assert_eq!(found, expected.map(str::to_owned), "{statement}");
    }

    fn lone(action: &str) -> Result<&'static str, Beyond> {
        Err(Beyond::Lone(action.to_owned()))
    }

    #[test]
    fn a_policy_allows_the_operations_that_it_names() {
        let allow =
            |action: &str, on: &str| format!(r#"{{"Effect":"Allow","Action":{action},"Resource":{on}}}"#);
        let logs = r#"["logs:CreateLogStream","Logs:putlogevents"]"#;
        check(&allow(logs, r#""*""#), Ok("logs:CreateLogStream logs:PutLogEvents"));
        check(
            &format!("[{}]", allow(logs, r#"["arn:aws:logs:*:111122223333:*"]"#)),
            Ok("logs:CreateLogStream logs:PutLogEvents"),
        );
        check(
            &allow(logs, r#""arn:aws:logs:eu-west-1:999999999999:*""#),
            Err(Beyond::Elsewhere("999999999999".into())),
        );
        check(&allow(r#""logs:CreateLogStre?m""#, r#""*""#), Ok("logs:CreateLogStream"));
        check(&allow(r#""dynamodb:*Item""#, r#""*""#), lone("dynamodb:ConditionCheckItem"));
        check(&allow(r#""iam:PassRole""#, r#""*""#), lone("iam:PassRole"));
        check(&allow(r#""nobody:Knows""#, r#""*""#), lone("nobody:Knows"));
        check(&allow(r#""nobody:*""#, r#""*""#), lone("nobody:*"));
        check(&allow(logs, r#""arn:aws:sqs:*:9999*:q""#), Err(Beyond::Elsewhere("9999*".into())));
        check(
            r#"{"Effect":"Allow","Action":"sqs:SendMessage","NotResource":"arn:aws:sqs:*:*:q"}"#,
            Err(Beyond::Inverted),
        );
        for everything in ["*", "*:*", "ec2:*"] {
            check(&allow(&format!("\"{everything}\""), r#""*""#), Err(Beyond::TooMuch(everything.into())));
        }
        // What narrows is not read.
        let conditional = r#"[{"Effect":"Allow","Action":"sqs:SendMessage","Resource":"arn:aws:sqs:*:*:q","Condition":{"Bool":{"a":"true"}}},
            {"Effect":"Deny","NotAction":"x","Resource":"*"}]"#;
        check(conditional, Ok("sqs:SendMessage sqs:SendMessageBatch"));
        check(r#"{"Effect":"Allow","NotAction":"iam:*","Resource":"*"}"#, Err(Beyond::Inverted));
        check("[]", Ok(""));
    }

    #[test]
    fn what_cannot_be_read_is_beyond_everything() {
        let unreadable = |text: &str| {
            assert!(matches!(allowed(text, HERE), Err(Beyond::Unreadable(_))), "{text}");
        };
        for statement in [
            "3",
            "[null]",
            r#"{"Action":"s3:GetObject"}"#,
            r#"{"Effect":"allow","Action":"s3:GetObject"}"#,
            r#"{"Effect":"Allow","Action":[1]}"#,
            r#"{"Effect":"Allow","Action":"s3:GetObject","Resource":{}}"#,
        ] {
            unreadable(&document(statement));
        }
        for text in ["", "%7", "%ff", "{}", "[]", "{\"Statement\":", &" ".repeat(MAX_DOCUMENT + 1)] {
            unreadable(text);
        }
        let encoded = "%7B%22Statement%22%3A%7B%22Effect%22%3A%22Allow%22%2C%22Action%22%3A%22sqs%3AListQueues%22%7D%7D";
        assert_eq!(allowed(encoded, HERE), Ok(BTreeSet::from([Operation::new("sqs", "ListQueues")])));
    }

    fn effects(operation: &str) -> (EffectSet, model::Undo) {
        let (service, name) = operation.split_once(':').unwrap();
        let target = Target::new(Partition("aws".into()), Account(HERE.into()));
        let asked = BTreeSet::from([Operation::new(service, name)]);
        let actions = as_actions(&asked, &Region("eu-west-1".into()), &target, &Terms::default());
        assert_eq!(actions.len(), 1, "{operation}");
        (actions[0].effects, actions[0].undo)
    }

    /// What an operation's parameters could say at worst counts, but for those that were read one by one.
    #[test]
    fn a_right_is_a_call_at_its_worst() {
        for (operation, worst) in [
            ("logs:PutLogEvents", Effect::Write),
            ("logs:CreateLogGroup", Effect::Write),
            ("s3:GetObject", Effect::Read),
            ("lambda:UpdateFunctionConfiguration", Effect::Privilege),
            ("ec2:RunInstances", Effect::Privilege),
            ("ssm:GetParameter", Effect::Privilege),
            ("rds:ModifyDBInstance", Effect::Destroy),
            ("sts:AssumeRole", Effect::Privilege),
        ] {
            assert!(effects(operation).0.contains(worst), "{operation}: {}", effects(operation).0);
        }
        for operation in ACTIONS.harmless.iter() {
            assert_eq!(
                effects(operation),
                (EffectSet::of(Effect::Write), model::Undo::Additive),
                "{operation}"
            );
        }
    }

    #[test]
    fn the_file_is_read_and_names_operations_that_only_write() {
        let file: File = toml::from_str(include_str!("../data/rights.toml")).unwrap();
        let named: Vec<&str> = file.harmless.iter().flat_map(|it| it.operations.split_whitespace()).collect();
        assert!(!named.is_empty() && named.len() == ACTIONS.harmless.len());
        for name in named {
            let (service, operation) = name.split_once(':').unwrap();
            let row = Table::shared().get(service, operation).unwrap();
            assert_eq!(crate::classify::effects::of(row).effects, EffectSet::of(Effect::Write), "{name}");
        }
        assert!(ACTIONS.lone.len() > 1000 && ACTIONS.lone.contains(&"iam:PassRole"));
    }

    proptest! {
        #[test]
        fn no_document_panics(text in ".{0,200}", action in ".{0,20}") {
            let _ = allowed(&text, HERE);
            let statement = serde_json::json!({"Effect": "Allow", "Action": action, "Resource": text});
            let _ = allowed(&document(&statement.to_string()), HERE);
        }
    }
}
