//! Roles that a request hands to the cloud, down to the policies that say what may be done as them. What cannot be read
//! to its end counts as a role that may do more than anybody.

use std::collections::{BTreeMap, BTreeSet};

use model::{ActionParts, Operation, Value, sanitize};

use crate::{
    call::Call,
    classify::parameters::{handed_over, views},
    rights::{self, Beyond},
};

use super::{
    answer::{self, Answer, ReadAnswer},
    observe::Projection,
    path,
};

/// More than these are not looked into.
const MAX_ROLES: usize = 4;
const MAX_POLICIES: usize = 24;

/// What a request hands over with the roles in it: every operation that they may call, or why that cannot be told.
pub type Handed = Result<BTreeSet<Operation>, String>;

#[derive(Debug)]
pub(super) struct RoleGathering {
    region: String,
    account: String,
    next: Vec<Question>,
    asked: Vec<Question>,
    roles: BTreeSet<String>,
    policies: usize,
    /// By what they are called.
    documents: BTreeMap<String, String>,
    beyond: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Question {
    /// Which roles lie in an instance profile.
    Profile(String),
    Attached {
        role: String,
    },
    Own {
        role: String,
    },
    OwnPolicy {
        role: String,
        policy: String,
    },
    Policy {
        arn: String,
    },
    Version {
        arn: String,
        version: String,
    },
}

impl RoleGathering {
    pub(super) fn of(action: &ActionParts, params: &Value) -> Self {
        let mut gathering = Self {
            region: action.region.0.clone(),
            account: action.account.0.clone(),
            next: Vec::new(),
            asked: Vec::new(),
            roles: BTreeSet::new(),
            policies: 0,
            documents: BTreeMap::new(),
            beyond: None,
        };
        match handed_over(std::slice::from_ref(&action.operation), params) {
            Some(found) if !found.is_empty() => {
                for (member, value) in &found {
                    gathering.name(member, value);
                }
                let mut known = BTreeSet::new();
                found.iter().for_each(|(_, value)| texts_of(value, &mut known));
                if views(params).iter().any(|view| names_another(view, false, &known)) {
                    gathering.give_up("it may hand over another role besides those that can be told");
                }
            }
            Some(_) | None => gathering.give_up("which role it hands over cannot be told"),
        }
        gathering
    }

    pub(super) fn want(&mut self) -> Vec<Call> {
        if self.beyond.is_some() {
            return Vec::new();
        }
        self.asked = std::mem::take(&mut self.next);
        self.asked.iter().map(|question| question.call(&self.region)).collect()
    }

    pub(super) fn take(&mut self, answers: &[ReadAnswer]) {
        for (question, nth) in std::mem::take(&mut self.asked).into_iter().zip(0..) {
            let found = match answers.get(nth).map(|raw| answer::read(raw, &[])) {
                Some(Answer::Found(found)) => found,
                Some(Answer::Failed(why)) => {
                    return self.give_up(&format!("{} failed: {why}", question.operation()));
                }
                Some(Answer::Absent) | None => {
                    return self.give_up(&format!("{} failed", question.operation()));
                }
            };
            self.understand(question, &found);
        }
    }

    pub(super) fn finish(&self) -> Handed {
        if let Some(why) = &self.beyond {
            return Err(why.clone());
        }
        if !self.next.is_empty() || !self.asked.is_empty() {
            return Err("its policies could not all be read".to_owned());
        }
        let mut all = BTreeSet::new();
        for (name, document) in &self.documents {
            let beyond = |why: Beyond| format!("the policy {name} allows {why}");
            all.extend(rights::allowed(document, &self.account).map_err(beyond)?);
            if all.len() > rights::MAX_OPERATIONS {
                return Err(format!("its policies allow more than {} operations", rights::MAX_OPERATIONS));
            }
        }
        if all.is_empty() {
            // A role that is of any use has its rights from others then, who name it.
            return Err("it has no policies of its own, so its rights are given elsewhere".to_owned());
        }
        Ok(all)
    }

