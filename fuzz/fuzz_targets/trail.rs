//! What an auditor is handed: trails that anybody may have written, packed or plain. Nothing panics, and what is unpacked
//! is bounded.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(plain) = trail::read::unpack(data) {
        trail::read::records(&plain, |_| {});
    }
    trail::read::records(data, |_| {});
});
