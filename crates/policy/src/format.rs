//! Cedar files as they are laid out everywhere: Cedar's own formatter, held to what it must not do. A text whose meaning,
//! annotations or comments would not come out the same is left alone.

use std::str::FromStr as _;

use cedar_policy::{
    PolicySet,
    ffi::{FormattingAnswer, FormattingCall, format},
};
use serde_json::json;

use crate::rules::start_of;

/// Why a text is not formatted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// With the first line of what Cedar says.
    #[error("it is not Cedar: {0}")]
    NotCedar(String),
    #[error("formatting would change what it means")]
    Meaning,
    #[error("formatting would lose or move a comment: {0}")]
    Comment(String),
    /// Formatting again what was formatted gives another text.
    #[error("the formatter does not come to rest")]
    Restless,
}

const WIDTH: usize = 110;
const INDENT: usize = 4;

/// The text as it should stand; the same where it does already.
///
/// # Errors
/// [`FormatError`]; nothing is half formatted.
pub fn formatted(text: &str) -> Result<String, FormatError> {
    let before = parsed(text)?;
    if before.is_empty() {
        return Ok(text.to_owned());
    }
    let once = laid_out(text)?;
    if parsed(&once)? != before {
        return Err(FormatError::Meaning);
    }
    let (had, has) = (comments(text), comments(&once));
    if had != has {
        let lost = had.iter().find(|comment| !has.contains(comment)).or_else(|| had.first());
        return Err(FormatError::Comment(model::sanitize(lost.map_or("", String::as_str), 120)));
    }
    if laid_out(&once)? == once { Ok(once) } else { Err(FormatError::Restless) }
}

/// Every policy in its order, annotations included.
fn parsed(text: &str) -> Result<Vec<serde_json::Value>, FormatError> {
    let set = PolicySet::from_str(text).map_err(|err| not_cedar(&err))?;
    let mut policies: Vec<_> = set.policies().collect();
    policies.sort_by_key(|policy| start_of(policy));
    let templates = set.templates().map(|it| it.to_json());
    let all = policies.into_iter().map(|it| it.to_json()).chain(templates);
    all.collect::<Result<_, _>>().map_err(|err| not_cedar(&err))
}

fn not_cedar(err: &dyn std::fmt::Display) -> FormatError {
    FormatError::NotCedar(model::sanitize(err.to_string().lines().next().unwrap_or_default(), 200))
}

fn laid_out(text: &str) -> Result<String, FormatError> {
    let call = json!({ "policyText": text, "lineWidth": WIDTH, "indentWidth": INDENT });
    let call: FormattingCall = serde_json::from_value(call).map_err(|err| not_cedar(&err))?;
    match format(call) {
        FormattingAnswer::Success { formatted_policy } => Ok(in_paragraphs(text, &formatted_policy)),
        FormattingAnswer::Failure { errors } => {
            let said = errors.first().map_or("it says nothing of why", |err| err.message.as_str());
            Err(not_cedar(&said))
        }
    }
}

/// With the empty lines that set comments apart in `source`, and `when {` in one line.
fn in_paragraphs(source: &str, text: &str) -> String {
    let mut apart = apart(source).into_iter();
    let mut lines: Vec<&str> = Vec::new();
    let mut joined = String::new();
    let mut after = false;
    for line in text.trim_end().lines().map(str::trim_end) {
        let set_apart = if line.starts_with("//") { apart.next() } else { None };
        let empty_before = after || set_apart.is_some_and(|it| it.before);
        if empty_before && lines.last().is_some_and(|last| !last.is_empty()) && !line.is_empty() {
            lines.push("");
        }
        after = set_apart.is_some_and(|it| it.after);
        lines.push(line);
    }
    for line in lines {
        let keyword = joined.ends_with("\nwhen\n") || joined.ends_with("\nunless\n");
        if keyword && line.starts_with('{') {
            joined.truncate(joined.len().saturating_sub(1));
            joined.push(' ');
        }
        joined.push_str(line);
        joined.push('\n');
    }
    joined
}

/// Whether an empty line stands before or after a comment that has its line to itself, and is about no part of a rule.
#[derive(Clone, Copy, Debug)]
struct Apart {
    before: bool,
    after: bool,
}

fn apart(text: &str) -> Vec<Apart> {
    let lines: Vec<&str> = text.lines().collect();
    let empty =
        |nth: Option<usize>| nth.and_then(|nth| lines.get(nth)).is_some_and(|line| line.trim().is_empty());
    let comments = lines.iter().enumerate().filter(|(_, line)| line.starts_with("//"));
    let apart = comments
        .map(|(nth, _)| Apart { before: empty(nth.checked_sub(1)), after: empty(nth.checked_add(1)) });
    apart.collect()
}

