//! Conditions on a request's parameters, in three values: what cannot be read is neither yes nor no.
//!
//! ```text
//! condition := test (" or " test)*
//! test      := path ("|" path)* predicate
//! path      := step ("." step)*      names in any case, `*` for any letters, `**` for any depth; lists are entered
//! predicate := "given" | "absent" | "true" | "false" | "below" N | "above" N
//!            | "in" A,B       a value is one of these
//!            | "beyond" A,B   a value, or a map's key, is none of these
//!            | "has" A,B      a value contains one of these
//!            | "starts" A,B   every value begins with one of these words, and there is one
//! ```

use model::{Value, glob};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Truth {
    No,
    Unknown,
    Yes,
}

#[derive(Debug)]
pub(super) struct Condition(Vec<Test>);

#[derive(Debug)]
struct Test {
    paths: Vec<Path>,
    predicate: Predicate,
}

#[derive(Debug)]
pub(in crate::classify) struct Path(Vec<Step>);

#[derive(Debug, PartialEq)]
enum Step {
    Deep,
    Name(String),
}

#[derive(Debug)]
enum Predicate {
    Given,
    Absent,
    True,
    False,
    Below(f64),
    Above(f64),
    In(Vec<String>),
    Beyond(Vec<String>),
    Has(Vec<String>),
    Starts(Vec<String>),
}

impl Condition {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        text.split(" or ").map(Test::parse).collect::<Result<_, _>>().map(Self)
    }

    pub(super) fn holds(&self, views: &[Value]) -> Truth {
        self.0.iter().map(|test| test.holds(views)).max().unwrap_or(Truth::Unknown)
    }

    /// All that its paths select, each with the last name of the path.
    pub(super) fn values<'v>(&self, views: &'v [Value]) -> Vec<(String, &'v Value)> {
        let paths = self.0.iter().flat_map(|test| &test.paths);
        paths.flat_map(|path| path.values(views).into_iter().map(|value| (path.last(), value))).collect()
    }
}

impl Test {
    fn parse(text: &str) -> Result<Self, String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let list = |text: &str| text.split(',').map(str::to_lowercase).collect::<Vec<_>>();
        let number = |text: &str| text.parse::<f64>().map_err(|_| format!("`{text}` is no number"));
        let (paths, predicate) = match words.as_slice() {
            [paths, "given"] => (paths, Predicate::Given),
            [paths, "absent"] => (paths, Predicate::Absent),
            [paths, "true"] => (paths, Predicate::True),
            [paths, "false"] => (paths, Predicate::False),
            [paths, "below", limit] => (paths, Predicate::Below(number(limit)?)),
            [paths, "above", limit] => (paths, Predicate::Above(number(limit)?)),
            [paths, "in", names] => (paths, Predicate::In(list(names))),
            [paths, "beyond", names] => (paths, Predicate::Beyond(list(names))),
            [paths, "has", parts] => (paths, Predicate::Has(list(parts))),
            [paths, "starts", names] => (paths, Predicate::Starts(list(names))),
            _ => return Err(format!("`{text}` is no condition")),
        };
        Ok(Self { paths: paths.split('|').map(Path::parse).collect(), predicate })
    }

    fn holds(&self, views: &[Value]) -> Truth {
        let found: Vec<&Value> = self.paths.iter().flat_map(|path| path.values(views)).collect();
        self.predicate.of(&found)
    }
}

impl Path {
    pub(in crate::classify) fn parse(text: &str) -> Self {
        let step = |name: &str| if name == "**" { Step::Deep } else { Step::Name(name.to_lowercase()) };
        Self(text.split('.').map(step).collect())
    }

    fn last(&self) -> String {
        match self.0.last() {
            Some(Step::Name(name)) => name.clone(),
            Some(Step::Deep) | None => String::new(),
        }
    }

    /// What it selects; of lists, their entries.
    pub(in crate::classify) fn values<'v>(&self, views: &'v [Value]) -> Vec<&'v Value> {
        let mut found = Vec::new();
        for view in views {
            select(view, &self.0, &mut found);
        }
        found
    }
}

#[cfg(test)]
impl Condition {
    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.0.iter().flat_map(|test| &test.paths)
    }
}

#[cfg(test)]
impl Path {
    /// Whether it can select the member of that name (`a.b.c`), or one that it stands in.
    pub(super) fn leads_to(&self, member: &str) -> bool {
        fn leads(steps: &[Step], names: &[String]) -> bool {
            match (steps.split_first(), names.split_first()) {
                (None, _) => true,
                (Some(_), None) => false,
                (Some((Step::Deep, rest)), Some((_, after))) => leads(rest, names) || leads(steps, after),
                (Some((Step::Name(pattern), rest)), Some((name, after))) => {
                    glob(pattern, name) && leads(rest, after)
                }
            }
        }
        let names: Vec<String> = member.split('.').map(str::to_lowercase).collect();
        leads(&self.0, &names)
    }
}

