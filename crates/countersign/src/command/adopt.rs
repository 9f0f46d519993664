//! `countersign policy adopt --bundle DIR`: asks for another bundle to come into force, and, once two others have approved it,
//! brings it in. And `countersign policy fetch`: the files of what somebody else asks for, to be looked at and proved again.

use std::{collections::BTreeMap, fs, path::Path, process::ExitCode};

use api::types::{AdoptRequest, BundleView, ChangeView, TableView};
use classify_aws::sheet::{Sheet, own_digest};
use model::{ChangeState, Digest};
use policy::{Bundle, Certificate, Files};
use serde_json::json;

use super::{bundle_files, change, prove, session::safe};
use crate::{
    backup::bounded,
    cli::{AdoptArgs, FetchArgs, Format},
    client::Client,
    failure::{Failure, PROOF},
    loaded::loaded,
    output::{self, GOOD, styled},
    tables,
};

pub(super) async fn run(args: &AdoptArgs, format: Format) -> Result<ExitCode, Failure> {
    let files = bundle_files(&args.bundle)?;
    loads(&files)?;
    let certificate = match &args.certificate {
        Some(file) => {
            let most = Certificate::MAX_BYTES as u64;
            let unreadable = |err| Failure::usage(format!("{} cannot be read: {err}", file.display()));
            text(bounded(file, most).map_err(unreadable)?, file)?
        }
        None => {
            output::note("proving what the constitution cannot allow (policy prove) …");
            let certificate = prove::certificate(&files, args.solver.as_deref()).await?;
            serde_json::to_string(&certificate).map_err(Failure::unexpected)?
        }
    };
    let digest = Bundle::digest_of(&files);
    let request = AdoptRequest { files: texts(files)?, certificate };
    let size = serde_json::to_vec(&request).map_err(Failure::unexpected)?.len();
    if size > api::MAX_BUNDLE {
        let most = api::MAX_BUNDLE;
        return Err(Failure::usage(format!(
            "the bundle and its certificate take {size} bytes, {most} is the most"
        )));
    }
    let client = Client::connect(&args.server).await?;
    let change: ChangeView = client.post("/v1/bundles", &request).await?;
    match format {
        Format::Json => output::json(&change)?,
        Format::Human => {
            change::row(&change);
            match change.state {
                ChangeState::Held => output::note(
                    "nothing has changed yet: two others approve it (change approve), then run the same command again",
                ),
                ChangeState::Executed => {
                    output::line(format!("{} {digest}", styled(GOOD, "In force:")));
                }
                _ => {}
            }
        }
    }
    Ok(change::ended(change.state))
}

pub(super) fn texts(files: Files) -> Result<BTreeMap<String, String>, Failure> {
    files.into_iter().map(|(path, bytes)| Ok((path.clone(), text(bytes, Path::new(&path))?))).collect()
}

/// What a server would refuse, said where the files are; examples that fail are not the same as files that do not load.
fn loads(files: &Files) -> Result<(), Failure> {
    let Err(failure) = loaded(files) else { return Ok(()) };
    let (Err(err), Ok(_)) = (Bundle::load(files), Bundle::test(files)) else { return Err(failure) };
    Err(Failure::new(PROOF, "CS004", err))
}

fn text(bytes: Vec<u8>, file: &Path) -> Result<String, Failure> {
    String::from_utf8(bytes).map_err(|_| Failure::usage(format!("{} is no text", file.display())))
}

pub(super) async fn fetch(args: &FetchArgs, format: Format) -> Result<ExitCode, Failure> {
    if fs::symlink_metadata(&args.dir).is_ok() {
        return Err(Failure::usage(format!("{} is there already", args.dir.display())));
    }
    let client = Client::connect(&args.server).await?;
    let digest = match args.bundle.parse::<Digest>() {
        Ok(digest) => digest,
        Err(_) => asked_for(&client, &args.bundle).await?,
    };
    let view: BundleView = client.get(&format!("/v1/bundles/{digest}")).await?;
    let files: Files = view.files.into_iter().map(|(path, text)| (path, text.into_bytes())).collect();
    // Whoever has the digest from a statement need not believe the server.
    if Bundle::digest_of(&files) != digest {
        let found = Bundle::digest_of(&files);
        return Err(Failure::verification(format!("the server gave the bundle {found}, not {digest}")));
    }
    for (name, content) in &files {
        let leads_out = name.split('/').any(|part| part.is_empty() || part.starts_with('.'));
        if leads_out || name.contains('\\') {
            return Err(Failure::verification("the server gave a file whose name leads elsewhere"));
        }
        put(&args.dir.join("bundle").join(name), content)?;
    }
    if let Some(certificate) = &view.certificate {
        put(&args.dir.join("certificate.json"), certificate.as_bytes())?;
    }
    let table = table(&client, &files, &args.dir).await?;
    match format {
        Format::Json => output::json(&json!({
            "bundle": digest,
            "table": table,
            "files": files.len(),
            "certificate": view.certificate.map(|it| Digest::of(it.as_bytes())),
        }))?,
        Format::Human => {
            output::line(format!("{} {digest} ({} files)", styled(GOOD, "Fetched"), files.len()));
            output::note(format!(
                "its certificate is nobody's word: prove it yourself with `countersign policy prove --bundle {}`",
                args.dir.join("bundle").display()
            ));
            if let Some(table) = table.filter(|table| *table != own_digest()) {
                output::note(format!(
                    "it rests on another operation table than this version's: `countersign policy table --against {}` tells \
                     what would be otherwise under this one",
                    tables::place(&args.dir, table).display()
                ));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The operation table that the bundle rests on, beside it where it is not our own.
async fn table(client: &Client, files: &Files, dir: &Path) -> Result<Option<Digest>, Failure> {
    let table = Bundle::load(files).ok().and_then(|bundle| bundle.tables().aws);
    let Some(other) = table.filter(|table| *table != own_digest()) else { return Ok(table) };
    let view: TableView = client.get(&format!("/v1/tables/{other}")).await?;
    if Sheet::digest_of(&view.text) != other {
        return Err(Failure::verification(format!("the server gave another operation table than {other}")));
    }
    put(&tables::place(dir, other), view.text.as_bytes())?;
    Ok(table)
}

/// The bundle that a change would bring into force.
async fn asked_for(client: &Client, change: &str) -> Result<Digest, Failure> {
    let view: ChangeView = client.get(&format!("/v1/changes/{}", safe(change)?)).await?;
    let shown = view.actions.iter().flat_map(|action| &action.parameters);
    let to = shown.filter(|(name, _)| name == "to").find_map(|(_, value)| value.parse().ok());
    let adopts =
        view.actions.iter().any(|action| action.operation == model::Adoption::operation().to_string());
    let not = || Failure::usage(format!("{} adopts no bundle", model::sanitize(change, 60)));
    to.filter(|_| adopts).ok_or_else(not)
}

fn put(file: &Path, content: &[u8]) -> Result<(), Failure> {
    let failed = |err: std::io::Error| Failure::usage(format!("{} cannot be written: {err}", file.display()));
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    fs::write(file, content).map_err(failed)
}
