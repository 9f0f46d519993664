//! How large and how deep arguments may be; looked at before they are made into anything.

use serde_json::Value;

use crate::backend::{Document, Refusal};

/// Of one call's arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Most {
    pub(crate) bytes: usize,
    pub(crate) depth: u32,
}

impl Most {
    pub(crate) const QUESTION: Self = Self { bytes: 32 << 10, depth: 6 };
    /// Of as many actions as a change has; as deep as the agent listener takes.
    pub(crate) const PROPOSAL: Self = Self { bytes: 256 << 10, depth: 32 };
}

pub(crate) fn check(given: &Document, most: Most) -> Result<(), Refusal> {
    let mut left = most.bytes;
    for (name, value) in given {
        spend(&mut left, name.len())?;
        walk(value, &mut left, most.depth)?;
    }
    Ok(())
}

fn walk(value: &Value, left: &mut usize, depth: u32) -> Result<(), Refusal> {
    let Some(depth) = depth.checked_sub(1) else {
        return Err(Refusal::usage("the arguments nest too deeply"));
    };
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => spend(left, 8),
        Value::String(text) => spend(left, text.len()),
        Value::Array(items) => items.iter().try_for_each(|item| walk(item, left, depth)),
        Value::Object(members) => members.iter().try_for_each(|(name, value)| {
            spend(left, name.len())?;
            walk(value, left, depth)
        }),
    }
}

/// Each costs something, and be it empty.
fn spend(left: &mut usize, bytes: usize) -> Result<(), Refusal> {
    *left = left
        .checked_sub(bytes.saturating_add(2))
        .ok_or_else(|| Refusal::usage("the arguments are too large").hint("ask for less at a time"))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_too_large_or_too_deep_is_refused() {
        let check = |value: Value, most: Most| {
            let given = Document::from_iter([("x".to_owned(), value)]);
            super::check(&given, most).err().map(|refusal| refusal.cause)
        };
        let deep = |levels: usize| (0..levels).fold(json!(1), |inner, _| json!([inner]));
        let large = Some("the arguments are too large".to_owned());
        assert_eq!(check(json!("x".repeat(1000)), Most::QUESTION), None);
        assert_eq!(check(json!("x".repeat(40_000)), Most::QUESTION), large);
        assert_eq!(check(json!(vec![""; 20_000]), Most::QUESTION), large, "what is empty costs, too");
        assert_eq!(check(deep(5), Most::QUESTION), None);
        assert_eq!(check(deep(6), Most::QUESTION).as_deref(), Some("the arguments nest too deeply"));
        assert_eq!(check(deep(31), Most::PROPOSAL), None);
        assert!(check(deep(100), Most::PROPOSAL).is_some());
    }
}
