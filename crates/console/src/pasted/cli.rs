//! A command line of the AWS CLI as one call: words as a shell cuts them, names as the operation table has them. No shell is run, and
//! nothing is expanded; what the CLI writes in its own shorthand stays the text that it is.

use classify_aws::table::{Row, Table};
use serde_json::{Map, Value};

use super::{Call, REGION};

/// Options of the program itself that have a value.
const OWN_WITH_VALUE: [&str; 12] = [
    "profile",
    "output",
    "query",
    "endpoint-url",
    "color",
    "ca-bundle",
    "cli-read-timeout",
    "cli-connect-timeout",
    "cli-binary-format",
    "cli-auto-prompt",
    "page-size",
    "max-items",
];
/// And those that have none.
const OWN: [&str; 8] = [
    "debug",
    "no-verify-ssl",
    "no-paginate",
    "no-sign-request",
    "no-cli-pager",
    "no-cli-auto-prompt",
    "version",
    "only-show-errors",
];

/// Switches whose own name begins so: it is no denial, and the table, which has the names of things alone, has none of them.
const WITH_NO: [&str; 1] = ["no-reboot"];

const SEVERAL: &str =
    "`aws s3` makes several requests of one command: paste the one that you mean, as `aws s3api …`";

/// `None` where it is no command line of that program.
pub(super) fn read(text: &str) -> Option<Result<Call, String>> {
    let line = text.strip_prefix('$').map_or(text, str::trim_start);
    let rest = line.strip_prefix("aws")?;
    if !rest.is_empty() && !rest.starts_with([' ', '\t', '\n', '\\']) {
        return None;
    }
    Some(words(rest).and_then(|words| call(&words)))
}

fn call(words: &[String]) -> Result<Call, String> {
    let mut named: Vec<&str> = Vec::new();
    let mut given: Vec<(String, Vec<&str>)> = Vec::new();
    for word in words {
        match word.strip_prefix("--") {
            Some(option) => {
                let (name, value) =
                    option.split_once('=').map_or((option, None), |(name, value)| (name, Some(value)));
                given.push((name.to_owned(), value.into_iter().collect()));
            }
            // Its options may stand before the service, and each has one value there.
            None if named.len() < 2 && given.last().is_none_or(|(name, values)| !takes_one(name, values)) => {
                named.push(word);
            }
            None => match given.last_mut() {
                Some((_, values)) => values.push(word),
                None if named.first() == Some(&"s3") => return Err(SEVERAL.to_owned()),
                None => {
                    return Err(format!(
                        "`{}` belongs to no parameter: a parameter begins with `--`",
                        shown(word)
                    ));
                }
            },
        }
    }
    let &[service, operation] = named.as_slice() else {
        return Err("a command names a service and an operation: `aws rds delete-db-instance --db-instance-identifier orders`".to_owned());
    };
    let row = row(service, operation)?;
    let (mut region, mut parameters) = (REGION.to_owned(), Map::new());
    for (name, values) in &given {
        match (name.as_str(), values.as_slice()) {
            ("region", [own]) => region = (*own).to_owned(),
            ("cli-input-json", [json]) => {
                let told: Map<String, Value> =
                    serde_json::from_str(json).map_err(|err| format!("`--cli-input-json`: {err}"))?;
                parameters.extend(told);
            }
            (own, _) if OWN.contains(&own) || OWN_WITH_VALUE.contains(&own) => {}
            (name, values) => {
                let (name, value) = parameter(row, name, values);
                parameters.insert(name, value);
            }
        }
    }
    Ok(Call {
        service: row.service.to_owned(),
        operation: row.operation.to_owned(),
        region,
        parameters: Value::Object(parameters),
    })
}

/// Whether the next word is the value of this option, which stands before the service.
fn takes_one(name: &str, values: &[&str]) -> bool {
    values.is_empty() && (name == "region" || OWN_WITH_VALUE.contains(&name))
}

