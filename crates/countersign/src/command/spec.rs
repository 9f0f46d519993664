//! `countersign spec new|lint|trace|status`: a specification's folder on its own, no server needed. What is read and found is the
//! crate `spec`'s; here are files, and how it is shown.

mod folder;
mod lint;
mod new;
mod status;
mod trace;

pub(super) use folder::files;

use std::process::ExitCode;

use crate::{
    cli::{Format, spec::SpecCommand},
    failure::Failure,
};

pub(super) fn run(command: &SpecCommand, format: Format) -> Result<ExitCode, Failure> {
    match command {
        SpecCommand::New(args) => new::run(args, format),
        SpecCommand::Lint(args) => folder::read(&args.dir, format, |spec| lint::run(spec, &args.dir, format)),
        SpecCommand::Trace(args) => folder::read(&args.dir, format, |spec| trace::run(spec, format)),
        SpecCommand::Status(args) => folder::read(&args.dir, format, |spec| status::run(spec, format)),
    }
}
