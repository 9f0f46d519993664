//! `fake-llm SCENARIO.toml [ADDRESS]`: a language model by script, for whatever speaks to one. Prints its address, then each request as a
//! line of JSON; ends when the script does, and fails where a request was not what the script expects.

use std::{env::args, io::Write as _, time::Duration};

use anyhow::{Context as _, Result};
use testkit::{FakeLlm, Scenario, until};

fn main() -> Result<()> {
    let mut args = args().skip(1);
    let script = args.next().context("usage: fake-llm SCENARIO.toml [ADDRESS]")?;
    let address = args.next().unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let fake = FakeLlm::at(&address, Scenario::read(script.as_ref())?)?;
    let mut out = std::io::stdout();
    writeln!(out, "{}", fake.url())?;
    let mut told = 0;
    until("the end of the script", Duration::from_secs(24 * 3600), || {
        for heard in fake.heard().iter().skip(told) {
            writeln!(out, "{}", heard.body)?;
            told += 1;
        }
        Ok(fake.is_over().then_some(()))
    })?;
    fake.finished()
}
