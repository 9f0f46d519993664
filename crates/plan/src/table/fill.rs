//! Operands of the tables: `$parameter`, `@attribute`, `~name`, `^` (a value as it was), what stands behind the last `/` of one
//! (`/@attribute`), and texts in which they stand in braces.

use model::sanitize;
use serde_json::{Map, Value};
use snapshot::Resource;

/// What operands are filled from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Filling<'f> {
    pub(crate) parameters: &'f Value,
    pub(crate) subject: Option<&'f Resource<'f>>,
    pub(crate) account: &'f str,
    pub(crate) was: Option<&'f Value>,
}

impl Filling<'_> {
    /// `None` where it is missing.
    pub(crate) fn operand(&self, operand: &str) -> Option<Value> {
        if operand == "^" {
            return self.was.cloned();
        }
        if let Some(path) = operand.strip_prefix('$') {
            return at(self.parameters, path).cloned();
        }
        if let Some(path) = operand.strip_prefix('@') {
            return attribute(self.subject?, path);
        }
        if let Some(whole) = operand.strip_prefix('/') {
            return Some(Value::from(self.operand(whole)?.as_str()?.rsplit('/').next()?));
        }
        let Some(word) = operand.strip_prefix('~') else {
            return self.within(operand, str::to_owned).map(Value::from);
        };
        Some(Value::from(match word {
            "name" => self.subject?.name.as_str(),
            "id" => self.subject?.id.as_str(),
            "region" => self.subject?.region.as_str(),
            "account" => self.account,
            _ => return None,
        }))
    }

    /// A table's value with every operand replaced. An outer `None`: something is missing; an inner one: it may be.
    pub(crate) fn value(&self, template: &toml::Value) -> Option<Option<Value>> {
        Some(match template {
            toml::Value::String(text) => match text.strip_suffix('?') {
                Some(optional) => self.operand(optional),
                None => Some(self.operand(text)?),
            },
            toml::Value::Integer(number) => Some(Value::from(*number)),
            toml::Value::Boolean(flag) => Some(Value::from(*flag)),
            toml::Value::Array(items) => {
                let mut filled = Vec::with_capacity(items.len());
                for item in items {
                    match self.value(item)? {
                        Some(Value::Array(inner)) => filled.extend(inner),
                        Some(one) => filled.push(one),
                        None => {}
                    }
                }
                Some(Value::Array(filled))
            }
            toml::Value::Table(members) => Some(self.members(members)?),
            toml::Value::Float(_) | toml::Value::Datetime(_) => return None,
        })
    }

    /// Whether a value is what the template would give; an operand that cannot be filled here is filled by anything.
    pub(crate) fn fits(&self, template: &toml::Value, value: &Value) -> bool {
        match (template, value) {
            (toml::Value::String(text), value) => {
                let operand = text.strip_suffix('?').unwrap_or(text);
                match self.operand(operand) {
                    Some(own) => own == *value,
                    None => !operand.starts_with('$'),
                }
            }
            (toml::Value::Integer(number), value) => value.as_i64() == Some(*number),
            (toml::Value::Boolean(flag), value) => value.as_bool() == Some(*flag),
            (toml::Value::Table(members), Value::Object(given)) => {
                let optional = |own: &toml::Value| own.as_str().is_some_and(|it| it.ends_with('?'));
                given.iter().all(|(name, value)| members.get(name).is_some_and(|own| self.fits(own, value)))
                    && members.iter().all(|(name, own)| given.contains_key(name) || optional(own))
            }
            (toml::Value::Array(_), given) => {
                self.value(template).flatten().is_none_or(|filled| filled == *given)
            }
            (toml::Value::Table(_) | toml::Value::Float(_) | toml::Value::Datetime(_), _) => false,
        }
    }

    pub(crate) fn members(&self, template: &toml::Table) -> Option<Value> {
        let mut members = Map::new();
        for (name, template) in template {
            members.extend(self.value(template)?.map(|value| (name.clone(), value)));
        }
        Some(Value::Object(members))
    }

    /// Words for people.
    pub(crate) fn words(&self, template: &str) -> Option<String> {
        self.within(template, |text| sanitize(text, 200))
    }

    fn within(&self, template: &str, shown: impl Fn(&str) -> String) -> Option<String> {
        let mut words = String::new();
        let mut rest = template;
        while let Some((before, behind)) = rest.split_once('{') {
            let (operand, behind) = behind.split_once('}')?;
            words.push_str(before);
            let filled = self.operand(operand)?;
            let text = filled.as_str().map_or_else(|| filled.to_string(), str::to_owned);
            words.push_str(&shown(&text));
            rest = behind;
        }
        words.push_str(rest);
        Some(words)
    }
}

/// What stands at a path of members and places.
pub(crate) fn at<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    path.split('.').filter(|step| !step.is_empty()).try_fold(value, |value, step| match value {
        Value::Array(items) => items.get(step.parse::<usize>().ok()?),
        other => other.get(step),
    })
}

/// What some read of the snapshot says of it.
pub(crate) fn attribute(resource: &Resource<'_>, path: &str) -> Option<Value> {
    resource.views.iter().find_map(|view| {
        let attributes: Value = serde_json::from_str(view.text()).ok()?;
        at(&attributes, path).filter(|found| !found.is_null()).cloned()
    })
}

pub(crate) fn text(resource: &Resource<'_>, path: &str) -> Option<String> {
    attribute(resource, path)?.as_str().map(str::to_owned)
}
