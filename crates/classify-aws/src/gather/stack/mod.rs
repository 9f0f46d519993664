//! CloudFormation: what deleting, creating or updating a stack, or executing a change set, would do to each resource.
//! A change set is taken at its word where it says whether a resource is replaced; where it does not, the two templates
//! are compared. What cannot be listed stays unknown, and the outer `execute` stands.

mod behind;
mod changeset;
mod diff;
mod inner;
mod kinds;
mod single;
mod template;

pub(super) use single::SingleGathering;

use std::collections::{BTreeMap, BTreeSet};

use model::{Effect, EffectSet, InnerAction, Observation, Tags, Timestamp, Value, sanitize};

use crate::call::Call;

use super::{
    Gathered, Listing, Pin,
    answer::{self, Answer, ReadAnswer},
    ask,
    inverse::Undoing,
    marked::tags_in,
    observe::unordered,
    path,
};
use behind::Object;
use diff::Parameters;
use template::Template;

const SERVICE: &str = "cloudformation";
/// Pages of resources or changes that are followed.
const PAGES_MAX: usize = 6;
const INNER_MAX: usize = 500;
/// What `UpdateStack` takes inline.
const TEMPLATE_BODY_MAX: usize = 51_200;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Delete,
    Create,
    Update,
    CreateChangeSet,
    ExecuteChangeSet,
    DeleteChangeSet,
}

impl Operation {
    fn named(service: &str, name: &str) -> Option<Self> {
        if service != SERVICE {
            return None;
        }
        Some(match name {
            "DeleteStack" => Self::Delete,
            "CreateStack" => Self::Create,
            "UpdateStack" => Self::Update,
            "CreateChangeSet" => Self::CreateChangeSet,
            "ExecuteChangeSet" => Self::ExecuteChangeSet,
            "DeleteChangeSet" => Self::DeleteChangeSet,
            _ => return None,
        })
    }
}

