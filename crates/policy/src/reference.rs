//! The schema as the reference of everything that a rule can speak of: its structure from the schema itself, what is said of it
//! from [`texts`]. `countersign policy schema` prints it, and it is committed as a page.

mod texts;

use std::fmt::Write as _;

use cedar_policy::SchemaFragment;
use serde_json::{Value as Json, json};

use self::texts::{NAMES, TEXTS};
use crate::{kinds, schema::schema_text};

/// What is said of one thing.
#[derive(Clone, Copy, Debug)]
struct Text {
    path: &'static str,
    says: &'static str,
    unit: &'static str,
    unknown: &'static str,
    example: &'static str,
}

/// Everything, for programs.
pub fn reference() -> Json {
    let each = |texts: &[Text]| -> Vec<Json> {
        let told = |it: &Text| {
            json!({
                "path": it.path,
                "type": type_of(it.path),
                "says": it.says,
                "unit": it.unit,
                "unknown": it.unknown,
                "example": it.example,
            })
        };
        texts.iter().map(told).collect()
    };
    let kinds: Vec<_> =
        kinds::table().map(|(name, parents)| json!({ "name": name, "lies_in": parents })).collect();
    json!({
        "schema": "countersign.policy-schema/v1",
        "digest": crate::schema_digest(),
        "names": each(NAMES),
        "members": each(TEXTS),
        "kinds": kinds,
    })
}

/// The same as a page, in Markdown.
pub fn reference_page() -> String {
    let mut page = String::from(INTRODUCTION);
    page.push_str("\n## Who, what, to what\n\n| name | meaning | values | where nothing is known | example |\n|---|---|---|---|---|\n");
    for it in NAMES.iter().filter(|it| !it.unknown.is_empty()) {
        row(&mut page, &[&format!("`{}`", it.path), it.says, it.unit, it.unknown, &code(it.example)]);
    }
    page.push_str("\nThe actions are effects. Each effect of a request is decided on each target, and the strictest verdict wins.\n\n| action | meaning | example |\n|---|---|---|\n");
    for it in NAMES.iter().filter(|it| it.unknown.is_empty()) {
        row(&mut page, &[&format!("`{}`", it.path), it.says, &code(it.example)]);
    }
    page.push_str(
        "\n## The target and the context\n\nEvery member is always there.\n\n| member | type | meaning | unit or values | where nothing is known | example |\n|---|---|---|---|---|---|\n",
    );
    for it in TEXTS {
        let kind = type_of(it.path).unwrap_or_default();
        row(&mut page, &[&format!("`{}`", it.path), &kind, it.says, it.unit, it.unknown, &code(it.example)]);
    }
    page.push_str("\n## Kinds\n\nEvery kind lies in `any`.\n\n| kind | lies in |\n|---|---|\n");
    for (name, parents) in kinds::table() {
        let parents: Vec<_> = parents.iter().map(|it| format!("`{it}`")).collect();
        row(&mut page, &[&format!("`{name}`"), &parents.join(", ")]);
    }
    page.push_str(RULES);
    page
}

const INTRODUCTION: &str = "\
# What a rule can speak of

<!-- Made by `countersign policy schema`; a test of the crate `policy` compares. Change `crates/policy/src/reference`. -->

Rules are Cedar policies: `constitution/RULE.cedar` forbids, `grants/agent-NAME.cedar` and `grants/operator-NAME.cedar` permit. A
request is allowed only if no rule of the constitution forbids it and both grants permit it. `grants/breakglass-NAME.cedar` permits
nobody anything until two people break the glass of a session with it (`countersign session break-glass`); then what it permits needs
neither grant. Each example below is a condition that may stand in `when { … }` or `unless { … }`; `countersign policy check` says
where a rule is wrong, `policy explain` what it makes of a request.
";

const RULES: &str = r#"
## Annotations

| annotation | of | meaning |
|---|---|---|
| `@id("…")` | every rule | its name; in the constitution, the name of its file |
| `@reason("…")` | every rule | the sentence that whoever is stopped by it reads |
| `@instead("…")` | rules of the constitution | the nearest thing that would be allowed |
| `@absolute` | rules of the constitution | no person, no evidence and nothing allowed ahead of time satisfies it: what it stops is denied, not held; proved |
| `@breakglass` | rules of the constitution | breaking the glass may waive it; it may count nobody; proved |
| `@says("…")` | invariants | the sentence that is proved |

