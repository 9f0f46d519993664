//! Operands and conditions of the tables. An operand is `$member` (the request's), `@read` or `@read:path` (an
//! answer's), or literal text; a trailing `?` makes it optional. In a form of writing it is `json(operand)`,
//! `decoded(operand)`, `dotted(operand)` or `named(operand)`. A condition is `operand present`, `operand absent`, or `operand op operand`
//! with `=`, `!=`, `<`, `<=`, `>`, `>=` (numbers only for the last four); several apart by ` or `.

use std::collections::BTreeMap;

use model::Value;

use super::{answer::Answer, path};

/// What operands are resolved against.
#[derive(Clone, Copy)]
pub(super) struct Facts<'f> {
    pub(super) given: &'f Value,
    /// By the read's name: its answer below `under`.
    pub(super) answers: &'f BTreeMap<String, Answer>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// The request does not give it, or the answer does not hold it.
    Never,
    /// Its read is not answered yet.
    Yet,
}

impl Facts<'_> {
    pub(super) fn resolve(&self, operand: &str) -> Result<Value, Missing> {
        if let Some((form, inner)) = Form::of(operand) {
            return form.written(&self.resolve(inner)?).ok_or(Missing::Never);
        }
        if let Some(member) = operand.strip_prefix('$') {
            return whole(path::select(self.given, member)).ok_or(Missing::Never);
        }
        let Some(reference) = operand.strip_prefix('@') else { return Ok(Value::text(operand)) };
        let (read, path) = reference.split_once(':').unwrap_or((reference, ""));
        match self.answers.get(read) {
            None => Err(Missing::Yet),
            Some(Answer::Found(value)) => whole(path::select(value, path)).ok_or(Missing::Never),
            Some(Answer::Absent | Answer::Failed(_)) => Err(Missing::Never),
        }
    }

    /// A read that failed makes neither `present` nor `absent` true.
    pub(super) fn holds(&self, condition: &str) -> bool {
        condition.split(" or ").any(|alternative| self.holds_alone(alternative))
    }

    fn holds_alone(&self, condition: &str) -> bool {
        let words: Vec<&str> = condition.split_whitespace().collect();
        match words.as_slice() {
            [operand, "present"] => self.resolve(operand).is_ok_and(|value| !is_empty(&value)),
            [operand, "absent"] => self.is_absent(operand),
            [left, operator, right @ ..] => {
                // Literals may hold blanks.
                let (left, right) = (self.resolve(left), self.resolve(&right.join(" ")));
                match (left, right) {
                    (Ok(left), Ok(right)) => compare(&left, operator, &right),
                    (Err(_), _) | (_, Err(_)) => false,
                }
            }
            [_] | [] => false,
        }
    }

    pub(super) fn all_hold(&self, conditions: &[String]) -> bool {
        conditions.iter().all(|condition| self.holds(condition))
    }

    fn is_absent(&self, operand: &str) -> bool {
        if let Some((_, inner)) = Form::of(operand) {
            return self.is_absent(inner);
        }
        let failed = operand.strip_prefix('@').is_some_and(|reference| {
            let read = reference.split_once(':').map_or(reference, |(read, _)| read);
            !matches!(self.answers.get(read), Some(Answer::Found(_) | Answer::Absent))
        });
        !failed && self.resolve(operand).map_or(true, |value| is_empty(&value))
    }

    /// A template's table with every operand replaced. Optional operands that are missing leave their member out.
    pub(super) fn fill(&self, template: &toml::Table) -> Result<BTreeMap<String, Value>, Missing> {
        let mut filled = BTreeMap::new();
        for (name, template) in template {
            if let Some(value) = self.fill_value(template)? {
                filled.insert(name.clone(), value);
            }
        }
        Ok(filled)
    }

    /// Our own tables are a few levels deep.
    fn fill_value(&self, template: &toml::Value) -> Result<Option<Value>, Missing> {
        Ok(Some(match template {
            toml::Value::String(operand) => match operand.strip_suffix('?') {
                None => self.resolve(operand)?,
                Some(operand) => match self.resolve(operand) {
                    Ok(value) => value,
                    Err(Missing::Never) => return Ok(None),
                    Err(Missing::Yet) => return Err(Missing::Yet),
                },
            },
            toml::Value::Array(items) => {
                let mut filled = Vec::with_capacity(items.len());
                for item in items {
                    // A list in a list of the table is spliced into it: `["$Ids"]` is a list, of one or of many.
                    match self.fill_value(item)? {
                        Some(Value::List(values)) => filled.extend(values),
                        Some(value) => filled.push(value),
                        None => {}
                    }
                }
                Value::List(filled)
            }
            toml::Value::Table(table) => Value::Map(self.fill(table)?),
            other => literal(other),
        }))
    }
}

