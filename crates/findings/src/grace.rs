//! Mark, wait, unmark. The mark is a tag, and who sets it may not be us: it counts only from when the resource was quiet on the
//! evidence of the snapshot, so that a date written far back shortens nothing.

use model::Timestamp;
use serde_json::{Value, json};
use snapshot::Resource;

use crate::{Grace, GraceState, draft::StepDraft};

/// The tag that marks what is unused. Its value is a day: `2026-11-29`.
pub const MARK: &str = "countersign:unused-since";

/// Since when it is marked; a tag that holds no day is no mark.
pub(crate) fn mark_of(resource: &Resource<'_>) -> Option<Timestamp> {
    let day = resource.tag(MARK)?;
    if day.len() != 10 {
        return None;
    }
    format!("{day}T00:00:00Z").parse().ok()
}

/// `quiet_since`: from when nothing used it, as far as is known.
pub(crate) fn state(
    marked: Option<Timestamp>,
    quiet_since: Option<Timestamp>,
    now: Timestamp,
    days: u32,
) -> Grace {
    let state = match marked.filter(|since| *since <= now) {
        None => GraceState::NotMarked,
        Some(marked) => {
            let since = quiet_since.map_or(marked, |quiet| quiet.max(marked));
            let until = since.plus_seconds(i64::from(days) * 86_400);
            if now >= until { GraceState::Over { since } } else { GraceState::Marked { since, until } }
        }
    };
    Grace { state, days }
}

/// The step that marks it; `None` where its service takes no tag without replacing others.
pub(crate) fn mark(resource: &Resource<'_>, today: &str) -> Option<StepDraft> {
    let (id, name) = (resource.id.as_str(), resource.name.as_str());
    let upper = json!([{ "Key": MARK, "Value": today }]);
    let (operation, parameters): (_, Value) = match resource.service() {
        "ec2" => ("ec2:CreateTags", json!({ "ResourceId": [name], "Tag": upper })),
        "elbv2" => ("elbv2:AddTags", json!({ "ResourceArns": [id], "Tags": upper })),
        "rds" => ("rds:AddTagsToResource", json!({ "ResourceName": id, "Tags": upper })),
        "lambda" => ("lambda:TagResource", json!({ "Resource": id, "Tags": { MARK: today } })),
        "dynamodb" => ("dynamodb:TagResource", json!({ "ResourceArn": id, "Tags": upper })),
        _ => return None,
    };
    Some(StepDraft::new(
        operation,
        parameters,
        "marks it as unused from today on; whoever needs it takes the mark off",
    ))
}

/// The step that takes the mark off.
pub(crate) fn unmark(resource: &Resource<'_>) -> Option<StepDraft> {
    let (id, name) = (resource.id.as_str(), resource.name.as_str());
    let (operation, parameters): (_, Value) = match resource.service() {
        "ec2" => ("ec2:DeleteTags", json!({ "ResourceId": [name], "Tag": [{ "Key": MARK }] })),
        "elbv2" => ("elbv2:RemoveTags", json!({ "ResourceArns": [id], "TagKeys": [MARK] })),
        "rds" => ("rds:RemoveTagsFromResource", json!({ "ResourceName": id, "TagKeys": [MARK] })),
        "lambda" => ("lambda:UntagResource", json!({ "Resource": id, "tagKeys": [MARK] })),
        "dynamodb" => ("dynamodb:UntagResource", json!({ "ResourceArn": id, "TagKeys": [MARK] })),
        _ => return None,
    };
    Some(StepDraft::new(operation, parameters, "it is used again, or is kept: the mark goes"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_counts_from_when_it_was_quiet() {
        let day = |text: &str| format!("{text}T00:00:00Z").parse::<Timestamp>().unwrap();
        let now = day("2026-11-29");
        let check = |marked: Option<&str>, quiet: Option<&str>, expected| {
            assert_eq!(state(marked.map(day), quiet.map(day), now, 30).state, expected);
        };
        check(None, None, GraceState::NotMarked);
        check(
            Some("2026-11-01"),
            None,
            GraceState::Marked { since: day("2026-11-01"), until: day("2026-12-01") },
        );
        check(Some("2026-10-30"), None, GraceState::Over { since: day("2026-10-30") });
        // Used since it was marked, or marked far back by somebody: the grace begins when it fell quiet.
        check(
            Some("2020-01-01"),
            Some("2026-11-20"),
            GraceState::Marked { since: day("2026-11-20"), until: day("2026-12-20") },
        );
        // A mark of tomorrow is none.
        check(Some("2026-12-01"), None, GraceState::NotMarked);
    }
}
