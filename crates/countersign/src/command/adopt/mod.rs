//! `countersign policy adopt --bundle DIR`: asks for another bundle to come into force, and, once two others have approved it,
//! brings it in.

mod fetch;
mod shown;

use std::{collections::BTreeMap, path::Path, process::ExitCode};

use api::types::{AdoptRequest, ChangeView};
use model::ChangeState;
use policy::{Bundle, Files};

pub(super) use self::{
    fetch::{fetch, put},
    shown::in_force,
};
use super::{bundle_files, change};
use crate::{
    cli::{AdoptArgs, Format},
    client::Client,
    failure::{Failure, PROOF},
    loaded::loaded,
    output::{self, GOOD, styled},
};

pub(super) async fn run(args: &AdoptArgs, format: Format) -> Result<ExitCode, Failure> {
    let files = bundle_files(&args.bundle)?;
    let bundle = loads(&files)?;
    let asking = Asking {
        files,
        certificate: args.certificate.as_deref(),
        comparison: args.comparison.as_deref(),
        solver: args.solver.as_deref(),
    };
    // Before anybody is asked for anything.
    shown::certificate(&asking, &bundle).await?;
    let client = Client::connect(&args.server).await?;
    ask(asking, &bundle, &client, format).await
}

/// A bundle that somebody wants in force, and what is known to be shown of it.
pub(super) struct Asking<'a> {
    pub(super) files: Files,
    pub(super) certificate: Option<&'a Path>,
    pub(super) comparison: Option<&'a Path>,
    pub(super) solver: Option<&'a Path>,
}

/// Asks for it, or brings it in once it is approved. `bundle` is what the files are read as.
pub(super) async fn ask(
    asking: Asking<'_>,
    bundle: &Bundle,
    client: &Client,
    format: Format,
) -> Result<ExitCode, Failure> {
    let certificate = shown::certificate(&asking, bundle).await?;
    let comparison = shown::comparison(&asking, bundle, client).await?;
    let request = AdoptRequest { files: texts(asking.files)?, certificate, comparison };
    let size = serde_json::to_vec(&request).map_err(Failure::unexpected)?.len();
    if size > api::MAX_BUNDLE {
        let most = api::MAX_BUNDLE;
        return Err(Failure::usage(format!(
            "the bundle and what is shown of it take {size} bytes, {most} is the most"
        )));
    }
    let change: ChangeView = client.post("/v1/bundles", &request).await?;
    match format {
        Format::Json => output::json(&change)?,
        Format::Human => {
            change::row(&change);
            match change.state {
                ChangeState::Held => output::note(still_to_do(bundle, &change)),
                ChangeState::Executed => {
                    output::line(format!("{} {}", styled(GOOD, "In force:"), bundle.digest()));
                }
                _ => {}
            }
        }
    }
    Ok(change::ended(change.state))
}

fn still_to_do(bundle: &Bundle, change: &ChangeView) -> &'static str {
    let asked = bundle.roster().people.get(&change.operator);
    match asked {
        Some(safe) if safe.recovery => {
            "nothing has changed yet: two recovery keys sign it (change approve); run the same command again after its delay"
        }
        Some(_) | None => {
            "nothing has changed yet: two others approve it (change approve), then run the same command again"
        }
    }
}

pub(super) fn texts(files: Files) -> Result<BTreeMap<String, String>, Failure> {
    files.into_iter().map(|(path, bytes)| Ok((path.clone(), text(bytes, Path::new(&path))?))).collect()
}

/// What a server would refuse, said where the files are; examples that fail are not the same as files that do not load.
pub(super) fn loads(files: &Files) -> Result<Bundle, Failure> {
    let failure = match loaded(files) {
        Ok(bundle) => return Ok(bundle),
        Err(failure) => failure,
    };
    let (Err(err), Ok(_)) = (Bundle::load(files), Bundle::test(files)) else { return Err(failure) };
    Err(Failure::new(PROOF, "CS004", err))
}

fn text(bytes: Vec<u8>, file: &Path) -> Result<String, Failure> {
    String::from_utf8(bytes).map_err(|_| Failure::usage(format!("{} is no text", file.display())))
}
