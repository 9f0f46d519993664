//! OpenAI's chat completions, streamed: chunks of one choice, the usage in a chunk of its own, and a last line that is no JSON.

use serde_json::{Value, json};

use super::{
    add,
    scenario::{Beat, Stopped, Turn},
};

pub(super) fn bytes(turn: &Turn, beat: &Beat<'_>) -> Vec<u8> {
    let delta = |delta: Value| chunk(&json!([{"index": 0, "delta": delta, "finish_reason": null}]), None);
    let text = match beat {
        Beat::Begin => delta(json!({"role": "assistant", "content": ""})),
        Beat::Text(piece) => delta(json!({"content": piece})),
        Beat::CallBegin(nth, call) => delta(json!({"tool_calls": [{
            "index": nth, "id": call.id, "type": "function", "function": {"name": call.tool, "arguments": ""},
        }]})),
        Beat::Arguments(nth, piece) => {
            delta(json!({"tool_calls": [{"index": nth, "function": {"arguments": piece}}]}))
        }
        Beat::TextEnd | Beat::CallEnd(..) => String::new(),
        Beat::End => {
            let reason = match turn.stop() {
                Stopped::Done => "stop",
                Stopped::Calls => "tool_calls",
                Stopped::Length => "length",
                Stopped::Filtered => "content_filter",
            };
            let last = chunk(&json!([{"index": 0, "delta": {}, "finish_reason": reason}]), None);
            let usage = turn.usage.map(|usage| {
                let counted = json!({"prompt_tokens": usage.input, "completion_tokens": usage.output,
                    "total_tokens": usage.input + usage.output});
                chunk(&json!([]), Some(counted))
            });
            format!("{last}{}data: [DONE]\n\n", usage.unwrap_or_default())
        }
        Beat::Error(kind) => {
            format!("data: {}\n\n", json!({"error": {"type": kind, "message": "Overloaded"}}))
        }
    };
    text.into_bytes()
}

fn chunk(choices: &Value, usage: Option<Value>) -> String {
    let mut chunk = json!({"id": "chatcmpl-fake", "object": "chat.completion.chunk", "created": 0, "model": "fake",
        "choices": choices});
    if let Some(usage) = usage {
        add(&mut chunk, "usage", usage);
    }
    format!("data: {chunk}\n\n")
}
