//! When a row of the table holds for an item: `PATH = TEXT`, `PATH starts TEXT`, `PATH present`, `PATH absent`.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::kept;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Condition {
    path: String,
    test: Test,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Test {
    Is(String),
    Starts(String),
    Present,
    Absent,
}

impl Condition {
    pub(crate) fn holds(&self, item: &Value) -> bool {
        let found: Vec<String> =
            kept::select(item, &self.path).into_iter().filter_map(kept::scalar).collect();
        match &self.test {
            Test::Is(text) => found.iter().any(|it| it == text),
            Test::Starts(text) => found.iter().any(|it| it.starts_with(text.as_str())),
            Test::Present => !kept::select(item, &self.path).is_empty(),
            Test::Absent => kept::select(item, &self.path).is_empty(),
        }
    }
}

impl<'de> Deserialize<'de> for Condition {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let (path, rest) = text.split_once(' ').unwrap_or((&text, ""));
        let test = match rest.split_once(' ').unwrap_or((rest, "")) {
            ("=", text) => Test::Is(text.to_owned()),
            ("starts", text) => Test::Starts(text.to_owned()),
            ("present", "") => Test::Present,
            ("absent", "") => Test::Absent,
            _ => return Err(serde::de::Error::custom(format!("`{text}` is no condition"))),
        };
        Ok(Self { path: path.to_owned(), test })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn conditions_hold_for_what_they_say() {
        let item = json!({ "Type": "application", "Targets": [{ "Id": "i-1" }], "Empty": [] });
        let check = |text: &str, expected: bool| {
            let condition: Condition = serde_json::from_value(json!(text)).unwrap();
            assert_eq!(condition.holds(&item), expected, "{text}");
        };
        check("Type = application", true);
        check("Type = network", false);
        check("Targets.Id starts i-", true);
        check("Targets.Id starts ip-", false);
        check("Type present", true);
        check("Empty present", false);
        check("Missing absent", true);
        assert!(serde_json::from_value::<Condition>(json!("Type like x")).is_err());
    }
}
