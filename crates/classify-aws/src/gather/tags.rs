//! The inverse of tagging: keys that are new are removed again, values that were replaced are put back. Where a
//! request does both there is no single inverse, and it says so.

use std::collections::BTreeMap;

use model::Value;

use crate::call::Call;

use super::{
    answer::{Answer, ReadAnswer},
    ask,
    inverse::Undoing,
    path,
    reads::Reads,
    rule::Facts,
    table::{INVERSE, TagShape, Tags},
};

#[derive(Debug)]
pub(super) struct Retagging {
    region: String,
    entry: &'static Tags,
    way: Way,
    reads: Reads,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Tag,
    Untag,
}

impl Retagging {
    pub(super) fn of(service: &str, operation: &str, region: &str) -> Option<Self> {
        let entry = entry(service, operation)?;
        let way = if entry.tag == operation { Way::Tag } else { Way::Untag };
        let reads = Reads::new(service, region, std::slice::from_ref(&entry.read));
        Some(Self { region: region.to_owned(), entry, way, reads })
    }

    pub(super) const fn reads(&self) -> &Reads {
        &self.reads
    }

    pub(super) fn want(&mut self, given: &Value) -> Vec<Call> {
        self.reads.want(given)
    }

    pub(super) fn take(&mut self, answers: &[ReadAnswer]) {
        self.reads.take(answers);
    }

    pub(super) fn finish(&self, given: &Value) -> Result<Undoing, String> {
        let before = match self.reads.answers().get(self.entry.read.name()) {
            Some(Answer::Found(value)) => value.clone(),
            Some(Answer::Absent) => Value::Null,
            Some(Answer::Failed(why)) => {
                return Err(format!("undo not captured: {} failed: {why}", self.entry.read.call));
            }
            None => return Err("undo not captured: the tags before were not read".to_owned()),
        };
        let entry = self.entry;
        // A list cut short by the service would make an existing tag look new.
        if ["NextToken", "nextToken", "NextMarker", "Marker"]
            .iter()
            .any(|more| path::text(&before, more).is_some())
        {
            return Err("undo not captured: there are more tags than one answer holds".to_owned());
        }
        let names = (
            entry.current_key.as_ref().unwrap_or(&entry.key).as_str(),
            entry.current_value.as_ref().unwrap_or(&entry.value).as_str(),
        );
        let shape = entry.current_shape.unwrap_or(entry.shape);
        let before = pairs(&path::select(&before, &entry.current), shape, names)?;
        match self.way {
            Way::Tag => {
                let names = (entry.key.as_str(), entry.value.as_str());
                let given_tags = pairs(&path::select(given, &entry.given), entry.shape, names)?;
                let old: BTreeMap<_, _> =
                    before.into_iter().filter(|(key, _)| given_tags.contains_key(key)).collect();
                if given_tags.is_empty() {
                    Err("undo not captured: the request names no tag".to_owned())
                } else if old.is_empty() {
                    self.untag(given, given_tags.into_keys().collect())
                } else if old.len() == given_tags.len() {
                    self.tag(given, old)
                } else {
                    Err("undo not captured: the request adds some tags and replaces others".to_owned())
                }
            }
            Way::Untag => {
                let keys: Vec<String> = path::select(given, &entry.keys)
                    .into_iter()
                    .flat_map(path::items)
                    .filter_map(|item| path::scalar(item.get(&entry.key).unwrap_or(item)))
                    .collect();
                let old: BTreeMap<_, _> = before.into_iter().filter(|(key, _)| keys.contains(key)).collect();
                if old.is_empty() {
                    return Err("undo not captured: none of these tags is set".to_owned());
                }
                self.tag(given, old)
            }
        }
    }

    fn tag(&self, given: &Value, tags: BTreeMap<String, String>) -> Result<Undoing, String> {
        if self.names_several(given) {
            return Err("undo not captured: the resources may have had different tags".to_owned());
        }
        let entry = self.entry;
        let value = match entry.shape {
            TagShape::Map => Value::map(tags.into_iter().map(|(key, value)| (key, Value::Text(value)))),
            TagShape::List => Value::List(
                tags.into_iter()
                    .map(|(key, value)| {
                        Value::map([
                            (entry.key.clone(), Value::Text(key)),
                            (entry.value.clone(), Value::Text(value)),
                        ])
                    })
                    .collect(),
            ),
        };
        let place = entry.put.as_ref().unwrap_or(&entry.given);
        self.undoing(given, &entry.tag, place, value, "put back the tags as they were")
    }

    fn names_several(&self, given: &Value) -> bool {
        let facts = Facts { given, answers: self.reads.answers() };
        self.entry
            .id
            .values()
            .filter_map(toml::Value::as_str)
            .any(|operand| matches!(facts.resolve(operand), Ok(Value::List(items)) if items.len() > 1))
    }

    fn untag(&self, given: &Value, keys: Vec<String>) -> Result<Undoing, String> {
        let entry = self.entry;
        let keys = keys.into_iter().map(|key| {
            if entry.keys_as_items {
                Value::map([(entry.key.clone(), Value::Text(key))])
            } else {
                Value::Text(key)
            }
        });
        let place = entry.put_keys.as_ref().unwrap_or(&entry.keys);
        self.undoing(given, &entry.untag, place, Value::List(keys.collect()), "remove the tags that are new")
    }

    fn undoing(
        &self,
        given: &Value,
        operation: &str,
        place: &str,
        value: Value,
        purpose: &str,
    ) -> Result<Undoing, String> {
        let facts = Facts { given, answers: self.reads.answers() };
        let mut members = facts
            .fill(&self.entry.id)
            .map_err(|_| "undo not captured: the request does not name one resource".to_owned())?;
        let identified = ask::identifiers(&self.entry.id, &members);
        members.insert(place.to_owned(), value);
        let call = ask::call(&self.entry.service, operation, &self.region, members);
        let summary = format!("{purpose}: {}:{operation} ({identified})", self.entry.service);
        Ok(Undoing { summary, call, removes_created: false })
    }
}

pub(super) fn entry(service: &str, operation: &str) -> Option<&'static Tags> {
    INVERSE
        .tags
        .iter()
        .find(|entry| entry.service == service && (entry.tag == operation || entry.untag == operation))
}

fn pairs(
    found: &[&Value],
    shape: TagShape,
    (key_name, value_name): (&str, &str),
) -> Result<BTreeMap<String, String>, String> {
    let mut tags = BTreeMap::new();
    for value in found.iter().flat_map(|value| path::items(value)) {
        match (shape, value) {
            (TagShape::Map, Value::Map(members)) => {
                for (key, value) in members {
                    let value = path::scalar(value)
                        .ok_or_else(|| "undo not captured: a tag is no text".to_owned())?;
                    tags.insert(key.clone(), value);
                }
            }
            (TagShape::List, value) => {
                let key = value.get(key_name).and_then(path::scalar);
                let key = key.ok_or_else(|| "undo not captured: a tag has no key".to_owned())?;
                let text = value.get(value_name).and_then(path::scalar).unwrap_or_default();
                tags.insert(key, text);
            }
            (TagShape::Map, _) => return Err("undo not captured: the tags are not understood".to_owned()),
        }
    }
    Ok(tags)
}