    /// What was found, for the statement and its fingerprint.
    pub(super) fn tell(&self, projection: &mut Projection) {
        let said = match self.finish() {
            Ok(operations) if operations.is_empty() => "nothing".to_owned(),
            Ok(operations) => operations.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
            Err(why) => why,
        };
        let documents = self.documents.iter().map(|(name, text)| (name.clone(), Value::text(text)));
        projection.tell("what may be done as the role", &said, Value::Map(documents.collect()));
    }

    fn name(&mut self, member: &str, value: &Value) {
        let of_profile = member.contains("profile") || member.contains("jobflow");
        match value {
            Value::Text(text) if of_profile && !text.contains(":role/") => {
                match self.local(text, "instance-profile") {
                    Some(profile) => self.ask(Question::Profile(profile)),
                    None => self.give_up("an instance profile of another account is handed over"),
                }
            }
            Value::Text(text) => match self.local(text, "role") {
                Some(role) => self.add_role(role),
                None => self.give_up("a role of another account is handed over"),
            },
            // `IamInstanceProfile: {Name, Arn}`.
            Value::Map(members) if of_profile && !members.is_empty() => {
                for (own, value) in members {
                    match value {
                        Value::Text(_) if matches!(own.to_lowercase().as_str(), "name" | "arn") => {
                            self.name(member, value);
                        }
                        _ => self.give_up("which role it hands over cannot be told"),
                    }
                }
            }
            // What was said to be nothing hands nothing over.
            Value::Null => {}
            Value::Map(_)
            | Value::List(_)
            | Value::Bool(_)
            | Value::Int(_)
            | Value::Number(_)
            | Value::Bytes(_) => self.give_up("which role it hands over cannot be told"),
        }
    }

    /// The bare name; `None` where it is not of this account, or not `what`.
    fn local(&self, text: &str, what: &str) -> Option<String> {
        let plain = |name: &&str| !name.is_empty() && !name.contains([':', ' ', '*', '?']);
        let Some(arn) = text.strip_prefix("arn:") else {
            return Some(text.rsplit('/').next().filter(|_| plain(&text))?.to_owned())
                .filter(|it| !it.is_empty());
        };
        let mut fields = arn.splitn(5, ':').skip(1);
        let named = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
        let ("iam", "", account, path) = named else { return None };
        let name = path.strip_prefix(what)?.strip_prefix('/')?.rsplit('/').next().filter(plain)?;
        (account == self.account).then(|| name.to_owned())
    }

    fn add_role(&mut self, role: String) {
        if !self.roles.insert(role.clone()) {
            return;
        }
        if self.roles.len() > MAX_ROLES {
            return self.give_up("more roles are handed over than are looked into");
        }
        self.ask(Question::Attached { role: role.clone() });
        self.ask(Question::Own { role });
    }

    fn add_policy(&mut self, question: Question) {
        self.policies += 1;
        if self.policies > MAX_POLICIES {
            return self.give_up("it has more policies than are looked into");
        }
        self.ask(question);
    }

    fn ask(&mut self, question: Question) {
        if !self.next.contains(&question) {
            self.next.push(question);
        }
    }

    fn understand(&mut self, question: Question, found: &Value) {
        let listed = matches!(question, Question::Attached { .. } | Question::Own { .. });
        if listed && path::text(found, "IsTruncated").as_deref() != Some("false") {
            return self.give_up("it has more policies than one answer holds");
        }
        let texts = |path: &str| -> Vec<String> {
            path::select(found, path).into_iter().flat_map(path::items).filter_map(path::scalar).collect()
        };
        match question {
            Question::Profile(_) => {
                let roles = texts("InstanceProfile.Roles.RoleName");
                if roles.is_empty() && path::text(found, "InstanceProfile.InstanceProfileName").is_none() {
                    return self.give_up("its instance profile could not be read");
                }
                roles.into_iter().for_each(|role| self.add_role(role));
            }
            Question::Attached { .. } => {
                for arn in texts("AttachedPolicies.PolicyArn") {
                    self.add_policy(Question::Policy { arn });
                }
            }
            Question::Own { role } => {
                for policy in texts("PolicyNames") {
                    self.add_policy(Question::OwnPolicy { role: role.clone(), policy });
                }
            }
            Question::Policy { arn } => match path::text(found, "Policy.DefaultVersionId") {
                Some(version) => self.ask(Question::Version { arn, version }),
                None => self.give_up("which version of a policy holds could not be read"),
            },
            Question::OwnPolicy { role, policy } => {
                self.document(format!("{policy} of {role}"), path::text(found, "PolicyDocument"));
            }
            Question::Version { arn, .. } => {
                let short = arn.rsplit('/').next().unwrap_or(&arn).to_owned();
                self.document(short, path::text(found, "PolicyVersion.Document"));
            }
        }
    }

