//! `[model]` of the configuration: which model, where, and where its key is. No verdict depends on any of it.

use reqwest::Url;
use serde::Deserialize;

use crate::{budget::Price, key::KeyPlace};

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    pub provider: Provider,
    /// As its server calls the model.
    pub name: String,
    /// Where the server is; a provider with one address of its own needs none.
    pub base_url: Option<String>,
    /// A server of one's own may need none; Ollama takes none.
    pub key: Option<KeyPlace>,
    /// The most that one answer may say, in tokens.
    #[serde(default = "usual_output")]
    pub max_output: u32,
    /// Without it no limit of money can be kept.
    pub price: Option<Price>,
}

/// Whose protocol is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    Anthropic,
    /// Chat completions, which many servers speak.
    Openai,
    /// Converse, with a key of Bedrock's own.
    Bedrock,
    Ollama,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    #[error("`name` is no model: 1 to 200 letters, digits and `.:/@_-`, without `::`")]
    Name,
    #[error("`base_url` is missing: for Bedrock it is that of the region's runtime")]
    NoUrl,
    #[error("`base_url` is no address: {0}")]
    Url(&'static str),
    #[error("`max_output` is {0}; it is 16 to 200000")]
    Output(u32),
    #[error("`key` is missing: {0:?} asks for one")]
    NoKey(Provider),
    #[error("`key` is set: Ollama takes none, and it would be sent nowhere")]
    UnusedKey,
}

const fn usual_output() -> u32 {
    4096
}

impl Settings {
    /// Where requests go, with a slash at its end.
    ///
    /// # Errors
    /// Where the settings cannot be used.
    pub fn endpoint(&self) -> Result<Url, SettingsError> {
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || b".:/@_-".contains(&byte);
        if !(1..=200).contains(&self.name.len()) || !self.name.bytes().all(letter) || self.name.contains("::")
        {
            return Err(SettingsError::Name);
        }
        if !(16..=200_000).contains(&self.max_output) {
            return Err(SettingsError::Output(self.max_output));
        }
        match (self.provider, &self.key) {
            (Provider::Anthropic | Provider::Bedrock, None) => {
                return Err(SettingsError::NoKey(self.provider));
            }
            (Provider::Ollama, Some(_)) => return Err(SettingsError::UnusedKey),
            (Provider::Anthropic | Provider::Bedrock, Some(_))
            | (Provider::Openai, _)
            | (Provider::Ollama, None) => {}
        }
        let given =
            self.base_url.as_deref().or_else(|| self.provider.usual_url()).ok_or(SettingsError::NoUrl)?;
        let mut url = checked(given)?;
        let path = url.path().trim_end_matches('/').to_owned();
        // People write it as each provider's own clients take it.
        let path = match self.provider {
            Provider::Anthropic if !path.ends_with("/v1") => format!("{path}/v1/"),
            Provider::Anthropic | Provider::Openai | Provider::Bedrock | Provider::Ollama => {
                format!("{path}/")
            }
        };
        url.set_path(&path);
        Ok(url)
    }
}

impl Provider {
    const fn usual_url(self) -> Option<&'static str> {
        match self {
            Self::Anthropic => Some("https://api.anthropic.com"),
            Self::Openai => Some("https://api.openai.com/v1"),
            Self::Bedrock => None,
            Self::Ollama => Some("http://127.0.0.1:11434"),
        }
    }
}