/// The comments of a text in their order; what looks like one within a string is none.
fn comments(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['"', '/']) {
        let (_, from) = rest.split_at(at);
        if let Some(string) = from.strip_prefix('"') {
            rest = after_string(string);
        } else if from.starts_with("//") {
            let (comment, after) = from.split_once('\n').unwrap_or((from, ""));
            found.push(comment.trim_end().to_owned());
            rest = after;
        } else {
            rest = from.strip_prefix('/').unwrap_or_default();
        }
    }
    found
}

fn after_string(text: &str) -> &str {
    let mut escaped = false;
    for (at, character) in text.char_indices() {
        match character {
            '"' if !escaped => return text.get(at..).and_then(|it| it.strip_prefix('"')).unwrap_or_default(),
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    ""
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::{Profile, StarterOptions, starter};

    fn check(text: &str, expected: &Expect) {
        expected.assert_eq(&formatted(text).unwrap_or_else(|err| format!("refused: {err}\n")));
    }

    #[test]
    fn rules_are_laid_out_and_comments_stay() {
        check(
            "// What it is for.\n@id(\"a\") @reason(\"r // no comment\")\nforbid(principal,action==Action::\"emit\",resource)\n\
             unless{// who\ncontext.approvals.people>=1||context.standing};\n",
            &expect![[r#"
                // What it is for.
                @id("a")
                @reason("r // no comment")
                forbid (
                    principal,
                    action == Action::"emit",
                    resource
                )
                unless { // who
                    context.approvals.people >= 1 || context.standing
                };
            "#]],
        );
        check(
            "@id(\"a\") // after\npermit(principal, // who\n action, // what\n resource // to what\n) when { // where\n \
             [ 1, // one\n 2].contains(context.change.steps) };",
            &expect![[r#"
                @id("a") // after
                permit (principal, // who
                    action, // what
                    resource // to what
                )
                when { // where
                    [1, // one
                     2].contains(
                            context.change.steps
                        )
                };
            "#]],
        );
        // Of a text over several lines an end would be lost.
        check(
            "@id(\"a\") @reason(\"one \n two\") permit(principal,action,resource);",
            &expect![[r#"
            refused: formatting would change what it means
        "#]],
        );
        check(
            "permit (principal, action, resource);",
            &expect![[r#"
            permit (principal, action, resource);
        "#]],
        );
        check("", &expect![""]);
        check(
            "// Nothing but a comment.\n",
            &expect![[r#"
            // Nothing but a comment.
        "#]],
        );
    }

    /// Empty lines between comments and rules are the author's.
    #[test]
    fn paragraphs_stay() {
        check(
            "// About the file.\n\n// About the rule.\n@id(\"a\")\npermit(principal,action,resource);\n\n\n\n// Of the next:\n\n\
             permit(principal,action,resource)when{context.time.peak};\n\n// The end.\n",
            &expect![[r#"
                // About the file.

                // About the rule.
                @id("a")
                permit (principal, action, resource);

                // Of the next:

                permit (principal, action, resource)
                when { context.time.peak };

                // The end.
            "#]],
        );
    }

    #[test]
    fn what_is_no_cedar_is_refused() {
        check(
            "forbid (principal, action, resource) when { context.x > };",
            &expect![[r#"
            refused: it is not Cedar: unexpected token `}`
        "#]],
        );
        check(
            "{",
            &expect![[r#"
            refused: it is not Cedar: unexpected token `{`
        "#]],
        );
    }

    #[test]
    fn comments_are_told_from_strings() {
        assert_eq!(comments("a // b\n\"// c\" // d \"e\n/ \"\\\\\" // f"), ["// b", "// d \"e", "// f"]);
        assert_eq!(comments("\"unclosed // "), [""; 0]);
    }

    /// What `init` writes need not be formatted before it can be checked.
    #[test]
    fn what_init_writes_is_laid_out_already() {
        for profile in [Profile::Lab, Profile::Standard, Profile::Strict] {
            let options = StarterOptions {
                profile,
                operators: vec![(
                    "ana".parse().unwrap(),
                    vec![model::EnrolledKey("ssh-ed25519 AAAA".into())],
                )],
                recovery: Vec::new(),
                approvers: Vec::new(),
                agents: vec!["kiro".parse().unwrap()],
                environments: ["staging", "a-rather-long-name", "another-long-name", "yet-another"]
                    .map(|name| (name.parse().unwrap(), model::Account(format!("{name}-account"))))
                    .into(),
                calendar: None,
            };
            for (file, text) in starter(&options).unwrap() {
                if file.ends_with(".cedar") {
                    let text = String::from_utf8(text).unwrap();
                    assert_eq!(formatted(&text).unwrap(), text, "{file}");
                }
            }
        }
    }
}
