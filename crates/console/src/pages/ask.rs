//! A sentence, and what the closed catalogue makes of it over the newest snapshot: an answer, a question back, or plans. It is a link like
//! any other page, and does nothing.

use agent::{Asked, CAN, Rules, Understanding, examples, nearest};
use askama::Template;
use model::Timestamp;

use super::{Frame, findings::Of, plans::Planned};
use crate::{
    estate::Seen,
    prose::{self, Block, Span},
    text::{Shown, encoded, quoted},
};

/// Characters of a sentence. The catalogue reads no more bytes than four times that.
pub(crate) const MOST: usize = 500;

#[derive(Debug, Template)]
#[template(path = "ask.html")]
pub(crate) struct AskPage {
    pub(crate) frame: Frame,
    of: Of,
    most: usize,
    /// What stands in the box.
    sentence: Shown,
    /// Why it was not looked at.
    wrong: Option<Shown>,
    told: Option<Told>,
    /// What else could be said, each with sentences that can be followed.
    can: Vec<Can>,
    /// The plans, and how somebody has them carried out.
    planned: Planned,
    command: Option<Shown>,
}

#[derive(Debug)]
struct Told {
    understood: Vec<Block>,
    /// Sentences that are near what was not understood.
    nearest: Vec<Can>,
    answer: Vec<Block>,
    fits: bool,
}

#[derive(Debug)]
struct Can {
    what: Shown,
    sentences: Vec<(Shown, String)>,
}

/// A sentence as it is looked at: in one line, within its bound.
///
/// # Errors
/// Why it is not, in words.
pub(crate) fn sentence(given: &str) -> Result<String, String> {
    // Before anything else is done with it.
    if given.len() > MOST.saturating_mul(4) || given.chars().count() > MOST {
        return Err(format!(
            "A sentence has at most {MOST} characters. This one was not looked at, and nothing was planned."
        ));
    }
    Ok(given.split_whitespace().collect::<Vec<_>>().join(" "))
}

impl AskPage {
    /// With nothing answered, or with why not.
    pub(crate) fn empty(
        frame: Frame,
        seen: &Seen,
        sentence: &str,
        wrong: Option<String>,
        now: Timestamp,
    ) -> Self {
        Self {
            frame,
            of: Of::seen(seen, now),
            most: MOST,
            sentence: Shown::of(sentence),
            wrong: wrong.map(Shown::of),
            told: None,
            can: CAN.iter().map(|it| Can::of(it)).collect(),
            planned: Planned::default(),
            command: None,
        }
    }

    pub(crate) fn of(
        frame: Frame,
        seen: &Seen,
        sentence: &str,
        asked: Result<Asked, String>,
        rules: Rules<'_>,
    ) -> Self {
        let empty = Self::empty(frame, seen, sentence, None, rules.now);
        let asked = match asked {
            Ok(asked) => asked,
            Err(why) => return Self { wrong: Some(Shown::of(why)), ..empty },
        };
        let is_plan = !asked.proposed.is_empty();
        let command = is_plan.then(|| quoted(sentence)).flatten();
        Self {
            planned: Planned::of(asked.proposed.iter().map(|it| &it.plan), &asked.left, Some(rules)),
            command: command.map(|it| Shown::of(format!("countersign agent run {it}"))),
            told: Some(Told::of(sentence, &asked)),
            ..empty
        }
    }
}

impl Told {
    fn of(sentence: &str, asked: &Asked) -> Self {
        let (understood, near) = match &asked.understood {
            // The whole list stands below, with sentences to follow.
            Understanding::NotUnderstood => {
                ("I do not understand that, and nothing is guessed.".to_owned(), nearest(sentence))
            }
            it @ (Understanding::Goals(_)
            | Understanding::Question(_)
            | Understanding::Asks { .. }
            | Understanding::Refused { .. }) => (it.said(), Vec::new()),
        };
        Self {
            understood: prose::blocks(&understood),
            nearest: near.into_iter().map(Can::of).collect(),
            answer: prose::blocks(&asked.answer),
            fits: matches!(asked.understood, Understanding::Goals(_) | Understanding::Question(_)),
        }
    }
}

impl Can {
    fn of(can: &str) -> Self {
        let what = can.split_once(" (“").map_or(can, |(what, _)| what);
        let link = |it: &str| (Shown::of(it), format!("/ask?sentence={}", encoded(it)));
        Self { what: Shown::of(what), sentences: examples(can).map(link).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_has_its_bound_and_is_one_line() {
        assert_eq!(sentence("  fix\n\tstack  shop "), Ok("fix stack shop".to_owned()));
        assert!(sentence(&"é".repeat(MOST)).is_ok());
        for long in ["a".repeat(MOST + 1), " ".repeat(MOST + 1), "\u{1f600}".repeat(MOST + 1)] {
            assert!(sentence(&long).unwrap_err().contains("was not looked at"));
        }
    }

    #[test]
    fn what_can_be_said_can_be_followed() {
        let can = Can::of(CAN[0]);
        assert!(can.sentences[0].1.starts_with("/ask?sentence=clean%20up"), "{can:?}");
        // What has a gap in it is no sentence yet.
        assert!(CAN.iter().any(|it| Can::of(it).sentences.is_empty()));
    }
}
