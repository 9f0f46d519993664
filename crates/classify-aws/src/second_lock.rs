//! The second lock: a session policy (<https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>) that
//! allows the classified action, on what it names where that can be told, and what it takes besides. Were a request
//! misread, the cloud itself would refuse whatever else it does.
//!
//! `data/aws_rights.tsv`, a row an action: `action` as IAM has it, `resource_types` (`!`: required).
//! `data/aws_arns.tsv`, a row a type: `prefix`, `resource_type`, `arn` with its variables. Beyond them
//! `data/second_lock.toml`.

mod arn;
mod table;

use std::collections::BTreeSet;

use model::{ActionParts, Resource, SecondLock, Value};

use self::{
    arn::{every, matches, put, stem, variables},
    table::{Companion, LOCKS},
};
use crate::{
    kinds::kind,
    table::{Class, Row, Table},
};

/// Of a session policy, in characters.
const MAX_POLICY: usize = 2048;
/// More than these are not named one by one.
const MAX_ON: usize = 20;

/// What `parts` can be locked to. `params`: of the request, as parsed.
pub(crate) fn of(parts: &ActionParts, params: &Value) -> SecondLock {
    let table = Table::shared();
    let (service, name) = (parts.operation.service.as_str(), parts.operation.name.as_str());
    let (Some(row), Some(about)) = (table.get(service, name), table.service(service)) else {
        return SecondLock::Unfit("the operation is not in the tables".to_owned());
    };
    for caller in &LOCKS.besides.caller {
        let own_role = caller.unless.as_ref().is_some_and(|member| has_member(params, member));
        if listed(&caller.operations, service, name) && !own_role {
            return SecondLock::Unfit(caller.reason.clone());
        }
    }
    if row.iam_action == "-" {
        return SecondLock::Unfit("what IAM calls the operation is not known".to_owned());
    }
    let asked = Asked { parts, params, row, action: row.iam(about), prefix: about.iam_prefix };
    let bound = asked.bound();
    for on in [bound.as_ref(), None] {
        let text = asked.policy(on);
        if text.chars().count() <= MAX_POLICY {
            let on = on.map(|it| it.exact.clone()).unwrap_or_default();
            return SecondLock::Policy { text, on };
        }
    }
    SecondLock::Unfit(format!("its policy would have more than {MAX_POLICY} characters"))
}

struct Asked<'a> {
    parts: &'a ActionParts,
    params: &'a Value,
    row: &'a Row,
    action: String,
    prefix: &'a str,
}

/// The resources of the action, and those that it may touch besides.
struct Bound {
    exact: Vec<String>,
    others: Vec<String>,
}

