//! What those who sign are shown of a bundle: a certificate; and, where its rules are others than those in force, what they
//! newly allow.
//!
//! Both are made once for a pair of bundles and kept in this person's home. Whoever asks again, to bring in what was approved,
//! must show the very same: what was signed with another before it counts for nothing.

use std::path::{Path, PathBuf};

use api::types::GenesisView;
use policy::{Bundle, Certificate, Comparison, Files};
use serde_json::Value as Json;

use super::{Asking, fetch::given, text};
use crate::{
    backup::bounded,
    client::Client,
    command::prove,
    failure::{Failure, PROOF},
    memory, output,
};

/// The certificate: made here, before anybody is asked for anything.
pub(super) async fn certificate(asking: &Asking<'_>, bundle: &Bundle) -> Result<String, Failure> {
    let files = &asking.files;
    if let Some(file) = asking.certificate {
        return read(file, Certificate::MAX_BYTES);
    }
    let kept = Kept::of(&format!("{}.certificate", bundle.digest()), Certificate::MAX_BYTES);
    let fits = |text: &String| Certificate::read(text.as_bytes(), bundle, files).is_ok();
    if let Some(text) = kept.text().filter(fits) {
        return Ok(text);
    }
    output::note("proving what the constitution cannot allow (policy prove) …");
    kept.keep(&prove::certificate(files, asking.solver).await?)
}

/// With the bundle in force; `None` where the rules are the same.
pub(super) async fn comparison(
    asking: &Asking<'_>,
    bundle: &Bundle,
    client: &Client,
) -> Result<Option<String>, Failure> {
    let files = &asking.files;
    if let Some(file) = asking.comparison {
        return read(file, Comparison::MAX_BYTES).map(Some);
    }
    let (before, before_files) = in_force(client).await?;
    if bundle.has_the_rules_of(&before) {
        return Ok(None);
    }
    let fits = |text: &str| Comparison::read(text.as_bytes(), &before, bundle);
    let kept =
        Kept::of(&format!("{}-{}.comparison", before.digest(), bundle.digest()), Comparison::MAX_BYTES);
    if let Some(text) = kept.text().filter(|text| fits(text).is_ok()) {
        return Ok(Some(text));
    }
    output::note("comparing what the rules allow with those in force (policy diff) …");
    let made = kept.keep(&prove::compared(&before_files, files, asking.solver).await?)?;
    fits(&made).map_err(|err| {
        Failure::new(PROOF, "CS215", err).hint("`countersign policy diff OLD NEW` tells all of it")
    })?;
    Ok(Some(made))
}

pub(in crate::command) async fn in_force(client: &Client) -> Result<(Bundle, Files), Failure> {
    let told: GenesisView = client.get("/v1/genesis").await?;
    let missing = || Failure::unexpected("the server does not say which bundle is in force");
    let digest = told.bundle.ok_or_else(missing)?;
    let (_, files) = given(client, digest).await?;
    let older = |err| {
        Failure::verification(format!("the bundle in force cannot be read by this version: {err}"))
            .hint("use the version that the server runs")
    };
    Ok((Bundle::draft(&files).map_err(older)?, files))
}

fn read(file: &Path, most: usize) -> Result<String, Failure> {
    let unreadable = |err| Failure::usage(format!("{} cannot be read: {err}", file.display()));
    text(bounded(file, most as u64).map_err(unreadable)?, file)
}

/// A place at home, or none where this person has no home.
struct Kept {
    file: Option<PathBuf>,
    most: usize,
}

impl Kept {
    fn of(what: &str, most: usize) -> Self {
        Self { file: memory::proof_of(what), most }
    }

    fn text(&self) -> Option<String> {
        String::from_utf8(bounded(self.file.as_deref()?, self.most as u64).ok()?).ok()
    }

    fn keep(&self, made: &Json) -> Result<String, Failure> {
        let made = serde_json::to_string(made).map_err(Failure::unexpected)?;
        self.file.as_deref().map_or(Ok(()), |file| memory::keep(file, &made))?;
        Ok(made)
    }
}
