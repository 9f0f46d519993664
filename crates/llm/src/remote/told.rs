//! A request in the client's words.

use genai::chat::{
    ChatMessage, ChatRequest, ContentPart, MessageContent, Tool as Offered, ToolCall, ToolResponse,
};
use serde_json::Value;

use crate::{
    conversation::{Echo, Message, Request},
    tool::Tool,
};

pub(super) fn told(request: Request<'_>) -> ChatRequest {
    let messages = request.messages().iter().map(message).collect();
    let told = ChatRequest::new(messages).with_system(request.instructions());
    let tools: Vec<Offered> = request.tools().iter().map(offered).collect();
    if tools.is_empty() { told } else { told.with_tools(tools) }
}

fn message(message: &Message) -> ChatMessage {
    match message {
        Message::Person(words) => ChatMessage::user(words.as_str()),
        Message::Quoted(text) => ChatMessage::user(text.as_str()),
        Message::Model { text, calls } => {
            // An empty text is refused by some servers.
            let text = Some(text.as_str()).filter(|text| !text.trim().is_empty());
            let text = text.map(|text| ContentPart::Text(text.to_owned()));
            let parts: Vec<ContentPart> = text
                .into_iter()
                .chain(calls.iter().map(|call| ContentPart::ToolCall(repeated(call))))
                .collect();
            ChatMessage::assistant(MessageContent::from_parts(parts))
        }
        Message::Results(results) => {
            let results = results.iter().map(|(id, text)| ToolResponse::new(id.as_str(), text.as_str()));
            ChatMessage::from(results.collect::<Vec<_>>())
        }
    }
}

fn repeated(Echo { id, tool, arguments }: &Echo) -> ToolCall {
    ToolCall {
        call_id: id.clone(),
        fn_name: (*tool).to_owned(),
        fn_arguments: Value::Object(arguments.clone()),
        thought_signatures: None,
    }
}

fn offered(tool: &Tool) -> Offered {
    Offered::new(tool.name()).with_description(tool.about()).with_schema(tool.schema().told().clone())
}
