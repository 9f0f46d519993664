//! `cargo xtask demo`: what happened in December 2025, with Countersign in between. A scripted agent holds virtual
//! credentials only; the people sign with keys of their own; the upstream is a mock AWS.
//!
//! [`stage`] sets up, [`story`] tells and checks; this file is the play.

mod stage;
mod story;

use anyhow::{Result, ensure};

use stage::Stage;
use story::Story;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// For a person: told to the end, whatever came out.
    Show,
    /// For the tests: fails if any step came out otherwise than the play says.
    Check,
}

pub(crate) fn run(ending: Ending) -> Result<()> {
    let mut story = Story::new();
    play(&mut story, &Stage::set()?)?;
    let otherwise = story.end();
    ensure!(ending == Ending::Show || otherwise == 0, "{otherwise} steps of the demo came out otherwise");
    Ok(())
}

fn play(story: &mut Story, stage: &Stage) -> Result<()> {
    story.chapter("An agent looks around");
    let listed = stage.aws(&["cloudformation", "describe-stacks", "--query", "Stacks[].StackName"])?;
    story.expect(
        "it reads production alone",
        listed.code == 0 && listed.stdout.contains(stage::STACK),
        &listed,
    );
    Ok(())
}