    fn document(&mut self, name: String, text: Option<String>) {
        match text {
            Some(text) => {
                // Of two of one name both count.
                let mut name = sanitize(&name, 160);
                while self.documents.contains_key(&name) {
                    name.push('\'');
                }
                self.documents.insert(name, text);
            }
            None => self.give_up("a policy could not be read"),
        }
    }

    fn give_up(&mut self, why: &str) {
        self.next.clear();
        self.beyond.get_or_insert_with(|| why.to_owned());
    }
}

/// Every text in `value`.
fn texts_of<'v>(value: &'v Value, found: &mut BTreeSet<&'v str>) {
    match value {
        Value::Text(text) => drop(found.insert(text)),
        Value::List(items) => items.iter().for_each(|item| texts_of(item, found)),
        Value::Map(members) => members.values().for_each(|inner| texts_of(inner, found)),
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Number(_) | Value::Bytes(_) => {}
    }
}

/// Whether some text that is not `known` may name a role: by what it says, or by a member that it stands under. Also
/// whether what is named may lie in other accounts.
fn names_another(value: &Value, under_role: bool, known: &BTreeSet<&str>) -> bool {
    match value {
        Value::Text(text) => {
            let says =
                [":role/", ":instance-profile/", "assumed-role"].iter().any(|part| text.contains(part));
            (under_role || says) && !known.contains(text.as_str())
        }
        // What is no text could hold any.
        Value::Bytes(_) => true,
        Value::List(items) => items.iter().any(|item| names_another(item, under_role, known)),
        Value::Map(members) => members.iter().any(|(name, inner)| {
            let name = name.to_lowercase();
            let elsewhere = ["executionrolename", "targetlocations", "accounts", "deploymenttargets"]
                .contains(&name.as_str());
            let role = under_role || name.contains("role") || name.contains("instanceprofile");
            elsewhere || names_another(inner, role, known)
        }),
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Number(_) => false,
    }
}

impl Question {
    const fn operation(&self) -> &'static str {
        match self {
            Self::Profile(_) => "GetInstanceProfile",
            Self::Attached { .. } => "ListAttachedRolePolicies",
            Self::Own { .. } => "ListRolePolicies",
            Self::OwnPolicy { .. } => "GetRolePolicy",
            Self::Policy { .. } => "GetPolicy",
            Self::Version { .. } => "GetPolicyVersion",
        }
    }

    fn call(&self, region: &str) -> Call {
        let parameters = match self {
            Self::Profile(name) => vec![("InstanceProfileName", name)],
            Self::Attached { role } | Self::Own { role } => vec![("RoleName", role)],
            Self::OwnPolicy { role, policy } => vec![("RoleName", role), ("PolicyName", policy)],
            Self::Policy { arn } => vec![("PolicyArn", arn)],
            Self::Version { arn, version } => vec![("PolicyArn", arn), ("VersionId", version)],
        };
        Call {
            service: "iam".to_owned(),
            operation: self.operation().to_owned(),
            region: region.to_owned(),
            parameters: Value::map(parameters.into_iter().map(|(name, value)| (name, Value::text(value)))),
        }
    }
}

#[cfg(test)]
mod tests {
    use model::{Account, Partition, Timestamp};

    use super::*;
    use crate::{
        call::build,
        classify::{Target, classify},
        gather::{Progress, literal, start},
        table::Table,
    };

    const LOGS: &str = r#"{"Statement":{"Effect":"Allow","Action":"logs:PutLogEvents","Resource":"*"}}"#;

