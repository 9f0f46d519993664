//! From the pieces of an answer to a turn that may be acted on, or to why not. Pure.
//!
//! Arguments are read from the pieces themselves: a client that puts them together for us may hide that they were cut.

use serde_json::{Map, Value};

use crate::{
    event::{Arguments, End, Event, Piece, Stop, Usage},
    failure::FailedTurn,
    tool::{Tool, Tools},
};

/// A whole turn of a model: it ended as it should, and each call fits a tool that was offered.
#[derive(Clone, Debug, PartialEq)]
pub struct Turn {
    pub(crate) text: String,
    pub(crate) calls: Vec<Call>,
    pub(crate) usage: Option<Usage>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    pub(crate) id: String,
    pub(crate) tool: &'static str,
    pub(crate) arguments: Map<String, Value>,
}

/// Most of what one answer may have; beyond it the answer is dropped, not cut.
pub mod most {
    pub const TEXT: usize = 256 * 1024;
    pub const CALLS: usize = 16;
    pub const ARGUMENTS: usize = 64 * 1024;
    pub const EVENTS: usize = 200_000;
}

/// An answer as far as it has come.
#[derive(Debug)]
pub(crate) struct Assembly<'a> {
    tools: &'a Tools,
    text: String,
    calls: Vec<Started<'a>>,
    events: usize,
}

#[derive(Debug)]
struct Started<'a> {
    id: String,
    tool: &'a Tool,
    arguments: Collected,
}

#[derive(Debug)]
enum Collected {
    Text(String),
    Whole(Value),
}

/// What became of an event.
#[derive(Debug)]
pub(crate) enum Step {
    More,
    Whole(Turn),
}

impl Turn {
    /// As a model wrote it: whoever shows it sanitizes it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// None where the model has said all it wanted to.
    pub fn calls(&self) -> &[Call] {
        &self.calls
    }
}

impl Call {
    pub fn id(&self) -> &str {
        &self.id
    }

    pub fn tool(&self) -> &'static str {
        self.tool
    }

    /// They fit the tool's schema.
    pub fn arguments(&self) -> &Map<String, Value> {
        &self.arguments
    }
}

impl<'a> Assembly<'a> {
    pub(crate) fn new(tools: &'a Tools) -> Self {
        Self { tools, text: String::new(), calls: Vec::new(), events: 0 }
    }

    pub(crate) fn take(&mut self, event: Event) -> Result<Step, FailedTurn> {
        self.events += 1;
        within(self.events, most::EVENTS, "pieces")?;
        match event {
            Event::Alive => Ok(Step::More),
            Event::Text(text) => {
                within(self.text.len() + text.len(), most::TEXT, "bytes of text")?;
                self.text.push_str(&text);
                Ok(Step::More)
            }
            Event::Call(piece) => self.call(piece).map(|()| Step::More),
            Event::Ended(end) => self.end(end).map(Step::Whole),
        }
    }

    fn call(&mut self, Piece { id, name, arguments }: Piece) -> Result<(), FailedTurn> {
        if let Some(started) = self.calls.iter_mut().find(|call| call.id == id) {
            if !name.is_empty() && name != started.tool.name() {
                return Err(FailedTurn::CallId("two tools under one id"));
            }
            return started.add(arguments);
        }
        if !plain(&id) {
            return Err(FailedTurn::CallId("its id is none"));
        }
        within(self.calls.len() + 1, most::CALLS, "calls")?;
        let tool = self.tools.find(&name).ok_or_else(|| FailedTurn::unknown_tool(&name))?;
        let mut started = Started { id, tool, arguments: Collected::Text(String::new()) };
        started.add(arguments)?;
        self.calls.push(started);
        Ok(())
    }

    fn end(&mut self, End { stop, usage }: End) -> Result<Turn, FailedTurn> {
        let calls = std::mem::take(&mut self.calls);
        match (stop, calls.is_empty()) {
            (Stop::Done, true) | (Stop::Calls, false) => {}
            (Stop::Done, false) => return Err(FailedTurn::Contradiction("is done, and calls tools")),
            (Stop::Calls, true) => return Err(FailedTurn::Contradiction("calls tools, and calls none")),
            (Stop::Length, _) => return Err(FailedTurn::Length),
            (Stop::Filtered, _) => return Err(FailedTurn::Filtered),
            (Stop::Unclear, _) => return Err(FailedTurn::UnclearStop),
        }
        let calls: Vec<Call> = calls.into_iter().map(Started::whole).collect::<Result<_, _>>()?;
        if self.text.trim().is_empty() && calls.is_empty() {
            return Err(FailedTurn::Empty);
        }
        Ok(Turn { text: std::mem::take(&mut self.text), calls, usage })
    }
}

