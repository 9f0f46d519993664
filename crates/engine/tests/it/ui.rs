//! What must not compile: a permit that is not the engine's, and one that is used twice.

#[test]
fn a_permit_is_made_by_the_engine_alone_and_used_once() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