## What a rule cannot do

- Arithmetic (`+`, `-`, `*`) and extension functions (`ip`, `decimal`, `datetime`, `duration`): they can err, and a rule that errs
  forbids nothing.
- Permit anything in `constitution/`, or be about anybody else than whom its grant is named after in `grants/`.
- Templates, and names of environments, kinds, agents and people that do not exist.
- A permit of an agent that names no service counts for nothing that shows data; one that names no resource counts for nothing
  that shows credentials.
"#;

fn row(page: &mut String, cells: &[&str]) {
    let cells: Vec<_> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
    let _ = writeln!(page, "| {} |", cells.join(" | "));
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

/// As the schema has it; `None` of what has no type.
fn type_of(path: &str) -> Option<String> {
    members().into_iter().find(|(known, _)| known == path).map(|(_, kind)| kind)
}

/// Every member of the target and of the context, with its type, as the schema has them.
fn members() -> Vec<(String, String)> {
    let Ok((fragment, _)) = SchemaFragment::from_cedarschema_str(schema_text()) else { return Vec::new() };
    let schema = fragment.to_json_value().unwrap_or_default();
    let mut found = Vec::new();
    for (pointer, root) in
        [("/entityTypes/Resource/shape/attributes", "resource"), ("/commonTypes/Ask/attributes", "context")]
    {
        if let Some(attributes) = schema.get("").and_then(|it| it.pointer(pointer)) {
            collect(attributes, root, &mut found);
        }
    }
    found
}

fn collect(attributes: &Json, path: &str, found: &mut Vec<(String, String)>) {
    for (name, member) in attributes.as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        match member.get("attributes") {
            Some(attributes) => collect(attributes, &path, found),
            None => found.push((path, spelled(member))),
        }
    }
}

fn spelled(member: &Json) -> String {
    let text =
        |member: &Json, key: &str| member.get(key).and_then(Json::as_str).unwrap_or_default().to_owned();
    match text(member, "type").as_str() {
        "EntityOrCommon" => text(member, "name"),
        "Set" => format!("Set<{}>", member.get("element").map(spelled).unwrap_or_default()),
        other => other.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use cedar_policy::{PolicySet, ValidationMode, Validator};
    use expect_test::expect_file;

    use super::*;
    use crate::schema::Vocabulary;

    /// A member without a text, and a text without a member.
    #[test]
    fn everything_that_a_rule_can_speak_of_is_explained() {
        let of_schema: BTreeSet<String> = members().into_iter().map(|(path, _)| path).collect();
        let of_texts: BTreeSet<String> = TEXTS.iter().map(|it| it.path.to_owned()).collect();
        assert!(of_schema.len() >= 35, "{of_schema:?}");
        assert_eq!(of_schema, of_texts);
        let schema = Vocabulary::new().unwrap().schema;
        let types = schema.entity_types().map(ToString::to_string);
        let actions = schema.actions().chain(schema.action_groups()).map(|it| it.id().unescaped().to_owned());
        let names: BTreeSet<String> = types.chain(actions).filter(|it| it != "Action").collect();
        assert_eq!(names, NAMES.iter().map(|it| it.path.to_owned()).collect());
        for it in TEXTS {
            assert!(![it.says, it.unit, it.unknown].contains(&""), "{}", it.path);
            assert!(it.example.contains(it.path), "{}: {}", it.path, it.example);
        }
    }

    /// Each example is a condition that a rule may have.
    #[test]
    fn every_example_is_valid() {
        let validator = Validator::new(Vocabulary::new().unwrap().schema);
        for it in TEXTS.iter().chain(NAMES) {
            let rule = format!("forbid (principal, action, resource) when {{ {} }};", it.example);
            let set: PolicySet = rule.parse().unwrap_or_else(|err| panic!("{}: {err}", it.path));
            let result = validator.validate(&set, ValidationMode::Strict);
            assert!(result.validation_passed(), "{}: {result}", it.path);
        }
    }

    #[test]
    fn the_page_is_what_the_schema_says() {
        expect_file!["../../../docs/policy.md"].assert_eq(&reference_page());
    }
}