impl Started<'_> {
    fn add(&mut self, arguments: Arguments) -> Result<(), FailedTurn> {
        let tool = self.tool.name();
        let collected = match (&mut self.arguments, arguments) {
            (Collected::Text(held), Arguments::More(more)) => {
                within(held.len() + more.len(), most::ARGUMENTS, "bytes of arguments")?;
                held.push_str(&more);
                return Ok(());
            }
            (Collected::Text(held), Arguments::SoFar(all)) if all.starts_with(held.as_str()) => {
                Collected::Text(all)
            }
            (Collected::Text(held), Arguments::Whole(value)) if held.is_empty() => Collected::Whole(value),
            _ => return Err(FailedTurn::NotArguments { tool, why: "said in two ways" }),
        };
        let length = match &collected {
            Collected::Text(text) => text.len(),
            Collected::Whole(value) => value.to_string().len(),
        };
        within(length, most::ARGUMENTS, "bytes of arguments")?;
        self.arguments = collected;
        Ok(())
    }

    fn whole(self) -> Result<Call, FailedTurn> {
        let tool = self.tool.name();
        let value = match self.arguments {
            // Protocols send nothing where there is nothing to say.
            Collected::Text(text) if text.trim().is_empty() => Value::Object(Map::new()),
            Collected::Text(text) => serde_json::from_str(&text)
                .map_err(|_| FailedTurn::NotArguments { tool, why: "no JSON, or were cut off" })?,
            Collected::Whole(value) => value,
        };
        let Value::Object(arguments) = value else {
            return Err(FailedTurn::NotArguments { tool, why: "no object" });
        };
        self.tool.schema().check(&arguments).map_err(|misfit| FailedTurn::Misfit { tool, misfit })?;
        Ok(Call { id: self.id, tool, arguments })
    }
}

fn within(found: usize, most: usize, what: &'static str) -> Result<(), FailedTurn> {
    if found > most { Err(FailedTurn::TooLarge { most, what }) } else { Ok(()) }
}

