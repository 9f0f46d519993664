//! What goes to a model: our own instructions, a person's words, what the model said before, and what its calls returned. Each has a
//! type that only the right thing can have, so that neither a credential nor an open quotation gets in. Pure.

use serde_json::{Map, Value};

use crate::{
    fence::{Fence, Fenced, Untrusted},
    scrub::{Scrubbed, Scrubber},
    tool::Tools,
    turn::{Call, Turn},
};

/// One conversation with a model.
#[derive(Clone, Debug)]
pub struct Conversation {
    instructions: String,
    fence: Fence,
    tools: Tools,
    messages: Vec<Message>,
    /// Ids of the calls of the last turn, until what they returned is told.
    owed: Vec<String>,
    bytes: usize,
}

/// As a model is told it. One that somebody else makes gets into no conversation.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    Person(Scrubbed),
    Quoted(Fenced),
    Model {
        text: Scrubbed,
        calls: Vec<Echo>,
    },
    /// By the ids of the calls.
    Results(Vec<(String, Fenced)>),
}

/// A call as it is repeated to the model that made it.
#[derive(Clone, Debug, PartialEq)]
pub struct Echo {
    pub id: String,
    pub tool: &'static str,
    pub arguments: Map<String, Value>,
}

/// What is sent for the next turn; made by a conversation that waits for one.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    conversation: &'a Conversation,
    max_output: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConversationError {
    #[error("what {0} calls returned is not told yet")]
    Owed(usize),
    #[error("there is nothing that a model could answer")]
    NothingAsked,
    #[error("{given} results for {owed} calls, or for others than were made")]
    Unpaired { given: usize, owed: usize },
    #[error("the conversation has {bytes} bytes; {MOST} is the most")]
    TooLong { bytes: usize },
}

/// Larger than what the models of today take; what comes near it was not chosen with care.
const MOST: usize = 4 << 20;

impl Conversation {
    /// `instructions` are of this program's source, and end with what a quotation is.
    pub fn new(instructions: &'static str, fence: Fence, tools: Tools) -> Self {
        let instructions = format!("{instructions}\n\n{}", fence.rule());
        let told =
            tools.iter().map(|it| it.name().len() + it.about().len() + it.schema().told().to_string().len());
        let bytes = instructions.len() + told.sum::<usize>();
        Self { instructions, fence, tools, messages: Vec::new(), owed: Vec::new(), bytes }
    }

    /// # Errors
    /// Where calls are not answered yet.
    pub fn say(&mut self, words: Scrubbed) -> Result<(), ConversationError> {
        self.settled()?;
        self.add(Message::Person(words));
        Ok(())
    }

    /// What a cloud returned, without a model's having asked for it.
    ///
    /// # Errors
    /// Where calls are not answered yet.
    pub fn quote(&mut self, text: &Untrusted) -> Result<(), ConversationError> {
        self.settled()?;
        self.add(Message::Quoted(self.fence.enclose(text)));
        Ok(())
    }

    /// What each call of the last turn returned, in any order.
    ///
    /// # Errors
    /// Where it is not one result for each call.
    pub fn tell(&mut self, results: Vec<(String, Untrusted)>) -> Result<(), ConversationError> {
        let mut given: Vec<&str> = results.iter().map(|(id, _)| id.as_str()).collect();
        let mut owed: Vec<&str> = self.owed.iter().map(String::as_str).collect();
        given.sort_unstable();
        owed.sort_unstable();
        if given != owed || owed.is_empty() {
            return Err(ConversationError::Unpaired { given: given.len(), owed: owed.len() });
        }
        self.owed.clear();
        let fence = &self.fence;
        let results = results.into_iter().map(|(id, text)| (id, fence.enclose(&text))).collect();
        self.add(Message::Results(results));
        Ok(())
    }

