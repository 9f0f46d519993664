//! `cargo xtask gen screenshots`: the pictures of the console in `docs/console/`. The test that looks at every page in a real browser
//! takes them, and is what puts them there when told to: no picture is of anything but a run that passed.

use anyhow::Result;

use crate::{
    run::{cargo, succeed},
    setup, suites,
};

const TEST: &str = "every_page_can_be_read_by_everybody";

pub(crate) fn run() -> Result<()> {
    setup::clients()?;
    setup::needed(&[setup::BROWSER])?;
    suites::build_binary()?;
    let mut test = cargo(&["test", "--quiet", "--package", "testkit", "--test", "e2e", TEST]);
    // Without a browser it is to fail, not to skip.
    succeed(test.env("UPDATE_EXPECT", "1").env("CI", "true"))
}
