//! Bedrock's converse stream: binary frames with their headers, a checksum over the first eight bytes and one over everything.

use serde_json::{Value, json};

use super::{
    add,
    scenario::{Beat, Stopped, Turn},
};

pub(super) fn bytes(turn: &Turn, beat: &Beat<'_>) -> Vec<u8> {
    let said = usize::from(!turn.say.is_empty());
    match beat {
        Beat::Begin => event("messageStart", &json!({"role": "assistant"})),
        Beat::Text(piece) => {
            event("contentBlockDelta", &json!({"contentBlockIndex": 0, "delta": {"text": piece}}))
        }
        Beat::TextEnd => event("contentBlockStop", &json!({"contentBlockIndex": 0})),
        Beat::CallBegin(nth, call) => {
            let start = json!({"toolUse": {"toolUseId": call.id, "name": call.tool}});
            event("contentBlockStart", &json!({"contentBlockIndex": said + nth, "start": start}))
        }
        Beat::Arguments(nth, piece) => {
            let delta = json!({"toolUse": {"input": piece}});
            event("contentBlockDelta", &json!({"contentBlockIndex": said + nth, "delta": delta}))
        }
        Beat::CallEnd(nth, _) => event("contentBlockStop", &json!({"contentBlockIndex": said + nth})),
        Beat::End => {
            let reason = match turn.stop() {
                Stopped::Done => "end_turn",
                Stopped::Calls => "tool_use",
                Stopped::Length => "max_tokens",
                Stopped::Filtered => "content_filtered",
            };
            let mut out = event("messageStop", &json!({"stopReason": reason}));
            let mut metadata = json!({"metrics": {"latencyMs": 1}});
            if let Some(usage) = turn.usage {
                add(
                    &mut metadata,
                    "usage",
                    json!({"inputTokens": usage.input, "outputTokens": usage.output,
                    "totalTokens": usage.input + usage.output}),
                );
            }
            out.extend(event("metadata", &metadata));
            out
        }
        Beat::Error(kind) => {
            let headers = [
                (":message-type", "exception"),
                (":exception-type", kind),
                (":content-type", "application/json"),
            ];
            frame(&headers, &json!({"message": kind}))
        }
    }
}

fn event(kind: &str, payload: &Value) -> Vec<u8> {
    frame(
        &[(":event-type", kind), (":content-type", "application/json"), (":message-type", "event")],
        payload,
    )
}

/// Lengths of the whole and of the headers, their checksum, headers, payload, checksum of it all.
fn frame(headers: &[(&str, &str)], payload: &Value) -> Vec<u8> {
    const STRING: u8 = 7;
    let payload = payload.to_string();
    let mut encoded = Vec::new();
    for (name, value) in headers {
        encoded.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
        encoded.extend(name.as_bytes());
        encoded.push(STRING);
        encoded.extend(u16::try_from(value.len()).unwrap_or(u16::MAX).to_be_bytes());
        encoded.extend(value.as_bytes());
    }
    let length = |it: usize| u32::try_from(it).unwrap_or(u32::MAX).to_be_bytes();
    let mut out = Vec::new();
    out.extend(length(12 + encoded.len() + payload.len() + 4));
    out.extend(length(encoded.len()));
    out.extend(checksum(&out).to_be_bytes());
    out.extend(encoded);
    out.extend(payload.as_bytes());
    out.extend(checksum(&out).to_be_bytes());
    out
}

/// CRC-32 as zlib has it, a bit at a time.
fn checksum(bytes: &[u8]) -> u32 {
    let step = |held: u32, byte: &u8| {
        (0..8).fold(
            held ^ u32::from(*byte),
            |held, _| if held & 1 == 1 { held >> 1 ^ 0xedb8_8320 } else { held >> 1 },
        )
    };
    !bytes.iter().fold(u32::MAX, step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_have_their_checksums() {
        assert_eq!(checksum(b"123456789"), 0xcbf4_3926);
        let frame = event("messageStart", &json!({"role": "assistant"}));
        let number = |at: usize| u32::from_be_bytes(frame[at..at + 4].try_into().unwrap());
        assert_eq!(usize::try_from(number(0)).unwrap(), frame.len());
        assert_eq!(number(8), checksum(&frame[..8]));
        assert_eq!(number(frame.len() - 4), checksum(&frame[..frame.len() - 4]));
    }
}
