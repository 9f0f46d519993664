//! A request as it came, and what it says whichever protocol it is in.

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Anthropic,
    Openai,
    Bedrock,
    Ollama,
}

#[derive(Clone, Debug)]
pub struct Heard {
    pub protocol: Protocol,
    pub target: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// As it was sent.
    pub text: String,
    pub body: Value,
}

/// One thing within the messages of a request, in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Said {
    Answer,
    Call(String),
    Result(String),
}

impl Protocol {
    pub(super) const fn content_type(self) -> &'static str {
        match self {
            Self::Anthropic | Self::Openai => "text/event-stream",
            Self::Bedrock => "application/vnd.amazon.eventstream",
            Self::Ollama => "application/x-ndjson",
        }
    }

    fn of(target: &str) -> Result<Self> {
        match target {
            "/v1/messages" => Ok(Self::Anthropic),
            "/v1/chat/completions" => Ok(Self::Openai),
            "/api/chat" => Ok(Self::Ollama),
            other if other.starts_with("/model/") && other.ends_with("/converse-stream") => Ok(Self::Bedrock),
            other => bail!("no protocol has the path {other}"),
        }
    }
}

impl Heard {
    pub(super) fn new(target: String, headers: Vec<(String, String)>, text: String) -> Result<Self> {
        let body = serde_json::from_str(&text).context("a request in JSON")?;
        Ok(Self { protocol: Protocol::of(&target)?, target, headers, text, body })
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(held, _)| held == name).map(|(_, value)| value.as_str())
    }

    /// With which it was sent.
    pub fn key(&self) -> Option<&str> {
        match self.protocol {
            Protocol::Anthropic => self.header("x-api-key"),
            Protocol::Openai | Protocol::Bedrock | Protocol::Ollama => {
                self.header("authorization")?.strip_prefix("Bearer ")
            }
        }
    }

    /// Anywhere in what a model is told, in the text as sent or in what its strings mean.
    pub fn says(&self, needle: &str) -> bool {
        self.text.contains(needle) || strings(&self.body).iter().any(|it| it.contains(needle))
    }

    /// The names of the tools that are offered.
    pub fn tools(&self) -> Vec<String> {
        let (list, name) = match self.protocol {
            Protocol::Anthropic => ("/tools", "/name"),
            Protocol::Openai | Protocol::Ollama => ("/tools", "/function/name"),
            Protocol::Bedrock => ("/toolConfig/tools", "/toolSpec/name"),
        };
        let tools = self.body.pointer(list).and_then(Value::as_array).into_iter().flatten();
        tools.filter_map(|tool| word(tool, name)).collect()
    }

    /// The calls whose results are told after the last answer.
    pub fn latest_results(&self) -> Vec<String> {
        let said = self.said();
        let last = said.iter().rposition(|it| !matches!(it, Said::Result(_))).map_or(0, |at| at + 1);
        let results = said.into_iter().skip(last);
        results.filter_map(|it| if let Said::Result(id) = it { Some(id) } else { None }).collect()
    }

    /// Calls without exactly one result, and results without a call. Ollama's protocol has no ids.
    pub fn unpaired(&self) -> Vec<String> {
        if self.protocol == Protocol::Ollama {
            return Vec::new();
        }
        let (mut open, mut problems) = (Vec::<String>::new(), Vec::new());
        for said in self.said() {
            match said {
                Said::Answer => {
                    problems.extend(open.drain(..).map(|id| format!("no result of the call {id}")))
                }
                Said::Call(id) => open.push(id),
                Said::Result(id) => match open.iter().position(|it| *it == id) {
                    Some(at) => drop(open.remove(at)),
                    None => problems.push(format!("a result of {id}, which is no open call")),
                },
            }
        }
        problems.extend(open.into_iter().map(|id| format!("no result of the call {id}")));
        problems
    }

    fn said(&self) -> Vec<Said> {
        let messages = self.body.pointer("/messages").and_then(Value::as_array);
        let mut said = Vec::new();
        for message in messages.into_iter().flatten() {
            if word(message, "/role").as_deref() == Some("assistant") {
                said.push(Said::Answer);
            }
            match self.protocol {
                Protocol::Anthropic | Protocol::Bedrock => {
                    let (call, result) = match self.protocol {
                        Protocol::Anthropic => ("/id", "/tool_use_id"),
                        _ => ("/toolUse/toolUseId", "/toolResult/toolUseId"),
                    };
                    for block in message.pointer("/content").and_then(Value::as_array).into_iter().flatten() {
                        said.extend(word(block, call).map(Said::Call));
                        said.extend(word(block, result).map(Said::Result));
                    }
                }
                Protocol::Openai | Protocol::Ollama => {
                    let calls =
                        message.pointer("/tool_calls").and_then(Value::as_array).into_iter().flatten();
                    said.extend(calls.filter_map(|it| word(it, "/id")).map(Said::Call));
                    said.extend(word(message, "/tool_call_id").map(Said::Result));
                }
            }
        }
        said
    }
}

fn word(value: &Value, place: &str) -> Option<String> {
    value.pointer(place).and_then(Value::as_str).map(str::to_owned)
}

fn strings(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().flat_map(strings).collect(),
        Value::Object(members) => members
            .iter()
            .flat_map(|(name, value)| std::iter::once(name.as_str()).chain(strings(value)))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn heard(target: &str, body: &Value) -> Heard {
        Heard::new(target.to_owned(), Vec::new(), body.to_string()).unwrap()
    }

    #[test]
    fn calls_and_results_are_found_in_each_protocol() {
        let anthropic = json!({"tools": [{"name": "look"}], "messages": [
            {"role": "user", "content": "why"},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "look", "input": {}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": "x"}]},
        ]});
        let openai = json!({"tools": [{"type": "function", "function": {"name": "look"}}], "messages": [
            {"role": "assistant", "tool_calls": [{"id": "a", "function": {"name": "look"}}]},
            {"role": "tool", "tool_call_id": "a", "content": "x"},
        ]});
        let bedrock = json!({"toolConfig": {"tools": [{"toolSpec": {"name": "look"}}]}, "messages": [
            {"role": "assistant", "content": [{"toolUse": {"toolUseId": "a", "name": "look"}}]},
            {"role": "user", "content": [{"toolResult": {"toolUseId": "a"}}]},
        ]});
        for (target, body) in [
            ("/v1/messages", anthropic),
            ("/v1/chat/completions", openai),
            ("/model/m/converse-stream", bedrock),
        ] {
            let it = heard(target, &body);
            assert_eq!(
                (it.tools(), it.latest_results()),
                (vec!["look".to_owned()], vec!["a".to_owned()]),
                "{target}"
            );
            assert!(it.unpaired().is_empty(), "{target}");
            let mut lost = body.clone();
            lost["messages"].as_array_mut().unwrap().pop();
            assert_eq!(heard(target, &lost).unpaired(), ["no result of the call a"], "{target}");
        }
        assert!(Protocol::of("/v2/messages").is_err());
    }

    #[test]
    fn what_is_said_is_found_behind_its_escapes() {
        let it = heard("/v1/messages", &json!({"messages": [{"content": "a\"b\nc"}]}));
        assert!(it.says("a\"b\nc") && it.says("a\\\"b") && !it.says("d"));
    }
}
