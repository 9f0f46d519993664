//! The statement that people sign, as an agent or a server might forge it: parsing never panics, and what is accepted
//! is written in one way only, so no two texts mean the same and no text means two things.
#![no_main]

use approval::Statement;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(statement) = Statement::parse(text) else { return };
    assert_eq!(statement.to_text(), text);
    assert_eq!(Statement::parse(&statement.to_text()).as_ref(), Ok(&statement));
    assert!(text.chars().all(|character| character == '\n' || !character.is_control()));
});
