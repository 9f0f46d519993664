//! `cargo xtask gen openapi`: writes the description of the API (`docs/openapi.json`), which `api` makes of its routes and of their
//! types. The test that compares the two, and that runs with every other, is what writes it when told to.

use anyhow::Result;

use crate::run::{cargo, succeed};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    Write,
    Compare,
}

pub(crate) fn run(then: Then) -> Result<()> {
    let mut test =
        cargo(&["test", "--quiet", "--package", "api", "--test", "it", "the_description_is_committed"]);
    if then == Then::Write {
        test.env("UPDATE_EXPECT", "1");
    }
    succeed(&mut test)
}
