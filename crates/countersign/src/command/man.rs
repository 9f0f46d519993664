//! `countersign man DIR`: man pages, made of the command line itself.

use std::{fs, path::Path, process::ExitCode};

use clap::CommandFactory as _;

use crate::{cli::Cli, failure::Failure, output};

pub(super) fn run(dir: &Path) -> Result<ExitCode, Failure> {
    let failed = |err: std::io::Error| Failure::usage(format!("{} cannot be written: {err}", dir.display()));
    fs::create_dir_all(dir).map_err(failed)?;
    clap_mangen::generate_to(Cli::command(), dir).map_err(failed)?;
    output::note(format!("man pages are in {}; `man -l {}/countersign.1`", dir.display(), dir.display()));
    Ok(ExitCode::SUCCESS)
}