impl Asked<'_> {
    /// `None` where what the request names cannot be told as the cloud names it.
    fn bound(&self) -> Option<Bound> {
        let types = LOCKS.types.get(self.action.as_str())?;
        let mut bound = Bound { exact: Vec::new(), others: Vec::new() };
        let mut told: BTreeSet<usize> = BTreeSet::new();
        let mut missing = false;
        let only = types.iter().filter(|it| it.required).count() == 1;
        for one in types {
            let arn = LOCKS.arns.get(&(self.prefix, one.name))?;
            let roundabout =
                LOCKS.besides.roundabout.types.contains(&format!("{}:{}", self.prefix, one.name));
            let own = self.parts.resources.iter().zip(0..).filter(|(resource, _)| {
                let is_arn = resource.name.starts_with("arn:");
                (is_arn || !roundabout) && self.is_of(resource, one.name, arn)
                    || only && one.required && self.parts.resources.len() == 1
            });
            let mut found = Vec::new();
            for (resource, nth) in own {
                found.extend(self.arns(resource, one.name, arn)?);
                told.insert(nth);
            }
            if found.is_empty() {
                if roundabout {
                    continue;
                }
                missing |= one.required;
                bound.others.push(every(&self.placed(arn)));
            } else {
                bound.exact.extend(found);
            }
        }
        // What is of no type of the action is named in passing, where all that it needs is told.
        let needs = types.iter().any(|it| it.required);
        let missed = |(resource, nth): (&Resource, usize)| {
            !told.contains(&nth) && (!needs || resource.name == Resource::UNKNOWN)
        };
        let whole = !missing && !self.parts.resources.iter().zip(0..).any(missed);
        (whole && !bound.exact.is_empty() && bound.exact.len() <= MAX_ON).then_some(bound)
    }

    fn is_of(&self, resource: &Resource, name: &str, arn: &str) -> bool {
        if resource.name.starts_with("arn:") {
            return matches(&self.placed(arn), &resource.name);
        }
        let variable = variables(arn).last().map(|it| stem(it)).unwrap_or_default();
        [name, variable].iter().any(|noun| kind(self.row.service, noun) == resource.kind)
    }

    /// As the cloud names it; `None` where that cannot be told from what the request calls it.
    fn arns(&self, resource: &Resource, of: &str, arn: &str) -> Option<Vec<String>> {
        let (arn, name) = (self.placed(arn), resource.name.as_str());
        if name.chars().any(|it| matches!(it, '*' | '?' | '$' | '"' | '\\') || it.is_control()) {
            return None;
        }
        if name.starts_with("arn:") {
            return matches(&arn, name).then(|| vec![name.to_owned()]);
        }
        let mut names = vec![name.to_owned()];
        let lower = name.to_lowercase();
        if lower != name && LOCKS.besides.folded.services.contains(self.row.service) {
            names.push(lower);
        }
        let mut out = Vec::new();
        for name in &names {
            match LOCKS.besides.names.get(&format!("{}:{of}", self.prefix)) {
                Some(written) => out.extend(written.iter().map(|written| {
                    let last = name.rsplit('/').next().unwrap_or(name);
                    let written = written
                        .replace("{name}", name)
                        .replace("{last}", last)
                        .replace("{bare}", name.trim_start_matches('/'));
                    put(&arn, &written)
                })),
                None if variables(&arn).len() == 1 && !name.contains(['/', ':']) => out.push(put(&arn, name)),
                None => return None,
            }
        }
        Some(out)
    }

    fn placed(&self, arn: &str) -> String {
        arn.replace("${Partition}", &self.parts.partition.0)
            .replace("${Region}", &self.parts.region.0)
            .replace("${Account}", &self.parts.account.0)
    }

    fn policy(&self, bound: Option<&Bound>) -> String {
        let all = vec!["*".to_owned()];
        let own: Vec<String> =
            bound.map_or_else(|| all.clone(), |it| it.exact.iter().chain(&it.others).cloned().collect());
        let mut statements = vec![statement([self.action.clone()].into(), &own, None)];
        let mut anywhere = BTreeSet::new();
        for companion in LOCKS.besides.companion.iter().filter(|it| self.has(it)) {
            let actions: BTreeSet<String> =
                companion.actions.iter().map(|it| it.replace("{prefix}", self.prefix)).collect();
            match companion.on.as_slice() {
                [] => anywhere.extend(actions),
                [one] if one == "{own}" => statements.push(statement(actions, &own, None)),
                some => {
                    let on: Vec<String> = some.iter().map(|it| self.placed(it)).collect();
                    statements.push(statement(actions, &on, None));
                }
            }
        }
        if !anywhere.is_empty() {
            statements.push(statement(anywhere, &all, None));
        }
        let mut roles = BTreeSet::new();
        roles_in(self.params, &mut roles);
        if roles.is_empty() && self.hands_over_a_role() {
            roles.insert(self.placed("arn:${Partition}:iam::${Account}:role/*"));
        }
        if !roles.is_empty() {
            let roles: Vec<String> = roles.into_iter().collect();
            statements.push(statement(["iam:PassRole".to_owned()].into(), &roles, None));
        }
        // What is encrypted is encrypted and decrypted with the caller's rights, by the service it is sent to.
        let keys =
            ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey*", "kms:DescribeKey", "kms:CreateGrant"];
        let keys = keys.iter().map(|it| (*it).to_owned()).collect();
        let via = format!("{}.{}.amazonaws.com*", self.prefix, self.parts.region.0);
        statements.push(statement(keys, &all, Some(&via)));
        format!(r#"{{"Version":"2012-10-17","Statement":[{}]}}"#, statements.join(","))
    }

    /// By a member's name; those by which the request says what it is about are none.
    fn hands_over_a_role(&self) -> bool {
        let Value::Map(members) = self.params else { return false };
        let about = |key: &str| self.row.identifiers().any(|member| member.name == key);
        members.iter().any(|(key, value)| {
            let key = key.as_str();
            !about(key) && (is_role(key) || has_key(value, &is_role))
        })
    }

    fn has(&self, companion: &Companion) -> bool {
        let operation = &self.parts.operation;
        companion.operations.as_ref().is_none_or(|it| listed(it, &operation.service, &operation.name))
            && companion.class.as_ref().is_none_or(|it| it == class(self.row.class))
            && companion.member.as_ref().is_none_or(|it| has_member(self.params, it))
    }
}

