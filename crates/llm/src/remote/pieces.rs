//! The client's events in our words. Protocols differ in how arguments come; the client passes that on where it is asked not to put
//! them together itself.

use genai::chat::{ChatStreamEvent, StopReason, StreamEnd, ToolCall, Usage as Counted};
use serde_json::Value;

use crate::{
    event::{Arguments, End, Event, Piece, Stop, Usage},
    settings::Provider,
};

pub(super) struct Pieces {
    provider: Provider,
    /// The calls so far, in the order in which they began.
    ids: Vec<String>,
}

impl Pieces {
    pub(super) fn new(provider: Provider) -> Self {
        Self { provider, ids: Vec::new() }
    }

    /// `None` where it is nothing to us.
    pub(super) fn event(&mut self, event: ChatStreamEvent) -> Option<Event> {
        match event {
            ChatStreamEvent::Start => None,
            ChatStreamEvent::Chunk(chunk) => Some(Event::Text(chunk.content)),
            ChatStreamEvent::ReasoningChunk(_)
            | ChatStreamEvent::ThoughtSignatureChunk(_)
            | ChatStreamEvent::Heartbeat => Some(Event::Alive),
            ChatStreamEvent::ToolCallChunk(chunk) => Some(Event::Call(self.piece(chunk.tool_call))),
            ChatStreamEvent::End(end) => self.end(&end).map(Event::Ended),
        }
    }

    fn piece(&mut self, call: ToolCall) -> Piece {
        let id = self.id(&call);
        let arguments = match (self.provider, call.fn_arguments) {
            (Provider::Openai, Value::String(text)) => Arguments::More(text),
            (Provider::Anthropic | Provider::Bedrock | Provider::Ollama, Value::String(text)) => {
                Arguments::SoFar(text)
            }
            (_, whole) => Arguments::Whole(whole),
        };
        Piece { id, name: call.fn_name, arguments }
    }

    /// A call's later pieces may have no id; the client gives them `call_` and the call's place.
    fn id(&mut self, call: &ToolCall) -> String {
        let given = &call.call_id;
        let known = self.ids.contains(given);
        if !call.fn_name.is_empty() {
            if !known {
                self.ids.push(given.clone());
            }
            return given.clone();
        }
        match place(given).and_then(|place| self.ids.get(place)) {
            Some(id) if !known => id.clone(),
            // This server calls its own calls so, and counts otherwise: either of two may be meant, so none is.
            Some(id) if id != given => String::new(),
            _ => given.clone(),
        }
    }

    /// One without a reason is the client's own doing: the answer broke off.
    fn end(&self, end: &StreamEnd) -> Option<End> {
        let stop = match end.captured_stop_reason.as_ref()? {
            // This protocol has no word for it.
            StopReason::Completed(_) if self.provider == Provider::Ollama && !self.ids.is_empty() => {
                Stop::Calls
            }
            StopReason::Completed(_) => Stop::Done,
            StopReason::ToolCall(_) => Stop::Calls,
            StopReason::MaxTokens(_) => Stop::Length,
            StopReason::ContentFilter(_) => Stop::Filtered,
            StopReason::StopSequence(_) | StopReason::Other(_) => Stop::Unclear,
        };
        Some(End { stop, usage: end.captured_usage.as_ref().and_then(usage) })
    }
}

fn place(id: &str) -> Option<usize> {
    id.strip_prefix("call_")?.parse().ok()
}

/// A number that is missing or negative is none; so is nothing at all, which the client says where a server did not: every question has
/// words, and every answer.
fn usage(counted: &Counted) -> Option<Usage> {
    let number = |it: Option<i32>| u64::try_from(it?).ok().filter(|it| *it > 0);
    Some(Usage { input: number(counted.prompt_tokens)?, output: number(counted.completion_tokens)? })
}

#[cfg(test)]
mod tests {
    use genai::chat::ToolChunk;

    use super::*;

    #[test]
    fn pieces_find_their_call() {
        let check = |calls: &[(&str, &str)], expected: &[&str]| {
            let mut pieces = Pieces::new(Provider::Openai);
            let ids: Vec<String> = calls
                .iter()
                .map(|(id, name)| {
                    let tool_call = ToolCall {
                        call_id: (*id).to_owned(),
                        fn_name: (*name).to_owned(),
                        fn_arguments: Value::String(String::new()),
                        thought_signatures: None,
                    };
                    match pieces.event(ChatStreamEvent::ToolCallChunk(ToolChunk { tool_call })) {
                        Some(Event::Call(piece)) => piece.id,
                        other => panic!("{other:?}"),
                    }
                })
                .collect();
            assert_eq!(ids, expected);
        };
        check(&[("a", "look"), ("call_0", ""), ("b", "look"), ("call_1", "")], &["a", "a", "b", "b"]);
        check(&[("a", "look"), ("a", ""), ("call_0", "")], &["a", "a", "a"]);
        check(&[("call_0", "look"), ("call_0", "")], &["call_0", "call_0"]);
        // A server that counts from one: alone it is clear, among others it is not.
        check(&[("call_1", "look"), ("call_0", "")], &["call_1", "call_1"]);
        check(&[("call_1", "look"), ("call_2", "look"), ("call_1", "")], &["call_1", "call_2", ""]);
        // None began there: the assembly knows no tool without a name.
        check(&[("a", "look"), ("call_7", "")], &["a", "call_7"]);
    }

    #[test]
    fn an_end_has_a_reason_and_whole_numbers() {
        let end = |reason: Option<&str>, usage: Option<(i32, i32)>| StreamEnd {
            captured_stop_reason: reason.map(|it| StopReason::from(it.to_owned())),
            captured_usage: usage.map(|(input, output)| Counted {
                prompt_tokens: Some(input),
                completion_tokens: Some(output),
                ..Counted::default()
            }),
            ..StreamEnd::default()
        };
        let pieces = Pieces::new(Provider::Bedrock);
        assert_eq!(pieces.end(&end(None, None)), None);
        let check =
            |reason, stop| assert_eq!(pieces.end(&end(Some(reason), None)), Some(End { stop, usage: None }));
        check("end_turn", Stop::Done);
        check("tool_use", Stop::Calls);
        check("max_tokens", Stop::Length);
        check("refusal", Stop::Filtered);
        check("guardrail_intervened", Stop::Unclear);
        check("stop_sequence", Stop::Unclear);
        let counted =
            |input, output| pieces.end(&end(Some("end_turn"), Some((input, output)))).unwrap().usage;
        assert_eq!(counted(10, 9), Some(Usage { input: 10, output: 9 }));
        for (input, output) in [(-1, 9), (0, 0), (0, 9), (10, 0)] {
            assert_eq!(counted(input, output), None, "{input} {output}");
        }
    }
}
