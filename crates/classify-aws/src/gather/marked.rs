//! The tags of a target, out of whatever answers show them. Services write them as lists of pairs and as maps, under
//! names that all say "tag"; each is understood, because a tag that is overlooked would leave production unprotected.

use std::collections::{BTreeMap, BTreeSet};

use model::{Tag, Tags, Value};

use super::{answer::Answer, path, reads::Reads};

const DEPTH_MAX: usize = 24;
const KEYS: [&str; 4] = ["key", "tagkey", "tag-key", "name"];
const VALUES: [&str; 3] = ["value", "tagvalue", "tag-value"];

/// `Tags`, `TagSet`, `TagList`, `TagSpecification`, `tags`, `x-amz-tagging`.
pub(crate) fn names_tags(member: &str) -> bool {
    let lowered = member.to_ascii_lowercase();
    let stem = lowered.trim_end_matches("list").trim_end_matches("set").trim_end_matches("s");
    stem.ends_with("tag")
        || lowered.ends_with("tagging")
        || lowered.ends_with("tagspecification")
        || lowered.ends_with("tagspecifications")
}

/// Every tag in `value`, at any depth.
pub(crate) fn tags_in(value: &Value) -> BTreeSet<Tag> {
    collected(value, false).tags
}

/// The same; `None` where a tag's value is not plain text (a reference, which may come to anything).
pub(super) fn whole_tags(value: &Value) -> Option<BTreeSet<Tag>> {
    let Collected { tags, unclear } = collected(value, false);
    (!unclear).then_some(tags)
}

#[derive(Default)]
struct Collected {
    tags: BTreeSet<Tag>,
    unclear: bool,
}

/// Tags are read where every read whose kept members include them was answered, and there is at least one.
pub(super) fn tags_of<'r>(all: impl Iterator<Item = &'r Reads>) -> Tags {
    let mut found = None;
    for reads in all {
        for spec in reads.done() {
            let shows = spec
                .keep
                .iter()
                .flat_map(|path| path.split('.'))
                .any(|step| names_tags(step.split('[').next().unwrap_or(step)))
                || spec.call.contains("Tag");
            match reads.answers().get(spec.name()) {
                Some(Answer::Found(value)) => {
                    // Below `under` the member that says "tag" is gone.
                    let tags =
                        if spec.call.contains("Tag") { collected(value, true).tags } else { tags_in(value) };
                    if shows || !tags.is_empty() {
                        found.get_or_insert_with(BTreeSet::new).extend(tags);
                    }
                }
                Some(Answer::Absent) if shows => {
                    found.get_or_insert_with(BTreeSet::new);
                }
                Some(Answer::Failed(_)) if shows => return Tags::Unread,
                Some(Answer::Absent | Answer::Failed(_)) | None => {}
            }
        }
    }
    found.map_or(Tags::Unread, Tags::Read)
}

fn collected(value: &Value, inside: bool) -> Collected {
    let mut collected = Collected::default();
    collected.take(value, inside, 0);
    collected
}

impl Collected {
    fn take(&mut self, value: &Value, inside: bool, depth: usize) {
        if depth > DEPTH_MAX {
            self.unclear = true;
            return;
        }
        match value {
            Value::List(items) => items.iter().for_each(|item| self.take(item, inside, depth + 1)),
            Value::Map(members) => {
                if inside {
                    self.take_pairs(members);
                }
                for (name, value) in members {
                    if name.eq_ignore_ascii_case("x-amz-tagging") {
                        self.tags.extend(value.as_text().map(query_pairs).unwrap_or_default());
                    } else {
                        self.take(value, inside || names_tags(name), depth + 1);
                    }
                }
            }
            Value::Null
            | Value::Bool(_)
            | Value::Int(_)
            | Value::Number(_)
            | Value::Text(_)
            | Value::Bytes(_) => {}
        }
    }

    /// One pair under the names of its halves, or a map from keys to values.
    fn take_pairs(&mut self, members: &BTreeMap<String, Value>) {
        let named = |wanted: &[&str]| {
            let is_it = |name: &str| wanted.contains(&name.to_ascii_lowercase().as_str());
            members.iter().find(|(name, _)| is_it(name)).map(|(_, value)| value)
        };
        if let Some(key) = named(&KEYS) {
            let value = named(&VALUES);
            self.unclear |= key.as_text().is_none()
                || value.is_some_and(|it| matches!(it, Value::Map(_) | Value::List(_)));
            if let Some(key) = key.as_text() {
                self.tags.insert(Tag::new(key, value.and_then(path::scalar).unwrap_or_default()));
            }
            return;
        }
        for (key, value) in members {
            self.unclear |= key.starts_with("Fn::");
            if let Some(value) = value.as_text() {
                self.tags.insert(Tag::new(key, value));
            }
        }
    }
}

/// `env=prod&team=shop`, as S3 takes tags in a header.
fn query_pairs(text: &str) -> Vec<Tag> {
    text.split('&')
        .filter_map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some(Tag::new(crate::params::decode(key).ok()?, crate::params::decode(value).ok()?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(document: &str, expected: &[(&str, &str)]) {
        let value = super::super::answer::parse(document.as_bytes()).unwrap();
        let expected: BTreeSet<Tag> = expected.iter().map(|(key, value)| Tag::new(*key, *value)).collect();
        assert_eq!(tags_in(&value), expected, "{document}");
    }

    #[test]
    fn tags_are_found_however_a_service_writes_them() {
        let env = [("env", "prod")];
        check(r#"{"Tags":[{"Key":"env","Value":"prod"}]}"#, &env);
        check(r#"{"a":{"tags":{"env":"prod"}}}"#, &env);
        check(r#"{"TagList":[{"TagKey":"env","TagValue":"prod"}]}"#, &env);
        check("<R><DB><TagList><Tag><Key>env</Key><Value>prod</Value></Tag></TagList></DB></R>", &env);
        check("<R><i><tagSet><item><key>env</key><value>prod</value></item></tagSet></i></R>", &env);
        check(
            "<R><TagSet><Tag><Key>env</Key><Value>prod</Value></Tag><Tag><Key>a</Key><Value/></Tag></TagSet></R>",
            &[("a", ""), ("env", "prod")],
        );
        check(
            r#"{"TagSpecification":[{"ResourceType":"instance","Tag":[{"Key":"env","Value":"prod"}]}]}"#,
            &[("ResourceType", "instance"), ("env", "prod")],
        );
        check(r#"{"Environment":{"Variables":{"Key":"env"}},"Stage":"prod"}"#, &[]);
    }
}