impl Predicate {
    fn of(&self, found: &[&Value]) -> Truth {
        let any = |test: &dyn Fn(&Value) -> Truth| found.iter().map(|value| test(value)).max();
        let known = |yes: bool| if yes { Truth::Yes } else { Truth::No };
        let text = |value: &Value, test: &dyn Fn(&str) -> bool| match scalar(value) {
            Some(text) => known(test(&text)),
            None => Truth::Unknown,
        };
        let number =
            |value: &Value, test: &dyn Fn(f64) -> bool| match scalar(value).map(|it| it.trim().parse()) {
                Some(Ok(number)) => known(test(number)),
                Some(Err(_)) | None => Truth::Unknown,
            };
        let judged = match self {
            Self::Given => known(!found.is_empty()).into(),
            Self::Absent => {
                return any(&|value| if *value == Value::Null { Truth::Unknown } else { Truth::No })
                    .unwrap_or(Truth::Yes);
            }
            // What a service might take for true is true.
            Self::True => any(&|value| match value {
                Value::Null => Truth::Unknown,
                other => known(scalar(other).as_deref() != Some("false")),
            }),
            Self::False => any(&|value| match scalar(value).as_deref() {
                Some("true") => Truth::No,
                Some("false") => Truth::Yes,
                Some(_) | None => Truth::Unknown,
            }),
            Self::Below(limit) => any(&|value| number(value, &|found| found < *limit)),
            Self::Above(limit) => any(&|value| number(value, &|found| found > *limit)),
            Self::In(names) => any(&|value| text(value, &|found| names.iter().any(|name| name == found))),
            Self::Beyond(names) => any(&|value| match value {
                Value::Map(map) => known(map.keys().any(|key| !names.contains(&key.to_lowercase()))),
                other => text(other, &|found| !names.iter().any(|name| name == found)),
            }),
            Self::Has(parts) => {
                any(&|value| text(value, &|found| parts.iter().any(|part| found.contains(part.as_str()))))
            }
            Self::Starts(words) => found
                .iter()
                .map(|value| {
                    text(value, &|found| {
                        let first = found.split_whitespace().next().unwrap_or_default();
                        words.iter().any(|word| word == first)
                    })
                })
                .min(),
        };
        judged.unwrap_or(Truth::No)
    }
}

/// Lower-case, as the lists of a condition are; a list or a map is none.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Int(number) => Some(number.to_string()),
        Value::Number(text) | Value::Text(text) => Some(text.to_lowercase()),
        Value::Null | Value::Bytes(_) | Value::List(_) | Value::Map(_) => None,
    }
}

/// The depth of `value` is bounded by the parser that made it.
fn select<'v>(value: &'v Value, path: &[Step], found: &mut Vec<&'v Value>) {
    if let Value::List(items) = value {
        for item in items {
            select(item, path, found);
        }
        // An empty list is given, and says nothing.
        return;
    }
    match path.split_first() {
        None => found.push(value),
        Some((Step::Name(pattern), rest)) => {
            let Value::Map(map) = value else { return };
            for (_, inner) in map.iter().filter(|(name, _)| glob(pattern, &name.to_lowercase())) {
                select(inner, rest, found);
            }
        }
        Some((Step::Deep, rest)) => {
            select(value, rest, found);
            if let Value::Map(map) = value {
                for inner in map.values() {
                    select(inner, path, found);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(given: &str, condition: &str, expected: Truth) {
        let given = crate::params::json::parse(given.as_bytes()).unwrap();
        assert_eq!(Condition::parse(condition).unwrap().holds(&[given]), expected, "{condition}");
    }

    #[test]
    fn what_cannot_be_read_is_neither_yes_nor_no() {
        use Truth::{No, Unknown, Yes};
        let given = r#"{"Off":false,"On":"TRUE","Odd":"x","Nil":null,"N":"3","Days":0,"Sub":{"Mode":"Gone"},
            "List":[{"Key":"a"},{"Key":"b"}],"Map":{"Policy":"p","Delay":"1"},"Sql":" select 1","Empty":[]}"#;
        for (condition, expected) in [
            ("Off given", Yes),
            ("None given", No),
            ("None absent", Yes),
            ("Nil absent", Unknown),
            ("Off absent", No),
            ("on true", Yes),
            ("Odd true", Yes),
            ("Off true", No),
            ("None true", No),
            ("Nil true", Unknown),
            ("Off false", Yes),
            ("On false", No),
            ("Odd false", Unknown),
            ("None false", No),
            ("N below 4", Yes),
            ("N below 3", No),
            ("Odd below 3", Unknown),
            ("N above 2", Yes),
            ("Days|N below 1", Yes),
            ("Sub.Mode in kept,GONE", Yes),
            ("Sub in gone", Unknown),
            ("**.mode in gone", Yes),
            ("**.m* in gone", Yes),
            ("**.s* in gone", Unknown),
            ("List.Key in b", Yes),
            ("List.Key in c", No),
            ("Map beyond Delay", Yes),
            ("Map beyond Delay,Policy", No),
            ("None beyond Delay", No),
            ("Sub.Mode has on", Yes),
            ("Sql starts SELECT", Yes),
            ("Sql|Odd starts SELECT", No),
            ("None starts SELECT", No),
            ("None true or Off false", Yes),
            ("Empty given", No),
        ] {
            check(given, condition, expected);
        }
        for wrong in ["", "a", "a is b", "a below x", "a b c d"] {
            assert!(Condition::parse(wrong).is_err(), "{wrong}");
        }
    }
}
