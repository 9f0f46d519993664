//! A bundle that somebody is about to use: it loads, its examples hold, and it says nothing of operations that the tables
//! contradict. What is in force already is loaded as it is; whatever of it has no effect is the stricter for it.

use policy::{Bundle, Files};

use crate::failure::{Failure, USAGE};

pub(crate) fn loaded(files: &Files) -> Result<Bundle, Failure> {
    let bundle = Bundle::load(files).map_err(|err| Failure::new(USAGE, "CS004", err))?;
    let objections = gateway_aws::objections(&bundle);
    let Some(first) = objections.first() else { return Ok(bundle) };
    let told: Vec<_> = objections.iter().map(|it| format!("overrides.toml: {it}")).collect();
    Err(Failure::new(USAGE, "CS004", told.join("\n")).hint(first.hint))
}