const fn class(class: Class) -> &'static str {
    match class {
        Class::Read => "read",
        Class::Tag => "tag",
        Class::Create => "create",
        Class::Modify => "modify",
        Class::Disrupt => "disrupt",
        Class::Delete => "delete",
    }
}

fn statement(actions: BTreeSet<String>, on: &[String], via: Option<&str>) -> String {
    let list = |texts: &mut dyn Iterator<Item = &String>| -> String {
        let texts: Vec<String> =
            texts.map(|text| serde_json::to_string(text).unwrap_or_else(|_| "\"\"".to_owned())).collect();
        if let [one] = texts.as_slice() { one.clone() } else { format!("[{}]", texts.join(",")) }
    };
    let condition = via.map_or_else(String::new, |via| {
        format!(r#","Condition":{{"StringLike":{{"kms:ViaService":"{via}"}}}}"#)
    });
    let (actions, on) = (list(&mut actions.iter()), list(&mut on.iter()));
    format!(r#"{{"Effect":"Allow","Action":{actions},"Resource":{on}{condition}}}"#)
}

/// `service` or `service:Operation`, apart by blanks.
fn listed(operations: &str, service: &str, name: &str) -> bool {
    operations.split_whitespace().any(|one| match one.split_once(':') {
        Some((its, operation)) => its == service && operation == name,
        None => one == service,
    })
}

fn has_member(value: &Value, name: &str) -> bool {
    has_key(value, &|key| key.split('.').any(|part| part.eq_ignore_ascii_case(name)))
}

/// Whether a map at any depth, which the parsers bound, has such a key.
fn has_key(value: &Value, such: &dyn Fn(&str) -> bool) -> bool {
    match value {
        Value::Map(map) => map.iter().any(|(key, inner)| such(key) || has_key(inner, such)),
        Value::List(list) => list.iter().any(|inner| has_key(inner, such)),
        Value::Null
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Number(_)
        | Value::Text(_)
        | Value::Bytes(_) => false,
    }
}

/// `RoleName`, `IamInstanceProfile.Name`.
fn is_role(member: &str) -> bool {
    let member = member.to_ascii_lowercase();
    member.contains("role") || member.contains("profile")
}

/// Every role that the request names.
fn roles_in(value: &Value, roles: &mut BTreeSet<String>) {
    match value {
        Value::Map(map) => map.iter().for_each(|(_, inner)| roles_in(inner, roles)),
        Value::List(list) => list.iter().for_each(|inner| roles_in(inner, roles)),
        Value::Text(text) => {
            let mut fields = text.splitn(6, ':');
            let is_role = fields.next() == Some("arn")
                && fields.nth(1) == Some("iam")
                && fields.nth(2).is_some_and(|rest| rest.starts_with("role/"));
            if is_role && text.len() <= 600 && !text.contains(['*', '?', '$', '"', '\\']) {
                roles.insert(text.clone());
            }
        }
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Number(_) | Value::Bytes(_) => {}
    }
}
