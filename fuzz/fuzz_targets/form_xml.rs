//! Bodies from hostile clients through the form, XML, CBOR and JSON readers: nothing panics, and what was read and written
//! again reads the same.
#![no_main]

use classify_aws::params::{cbor, form, json, xml};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((kind, body)) = data.split_first() else { return };
    match kind % 4 {
        0 => drop(form::parse(body)),
        1 => drop(xml::parse(body)),
        2 => drop(cbor::parse(body)),
        _ => {
            if let Ok(value) = json::parse(body) {
                let mut text = String::new();
                json::write(&value, &mut text);
                assert_eq!(json::parse(text.as_bytes()), Ok(value));
            }
        }
    }
});
