//! The witness's own key: made once, at the first start, under the name that it keeps.

use std::{
    fs,
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use engine::{Entropy as _, SystemEntropy};
use tlog::{WitnessKey, WitnessSigningKey};

use crate::{command::resident, failure::Failure};

pub(super) const SECRET: &str = "witness.key";
const PUBLIC: &str = "witness.vkey";

/// The secret is written first: a start that is cut short between the two finds it again, and nothing was signed yet.
pub(super) fn open(dir: &Path, name: Option<&str>) -> Result<WitnessSigningKey, Failure> {
    let (secret_file, public_file) = (dir.join(SECRET), dir.join(PUBLIC));
    if !secret_file.exists() {
        let mut seed = [0; 32];
        SystemEntropy.fill(&mut seed).map_err(Failure::unexpected)?;
        write(&secret_file, hex::encode(seed).as_bytes())?;
    }
    let seed = resident::secret(&secret_file)?;
    let known = match fs::read_to_string(&public_file) {
        Ok(text) => {
            let wrong = |err| Failure::usage(format!("{}: {err}", public_file.display()));
            Some(text.trim().parse::<WitnessKey>().map_err(wrong)?)
        }
        Err(err) if err.kind() == io::ErrorKind::NotFound => None,
        Err(err) => return Err(Failure::usage(format!("{} cannot be read: {err}", public_file.display()))),
    };
    let Some(known) = known else {
        let key = key(name.unwrap_or(&unnamed(&seed)?), &seed)?;
        write(&public_file, format!("{}\n", key.verifier()).as_bytes())?;
        return Ok(key);
    };
    if let Some(other) = name.filter(|name| *name != known.name()) {
        let (other, known) = (model::sanitize(other, 100), model::sanitize(known.name(), 255));
        return Err(Failure::usage(format!("this witness signs as {known}, not as {other}"))
            .hint("its name is part of its key and stays; a folder of its own makes another witness"));
    }
    let key = key(known.name(), &seed)?;
    if key.verifier() != known {
        return Err(Failure::usage(format!("{SECRET} and {PUBLIC} in {} are no pair", dir.display()))
            .hint("put back the ones that belong together"));
    }
    Ok(key)
}

fn key(name: &str, seed: &[u8; 32]) -> Result<WitnessSigningKey, Failure> {
    WitnessSigningKey::from_seed(name, seed)
        .map_err(|err| Failure::usage(format!("--name {}: {err}", model::sanitize(name, 100))))
}

/// A name that no other witness has.
fn unnamed(seed: &[u8; 32]) -> Result<String, Failure> {
    let public = key("witness", seed)?.verifier().to_string();
    let digest = model::Digest::of(public.as_bytes()).to_string();
    let hexadecimal: String = digest.chars().filter(char::is_ascii_hexdigit).collect();
    let from = hexadecimal.len().saturating_sub(12);
    Ok(format!("countersign-witness/{}", hexadecimal.get(from..).unwrap_or_default()))
}

fn write(file: &Path, content: &[u8]) -> Result<(), Failure> {
    let written = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)
        .and_then(|mut open| open.write_all(content).and_then(|()| open.sync_all()))
        .and_then(|()| fs::File::open(file.parent().unwrap_or(Path::new(".")))?.sync_all());
    written.map_err(|err| Failure::usage(format!("{} cannot be written: {err}", file.display())))
}
