//! Cloud Control: one operation for every resource type, which does to one resource what a stack would do to it. What it
//! is stands in the request (`TypeName`, `DesiredState`, `PatchDocument`, RFC 6902); what it meets is read.

use std::collections::{BTreeMap, BTreeSet};

use model::{Effect, EffectSet, InnerAction, Observation, Timestamp, Value, sanitize};

use super::{diff::Difference, inner, kinds};
use crate::{
    call::Call,
    gather::{
        Gathered, Listing,
        answer::{self, Answer, ReadAnswer},
        ask,
        marked::tags_in,
        path,
    },
};

const SERVICE: &str = "cloudcontrol";
/// No resource has more properties than this that a patch could touch.
const PATCHES_MAX: usize = 500;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Create,
    Update,
    Delete,
}

#[derive(Debug)]
pub(crate) struct SingleGathering {
    operation: Operation,
    kind: String,
    identifier: Option<String>,
    region: String,
    given: Value,
    asked: bool,
    state: Option<Answer>,
}

impl SingleGathering {
    pub(crate) fn of(service: &str, operation: &str, region: &str, given: &Value) -> Option<Self> {
        let operation = match (service, operation) {
            (SERVICE, "CreateResource") => Operation::Create,
            (SERVICE, "UpdateResource") => Operation::Update,
            (SERVICE, "DeleteResource") => Operation::Delete,
            _ => return None,
        };
        Some(Self {
            operation,
            kind: path::text(given, "TypeName").unwrap_or_default(),
            identifier: path::text(given, "Identifier").filter(|it| !it.is_empty()),
            region: region.to_owned(),
            given: given.clone(),
            asked: false,
            state: None,
        })
    }

    pub(crate) fn want(&mut self) -> Vec<Call> {
        let (Some(identifier), false) = (&self.identifier, self.asked) else { return Vec::new() };
        self.asked = true;
        let members = [("TypeName", &self.kind), ("Identifier", identifier)];
        let members = members.map(|(name, value)| (name.to_owned(), Value::text(value)));
        vec![ask::call(SERVICE, "GetResource", &self.region, members.into())]
    }

    pub(crate) fn take(&mut self, answers: &[ReadAnswer]) {
        let absent = ["ResourceNotFoundException".to_owned()];
        self.state = Some(match answers.first() {
            Some(raw) => answer::read(raw, &absent),
            None => Answer::Failed("not answered".to_owned()),
        });
    }

    pub(crate) fn finish(&self, at: Timestamp) -> Gathered {
        let mut gathered = Gathered::default();
        let inner = match self.inner() {
            Ok(inner) => Some(inner),
            Err(why) => {
                gathered.unknowns.push(why.to_owned());
                None
            }
        };
        let unlisted = EffectSet::of(Effect::Execute).with(Effect::Destroy);
        gathered.effects = Some(inner.as_ref().map_or(unlisted, |inner| inner.effects));
        gathered.listing = if inner.is_some() { Listing::Whole } else { Listing::Partial };
        let mut projection = BTreeMap::new();
        let mut facts = vec![("type".to_owned(), sanitize(&self.kind, 200))];
        match &self.state {
            Some(Answer::Found(value)) => {
                let properties = properties_of(value);
                facts.push(("properties".to_owned(), "set (not shown)".to_owned()));
                gathered.tags = match &properties {
                    Some(properties) => model::Tags::Read(tags_in(properties)),
                    None => model::Tags::Unread,
                };
                projection.insert("properties".to_owned(), properties.unwrap_or_else(|| value.clone()));
            }
            Some(Answer::Absent) => {
                facts.push(("resource".to_owned(), "absent".to_owned()));
                gathered.tags = model::Tags::Read(BTreeSet::new());
                projection.insert("properties".to_owned(), Value::text("absent"));
            }
            Some(Answer::Failed(why)) => {
                gathered.unknowns.push(format!("the resource could not be read: {why}"));
            }
            None => {}
        }
        if inner.is_some() || !projection.is_empty() {
            gathered.observation = Some(Observation {
                at,
                facts,
                fingerprint: Observation::fingerprint_of(&Value::Map(projection)),
                inner_whole: inner.is_some(),
                inner: inner.into_iter().collect(),
                unknowns: gathered.unknowns.clone(),
            });
        }
        gathered
    }

