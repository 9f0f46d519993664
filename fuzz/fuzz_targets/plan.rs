//! Plans' files of anybody: read within bounds or refused with what is wrong, in words that no terminal obeys; what is read is right by
//! the linter, and is written and read again without loss.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match plan::read(text) {
        Ok(read) => {
            assert!(plan::lint(&read).is_empty());
            let written = serde_json::to_string(&read).expect("a plan is plain data");
            assert_eq!(plan::read(&written).expect("what was read is read again"), read);
        }
        Err(problems) => {
            assert!(!problems.is_empty());
            for problem in problems {
                assert!(!problem.to_string().contains(char::is_control), "{problem:?}");
            }
        }
    }
});
