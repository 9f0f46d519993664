//! The providers by which people may sign in to the console (`[[sign_in]]` of the configuration): opened once, when `serve`
//! starts, and asked only when somebody signs in by them.

mod door;

use std::{collections::BTreeSet, fs, os::unix::fs::PermissionsExt as _, path::Path};

use oidc::{Provider, Registration};

use crate::{
    config::{Config, SignIn},
    failure::Failure,
};
use door::Door;

/// A client secret is some dozen characters.
const MAX_SECRET: u64 = 4096;

/// All of them, or what is wrong with the first that cannot be one. `console`: where people's browsers have it.
pub(crate) fn providers(config: &Config, console: &str) -> Result<Vec<Provider>, Failure> {
    let mut names = BTreeSet::new();
    let open = |it: &SignIn| {
        if !names.insert(it.name.clone()) {
            return Err(Failure::usage(format!("[[sign_in]] {}: there are two of this name", it.name)));
        }
        provider(config, it, console).map_err(|failure| Failure {
            message: format!("[[sign_in]] {}: {}", it.name, failure.message),
            ..failure
        })
    };
    config.sign_in.iter().map(open).collect()
}

fn provider(config: &Config, it: &SignIn, console: &str) -> Result<Provider, Failure> {
    let named = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if !(1..=40).contains(&it.name.len()) || !it.name.bytes().all(named) {
        return Err(Failure::usage("a name is 1 to 40 lower-case letters, digits and dashes"));
    }
    let site = it.site.as_deref().unwrap_or(console);
    let registration = Registration {
        name: it.name.clone(),
        issuer: it.issuer.clone(),
        client_id: it.client_id.clone(),
        client_secret: secret(&config.dir.join(&it.secret))?,
        redirect: format!("{}{}", site.trim_end_matches('/'), console::way_back(&it.name)),
    };
    let ca = it.ca.as_ref().map(|file| config.dir.join(file));
    let door = Door::open(ca.as_deref())?;
    Provider::new(registration, Box::new(door)).map_err(|err| {
        Failure::usage(err).hint(
            "`issuer` is as the provider writes it in its /.well-known/openid-configuration, without that path",
        )
    })
}

fn secret(file: &Path) -> Result<String, Failure> {
    let wrong = |why: &dyn std::fmt::Display| Failure::usage(format!("{}: {why}", file.display()));
    let about = fs::metadata(file).map_err(|err| wrong(&err))?;
    let mode = about.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(wrong(&format!("can be read by others (mode {mode:03o})"))
            .hint(format!("chmod 600 {}", file.display())));
    }
    if about.len() > MAX_SECRET {
        return Err(wrong(&"is no client secret: it is longer than 4096 bytes"));
    }
    let text = fs::read_to_string(file).map_err(|err| wrong(&err))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}
