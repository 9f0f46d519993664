//! One plain sentence of what an action does, made from names of tables and the identifiers of the request; no other
//! word of the agent's reaches it.

use model::{Resource, sanitize};

use crate::{kinds::words, route::Routed};

const MAX_NAMES: usize = 3;

/// `Deletes the CloudFormation stack app-production.`, and what its parameters add: `It takes no final snapshot.`
pub(super) fn of(routed: &Routed<'_>, resources: &[Resource], said: &[&str]) -> String {
    let name = &routed.operation;
    let all = words(name);
    let (verb, nouns) = match all.as_slice() {
        [first @ ("Batch" | "Bulk" | "Admin" | "Force"), second, rest @ ..] => {
            (format!("{} ({})", third_person(second), first.to_ascii_lowercase()), rest)
        }
        [first, rest @ ..] => (third_person(first), rest),
        [] => ("Does".to_owned(), &[][..]),
    };
    let noun = nouns.iter().map(|word| plain(word)).collect::<Vec<_>>().join(" ");
    let what = if noun.is_empty() { String::new() } else { format!(" {noun}") };
    let added = if said.is_empty() { String::new() } else { format!(" It {}.", said.join("; ")) };
    format!("{verb} the {}{what}{}.{added}", sanitize(routed.service.short_title(), 64), names(resources))
}

fn names(resources: &[Resource]) -> String {
    let mixed = resources.iter().any(|one| Some(&one.kind) != resources.first().map(|first| &first.kind));
    let shown: Vec<_> = resources
        .iter()
        .filter(|one| one.name != "*")
        .take(MAX_NAMES)
        .map(|one| match mixed {
            true => format!("{} {}", one.kind, sanitize(&one.name, 128)),
            false => sanitize(&one.name, 128),
        })
        .collect();
    let more = resources.len().saturating_sub(MAX_NAMES);
    match (shown.is_empty(), more, mixed) {
        (true, _, _) => String::new(),
        (false, 0, false) => format!(" {}", shown.join(", ")),
        (false, 0, true) => format!(": {}", shown.join(", ")),
        (false, more, _) => format!(": {} and {more} more", shown.join(", ")),
    }
}

/// `Delete` → `Deletes`, `Modify` → `Modifies`, `Attach` → `Attaches`.
fn third_person(verb: &str) -> String {
    let before_last = verb.bytes().rev().nth(1);
    let consonant = before_last.is_some_and(|byte| !b"aeiou".contains(&byte.to_ascii_lowercase()));
    let hisses = ["s", "x", "z", "ch", "sh", "o"].iter().any(|ending| verb.ends_with(ending));
    match verb.strip_suffix('y') {
        Some(stem) if consonant => format!("{stem}ies"),
        Some(_) | None if hisses => format!("{verb}es"),
        Some(_) | None => format!("{verb}s"),
    }
}

/// Capitals stay where they are an abbreviation: `DB`, `VPC`; `Stack` becomes `stack`.
fn plain(word: &str) -> String {
    let capitals = word.bytes().filter(u8::is_ascii_uppercase).count();
    if capitals > 1 || word.len() == 1 { word.to_owned() } else { word.to_ascii_lowercase() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verbs_are_said_of_a_third_person() {
        for (verb, said) in [
            ("Delete", "Deletes"),
            ("Modify", "Modifies"),
            ("Deploy", "Deploys"),
            ("Attach", "Attaches"),
            ("Put", "Puts"),
            ("Undo", "Undoes"),
        ] {
            assert_eq!(third_person(verb), said);
        }
    }
}
