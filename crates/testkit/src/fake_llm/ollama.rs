//! Ollama's chat, streamed: a line of JSON each, calls whole and without ids, and a last line that is `done`.

use serde_json::{Value, json};

use super::{
    add,
    scenario::{Beat, Stopped, Turn},
};

pub(super) fn bytes(turn: &Turn, beat: &Beat<'_>) -> Vec<u8> {
    let line = |message: Value| format!("{}\n", json!({"model": "fake", "message": message, "done": false}));
    let text = match beat {
        Beat::Text(piece) => line(json!({"role": "assistant", "content": piece})),
        Beat::CallEnd(_, call) => {
            let text = call.arguments.concat();
            let arguments = serde_json::from_str(&text).unwrap_or(Value::String(text));
            let call = json!({"function": {"name": call.tool, "arguments": arguments}});
            line(json!({"role": "assistant", "content": "", "tool_calls": [call]}))
        }
        Beat::Begin | Beat::TextEnd | Beat::CallBegin(..) | Beat::Arguments(..) => String::new(),
        Beat::End => {
            let reason = if turn.stop() == Stopped::Length { "length" } else { "stop" };
            let mut last = json!({"model": "fake", "message": {"role": "assistant", "content": ""}, "done": true,
                "done_reason": reason});
            if let Some(usage) = turn.usage {
                add(&mut last, "prompt_eval_count", json!(usage.input));
                add(&mut last, "eval_count", json!(usage.output));
            }
            format!("{last}\n")
        }
        Beat::Error(kind) => format!("{}\n", json!({"error": kind})),
    };
    text.into_bytes()
}