pub(super) fn has_inverse(service: &str, name: &str) -> bool {
    match Operation::named(service, name) {
        Some(Operation::Create | Operation::CreateChangeSet | Operation::ExecuteChangeSet) => true,
        Some(Operation::Delete | Operation::Update | Operation::DeleteChangeSet) | None => false,
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Ask {
    Stack,
    Resources(Option<String>),
    Template,
    ChangeSet(Option<String>),
    ChangeSetTemplate,
    Behind,
}

#[derive(Debug)]
pub(super) struct StackGathering {
    operation: Operation,
    region: String,
    given: Value,
    queue: Vec<Ask>,
    asked: Vec<Ask>,
    stack: Option<Answer>,
    resources: Paged,
    template: Option<Answer>,
    change_set: Option<Answer>,
    changes: Paged,
    change_set_template: Option<Answer>,
    known_templates: BTreeMap<String, String>,
    /// What stands behind `TemplateURL`, or why that is not known.
    behind: Option<Result<String, String>>,
}

/// A list read page by page.
#[derive(Debug, Default)]
struct Paged {
    items: Vec<Value>,
    pages: usize,
    /// Why the list is not whole.
    broken: Option<String>,
}

impl StackGathering {
    pub(super) fn of(service: &str, operation: &str, region: &str, given: &Value) -> Option<Self> {
        let operation = Operation::named(service, operation)?;
        let mut queue = match operation {
            Operation::Delete | Operation::Update => vec![Ask::Stack, Ask::Resources(None), Ask::Template],
            Operation::Create => vec![Ask::Stack],
            Operation::CreateChangeSet => vec![Ask::Stack, Ask::Template],
            Operation::ExecuteChangeSet | Operation::DeleteChangeSet => vec![Ask::ChangeSet(None)],
        };
        let gives = |member: &str| path::text(given, member).is_some();
        if gives("TemplateURL") && !gives("TemplateBody") {
            queue.push(Ask::Behind);
        }
        Some(Self {
            operation,
            region: region.to_owned(),
            given: given.clone(),
            queue,
            asked: Vec::new(),
            stack: None,
            resources: Paged::default(),
            template: None,
            change_set: None,
            changes: Paged::default(),
            change_set_template: None,
            known_templates: BTreeMap::new(),
            behind: None,
        })
    }

    pub(super) fn know(&mut self, change_set: &str, template: &str) {
        self.known_templates.insert(change_set.to_owned(), template.to_owned());
    }

    pub(super) fn want(&mut self) -> Vec<Call> {
        let queue = std::mem::take(&mut self.queue);
        let mut calls = Vec::new();
        for ask in queue {
            // Nothing is asked of a stack that is not named: the answer would be of all stacks.
            if let Some(call) = self.call(&ask) {
                calls.push(call);
                self.asked.push(ask);
            }
        }
        calls
    }

    fn call(&self, ask: &Ask) -> Option<Call> {
        let (operation, members) = match ask {
            Ask::Behind => return Some(self.address()?.read(&self.region)),
            Ask::Stack => ("DescribeStacks", vec![("StackName", self.stack_name()?)]),
            Ask::Resources(token) => {
                let mut members = vec![("StackName", self.stack_name()?)];
                members.extend(token.clone().map(|token| ("NextToken", token)));
                ("ListStackResources", members)
            }
            Ask::Template => (
                "GetTemplate",
                vec![("StackName", self.stack_name()?), ("TemplateStage", "Original".to_owned())],
            ),
            Ask::ChangeSet(token) => {
                let mut members = self.change_set_members()?;
                members.extend(token.clone().map(|token| ("NextToken", token)));
                ("DescribeChangeSet", members)
            }
            Ask::ChangeSetTemplate => {
                let mut members = vec![("TemplateStage", "Original".to_owned())];
                members.extend(self.change_set_members()?);
                members.retain(|(name, _)| *name != "StackName");
                members.push(("StackName", self.stack_name()?));
                ("GetTemplate", members)
            }
        };
        let members =
            members.into_iter().map(|(name, value)| (name.to_owned(), Value::Text(value))).collect();
        Some(ask::call(SERVICE, operation, &self.region, members))
    }

    fn gives(&self, member: &str) -> bool {
        path::text(&self.given, member).is_some()
    }

    fn address(&self) -> Option<Object> {
        Object::at(&path::text(&self.given, "TemplateURL")?)
    }

    fn change_set_members(&self) -> Option<Vec<(&'static str, String)>> {
        // Once resolved, always by its ARN: a name can be given to another change set between two reads.
        let resolved = self.change_set_text("ChangeSetId");
        let name =
            resolved.or_else(|| path::text(&self.given, "ChangeSetName")).filter(|name| !name.is_empty())?;
        let mut members = vec![("ChangeSetName", name)];
        members.extend(self.stack_name().map(|stack| ("StackName", stack)));
        Some(members)
    }

    fn stack_name(&self) -> Option<String> {
        self.change_set_text("StackId")
            .or_else(|| self.stack_text("StackId"))
            .or_else(|| path::text(&self.given, "StackName"))
            .filter(|name| !name.is_empty())
    }

    fn change_set_text(&self, path: &str) -> Option<String> {
        found(self.change_set.as_ref()).and_then(|value| path::text(value, path))
    }

    fn stack_text(&self, path: &str) -> Option<String> {
        found(self.stack.as_ref()).and_then(|value| path::text(value, path))
    }

    pub(super) fn take(&mut self, answers: &[ReadAnswer]) {
        let absent = ["ValidationError~does not exist".to_owned(), "ChangeSetNotFound".to_owned()];
        for (nth, ask) in std::mem::take(&mut self.asked).into_iter().enumerate() {
            if ask == Ask::Behind {
                self.take_behind(answers.get(nth));
                continue;
            }
            let answer = answers
                .get(nth)
                .map_or_else(|| Answer::Failed("not answered".to_owned()), |raw| answer::read(raw, &absent));
            match ask {
                Ask::Stack => self.stack = Some(only_stack(answer)),
                Ask::Template => self.template = Some(answer),
                Ask::ChangeSetTemplate => self.change_set_template = Some(answer),
                Ask::Resources(_) => {
                    if let Some(token) = self.resources.take(&answer, "StackResourceSummaries") {
                        self.queue.push(Ask::Resources(Some(token)));
                    }
                }
                Ask::ChangeSet(token) => self.take_change_set(answer, token.is_none()),
                Ask::Behind => {}
            }
        }
    }

    /// From here on it stands in the request, as it will in the one that is forwarded.
    fn take_behind(&mut self, answer: Option<&ReadAnswer>) {
        let found = answer.map_or_else(|| Err("not answered".to_owned()), behind::template_in);
        if let (Ok(template), Value::Map(given)) = (&found, &mut self.given) {
            given.insert("TemplateBody".to_owned(), Value::text(template));
        }
        self.behind = Some(found);
    }

    /// Why what stands behind `TemplateURL` is not known, where that is so.
    fn not_behind(&self) -> Option<String> {
        match &self.behind {
            Some(Ok(_)) => None,
            Some(Err(why)) => Some(format!("what TemplateURL names: {why}")),
            None => {
                let url = path::text(&self.given, "TemplateURL")?;
                Object::at(&url)
                    .is_none()
                    .then(|| "what TemplateURL names: it is no address of an object in S3".to_owned())
            }
        }
    }

    fn take_change_set(&mut self, answer: Answer, is_first: bool) {
        if let Some(token) = self.changes.take(&answer, "Changes") {
            self.queue.push(Ask::ChangeSet(Some(token)));
        }
        if !is_first {
            return;
        }
        let is_found = matches!(answer, Answer::Found(_));
        self.change_set = Some(answer);
        if is_found && self.operation == Operation::ExecuteChangeSet {
            self.queue.extend([Ask::Stack, Ask::Resources(None), Ask::Template]);
            let known =
                self.change_set_text("ChangeSetId").is_some_and(|id| self.known_templates.contains_key(&id));
            if !known {
                self.queue.push(Ask::ChangeSetTemplate);
            }
        }
    }

    pub(super) fn finish(&self, at: Timestamp) -> (Gathered, Option<Undoing>) {
        let mut found = Found::default();
        match self.operation {
            Operation::Delete => self.delete(&mut found),
            Operation::Create => self.create(&mut found),
            Operation::Update => {
                found.unknown("what an update changes is not listed before it runs; use a change set")
            }
            Operation::CreateChangeSet => self.create_change_set(&mut found),
            Operation::ExecuteChangeSet => self.execute_change_set(&mut found),
            Operation::DeleteChangeSet => found.listed = true,
        }
        if let Some(why) = self.not_behind() {
            found.unknown(&why);
        }
        // A service that took the one that was not looked at would do something else.
        if self.behind.is_none() && self.gives("TemplateURL") && self.gives("TemplateBody") {
            found.not_listed("the request gives a template and the address of another");
        }
        if found.inner.len() > INNER_MAX {
            found.inner.truncate(INNER_MAX);
            found.not_listed("there are more inner actions than are listed");
            found.destroys = true;
        }
        let effects = found.effects(self.operation);
        let observation = self.observe(at, &mut found);
        let undo = found.undo.take();
        let listing = if found.listed { Listing::Whole } else { Listing::Partial };
        (
            Gathered {
                observation,
                sought: None,
                undo: None,
                effects,
                listing,
                pins: self.pins(),
                tags: self.tags(),
                handed: None,
                unknowns: found.unknowns,
            },
            undo,
        )
    }

    /// Of the stack, and of everything that its template tags.
    fn tags(&self) -> Tags {
        let stack = match &self.stack {
            Some(Answer::Found(stack)) => tags_in(stack),
            Some(Answer::Absent) => BTreeSet::new(),
            Some(Answer::Failed(_)) | None => return Tags::Unread,
        };
        let mut tags = stack;
        match (&self.template, found_text(self.template.as_ref(), "TemplateBody")) {
            (None | Some(Answer::Absent), _) => {}
            (Some(_), text) => match text.and_then(|text| Template::parse(&text)).and_then(|it| it.tags()) {
                Some(own) => tags.extend(own),
                None => return Tags::Unread,
            },
        }
        Tags::Read(tags)
    }

    fn pins(&self) -> Vec<Pin> {
        let change_set = self.change_set_text("ChangeSetId").map(|id| Pin::of("ChangeSetName", id));
        let template = self.behind.iter().filter_map(|it| it.as_ref().ok()).map(|template| Pin {
            instead_of: Some("TemplateURL".to_owned()),
            ..Pin::of("TemplateBody", template.clone())
        });
        change_set.into_iter().chain(template).collect()
    }

    fn observe(&self, at: Timestamp, found: &mut Found) -> Option<Observation> {
        let mut facts = Vec::new();
        let mut projection = BTreeMap::new();
        for (name, answer) in [("stack", &self.stack), ("change set", &self.change_set)] {
            let kept: &[&str] = if name == "stack" { &STACK_KEPT } else { &CHANGE_SET_KEPT };
            match answer {
                None => {}
                Some(Answer::Absent) => {
                    facts.push((name.to_owned(), "absent".to_owned()));
                    projection.insert(name.to_owned(), Value::text("absent"));
                }
                Some(Answer::Failed(why)) => found.unknown(&format!("the {name} could not be read: {why}")),
                Some(Answer::Found(value)) => {
                    projection.insert(name.to_owned(), keep(value, kept, &mut facts));
                }
            }
        }
        if projection.is_empty() {
            return None;
        }
        if let Some(template) = found_text(self.template.as_ref(), "TemplateBody") {
            let digest = model::Digest::of(template.as_bytes());
            facts.push(("template".to_owned(), format!("sha256:{}", digest.short())));
            projection.insert("template".to_owned(), digest.into());
        }
        if let Some(template) = self.new_template() {
            let digest = model::Digest::of(template.as_bytes());
            facts.push(("change set's template".to_owned(), format!("sha256:{}", digest.short())));
            projection.insert("change set's template".to_owned(), digest.into());
        }
        if let Some(Ok(template)) = &self.behind {
            let digest = model::Digest::of(template.as_bytes());
            facts.push(("template at TemplateURL".to_owned(), format!("sha256:{}", digest.short())));
            projection.insert("template at TemplateURL".to_owned(), digest.into());
        }
        if self.resources.pages > 0 {
            facts.push(("resources".to_owned(), self.resources.items.len().to_string()));
            let kept = self.resources.items.iter().map(|item| {
                keep(
                    item,
                    &["LogicalResourceId", "PhysicalResourceId", "ResourceType", "ResourceStatus"],
                    &mut vec![],
                )
            });
            projection.insert("resources".to_owned(), unordered(&Value::List(kept.collect())));
        }
        if self.changes.pages > 0 {
            projection.insert("changes".to_owned(), unordered(&Value::List(self.changes.items.clone())));
        }
        Some(Observation {
            at,
            facts,
            fingerprint: Observation::fingerprint_of(&Value::Map(projection)),
            inner: std::mem::take(&mut found.inner),
            inner_whole: found.listed,
            unknowns: found.unknowns.clone(),
        })
    }

    /// Every resource goes, unless its deletion policy keeps it; the stack itself always does.
    fn delete(&self, found: &mut Found) {
        found.destroys = true;
        found.listed = true;
        match &self.stack {
            Some(Answer::Found(_)) => {}
            Some(Answer::Absent) => return,
            Some(Answer::Failed(_)) | None => return found.not_listed("the stack could not be read"),
        }
        if let Some(why) = &self.resources.broken {
            found.not_listed(&format!("the stack's resources could not all be read: {why}"));
        }
        let template =
            found_text(self.template.as_ref(), "TemplateBody").and_then(|text| Template::parse(&text));
        if template.is_none() {
            found.unknown("the template could not be read, so every resource counts as deleted");
        }
        for item in &self.resources.items {
            let Some(resource) = inner::Resource::of(item) else {
                found.not_listed("a resource of the stack is not understood");
                continue;
            };
            if resource.status == "DELETE_COMPLETE" {
                continue;
            }
            let policy = template.as_ref().and_then(|template| inner::deletion_policy(template, &resource));
            if resource.kind == "AWS::CloudFormation::Stack" {
                found.unknown(&format!("what the nested stack {} holds is not listed", resource.logical));
            }
            found.inner.extend(inner::deleted(&resource, policy));
        }
    }

    fn create(&self, found: &mut Found) {
        let Some(template) = path::text(&self.given, "TemplateBody") else {
            return found.not_listed("the template is not in the request, so what it creates is not known");
        };
        let Some(template) = Template::parse(&template) else {
            return found.not_listed("the template could not be read, so what it creates is not known");
        };
        found.listed = true;
        if template.transforms {
            found.not_listed("the template has macros, so what it creates is not known");
        }
        for (name, definition) in &template.resources {
            let properties: Vec<&str> = definition.properties.keys().map(String::as_str).collect();
            if definition.kind == "AWS::CloudFormation::Stack" {
                found.not_listed(&format!(
                    "what the nested stack {} creates is not listed",
                    sanitize(name, 80)
                ));
            }
            found.add(inner::created(name, &definition.kind, Some(&properties)));
        }
        if path::text(&self.given, "RoleARN").is_some() {
            found.role();
        }
        if matches!(self.stack, Some(Answer::Absent)) {
            found.undo = self.delete_stack(path::text(&self.given, "StackName"));
        }
    }

    /// Inert until executed; only a macro would run now.
    fn create_change_set(&self, found: &mut Found) {
        let text = match path::text(&self.given, "UsePreviousTemplate").as_deref() {
            Some("true") => found_text(self.template.as_ref(), "TemplateBody"),
            Some(_) | None => path::text(&self.given, "TemplateBody"),
        };
        match text.and_then(|text| Template::parse(&text)) {
            None => found.not_listed("the change set's template could not be read"),
            Some(template) if template.transforms => {
                found.not_listed("the change set's template has macros, which run when it is created");
            }
            Some(_) => {
                found.listed = true;
                found.writes = true;
            }
        }
        if path::text(&self.given, "RoleARN").is_some() {
            found.role();
        }
        let names = (path::text(&self.given, "StackName"), path::text(&self.given, "ChangeSetName"));
        let is_named = |status: &str| self.stack_text("StackStatus").as_deref() == Some(status);
        match (&self.stack, names) {
            // Creating a change set for a new stack makes an empty stack in review.
            (Some(Answer::Absent), (stack, _)) => found.undo = self.delete_stack(stack),
            (Some(Answer::Found(_)), (Some(stack), Some(name))) if !is_named("DELETE_COMPLETE") => {
                let members = [("StackName", stack), ("ChangeSetName", name.clone())];
                found.undo = Some(self.undoing("DeleteChangeSet", &name, true, members.into()));
            }
            (Some(Answer::Found(_) | Answer::Failed(_)) | None, _) => {}
        }
    }

    fn delete_stack(&self, name: Option<String>) -> Option<Undoing> {
        let name = name?;
        Some(self.undoing("DeleteStack", &name, true, [("StackName", name.clone())].into()))
    }

    fn undoing<K: Into<String>>(
        &self,
        operation: &str,
        target: &str,
        removes_created: bool,
        members: Vec<(K, String)>,
    ) -> Undoing {
        let members = members.into_iter().map(|(name, value)| (name.into(), Value::Text(value))).collect();
        let purpose = if removes_created { "remove what was created" } else { "put back the state before" };
        Undoing {
            summary: format!("{purpose}: {SERVICE}:{operation} ({})", sanitize(target, 200)),
            call: ask::call(SERVICE, operation, &self.region, members),
            removes_created,
        }
    }
}

const STACK_KEPT: [&str; 13] = [
    "StackId",
    "StackName",
    "StackStatus",
    "ChangeSetId",
    "EnableTerminationProtection",
    "DisableRollback",
    "RoleARN",
    "ParentId",
    "RootId",
    "Parameters",
    "Tags",
    "Capabilities",
    "NotificationARNs",
];

const CHANGE_SET_KEPT: [&str; 12] = [
    "ChangeSetId",
    "ChangeSetName",
    "StackId",
    "Status",
    "ExecutionStatus",
    "Parameters",
    "Tags",
    "Capabilities",
    "NotificationARNs",
    "OnStackFailure",
    "ImportExistingResources",
    "RollbackConfiguration",
];

/// Scalars are shown; parameters and what else is nested only count.
fn keep(value: &Value, paths: &[&str], facts: &mut Vec<(String, String)>) -> Value {
    let mut kept = BTreeMap::new();
    for path in paths {
        let found = path::select(value, path);
        let Some(first) = found.first() else { continue };
        if let Some(text) = path::scalar(first) {
            facts.push(((*path).to_owned(), sanitize(&text, 200)));
        }
        kept.insert((*path).to_owned(), unordered(first));
    }
    Value::Map(kept)
}

/// What was found out, and how far it can be trusted to be all.
#[derive(Debug, Default)]
struct Found {
    inner: Vec<InnerAction>,
    unknowns: Vec<String>,
    listed: bool,
    /// Effects beside those of the inner actions.
    destroys: bool,
    privileges: bool,
    writes: bool,
    undo: Option<Undoing>,
}

impl Found {
    fn add(&mut self, action: InnerAction) {
        self.inner.push(action);
    }

    fn unknown(&mut self, what: &str) {
        self.unknowns.push(what.to_owned());
    }

    fn not_listed(&mut self, why: &str) {
        self.listed = false;
        self.unknown(why);
    }

    /// The stack acts with a role that the caller hands it.
    fn role(&mut self) {
        self.privileges = true;
    }

    /// Where not all is listed, what is listed still counts, and `execute` stands for the rest (of a delete: nothing
    /// but more of the same). `None`: nothing is known beyond the operation itself.
    fn effects(&self, operation: Operation) -> Option<EffectSet> {
        let beside = [
            (self.writes, Effect::Write),
            (self.privileges, Effect::Privilege),
            (self.destroys, Effect::Destroy),
        ];
        let beside = beside.into_iter().filter(|(holds, _)| *holds).map(|(_, effect)| EffectSet::of(effect));
        let known = self.inner.iter().map(|action| action.effects).chain(beside).reduce(EffectSet::union);
        if self.listed || operation == Operation::Delete {
            return known;
        }
        known.map(|known| known.with(Effect::Execute))
    }
}

impl Paged {
    /// The token of the next page, where there is one to be read.
    fn take(&mut self, answer: &Answer, path: &str) -> Option<String> {
        self.pages += 1;
        match answer {
            Answer::Found(value) => {
                self.items.extend(path::select(value, path).into_iter().flat_map(path::items).cloned());
                let token = path::text(value, "NextToken")?;
                if self.pages >= PAGES_MAX || self.items.len() > INNER_MAX {
                    self.broken = Some("there are too many".to_owned());
                    return None;
                }
                Some(token)
            }
            Answer::Absent => {
                self.broken = Some("they are gone".to_owned());
                None
            }
            Answer::Failed(why) => {
                self.broken = Some(why.clone());
                None
            }
        }
    }
}

fn found(answer: Option<&Answer>) -> Option<&Value> {
    match answer {
        Some(Answer::Found(value)) => Some(value),
        Some(Answer::Absent | Answer::Failed(_)) | None => None,
    }
}

fn found_text(answer: Option<&Answer>, path: &str) -> Option<String> {
    found(answer).and_then(|value| path::text(value, path))
}

/// The one stack of a `DescribeStacks`; a stack that was deleted is not there.
fn only_stack(answer: Answer) -> Answer {
    let Answer::Found(value) = answer else { return answer };
    let stacks: Vec<_> = path::select(&value, "Stacks").into_iter().flat_map(path::items).collect();
    match stacks.as_slice() {
        [stack] if path::text(stack, "StackStatus").as_deref() == Some("DELETE_COMPLETE") => Answer::Absent,
        [stack] => Answer::Found((*stack).clone()),
        [] => Answer::Absent,
        _ => Answer::Failed("several stacks answer to the name".to_owned()),
    }
}

/// Masked values are not known.
fn parameters(of: &Value) -> Parameters {
    path::select(of, "Parameters")
        .into_iter()
        .flat_map(path::items)
        .filter_map(|parameter| {
            let value = path::text(parameter, "ParameterValue").unwrap_or_default();
            let is_masked = !value.is_empty() && value.chars().all(|character| character == '*');
            Some((path::text(parameter, "ParameterKey")?, (!is_masked).then_some(value)))
        })
        .collect()
}