/// A key and a prompt go there: in the clear only where they do not leave the machine.
fn checked(given: &str) -> Result<Url, SettingsError> {
    let url = Url::parse(given).map_err(|_| SettingsError::Url("it cannot be read"))?;
    let host = url.host_str().unwrap_or_default();
    let here = host == "localhost" || host == "[::1]" || host.starts_with("127.") && url.domain().is_none();
    match url.scheme() {
        "https" => {}
        "http" if here => {}
        "http" => return Err(SettingsError::Url("http is for this machine alone, https for all others")),
        _ => return Err(SettingsError::Url("it begins with https:// or http://")),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(SettingsError::Url("a key does not stand in it; see `key`"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(SettingsError::Url("it ends with its path"));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(text: &str, expected: Expect) {
        let shown = match toml::from_str::<Settings>(text) {
            Ok(settings) => settings.endpoint().map_or_else(|err| err.to_string(), |url| url.to_string()),
            Err(err) => err.message().to_owned(),
        };
        expected.assert_eq(&shown);
    }

    #[test]
    fn a_model_is_where_the_settings_say() {
        let key = "key = { env = 'MODEL_KEY' }";
        let anthropic = format!("provider = 'anthropic'\nname = 'claude-x'\n{key}\n");
        check(&anthropic, expect!["https://api.anthropic.com/v1/"]);
        check(&format!("{anthropic}base_url = 'http://127.0.0.1:9'"), expect!["http://127.0.0.1:9/v1/"]);
        check(
            &format!("{anthropic}base_url = 'https://gate.example/a/v1/'"),
            expect!["https://gate.example/a/v1/"],
        );
        check(
            &format!("{anthropic}price = {{ input = 3000000, output = 15000000 }}"),
            expect!["https://api.anthropic.com/v1/"],
        );
        check(
            "provider = 'openai'\nname = 'm'\nbase_url = 'http://localhost:1234/v1'",
            expect!["http://localhost:1234/v1/"],
        );
        check("provider = 'ollama'\nname = 'qwen3:8b'", expect!["http://127.0.0.1:11434/"]);
        let bedrock = format!("provider = 'bedrock'\nname = 'anthropic.claude-x-v1:0'\n{key}\n");
        check(
            &format!("{bedrock}base_url = 'https://bedrock-runtime.eu-central-1.amazonaws.com'"),
            expect!["https://bedrock-runtime.eu-central-1.amazonaws.com/"],
        );

        check("provider = 'ollama'\nname = 'a'\nbase_url = 'http://[::1]:9/'", expect!["http://[::1]:9/"]);
        check(&bedrock, expect!["`base_url` is missing: for Bedrock it is that of the region's runtime"]);
        check(
            "provider = 'anthropic'\nname = 'claude-x'",
            expect!["`key` is missing: Anthropic asks for one"],
        );
        check(
            &format!("provider = 'ollama'\nname = 'a'\n{key}"),
            expect!["`key` is set: Ollama takes none, and it would be sent nowhere"],
        );
        let url = |url: &str| format!("{anthropic}base_url = '{url}'");
        check(
            &url("http://models.example"),
            expect!["`base_url` is no address: http is for this machine alone, https for all others"],
        );
        check(
            &url("http://127.0.0.1.example"),
            expect!["`base_url` is no address: http is for this machine alone, https for all others"],
        );
        check(
            &url("ftp://127.0.0.1"),
            expect!["`base_url` is no address: it begins with https:// or http://"],
        );
        check(
            &url("https://k:v@models.example"),
            expect!["`base_url` is no address: a key does not stand in it; see `key`"],
        );
        check(
            &url("https://models.example/?key=1"),
            expect!["`base_url` is no address: it ends with its path"],
        );
        check(&url("models"), expect!["`base_url` is no address: it cannot be read"]);
        check(&format!("{anthropic}max_output = 1"), expect!["`max_output` is 1; it is 16 to 200000"]);
        check(
            "provider = 'ollama'\nname = 'a::b'",
            expect!["`name` is no model: 1 to 200 letters, digits and `.:/@_-`, without `::`"],
        );
        check(
            "provider = 'ollama'\nname = 'a'\nkey = { value = 'x' }",
            expect!["unknown variant `value`, expected `env` or `file`"],
        );
        check(
            "provider = 'ollama'\nname = 'a'\napi_key = 'x'",
            expect![
                "unknown field `api_key`, expected one of `provider`, `name`, `base_url`, `key`, `max_output`, `price`"
            ],
        );
    }
}
