//! Executing a change set: each of its changes as an inner action, and the update that puts the stack back.

use std::collections::{BTreeMap, BTreeSet};

use model::{Effect, Value, sanitize};

use super::{
    Found, StackGathering, TEMPLATE_BODY_MAX,
    diff::{self, Difference},
    found as value_of, found_text, inner, parameters,
    template::Template,
};
use crate::gather::{inverse::Undoing, path};

impl StackGathering {
    pub(super) fn execute_change_set(&self, found: &mut Found) {
        let Some(change_set) = value_of(self.change_set.as_ref()) else {
            return found.not_listed("the change set could not be read");
        };
        if let Some(why) = &self.changes.broken {
            found.not_listed(&format!("the change set's changes could not all be read: {why}"));
            found.destroys = true;
        }
        let new = self.new_template().and_then(|text| Template::parse(&text));
        let compared = self.compare(change_set, new.as_ref());
        let old = found_text(self.template.as_ref(), "TemplateBody").and_then(|text| Template::parse(&text));
        let is_told = self
            .changes
            .items
            .iter()
            .any(|change| path::text(change, "ResourceChange.Replacement").is_some());
        found.listed = self.changes.broken.is_none();
        let mut named = BTreeSet::new();
        for item in &self.changes.items {
            let Some(change) = inner::Change::of(item) else {
                found.not_listed("a change of the change set is not understood");
                found.destroys = true;
                continue;
            };
            named.insert(change.logical.clone());
            if change.kind == "AWS::CloudFormation::Stack" {
                found.not_listed(&format!(
                    "what changes in the nested stack {} is not listed",
                    change.logical
                ));
            }
            let difference = compared.as_ref().ok().and_then(|all| all.get(&change.logical));
            found.add(inner::changed(&change, difference, defined(new.as_ref(), &change.logical).as_deref()));
        }
        match &compared {
            Err(why) if !is_told => {
                found.unknown(why);
                // Without the templates nothing shows that the list is whole; of a new stack there is nothing to lose.
                found.destroys = self.stack_text("StackStatus").as_deref() != Some("REVIEW_IN_PROGRESS");
            }
            Ok(differences) if !is_told => {
                for (logical, difference) in differences.iter().filter(|(name, _)| !named.contains(*name)) {
                    let template = if *difference == Difference::Removed { &old } else { &new };
                    let definition = template.as_ref().and_then(|template| template.resources.get(logical));
                    let kind = definition.map_or("", |definition| definition.kind.as_str());
                    found.add(inner::differs(logical, kind, &self.physical(logical), difference));
                }
            }
            Ok(_) | Err(_) => {}
        }
        if self.change_set_text("Status").is_some_and(|status| status != "CREATE_COMPLETE") {
            found.unknown("the change set is not complete");
        }
        if found.inner.is_empty() {
            // Outputs, exports or nothing at all.
            found.writes = true;
        }
        if found.listed
            && !found.effects(self.operation).is_none_or(|effects| effects.contains(Effect::Destroy))
        {
            match self.put_back(change_set) {
                Ok(undo) => found.undo = Some(undo),
                Err(why) => found.unknown(&format!("undo not captured: {why}")),
            }
        }
    }

    fn physical(&self, logical: &str) -> String {
        let of = |item: &&Value| path::text(item, "LogicalResourceId").as_deref() == Some(logical);
        let item = self.resources.items.iter().find(of);
        item.and_then(|item| path::text(item, "PhysicalResourceId")).unwrap_or_else(|| logical.to_owned())
    }

    pub(super) fn new_template(&self) -> Option<String> {
        let id = self.change_set_text("ChangeSetId")?;
        self.known_templates
            .get(&id)
            .cloned()
            .or_else(|| found_text(self.change_set_template.as_ref(), "TemplateBody"))
    }