/// Services give back some texts in another form than they take them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// A document as the text that it is: a policy that was answered as JSON.
    Json,
    /// Percent-decoded: IAM's policies.
    Decoded,
    /// With the dot at the end that Route 53 adds to a name.
    Dotted,
    /// The name that an ARN of IAM ends in; a bare name is itself.
    Named,
}

impl Form {
    fn of(operand: &str) -> Option<(Self, &str)> {
        let (name, inner) = operand.strip_suffix(')')?.split_once('(')?;
        let form = match name {
            "json" => Self::Json,
            "decoded" => Self::Decoded,
            "dotted" => Self::Dotted,
            "named" => Self::Named,
            _ => return None,
        };
        Some((form, inner))
    }

    fn written(self, value: &Value) -> Option<Value> {
        let text = match self {
            Self::Json => {
                let mut text = String::new();
                crate::params::json::write(value, &mut text);
                text
            }
            Self::Decoded => {
                let text = path::scalar(value)?;
                percent_encoding::percent_decode_str(&text).decode_utf8().ok()?.into_owned()
            }
            Self::Dotted => format!("{}.", path::scalar(value)?.trim_end_matches('.')),
            Self::Named => {
                let text = path::scalar(value)?;
                let last = text.rsplit(['/', ':']).next().filter(|last| !last.is_empty())?;
                last.to_owned()
            }
        };
        Some(Value::Text(text))
    }
}

/// A literal of a table; what TOML has and we do not is its text.
pub(crate) fn literal(value: &toml::Value) -> Value {
    match value {
        toml::Value::Integer(number) => Value::Int(*number),
        toml::Value::Boolean(flag) => Value::Bool(*flag),
        toml::Value::Float(number) => Value::Number(number.to_string()),
        toml::Value::String(text) => Value::text(text),
        toml::Value::Datetime(time) => Value::text(time.to_string()),
        toml::Value::Array(items) => Value::List(items.iter().map(literal).collect()),
        toml::Value::Table(table) => {
            Value::Map(table.iter().map(|(name, value)| (name.clone(), literal(value))).collect())
        }
    }
}

/// An empty list is as good as none: services answer now this way, now that.
fn is_empty(value: &Value) -> bool {
    matches!(value, Value::List(items) if items.is_empty())
}

fn whole(found: Vec<&Value>) -> Option<Value> {
    match found.as_slice() {
        [] => None,
        [only] => Some((*only).clone()),
        many => Some(Value::List(many.iter().map(|value| (*value).clone()).collect())),
    }
}

fn compare(left: &Value, operator: &str, right: &Value) -> bool {
    let (Some(left), Some(right)) = (path::scalar(left), path::scalar(right)) else { return false };
    let numbers = || Some((left.parse::<f64>().ok()?, right.parse::<f64>().ok()?));
    match operator {
        "=" => left == right,
        "!=" => left != right,
        "<" => numbers().is_some_and(|(left, right)| left < right),
        "<=" => numbers().is_some_and(|(left, right)| left <= right),
        ">" => numbers().is_some_and(|(left, right)| left > right),
        ">=" => numbers().is_some_and(|(left, right)| left >= right),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_hold_only_on_known_facts() {
        let parse = |text: &str| super::super::answer::parse(text.as_bytes()).unwrap();
        let given = parse(r#"{"Name":"n","Count":"3","Off":false,"Role":"arn:aws:iam::1:role/path/r"}"#);
        let answers = BTreeMap::from([
            ("was".to_owned(), Answer::Found(parse(r#"{"Size":2,"Type":"String","Coded":"%7Ba%7D"}"#))),
            ("gone".to_owned(), Answer::Absent),
            ("broken".to_owned(), Answer::Failed(String::new())),
        ]);
        let facts = Facts { given: &given, answers: &answers };
        for (condition, expected) in [
            ("$Name present", true),
            ("$Other absent", true),
            ("@was present", true),
            ("@was:Type = String", true),
            ("@was:Type != String", false),
            ("@was:Nothing != String", false),
            ("$Count >= @was:Size", true),
            ("$Count < @was:Size", false),
            ("$Off = false", true),
            ("dotted($Name) = n.", true),
            ("named($Name) = n", true),
            ("named($Role) = r", true),
            ("decoded(@was:Coded) = {a}", true),
            ("json(@was:Type) = \"String\"", true),
            ("json(@gone) absent", true),
            ("json(@broken) absent", false),
            ("@gone absent", true),
            ("@gone present", false),
            ("@broken absent", false),
            ("@broken present", false),
            ("@unread absent", false),
            ("$Name ~ n", false),
            ("$Name", false),
            ("", false),
        ] {
            assert_eq!(facts.holds(condition), expected, "{condition}");
        }
    }
}
