//! `countersign policy fetch`: the files of what somebody else asks for, to be looked at and proved again.

use std::{fs, path::Path, process::ExitCode};

use api::types::{BundleView, ChangeView, TableView};
use classify_aws::sheet::{Sheet, own_digest};
use model::Digest;
use policy::{Bundle, Files};
use serde_json::json;

use crate::{
    cli::{FetchArgs, Format},
    client::Client,
    command::session::safe,
    failure::Failure,
    output::{self, GOOD, styled},
    tables,
};

pub(in crate::command) async fn fetch(args: &FetchArgs, format: Format) -> Result<ExitCode, Failure> {
    if fs::symlink_metadata(&args.dir).is_ok() {
        return Err(Failure::usage(format!("{} is there already", args.dir.display())));
    }
    let client = Client::connect(&args.server).await?;
    let digest = match args.bundle.parse::<Digest>() {
        Ok(digest) => digest,
        Err(_) => asked_for(&client, &args.bundle).await?,
    };
    let (view, files) = given(&client, digest).await?;
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
    if let Some(comparison) = &view.comparison {
        put(&args.dir.join("comparison.json"), comparison.as_bytes())?;
    }
    let table = table(&client, &files, &args.dir).await?;
    match format {
        Format::Json => output::json(&json!({
            "bundle": digest,
            "table": table,
            "files": files.len(),
            "certificate": view.certificate.map(|it| Digest::of(it.as_bytes())),
            "comparison": view.comparison.map(|it| Digest::of(it.as_bytes())),
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

/// A bundle as the server has it. Whoever has the digest need not believe it.
pub(super) async fn given(client: &Client, digest: Digest) -> Result<(BundleView, Files), Failure> {
    let mut view: BundleView = client.get(&format!("/v1/bundles/{digest}")).await?;
    let files = std::mem::take(&mut view.files);
    let files: Files = files.into_iter().map(|(path, text)| (path, text.into_bytes())).collect();
    let found = Bundle::digest_of(&files);
    if found != digest {
        return Err(Failure::verification(format!("the server gave the bundle {found}, not {digest}")));
    }
    Ok((view, files))
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

pub(in crate::command) fn put(file: &Path, content: &[u8]) -> Result<(), Failure> {
    let failed = |err: std::io::Error| Failure::usage(format!("{} cannot be written: {err}", file.display()));
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    fs::write(file, content).map_err(failed)
}