/// An id is sent back; it is nothing but that.
fn plain(id: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b':');
    (1..=128).contains(&id.len()) && id.bytes().all(letter)
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn tools() -> Tools {
        let schema = r#"{"type": "object", "additionalProperties": false, "required": ["id"],
            "properties": {"id": {"type": "string"}}}"#;
        let nothing = r#"{"type": "object", "additionalProperties": false}"#;
        Tools::new(vec![
            Tool::new("look_up", "Looks up", schema).unwrap(),
            Tool::new("list_all", "Lists", nothing).unwrap(),
        ])
        .unwrap()
    }

    fn text(text: &str) -> Event {
        Event::Text(text.to_owned())
    }

    fn call(id: &str, name: &str, arguments: Arguments) -> Event {
        Event::Call(Piece { id: id.to_owned(), name: name.to_owned(), arguments })
    }

    fn more(text: &str) -> Arguments {
        Arguments::More(text.to_owned())
    }

    fn so_far(text: &str) -> Arguments {
        Arguments::SoFar(text.to_owned())
    }

    fn ended(stop: Stop) -> Event {
        Event::Ended(End { stop, usage: None })
    }

    fn assembled(events: impl IntoIterator<Item = Event>) -> Result<Turn, FailedTurn> {
        let tools = tools();
        let mut assembly = Assembly::new(&tools);
        for event in events {
            if let Step::Whole(turn) = assembly.take(event)? {
                return Ok(turn);
            }
        }
        Err(FailedTurn::EndedEarly)
    }

    #[test]
    fn a_turn_is_whole_or_it_failed() {
        let check = |events: Vec<Event>, expected: Expect| {
            let shown = match assembled(events) {
                Ok(turn) => {
                    let calls = turn
                        .calls()
                        .iter()
                        .map(|it| format!(" {}:{}{}", it.id(), it.tool(), json!(it.arguments())));
                    format!("{:?}{}", turn.text(), calls.collect::<String>())
                }
                Err(failed) => failed.to_string(),
            };
            expected.assert_eq(&shown);
        };
        let id = r#"{"id": "vol-1"}"#;
        check(vec![text("a"), Event::Alive, text("b"), ended(Stop::Done)], expect![[r#""ab""#]]);
        check(
            vec![
                text("I look"),
                call("1", "look_up", more("{\"id\"")),
                call("1", "", more(": \"vol-1\"}")),
                ended(Stop::Calls),
            ],
            expect![[r#""I look" 1:look_up{"id":"vol-1"}"#]],
        );
        check(
            vec![
                call("1", "look_up", so_far("")),
                call("1", "look_up", so_far("{\"id\"")),
                call("1", "look_up", so_far(id)),
                ended(Stop::Calls),
            ],
            expect![[r#""" 1:look_up{"id":"vol-1"}"#]],
        );
        check(
            vec![
                call("1", "look_up", Arguments::Whole(json!({"id": "vol-1"}))),
                call("2", "list_all", more("")),
                ended(Stop::Calls),
            ],
            expect![[r#""" 1:look_up{"id":"vol-1"} 2:list_all{}"#]],
        );

        check(vec![text("a")], expect!["the answer ended early, without saying that it ended"]);
        check(
            vec![call("1", "look_up", more(id))],
            expect!["the answer ended early, without saying that it ended"],
        );
        check(vec![text("a"), ended(Stop::Length)], expect!["the answer was cut off for its length"]);
        check(
            vec![call("1", "look_up", more(id)), ended(Stop::Length)],
            expect!["the answer was cut off for its length"],
        );
        check(vec![text("a"), ended(Stop::Filtered)], expect!["a filter stopped the answer"]);
        check(
            vec![text("a"), ended(Stop::Unclear)],
            expect!["the answer stopped for a reason that is not known"],
        );
        check(
            vec![call("1", "look_up", more(id)), ended(Stop::Done)],
            expect!["the answer says that it is done, and calls tools"],
        );
        check(
            vec![text("a"), ended(Stop::Calls)],
            expect!["the answer says that it calls tools, and calls none"],
        );
        check(vec![text(" \n"), ended(Stop::Done)], expect!["the answer is empty"]);
        check(
            vec![call("1", "look_up", more(r#"{"id": "vol"#)), ended(Stop::Calls)],
            expect!["the arguments for `look_up` are no JSON, or were cut off"],
        );
        check(
            vec![call("1", "look_up", more("[1]")), ended(Stop::Calls)],
            expect!["the arguments for `look_up` are no object"],
        );
        check(
            vec![call("1", "look_up", more(r#"{"id": 7}"#)), ended(Stop::Calls)],
            expect!["the arguments for `look_up` do not fit: `/id` is a string"],
        );
        check(
            vec![call("1", "look_up", more("")), ended(Stop::Calls)],
            expect!["the arguments for `look_up` do not fit: `/id` is missing"],
        );
        check(
            vec![call("1", "approve", more(id)), ended(Stop::Calls)],
            expect!["the answer calls `approve`, a tool that was not offered"],
        );
        check(
            vec![call("", "look_up", more(id))],
            expect!["a call cannot be told apart from another: its id is none"],
        );
        check(
            vec![call("a b", "look_up", more(id))],
            expect!["a call cannot be told apart from another: its id is none"],
        );
        check(
            vec![call("1", "look_up", more(id)), call("1", "list_all", more(id))],
            expect!["a call cannot be told apart from another: two tools under one id"],
        );
        check(
            vec![call("1", "look_up", so_far("{\"id\"")), call("1", "look_up", so_far("[]"))],
            expect!["the arguments for `look_up` are said in two ways"],
        );
        check(
            vec![call("1", "look_up", more("{")), call("1", "look_up", Arguments::Whole(json!({})))],
            expect!["the arguments for `look_up` are said in two ways"],
        );
        let many = (0..17).map(|nth| call(&nth.to_string(), "list_all", more(""))).collect();
        check(many, expect!["the answer is larger than 16 calls"]);
        check(
            vec![text(&"x".repeat(most::TEXT)), text("x")],
            expect!["the answer is larger than 262144 bytes of text"],
        );
        let long = "x".repeat(most::ARGUMENTS + 1);
        let too_long = expect!["the answer is larger than 65536 bytes of arguments"];
        for arguments in [more(&long), so_far(&long), Arguments::Whole(json!(long))] {
            too_long.assert_eq(&assembled([call("1", "look_up", arguments)]).unwrap_err().to_string());
        }
        let alive = std::iter::repeat_n(Event::Alive, most::EVENTS + 1);
        expect!["the answer is larger than 200000 pieces"]
            .assert_eq(&assembled(alive).unwrap_err().to_string());
    }

    proptest! {
        /// Wherever an answer is cut, there is no turn; however its arguments are broken into pieces, there is the same one.
        #[test]
        fn no_part_of_an_answer_is_an_answer(cuts in proptest::collection::vec(0_usize..16, 0..6), cut in 0_usize..8) {
            let whole = r#"{"id": "vol-1é"}"#;
            let mut at: Vec<usize> = cuts.into_iter().map(|it| whole.floor_char_boundary(it)).collect();
            at.extend([0, whole.len()]);
            at.sort_unstable();
            let pieces = at.windows(2).map(|two| call("1", "look_up", more(whole.get(two[0]..two[1]).unwrap())));
            let events: Vec<Event> = std::iter::once(text("so")).chain(pieces).chain([ended(Stop::Calls)]).collect();
            let turn = assembled(events.clone()).unwrap();
            prop_assert_eq!(&turn.calls()[0].arguments()["id"], "vol-1é");
            let cut = cut.min(events.len() - 1);
            prop_assert_eq!(assembled(events[..cut].to_vec()).unwrap_err(), FailedTurn::EndedEarly);
        }
    }
}
