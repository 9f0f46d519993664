//! Documents of a specification as agents and people may leave them: each is read with the same bytes or refused with a place in it,
//! and what is read of a whole folder can be linted, traced and told. The first byte says which document.
#![no_main]

use libfuzzer_sys::fuzz_target;
use spec::{
    Bugfix, Design, Files, Intent, Malformed, Matrix, Requirements, Run, Specification, Status, Steering, Tasks, ears, lint::lint,
};

/// One that stands beside whatever is read.
const GOAL: &[u8] = b"### Requirement 1\n#### Acceptance Criteria\n1. WHEN a THE b SHALL c\n2. WHEN d THE b SHALL CONTINUE TO e\n";

fuzz_target!(|data: &[u8]| {
    let Some((kind, bytes)) = data.split_first() else { return };
    let read: Result<(&str, String), Malformed> = match kind % 7 {
        0 => Requirements::parse("requirements.md", bytes).map(|it| ("requirements.md", it.source().text().to_owned())),
        1 => Bugfix::parse("bugfix.md", bytes).map(|it| ("bugfix.md", it.source().text().to_owned())),
        2 => Design::parse("design.md", bytes).map(|it| ("design.md", it.source().text().to_owned())),
        3 => Tasks::parse("tasks.md", bytes).map(|it| ("tasks.md", it.source().text().to_owned())),
        4 => Steering::parse("product.md", bytes).map(|it| ("product.md", it.source().text().to_owned())),
        5 => Intent::parse(bytes).map(|it| ("intent.md", it.file())),
        _ => Run::parse(bytes).map(|it| ("run.jsonl", it.records().iter().map(|it| it.line() + "\n").collect())),
    };
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Err(err) = ears::parse(text, 0)
    {
        assert!(text.get(err.at).is_some());
    }
    match read {
        Ok((file, text)) => {
            assert_eq!(text.as_bytes(), bytes);
            let mut files: Files = [(file.to_owned(), bytes.to_vec())].into();
            if kind % 7 > 1 {
                files.insert("requirements.md".to_owned(), GOAL.to_vec());
            }
            let spec = Specification::read(&files).expect("each file was read");
            for finding in lint(&spec) {
                assert!(finding.span.line >= 1 && !finding.message.contains(char::is_control));
            }
            assert_eq!(Matrix::of(&spec).rows.len(), spec.criteria().len());
            Status::of(&spec);
        }
        Err(refused) => {
            let lines = bytes.iter().filter(|it| **it == b'\n').count() + 1;
            assert!((1..=lines).contains(&refused.line) && refused.column >= 1);
        }
    }
});
