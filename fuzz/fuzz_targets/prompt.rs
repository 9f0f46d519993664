//! What a cloud returned is quoted so that nothing within can end the quotation, whatever it is and wherever it is cut; and a tool's
//! arguments are checked whatever a model sends.
#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use llm::{Bound, Fence, Schema, Scrubber, Untrusted};

const TOOL: &str = r#"{"type": "object", "additionalProperties": false, "required": ["id"], "properties": {
    "id": {"type": "string", "maxLength": 20}, "days": {"type": "integer", "minimum": 1, "maximum": 90},
    "kinds": {"type": "array", "items": {"type": "string", "enum": ["volume", "stack"]}, "maxItems": 3}}}"#;

fuzz_target!(|input: (u16, &str)| {
    static SCRUBBER: OnceLock<Scrubber> = OnceLock::new();
    let scrubber = SCRUBBER.get_or_init(|| Scrubber::new().expect("built in"));
    let (bound, text) = input;
    let fence = Fence::new([7; 16]);
    let untrusted = Untrusted::new(scrubber, text, text, Bound::bytes(bound.into()));
    let quoted = fence.enclose(&untrusted);
    let lines: Vec<&str> = quoted.as_str().split('\n').collect();
    let last = "</quoted 07070707070707070707070707070707>";
    assert_eq!(lines.last(), Some(&last));
    assert!(lines[0].starts_with("<quoted 07070707070707070707070707070707 from="));
    assert!(lines[1..lines.len() - 1].iter().all(|line| line.starts_with("| ")));

    // What was taken out stays out.
    let once = scrubber.scrub(text);
    scrubber.scrub(once.as_str());

    if let Ok(serde_json::Value::Object(arguments)) = serde_json::from_str(text) {
        let fits = Schema::parse(TOOL).expect("ours").check(&arguments).is_ok();
        assert!(!fits || arguments.contains_key("id"));
        scrubber.scrub_json(&arguments);
    }
    // Refused or understood; never a panic.
    drop(Schema::parse(text));
});