    /// # Errors
    /// Where no turn of a model can follow, or it has grown too long.
    pub fn request(&self, max_output: u32) -> Result<Request<'_>, ConversationError> {
        self.settled()?;
        if !matches!(
            self.messages.last(),
            Some(Message::Person(_) | Message::Quoted(_) | Message::Results(_))
        ) {
            return Err(ConversationError::NothingAsked);
        }
        if self.bytes > MOST {
            return Err(ConversationError::TooLong { bytes: self.bytes });
        }
        Ok(Request { conversation: self, max_output })
    }

    pub fn tools(&self) -> &Tools {
        &self.tools
    }

    /// The model's own words go back to it, and what it was never given it may have made up: they are scrubbed as all else.
    pub(crate) fn accept(&mut self, turn: &Turn, scrubber: &Scrubber) {
        self.owed = turn.calls.iter().map(|call| call.id.clone()).collect();
        let echo = |Call { id, tool, arguments }: &Call| Echo {
            id: id.clone(),
            tool,
            arguments: scrubber.scrub_json(arguments),
        };
        let calls = turn.calls.iter().map(echo).collect();
        self.add(Message::Model { text: scrubber.scrub(&turn.text), calls });
    }

    fn settled(&self) -> Result<(), ConversationError> {
        match self.owed.len() {
            0 => Ok(()),
            owed => Err(ConversationError::Owed(owed)),
        }
    }

    fn add(&mut self, message: Message) {
        self.bytes += match &message {
            Message::Person(words) => words.as_str().len(),
            Message::Quoted(text) => text.as_str().len(),
            Message::Model { text, calls } => {
                let calls = calls.iter().map(|it| Value::Object(it.arguments.clone()).to_string().len());
                text.as_str().len() + calls.sum::<usize>()
            }
            Message::Results(results) => results.iter().map(|(_, text)| text.as_str().len()).sum(),
        };
        self.messages.push(message);
    }
}

impl<'a> Request<'a> {
    pub fn max_output(self) -> u32 {
        self.max_output
    }

    /// No prompt has more tokens than bytes.
    pub fn bytes(self) -> usize {
        self.conversation.bytes
    }

    pub fn tools(self) -> &'a Tools {
        &self.conversation.tools
    }

    pub fn instructions(self) -> &'a str {
        &self.conversation.instructions
    }

    pub fn messages(self) -> &'a [Message] {
        &self.conversation.messages
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{fence::Bound, tool::Tool};

    fn conversation() -> Conversation {
        let nothing = r#"{"type": "object", "additionalProperties": false}"#;
        let tools = Tools::new(vec![Tool::new("look", "Looks", nothing).unwrap()]).unwrap();
        Conversation::new("You help.", Fence::new([1; 16]), tools)
    }

    fn turn(ids: &[&str]) -> Turn {
        let call = |id: &&str| Call { id: (*id).to_owned(), tool: "look", arguments: Map::new() };
        Turn { text: "so".to_owned(), calls: ids.iter().map(call).collect(), usage: None }
    }

    #[test]
    fn every_call_is_answered_once_before_anything_else() {
        let scrubber = Scrubber::new().unwrap();
        let result = |id: &str| (id.to_owned(), Untrusted::new(&scrubber, "x", "text", Bound::bytes(100)));
        let mut it = conversation();
        assert_eq!(it.request(9).unwrap_err(), ConversationError::NothingAsked);
        it.say(scrubber.scrub("why?")).unwrap();
        it.request(9).unwrap();
        it.accept(&turn(&["a", "b"]), &scrubber);
        assert_eq!(it.request(9).unwrap_err(), ConversationError::Owed(2));
        assert_eq!(it.say(Scrubbed::ours("and?")).unwrap_err(), ConversationError::Owed(2));
        for wrong in [vec![], vec!["a"], vec!["a", "a"], vec!["a", "c"], vec!["a", "b", "b"]] {
            let given = wrong.len();
            let results = wrong.into_iter().map(result).collect();
            assert_eq!(it.tell(results).unwrap_err(), ConversationError::Unpaired { given, owed: 2 });
        }
        it.tell(vec![result("b"), result("a")]).unwrap();
        assert_eq!(
            it.tell(vec![result("a")]).unwrap_err(),
            ConversationError::Unpaired { given: 1, owed: 0 }
        );
        it.request(9).unwrap();
        it.accept(&turn(&[]), &scrubber);
        assert_eq!(it.request(9).unwrap_err(), ConversationError::NothingAsked);
    }

    #[test]
    fn what_the_model_said_is_scrubbed_before_it_hears_it_again() {
        let scrubber = Scrubber::new().unwrap();
        let mut it = conversation();
        it.say(Scrubbed::ours("why?")).unwrap();
        let mut said = turn(&["a"]);
        said.text = "the password=hunter2hunter2".to_owned();
        said.calls[0].arguments = json!({"token": "abcdefgh"}).as_object().unwrap().clone();
        it.accept(&said, &scrubber);
        let Some(Message::Model { text, calls }) = it.messages.last() else { panic!() };
        assert_eq!(text.as_str(), "the password=[removed:password]");
        assert_eq!(calls[0].arguments["token"], "[removed:password]");
    }

    #[test]
    fn it_does_not_grow_without_end() {
        let scrubber = Scrubber::new().unwrap();
        let mut it = conversation();
        for _ in 0..17 {
            it.say(scrubber.scrub(&"word ".repeat(100_000))).unwrap();
        }
        assert!(matches!(it.request(9), Err(ConversationError::TooLong { .. })));
    }
}
