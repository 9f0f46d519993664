//! Anthropic's messages, streamed: named events of server-sent events, a block for the text and one for each call.

use serde_json::{Value, json};

use super::{
    add,
    scenario::{Beat, Stopped, Turn},
};

pub(super) fn bytes(turn: &Turn, beat: &Beat<'_>) -> Vec<u8> {
    let said = usize::from(!turn.say.is_empty());
    let start = |index: usize, block: Value| {
        event("content_block_start", &json!({"index": index, "content_block": block}))
    };
    let delta =
        |index: usize, delta: Value| event("content_block_delta", &json!({"index": index, "delta": delta}));
    let stop = |index: usize| event("content_block_stop", &json!({"index": index}));
    let text = match beat {
        Beat::Begin => {
            let mut message = json!({"id": "msg_fake", "type": "message", "role": "assistant", "model": "fake", "content": [],
                "stop_reason": null, "stop_sequence": null});
            if let Some(usage) = turn.usage {
                add(&mut message, "usage", json!({"input_tokens": usage.input, "output_tokens": 1}));
            }
            let begin = event("message_start", &json!({"message": message}));
            let first = if said == 1 { start(0, json!({"type": "text", "text": ""})) } else { String::new() };
            format!("{begin}{first}{}", event("ping", &json!({})))
        }
        Beat::Text(piece) => delta(0, json!({"type": "text_delta", "text": piece})),
        Beat::TextEnd => stop(0),
        Beat::CallBegin(nth, call) => {
            start(said + nth, json!({"type": "tool_use", "id": call.id, "name": call.tool, "input": {}}))
        }
        Beat::Arguments(nth, piece) => {
            delta(said + nth, json!({"type": "input_json_delta", "partial_json": piece}))
        }
        Beat::CallEnd(nth, _) => stop(said + nth),
        Beat::End => {
            let reason = match turn.stop() {
                Stopped::Done => "end_turn",
                Stopped::Calls => "tool_use",
                Stopped::Length => "max_tokens",
                Stopped::Filtered => "refusal",
            };
            let mut ending = json!({"delta": {"stop_reason": reason, "stop_sequence": null}});
            if let Some(usage) = turn.usage {
                add(&mut ending, "usage", json!({"output_tokens": usage.output}));
            }
            format!("{}{}", event("message_delta", &ending), event("message_stop", &json!({})))
        }
        Beat::Error(kind) => event("error", &json!({"error": {"type": kind, "message": "Overloaded"}})),
    };
    text.into_bytes()
}

fn event(kind: &str, data: &Value) -> String {
    let mut data = data.clone();
    add(&mut data, "type", json!(kind));
    format!("event: {kind}\ndata: {data}\n\n")
}