    /// What IAM says, by call and by what it is asked of.
    fn answer(call: &Call) -> (u16, String) {
        let asked = |name: &str| call.parameters.get(name).and_then(Value::as_text).unwrap_or_default();
        let wrapped = |inner: String| (200, format!("<R><{0}Result>{inner}</{0}Result></R>", call.operation));
        let attached = |names: &[&str]| {
            let member = |name: &&str| {
                format!("<member><PolicyArn>arn:aws:iam::aws:policy/{name}</PolicyArn></member>")
            };
            let members: String = names.iter().map(member).collect();
            wrapped(format!("<AttachedPolicies>{members}</AttachedPolicies><IsTruncated>false</IsTruncated>"))
        };
        let own = |names: &[&str], more: &str| {
            let members: String = names.iter().map(|name| format!("<member>{name}</member>")).collect();
            wrapped(format!("<PolicyNames>{members}</PolicyNames><IsTruncated>{more}</IsTruncated>"))
        };
        match (call.operation.as_str(), asked("RoleName")) {
            ("GetInstanceProfile", _) => wrapped(
                "<InstanceProfile><InstanceProfileName>p</InstanceProfileName><Roles><member><RoleName>logs</RoleName></member></Roles></InstanceProfile>".into(),
            ),
            ("ListAttachedRolePolicies", "logs" | "both") => attached(&["Logs"]),
            ("ListAttachedRolePolicies", "many") => {
                attached(&(0..=MAX_POLICIES).map(|_| "Logs").collect::<Vec<_>>())
            }
            ("ListAttachedRolePolicies", "gone") => (404, "<R><Error><Code>NoSuchEntity</Code></Error></R>".into()),
            ("ListAttachedRolePolicies", _) => attached(&[]),
            ("ListRolePolicies", "both" | "own") => own(&["inline"], "false"),
            ("ListRolePolicies", "cut") => own(&[], "true"),
            ("ListRolePolicies", _) => own(&[], "false"),
            ("GetRolePolicy", "own") => wrapped("<PolicyDocument>nonsense</PolicyDocument>".into()),
            ("GetRolePolicy", _) => wrapped(format!(
                "<PolicyDocument>{}</PolicyDocument>",
                r#"{"Statement":[{"Effect":"Allow","Action":"sqs:SendMessage","Resource":"*"}]}"#
            )),
            ("GetPolicy", _) => wrapped("<Policy><DefaultVersionId>v2</DefaultVersionId></Policy>".into()),
            ("GetPolicyVersion", _) => {
                assert_eq!(asked("VersionId"), "v2");
                wrapped(format!("<PolicyVersion><Document>{LOGS}</Document></PolicyVersion>"))
            }
            other => panic!("{other:?}"),
        }
    }

