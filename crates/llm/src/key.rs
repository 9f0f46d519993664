//! The key of a model's server. Configuration names its place and never holds it; nothing prints it.

use std::{
    fmt, fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use zeroize::Zeroizing;

/// Where the key is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum KeyPlace {
    /// A variable of the environment, by name.
    Env(String),
    /// A file that nobody else may read.
    File(PathBuf),
}

#[derive(Clone)]
pub struct Key(Zeroizing<String>);

/// Says the place, where that is one; nothing of what was found there.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error(
        "`key.env` is the name of a variable (upper-case letters, digits, underscores), never the key itself"
    )]
    Name,
    #[error("the variable {0} is not set")]
    Unset(String),
    #[error("reading {}", path.display())]
    File { path: PathBuf, source: std::io::Error },
    #[error("{} can be read by others (mode {mode:03o}): chmod 600 it", path.display())]
    Open { path: PathBuf, mode: u32 },
    #[error("what is in {0} is no key: one line of 8 to {MOST} visible characters is")]
    Form(String),
}

const MOST: usize = 8192;

impl Key {
    /// `dir` is where configuration is, `variable` looks one up.
    ///
    /// # Errors
    /// Where there is none that can be used.
    pub fn read(
        place: &KeyPlace,
        dir: &Path,
        variable: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, KeyError> {
        match place {
            KeyPlace::Env(name) => {
                let letter = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
                if !(1..=100).contains(&name.len()) || !name.bytes().all(letter) {
                    return Err(KeyError::Name);
                }
                let found =
                    variable(name).map(Zeroizing::new).ok_or_else(|| KeyError::Unset(name.clone()))?;
                Self::new(&found).ok_or_else(|| KeyError::Form(name.clone()))
            }
            KeyPlace::File(file) => {
                let path = dir.join(file);
                let failed = |source| KeyError::File { path: path.clone(), source };
                let about = fs::metadata(&path).map_err(failed)?;
                let mode = about.permissions().mode() & 0o777;
                if mode & 0o077 != 0 {
                    return Err(KeyError::Open { path, mode });
                }
                let form = || KeyError::Form(path.display().to_string());
                if !usize::try_from(about.len()).is_ok_and(|length| length <= MOST) {
                    return Err(form());
                }
                let found = Zeroizing::new(fs::read_to_string(&path).map_err(failed)?);
                Self::new(found.trim_end_matches(['\r', '\n'])).ok_or_else(form)
            }
        }
    }

    fn new(text: &str) -> Option<Self> {
        let plain = (8..=MOST).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        plain.then(|| Self(Zeroizing::new(text.to_owned())))
    }

    /// For the request's header, and to keep it out of errors.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    #[test]
    fn a_key_is_found_where_its_place_says_and_never_shown() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str, mode: u32| {
            let path = dir.path().join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        };
        file("good", "secret-key-1\n", 0o600);
        file("open", "secret-key-1", 0o640);
        file("two", "secret-key-1\nsecret-key-2\n", 0o600);
        file("long", &"x".repeat(MOST + 1), 0o600);
        let variable = |name: &str| match name {
            "MODEL_KEY" => Some("secret-key-1".to_owned()),
            "SHORT" => Some("secret".to_owned()),
            _ => None,
        };
        let check = |place: &str, expected: Expect| {
            let place: KeyPlace = toml::from_str(place).unwrap();
            let shown = match Key::read(&place, dir.path(), &variable) {
                Ok(key) => format!("{key:?} {}", key.expose().len()),
                Err(err) => {
                    let shown = format!("{err} {err:?}");
                    assert!(!shown.contains("secret"), "{shown}");
                    err.to_string().replace(&dir.path().display().to_string(), "DIR")
                }
            };
            expected.assert_eq(&shown);
        };
        check("env = 'MODEL_KEY'", expect!["Key(redacted) 12"]);
        check("file = 'good'", expect!["Key(redacted) 12"]);
        check("env = 'OTHER'", expect!["the variable OTHER is not set"]);
        check(
            "env = 'SHORT'",
            expect!["what is in SHORT is no key: one line of 8 to 8192 visible characters is"],
        );
        check(
            "env = 'sk-my-secret'",
            expect![
                "`key.env` is the name of a variable (upper-case letters, digits, underscores), never the key itself"
            ],
        );
        check("file = 'open'", expect!["DIR/open can be read by others (mode 640): chmod 600 it"]);
        check(
            "file = 'two'",
            expect!["what is in DIR/two is no key: one line of 8 to 8192 visible characters is"],
        );
        check(
            "file = 'long'",
            expect!["what is in DIR/long is no key: one line of 8 to 8192 visible characters is"],
        );
        check("file = 'none'", expect!["reading DIR/none"]);
    }
}
