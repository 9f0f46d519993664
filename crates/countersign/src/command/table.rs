//! `countersign policy table`: the operation table that this version was built with, what is otherwise in it than in another,
//! and having a bundle rest on it.

use std::{fs, path::Path, process::ExitCode};

use classify_aws::sheet::{Sheet, Turn, own_digest, own_text};
use policy::Tables;
use serde_json::json;

use crate::{
    cli::{Format, TableArgs},
    failure::{Failure, USAGE},
    output::{self, BAD, GOOD, styled},
    tables,
};

pub(super) fn run(args: &TableArgs, format: Format) -> Result<ExitCode, Failure> {
    match (&args.pin, &args.against) {
        (Some(bundle), _) => pin(bundle, format)?,
        (None, Some(other)) => against(other, format)?,
        (None, None) if args.text => output::line(own_text().1.trim_end_matches('\n')),
        (None, None) => match format {
            Format::Json => {
                output::json(&json!({ "table": own_digest(), "operations": Sheet::own().operations() }))?;
            }
            Format::Human => {
                output::line(format!("{} ({} operations)", own_digest(), Sheet::own().operations()));
            }
        },
    }
    Ok(ExitCode::SUCCESS)
}

fn pin(bundle: &Path, format: Format) -> Result<(), Failure> {
    if !bundle.join("bundle.toml").is_file() {
        return Err(Failure::usage(format!("{} is no bundle: it has no bundle.toml", bundle.display())));
    }
    let (file, aside) = (bundle.join(Tables::FILE), bundle.join(format!(".{}", Tables::FILE)));
    let written = fs::write(&aside, Tables::text(own_digest())).and_then(|()| fs::rename(&aside, &file));
    written.map_err(|err| Failure::usage(format!("{} cannot be written: {err}", file.display())))?;
    match format {
        Format::Json => output::json(&json!({ "table": own_digest(), "file": file }))?,
        Format::Human => {
            output::line(format!("{} {} names {}", styled(GOOD, "Written:"), file.display(), own_digest()));
            output::note(format!(
                "nothing has changed yet: countersign policy adopt --bundle {} asks two others",
                bundle.display()
            ));
        }
    }
    Ok(())
}

fn against(other: &Path, format: Format) -> Result<(), Failure> {
    let text = tables::text_of(other).map_err(Failure::usage)?;
    let from = Sheet::digest_of(&text);
    let wrong = |err| Failure::new(USAGE, "CS005", format!("{}: {err}", other.display()));
    let differences = Sheet::read(&text, from).map_err(wrong)?.differences(&Sheet::own());
    let (laxer, stricter) = differences.counts();
    let lines = differences.lines(usize::MAX);
    let way = |turn| match turn {
        Turn::Laxer => "laxer",
        Turn::Stricter => "stricter",
    };
    match format {
        Format::Json => {
            let all: Vec<_> =
                lines.iter().map(|it| json!({ "way": way(it.turn), "what": it.what })).collect();
            output::json(&json!({
                "from": from, "to": own_digest(), "laxer": laxer, "stricter": stricter, "differences": all,
            }))?;
        }
        Format::Human => {
            for line in &lines {
                let way = match line.turn {
                    Turn::Laxer => styled(BAD, way(line.turn)),
                    Turn::Stricter => styled(GOOD, way(line.turn)),
                };
                output::line(format!("{way} {}", model::sanitize(&line.what, 1000)));
            }
            output::note(format!("{laxer} laxer, {stricter} stricter, from {from} to {}", own_digest()));
        }
    }
    Ok(())
}