    fn inner(&self) -> Result<InnerAction, &'static str> {
        if self.kind.split("::").count() < 3 {
            return Err("the request names no resource type");
        }
        let named = || self.identifier.as_deref().ok_or("the request does not say which resource");
        match self.operation {
            Operation::Create => {
                let desired = self.document("DesiredState").ok_or("the desired state cannot be read")?;
                let Value::Map(properties) = &desired else { return Err("the desired state is no object") };
                let names: Vec<&str> = properties.keys().map(String::as_str).collect();
                Ok(inner::created(self.identifier.as_deref().unwrap_or("new"), &self.kind, Some(&names)))
            }
            Operation::Delete => {
                let name = named()?;
                Ok(inner::differs(name, &self.kind, name, &Difference::Removed))
            }
            Operation::Update => {
                let name = named()?;
                let patch = self.document("PatchDocument").ok_or("the patch cannot be read")?;
                let properties = patched(&patch).ok_or("the patch is not understood")?;
                let replaced = properties.iter().any(|it| !kinds::stays_in_place(&self.kind, it));
                let difference = Difference::Modified {
                    properties,
                    attributes: BTreeSet::new(),
                    raised: BTreeSet::new(),
                    replaced,
                };
                Ok(inner::differs(name, &self.kind, name, &difference))
            }
        }
    }

    /// A member that holds JSON in a text.
    fn document(&self, member: &str) -> Option<Value> {
        crate::params::json::parse(path::text(&self.given, member)?.as_bytes()).ok()
    }
}

fn properties_of(answer: &Value) -> Option<Value> {
    let text = path::text(answer, "ResourceDescription.Properties")?;
    crate::params::json::parse(text.as_bytes()).ok()
}

