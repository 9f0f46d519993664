//! Profiles: `~/.aws/config` and `~/.aws/credentials` as one, the second winning. Read anew every time, since tools
//! exchange what is in them.

use std::collections::BTreeMap;

use zeroize::Zeroizing;

use crate::{CredentialError, Surroundings, surroundings};

/// How deep one profile may stand upon another.
pub(crate) const DEEPEST: usize = 5;

pub(crate) type Profile = BTreeMap<String, Zeroizing<String>>;

#[derive(Default)]
pub(crate) struct Profiles {
    by_name: BTreeMap<String, Profile>,
}

impl Profiles {
    pub(crate) fn read(around: &Surroundings) -> Result<Self, CredentialError> {
        let mut profiles = Self::default();
        for (variable, usual, prefixed) in [
            ("AWS_CONFIG_FILE", "~/.aws/config", true),
            ("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials", false),
        ] {
            let named = around.variable(variable);
            let path = around.path(named.as_deref().unwrap_or(usual));
            let Some(path) = path.filter(|path| named.is_some() || path.exists()) else { continue };
            profiles.add(&surroundings::read(&path)?, prefixed);
        }
        Ok(profiles)
    }

    /// `prefixed`: all names but `default` stand as `[profile NAME]`.
    fn add(&mut self, text: &str, prefixed: bool) {
        let mut open: Option<String> = None;
        for line in text.lines() {
            // What is indented belongs to the setting above, and none of ours has such.
            if line.starts_with([' ', '\t', '#', ';']) || line.trim().is_empty() {
                continue;
            }
            if let Some(section) = line.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
                let section = section.trim();
                let name = match section.strip_prefix("profile") {
                    Some(name) if prefixed && name.starts_with([' ', '\t']) => Some(name.trim()),
                    _ if prefixed && section != "default" => None,
                    _ => Some(section),
                };
                open = name.map(|name| name.trim_matches('"').to_owned());
                continue;
            }
            let (Some(name), Some((key, value))) = (&open, line.split_once('=')) else { continue };
            let value = [" #", " ;", "\t#", "\t;"]
                .into_iter()
                .fold(value, |value, mark| value.split(mark).next().unwrap_or_default());
            self.by_name
                .entry(name.clone())
                .or_default()
                .insert(key.trim().to_ascii_lowercase(), Zeroizing::new(value.trim().to_owned()));
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Profile> {
        self.by_name.get(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_settings_and_comments_are_told_apart() {
        let mut profiles = Profiles::default();
        let config = "; a comment\n[default]\nregion = eu-west-1 # near\n[profile  prod ]\nrole_arn=arn:x\ns3 =\n  \
                      aws_access_key_id = nested\n[plain]\nrole_arn = y\n[sso-session z]\na = b\n";
        profiles.add(config, true);
        profiles
            .add("[prod]\naws_access_key_id = A#B\nAWS_SECRET_ACCESS_KEY = s==\n[]\nx = y\nloose\n", false);
        let value = |profile: &str, key: &str| {
            profiles.get(profile).and_then(|it| it.get(key)).map(|it| it.to_string())
        };
        assert_eq!(value("default", "region").as_deref(), Some("eu-west-1"));
        assert_eq!(value("prod", "role_arn").as_deref(), Some("arn:x"));
        assert_eq!(value("prod", "aws_access_key_id").as_deref(), Some("A#B"));
        assert_eq!(value("prod", "aws_secret_access_key").as_deref(), Some("s=="));
        assert!(profiles.get("plain").is_none() && profiles.get("z").is_none());
    }
}