    fn check(operation: &str, parameters: &str, expected: Option<Result<&str, &str>>) {
        let (service, name) = operation.split_once(':').unwrap();
        let call = Call {
            service: service.to_owned(),
            operation: name.to_owned(),
            region: "eu-west-1".to_owned(),
            parameters: literal(&toml::Value::Table(toml::from_str(parameters).unwrap())),
        };
        let signing = Table::shared().service(service).unwrap().signing;
        let target = Target::new(Partition("aws".into()), Account("111122223333".into()));
        let classified =
            classify(build(&call).unwrap(), signing, "eu-west-1", &target, &Default::default()).unwrap();
        let action = &classified.action;
        let now = Timestamp::from_seconds(1_795_228_800);
        let mut gathering = start(action.parts(), action.marks(), &classified.params, now).unwrap();
        let mut answers = Vec::new();
        let found = loop {
            match gathering.step(std::mem::take(&mut answers)) {
                Progress::Done(found) => break *found,
                Progress::Read(calls) => {
                    for call in calls {
                        let (status, body) = match call.service.as_str() {
                            "iam" if call.operation != "GetRole" => answer(&call),
                            _ => (200, "{}".to_owned()),
                        };
                        answers.push(ReadAnswer { status, headers: Vec::new(), body: body.into_bytes() });
                    }
                }
            }
        };
        let told = found.handed.map(|handed| {
            handed.map(|all| all.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
        });
        match (told, expected) {
            (Some(Err(why)), Some(Err(part))) => assert!(why.contains(part), "{parameters}: {why}"),
            (told, expected) => {
                let expected = expected.map(|it| it.map(str::to_owned).map_err(str::to_owned));
                assert_eq!(told, expected, "{parameters}");
            }
        }
    }

    #[test]
    fn a_role_is_followed_to_its_policies() {
        const LOGS: Option<Result<&str, &str>> = Some(Ok("logs:PutLogEvents"));
        let function =
            |role: &str| format!("'$path' = {{ FunctionName = 'f' }}\n'$body' = {{ Role = '{role}' }}");
        let check_role =
            |role: &str, expected| check("lambda:UpdateFunctionConfiguration", &function(role), expected);
        check_role("arn:aws:iam::111122223333:role/service-role/logs", LOGS);
        check_role(
            "arn:aws:iam::111122223333:role/both",
            Some(Ok("logs:PutLogEvents sqs:SendMessage sqs:SendMessageBatch")),
        );
        for (role, why) in [
            ("arn:aws:iam::999999999999:role/logs", "another account"),
            ("arn:aws:sts::111122223333:assumed-role/logs/x", "another account"),
            ("arn:aws:iam::111122223333:role/bare", "no policies of its own"),
            ("arn:aws:iam::111122223333:instance-profile/logs", "another account"),
            (" arn:aws:iam::999999999999:role/logs", "another account"),
            ("x/arn:aws:iam::111122223333:role/logs", "another account"),
            ("arn:aws:iam::111122223333:role/many", "more policies than are looked into"),
            ("arn:aws:iam::111122223333:role/gone", "NoSuchEntity"),
            ("arn:aws:iam::111122223333:role/cut", "more policies than one answer holds"),
            ("arn:aws:iam::111122223333:role/own", "it is no JSON"),
        ] {
            check_role(role, Some(Err(why)));
        }
        // Nothing is handed over.
        let unchanged = "'$path' = { FunctionName = 'f' }\n'$body' = { Timeout = 3 }";
        check("lambda:UpdateFunctionConfiguration", unchanged, None);
    }

    #[test]
    fn profiles_several_roles_and_odd_ones_are_looked_into_or_count_as_everything() {
        let instance = |profile: &str| {
            format!("ImageId = 'i'\nMinCount = 1\nMaxCount = 1\nIamInstanceProfile = {profile}")
        };
        check("ec2:RunInstances", &instance("{ Name = 'p' }"), Some(Ok("logs:PutLogEvents")));
        let arn = "{ Arn = 'arn:aws:iam::111122223333:instance-profile/p' }";
        check("ec2:RunInstances", &instance(arn), Some(Ok("logs:PutLogEvents")));
        check("ec2:RunInstances", &instance("{ Other = 'p' }"), Some(Err("cannot be told")));
        let task = |roles: &str| format!("family = 'f'\ncontainerDefinitions = []\n{roles}");
        let both = "taskRoleArn = 'logs'\nexecutionRoleArn = 'arn:aws:iam::111122223333:role/both'";
        check(
            "ecs:RegisterTaskDefinition",
            &task(both),
            Some(Ok("logs:PutLogEvents sqs:SendMessage sqs:SendMessageBatch")),
        );
        check("ecs:RegisterTaskDefinition", &task("taskRoleArn = ['logs', {}]"), Some(Err("cannot be told")));
        check("ecs:RegisterTaskDefinition", &task("taskRoleArn = 7"), Some(Err("cannot be told")));
        // One that no rule selects, beside one that is looked into.
        let besides = |more: &str| task(&format!("taskRoleArn = 'logs'\n{more}"));
        for more in [
            "volumes = [{ someRole = 'admin' }]",
            "tags = [{ key = 'k', value = 'arn:aws:iam::111122223333:role/admin' }]",
            "volumes = [{ name = '{\"x\":\"arn:aws:iam::1:role/admin\"}' }]",
            "loggingRoles = ['admin']",
        ] {
            check("ecs:RegisterTaskDefinition", &besides(more), Some(Err("another role besides")));
        }
        check(
            "ecs:RegisterTaskDefinition",
            &besides("tags = [{ key = 'k', value = 'logs' }]"),
            Some(Ok("logs:PutLogEvents")),
        );
        let url = "StackName = 's'\nTemplateBody = '{}'\nRoleARN = 'logs'\nStackPolicyBody = '{}'";
        check("cloudformation:CreateStack", url, Some(Ok("logs:PutLogEvents")));
    }
}
