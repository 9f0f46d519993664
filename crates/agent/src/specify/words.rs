//! Words that came from a cloud or a planner, as they stand in a specification: on one line, without anything that Markdown or EARS reads
//! as its own. The exact text is in `plan.json` and `findings.json`.

use model::sanitize;

/// Longer ones are cut; no line of a document comes near its bound.
const MOST: usize = 600;

pub(super) fn plain(text: &str) -> String {
    let shown = sanitize(text, MOST);
    let words = shown.split_whitespace().map(|word| {
        let bare = word.trim_matches(|it: char| !it.is_alphanumeric() && it != '-');
        // A sentence has one, and it is ours.
        if bare.eq_ignore_ascii_case("shall") { "must".to_owned() } else { word.chars().map(tame).collect() }
    });
    words.collect::<Vec<String>>().join(" ")
}

/// What would open a link, a picture, a tag, code, emphasis or a table.
const fn tame(character: char) -> char {
    match character {
        '<' => '‹',
        '>' => '›',
        '[' => '(',
        ']' => ')',
        '`' => '\'',
        '*' => '∗',
        '|' => '/',
        other => other,
    }
}

/// Without what ends a sentence, for one that goes on.
pub(super) fn clause(text: &str) -> String {
    plain(text).trim_end_matches(['.', ';', ':', ',', ' ']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_name_is_structure() {
        let check = |given: &str, shown: &str| assert_eq!(plain(given), shown);
        check("the volume vol-1", "the volume vol-1");
        check("a\n# Heading\n- [x] 1. done", "a\\u{a}# Heading\\u{a}- (x) 1. done");
        check("it shall, they SHALL not", "it must they must not");
        check("<!-- <img src=x> ![a](b) `c` *d*", "‹!-- ‹img src=x› !(a)(b) 'c' ∗d∗");
        assert_eq!(clause("it is there.; "), "it is there");
    }
}
