//! What is nearest, of all that is understood, to a sentence that is not: by the words that both have. A suggestion for people, and
//! never what was meant.

use super::{sentence::MOST, vocabulary::CAN};

/// At most so many.
const FEW: usize = 3;
/// Words alike from here on are the same word: `cleaning` and `clean`.
const STEM: usize = 4;

/// Words that say nothing of what is wanted.
const EMPTY: [&str; 20] = [
    "the", "and", "what", "which", "that", "this", "there", "all", "for", "with", "are", "you", "can",
    "please", "how", "say", "why", "not", "has", "from",
];

/// The lines of [`CAN`] that share most with it, the nearest first; none where nothing is shared.
pub fn nearest(text: &str) -> Vec<&'static str> {
    let said = if text.len() > MOST { Vec::new() } else { words(text) };
    let mut all: Vec<(usize, &'static str)> = CAN
        .iter()
        .map(|can| (said.iter().filter(|it| words(can).iter().any(|own| alike(own, it))).count(), *can))
        .filter(|(shared, _)| *shared > 0)
        .collect();
    // Stable: what stands first in the list stays first.
    all.sort_by_key(|(shared, _)| std::cmp::Reverse(*shared));
    all.into_iter().take(FEW).map(|(_, can)| can).collect()
}

/// The sentences that a line of [`CAN`] gives as examples and that can be said as they stand.
pub fn examples(can: &str) -> impl Iterator<Item = &str> {
    let quoted = can.split('“').skip(1).filter_map(|rest| Some(rest.split_once('”')?.0));
    quoted.filter(|it| !it.contains('…'))
}

fn words(text: &str) -> Vec<String> {
    let all = text.split(|it: char| !it.is_alphanumeric()).map(str::to_lowercase);
    let mut all: Vec<String> = all.filter(|it| it.len() > 2 && !EMPTY.contains(&it.as_str())).collect();
    all.sort_unstable();
    all.dedup();
    all
}

fn alike(one: &str, other: &str) -> bool {
    let stem = |long: &str, short: &str| short.chars().count() >= STEM && long.starts_with(short);
    one == other || stem(one, other) || stem(other, one)
}