    fn compare(
        &self,
        change_set: &Value,
        new: Option<&Template>,
    ) -> Result<BTreeMap<String, Difference>, String> {
        let parse = |text: Option<String>| text.and_then(|text| Template::parse(&text));
        let new = new.ok_or("the change set's template could not be read")?;
        // A new stack is in review: it has no template yet.
        let old = match self.stack_text("StackStatus").as_deref() {
            Some("REVIEW_IN_PROGRESS") => Template::parse("{\"Resources\":{}}"),
            Some(_) => parse(found_text(self.template.as_ref(), "TemplateBody")),
            None => None,
        };
        let old = old.ok_or("the stack's template could not be read")?;
        if old.transforms || new.transforms {
            return Err("the templates have macros and cannot be compared".to_owned());
        }
        let stack = value_of(self.stack.as_ref()).ok_or("the stack could not be read")?;
        let differences = diff::differences(&old, new, &parameters(stack), &parameters(change_set));
        // An upstream that gives the stack's own template for the change set's would make every change look like none.
        let unexplained = self
            .changes
            .items
            .iter()
            .filter_map(inner::Change::of)
            .find(|change| !differences.contains_key(&change.logical));
        match unexplained {
            Some(change) => Err(format!(
                "the templates do not show what changes in {}: the change set's may not be what was read",
                sanitize(&change.logical, 80)
            )),
            None => Ok(differences),
        }
    }

    /// The previous template with the previous parameters.
    fn put_back(&self, change_set: &Value) -> Result<Undoing, String> {
        let stack = value_of(self.stack.as_ref()).ok_or("the stack could not be read")?;
        let name = self.stack_name().ok_or("the stack has no name")?;
        if path::text(stack, "StackStatus").as_deref() == Some("REVIEW_IN_PROGRESS") {
            return self.delete_stack(Some(name)).ok_or_else(|| "the stack has no name".to_owned());
        }
        let template =
            found_text(self.template.as_ref(), "TemplateBody").ok_or("the template could not be read")?;
        if template.len() > TEMPLATE_BODY_MAX {
            return Err("the template is larger than an update takes inline".to_owned());
        }
        let mut members = vec![("StackName".to_owned(), name.clone()), ("TemplateBody".to_owned(), template)];
        if parameters(change_set).values().any(Option::is_none) {
            return Err("a parameter's value is hidden".to_owned());
        }
        for ((name, value), nth) in parameters(stack).into_iter().zip(1_usize..) {
            let value = value.ok_or_else(|| format!("the value of parameter {name} is hidden"))?;
            members.push((format!("Parameters.member.{nth}.ParameterKey"), name));
            members.push((format!("Parameters.member.{nth}.ParameterValue"), value));
        }
        for (path, place) in [("Capabilities", "Capabilities"), ("NotificationARNs", "NotificationARNs")] {
            let all: Vec<_> = path::select(stack, path).into_iter().flat_map(path::items).collect();
            for (value, nth) in all.into_iter().filter_map(path::scalar).zip(1_usize..) {
                members.push((format!("{place}.member.{nth}"), value));
            }
        }
        let tags: Vec<_> = path::select(stack, "Tags").into_iter().flat_map(path::items).collect();
        for (tag, nth) in tags.into_iter().zip(1_usize..) {
            let (key, value) = (path::text(tag, "Key").ok_or("a tag has no key")?, path::text(tag, "Value"));
            members.push((format!("Tags.member.{nth}.Key"), key));
            members.push((format!("Tags.member.{nth}.Value"), value.unwrap_or_default()));
        }
        if let Some(role) = path::text(stack, "RoleARN") {
            members.push(("RoleARN".to_owned(), role));
        }
        let adds = self
            .changes
            .items
            .iter()
            .any(|change| path::text(change, "ResourceChange.Action").as_deref() == Some("Add"));
        Ok(self.undoing("UpdateStack", &name, adds, members))
    }
}

/// The names of the properties that the new template gives a resource.
fn defined(template: Option<&Template>, logical: &str) -> Option<Vec<String>> {
    Some(template?.resources.get(logical)?.properties.keys().cloned().collect())
}