fn row(service: &str, operation: &str) -> Result<&'static Row, String> {
    let service = match service {
        "s3" => {
            return Err(SEVERAL.to_owned());
        }
        "s3api" => "s3",
        "deploy" => "codedeploy",
        "configservice" => "config",
        other => other,
    };
    let rows = Table::shared().rows_of(service);
    if rows.is_empty() {
        return Err(format!("`{}` is no service of the operation table", shown(service)));
    }
    let wanted = plain(operation);
    let found = rows.iter().find(|row| plain(row.operation) == wanted);
    found.ok_or_else(|| format!("`{}` is no operation of {service}", shown(operation)))
}

/// `--instance-ids i-1 i-2` is `InstanceId` on the wire, where the table says so; else the name as the CLI makes it.
fn parameter(row: &Row, name: &str, values: &[&str]) -> (String, Value) {
    let in_path = row.path().split(['{', '}']).skip(1).step_by(2).map(|it| it.trim_end_matches('+'));
    let known = row.identifiers().map(|it| (it.name, it.list));
    let known = known
        .chain(row.query_names().map(|(name, _)| (name, false)))
        .chain(in_path.map(|name| (name, false)));
    let known = known.collect::<Vec<_>>();
    let whole = WITH_NO.contains(&name) || known.iter().any(|(it, _)| plain(it) == plain(name));
    let (name, is) = match name.strip_prefix("no-") {
        Some(name) if values.is_empty() && !whole => (name, false),
        Some(_) | None => (name, true),
    };
    let wanted = plain(name);
    let found = known.iter().find(|(it, _)| plain(it) == wanted).or_else(|| {
        let one = wanted.strip_suffix('s')?;
        known.iter().find(|(it, list)| *list && plain(it) == one)
    });
    let value = |text: &&str| match found {
        Some(_) => Value::String((*text).to_owned()),
        None => typed(text),
    };
    let value = match values {
        [] => Value::Bool(is),
        [one] if !found.is_some_and(|(_, list)| *list) => value(one),
        several => Value::Array(several.iter().map(value).collect()),
    };
    (found.map_or_else(|| pascal(name), |(name, _)| (*name).to_owned()), value)
}

/// As the CLI takes a value whose type it knows: JSON where it looks like that, a number, a switch; else the text.
fn typed(text: &str) -> Value {
    match text {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        json if json.starts_with(['{', '[']) => {
            serde_json::from_str(json).unwrap_or_else(|_| Value::String(json.to_owned()))
        }
        number => number.parse::<i64>().map_or_else(|_| Value::String(number.to_owned()), Value::from),
    }
}

/// `delete-db-instance` and `DeleteDBInstance` are the same.
fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|it| it.to_ascii_lowercase()).collect()
}

fn pascal(name: &str) -> String {
    let capital = |part: &str| {
        let mut letters = part.chars();
        let first = letters.next().map(|it| it.to_ascii_uppercase());
        first.into_iter().chain(letters).collect::<String>()
    };
    name.split('-').map(capital).collect()
}

fn shown(word: &str) -> String {
    model::sanitize(word, 80)
}

/// Quotation marks hold words together, a backslash keeps the next character as it is, and at the end of a line it joins the next.
fn words(text: &str) -> Result<Vec<String>, String> {
    let (mut all, mut word, mut quote) = (Vec::new(), None::<String>, None);
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (Some(mark), it) if it == mark => quote = None,
            (None | Some('"'), '\\') => match letters.next() {
                Some('\n') | None => {}
                Some(it) => word.get_or_insert_default().push(it),
            },
            (Some(_), it) => word.get_or_insert_default().push(it),
            (None, '\'' | '"') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (None, it) if it.is_whitespace() => all.extend(word.take()),
            (None, it) => word.get_or_insert_default().push(it),
        }
    }
    if quote.is_some() {
        return Err("a quotation mark has no other end".to_owned());
    }
    all.extend(word);
    Ok(all)
}