/// The top-level properties that a JSON patch touches.
fn patched(patch: &Value) -> Option<BTreeSet<String>> {
    let Value::List(operations) = patch else { return None };
    if operations.is_empty() || operations.len() > PATCHES_MAX {
        return None;
    }
    let mut properties = BTreeSet::new();
    for operation in operations {
        let verb = operation.get("op")?.as_text()?;
        // `move` takes something away where it comes from.
        let touched: &[&str] = match verb {
            "add" | "remove" | "replace" | "copy" => &["path"],
            "move" => &["path", "from"],
            "test" => &[],
            _ => return None,
        };
        for member in touched {
            let pointer = operation.get(member)?.as_text()?.strip_prefix('/')?;
            let name = pointer.split('/').next().filter(|it| !it.is_empty())?;
            properties.insert(name.replace("~1", "/").replace("~0", "~"));
        }
    }
    (!properties.is_empty()).then_some(properties)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(operation: &str, given: &str, state: &str, expected: &str) {
        let given = crate::params::json::parse(given.as_bytes()).unwrap();
        let mut single = SingleGathering::of(SERVICE, operation, "eu-west-1", &given).unwrap();
        let calls = single.want();
        assert_eq!(single.want(), [], "asked once");
        if !calls.is_empty() {
            let status = if state.contains("ResourceNotFound") { 400 } else { 200 };
            single.take(&[ReadAnswer { status, headers: Vec::new(), body: state.into() }]);
        }
        let found = single.finish(Timestamp::from_millis(0));
        let inner = found.observation.iter().flat_map(|it| &it.inner);
        let told: Vec<String> = inner
            .map(|it| format!("{} {} [{}]", it.operation, it.summary, it.effects))
            .chain(found.unknowns)
            .chain([format!("{}", found.effects.unwrap())])
            .collect();
        assert_eq!(told.join("; "), expected, "{operation} {given:?}");
    }

    #[test]
    fn one_resource_is_what_a_stack_would_make_of_it() {
        let queue = r#"{"ResourceDescription":{"Identifier":"q","Properties":"{\"QueueName\":\"q\",\"Tags\":[{\"Key\":\"env\",\"Value\":\"prod\"}]}"}}"#;
        let gone = r#"{"__type":"ResourceNotFoundException"}"#;
        check(
            "CreateResource",
            r#"{"TypeName":"AWS::SQS::Queue","DesiredState":"{\"QueueName\":\"q\"}"}"#,
            "",
            "sqs:CreateQueue create: AWS::SQS::Queue new [write]; write",
        );
        check(
            "CreateResource",
            r#"{"TypeName":"AWS::IAM::Role","DesiredState":"{\"RoleName\":\"r\"}"}"#,
            "",
            "iam:CreateRole create: AWS::IAM::Role new [write, privilege]; write, privilege",
        );
        check(
            "DeleteResource",
            r#"{"TypeName":"AWS::SQS::Queue","Identifier":"q"}"#,
            queue,
            "sqs:DeleteQueue delete: AWS::SQS::Queue q [destroy]; destroy",
        );
        check(
            "UpdateResource",
            r#"{"TypeName":"AWS::SQS::Queue","Identifier":"q","PatchDocument":"[{\"op\":\"replace\",\"path\":\"/VisibilityTimeout\",\"value\":60}]"}"#,
            queue,
            "sqs:SetQueueAttributes change VisibilityTimeout in place: AWS::SQS::Queue q [write]; write",
        );
        check(
            "UpdateResource",
            r#"{"TypeName":"AWS::SQS::Queue","Identifier":"q","PatchDocument":"[{\"op\":\"add\",\"path\":\"/QueueName\",\"value\":\"r\"}]"}"#,
            queue,
            "sqs:DeleteQueue replace (delete and create anew): AWS::SQS::Queue q [destroy]; destroy",
        );
        check(
            "DeleteResource",
            r#"{"TypeName":"Acme::Own::Thing","Identifier":"t"}"#,
            gone,
            "own:DeleteThing delete: Acme::Own::Thing t [execute, destroy]; execute, destroy",
        );
        for (operation, given, why) in [
            (
                "DeleteResource",
                r#"{"TypeName":"AWS::SQS::Queue"}"#,
                "the request does not say which resource",
            ),
            ("DeleteResource", r#"{"Identifier":"q"}"#, "the request names no resource type"),
            (
                "CreateResource",
                r#"{"TypeName":"AWS::SQS::Queue","DesiredState":"[1]"}"#,
                "the desired state is no object",
            ),
            (
                "UpdateResource",
                r#"{"TypeName":"AWS::SQS::Queue","Identifier":"q","PatchDocument":"[{\"op\":\"odd\",\"path\":\"/A\"}]"}"#,
                "the patch is not understood",
            ),
            (
                "UpdateResource",
                r#"{"TypeName":"AWS::SQS::Queue","Identifier":"q","PatchDocument":"[{\"op\":\"replace\",\"path\":\"\",\"value\":{}}]"}"#,
                "the patch is not understood",
            ),
        ] {
            check(operation, given, queue, &format!("{why}; execute, destroy"));
        }
    }

    #[test]
    fn its_tags_are_seen() {
        let given = r#"{"TypeName":"AWS::SQS::Queue","Identifier":"q"}"#;
        let given = crate::params::json::parse(given.as_bytes()).unwrap();
        let mut single = SingleGathering::of(SERVICE, "DeleteResource", "eu-west-1", &given).unwrap();
        assert_eq!(single.want().len(), 1);
        let body =
            r#"{"ResourceDescription":{"Properties":"{\"Tags\":[{\"Key\":\"env\",\"Value\":\"prod\"}]}"}}"#;
        single.take(&[ReadAnswer { status: 200, headers: Vec::new(), body: body.into() }]);
        let tags = model::Tags::Read([model::Tag::new("env", "prod")].into());
        assert_eq!(single.finish(Timestamp::from_millis(0)).tags, tags);
        single.take(&[]);
        assert_eq!(single.finish(Timestamp::from_millis(0)).tags, model::Tags::Unread);
    }
}
