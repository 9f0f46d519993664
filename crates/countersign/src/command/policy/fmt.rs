//! `countersign policy fmt`: lays out a bundle's Cedar files. A file that would not come out with the same meaning, annotations and
//! comments is left alone, and then nothing is written at all.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use policy::formatted;
use serde_json::json;

use super::bundle_files;
use crate::{
    cli::{FmtArgs, Format},
    config::Config,
    failure::{Failure, PROOF, USAGE},
    output::{self, BAD, GOOD, styled},
};

pub(super) fn run(args: &FmtArgs, format: Format) -> Result<ExitCode, Failure> {
    let dir = match (&args.bundle.bundle, &args.bundle.config) {
        (Some(dir), _) => dir.clone(),
        (None, Some(config)) => Config::load(config)?.bundle(),
        (None, None) => return Err(Failure::usage("which bundle? give --config FILE or --bundle DIR")),
    };
    let (mut changed, mut refused) = (Vec::new(), Vec::new());
    for (name, content) in bundle_files(&dir)?.into_iter().filter(|(name, _)| name.ends_with(".cedar")) {
        let text = String::from_utf8(content).map_err(|_| Failure::usage(format!("{name} is no text")))?;
        match formatted(&text) {
            Ok(next) if next == text => {}
            Ok(next) => changed.push((name, next)),
            Err(why) => refused.push((name, why.to_string())),
        }
    }
    if refused.is_empty() && !args.check {
        for (name, text) in &changed {
            let file = dir.join(name);
            put(&file, text)
                .map_err(|err| Failure::usage(format!("{} cannot be written: {err}", file.display())))?;
        }
    }
    let names: Vec<&str> = changed.iter().map(|(name, _)| name.as_str()).collect();
    match format {
        Format::Json => {
            let refused: Vec<_> =
                refused.iter().map(|(file, why)| json!({ "file": file, "why": why })).collect();
            output::json(
                &json!({ "changed": names, "refused": refused, "written": refused.is_empty() && !args.check }),
            )?;
        }
        Format::Human => {
            for (name, why) in &refused {
                output::line(format!("{} {}: {why}", styled(BAD, "✗"), model::sanitize(name, 200)));
            }
            for name in names.iter().filter(|_| refused.is_empty()) {
                output::line(format!("  {}", model::sanitize(name, 200)));
            }
            let what = match (refused.is_empty(), args.check, names.len()) {
                (false, ..) => {
                    styled(BAD, "nothing was written: what cannot be laid out is to be mended first")
                }
                (true, _, 0) => styled(GOOD, "every file is laid out"),
                (true, true, count) => format!("{count} to be laid out"),
                (true, false, count) => format!("{count} laid out"),
            };
            output::line(what);
        }
    }
    Ok(ExitCode::from(match (refused.is_empty(), args.check && !names.is_empty()) {
        (false, _) => USAGE,
        (true, true) => PROOF,
        (true, false) => 0,
    }))
}

/// Whole, and with the permissions it had.
fn put(file: &Path, text: &str) -> io::Result<()> {
    let permissions = fs::metadata(file)?.permissions();
    let mut beside = file.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    fs::write(&beside, text)?;
    fs::set_permissions(&beside, permissions)?;
    fs::rename(&beside, file)
}
