//! `docs/specifications.md` lists every code.

use spec::{Cause, lint::Code};

#[test]
fn the_page_has_every_code() {
    let page = include_str!("../../../../docs/specifications.md");
    for code in Code::ALL {
        let row = format!("| {code} | {} | {} |", format!("{:?}", code.level()).to_lowercase(), code.what());
        assert!(page.contains(&row), "missing: {row}");
    }
    // Of those that refuse, one of each code.
    let refusals = [
        Cause::NotUtf8,
        Cause::FenceOpen,
        Cause::Number(String::new()),
        Cause::CriteriaOutside,
        Cause::TaskAsHeading,
        Cause::TaskUnnumbered,
        Cause::TaskTwice(String::new()),
        Cause::Check(String::new()),
        Cause::FrontMatterOpen,
        Cause::IntentHead,
        Cause::RecordTorn,
        Cause::TwoGoals,
        Cause::TooManyLines { most: 1 },
    ];
    for cause in refusals {
        assert!(page.contains(&format!("| {} |", cause.code())), "missing: {}", cause.code());
    }
}
