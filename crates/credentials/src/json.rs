//! Credentials as a process, a container's agent and a machine's metadata all hand them out: a small JSON object.

use model::Timestamp;
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::{CredentialError, Credentials};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Handed {
    version: Option<u64>,
    code: Option<String>,
    access_key_id: Option<String>,
    secret_access_key: Option<String>,
    /// A process calls it this.
    session_token: Option<String>,
    /// Containers and machines call it this.
    token: Option<String>,
    expiration: Option<String>,
}

/// `version`: what the member of that name must be, where the format has one.
pub(crate) fn read(from: &str, text: &str, version: Option<u64>) -> Result<Credentials, CredentialError> {
    let wrong = |why: &str| CredentialError::unusable(from, why);
    // The parser's own message could quote a secret.
    let handed: Handed =
        serde_json::from_str(text).map_err(|_| wrong("its answer is not the JSON that was expected"))?;
    if let Some(code) = handed.code.filter(|code| code != "Success") {
        return Err(wrong(&format!("it says `{}`", model::sanitize(&code, 80))));
    }
    if version.is_some() && handed.version != version {
        return Err(wrong("`Version` must be 1"));
    }
    let (Some(access_key), Some(secret)) = (handed.access_key_id, handed.secret_access_key) else {
        return Err(wrong("`AccessKeyId` and `SecretAccessKey` must both be there"));
    };
    if access_key.is_empty() || secret.is_empty() {
        return Err(wrong("`AccessKeyId` and `SecretAccessKey` must not be empty"));
    }
    let expires = handed.expiration.map(|text| moment(&text).ok_or_else(|| wrong("`Expiration` is no time")));
    Ok(Credentials {
        access_key,
        secret: Zeroizing::new(secret),
        session_token: handed.session_token.or(handed.token).map(Zeroizing::new),
        expires: expires.transpose()?,
    })
}

pub(crate) fn moment(text: &str) -> Option<Timestamp> {
    let moment: jiff::Timestamp = text.trim().parse().ok()?;
    Some(Timestamp::from_millis(moment.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, version: Option<u64>, expected: Result<(&str, Option<i64>), &str>) {
        let read = read("it", text, version);
        match (read, expected) {
            (Ok(found), Ok((key, expires))) => {
                assert_eq!(found.access_key, key);
                assert_eq!(found.expires.map(Timestamp::seconds), expires);
            }
            (Err(err), Err(why)) => {
                let said = err.to_string();
                assert!(said.contains(why), "{said}");
                assert!(!said.contains("hush"), "a secret is in {said}");
            }
            (read, _) => panic!("{text}: {read:?}"),
        }
    }

    #[test]
    fn whole_sets_are_read_and_nothing_else() {
        let plain = r#"{"AccessKeyId":"A","SecretAccessKey":"hush"}"#;
        check(plain, None, Ok(("A", None)));
        check(plain, Some(1), Err("Version"));
        let all = r#"{"Version":1,"AccessKeyId":"A","SecretAccessKey":"hush","SessionToken":"t","Expiration":"2030-01-01T00:00:00Z"}"#;
        check(all, Some(1), Ok(("A", Some(1_893_456_000))));
        check(r#"{"Code":"Failed","AccessKeyId":"A","SecretAccessKey":"hush"}"#, None, Err("`Failed`"));
        check(r#"{"AccessKeyId":"A"}"#, None, Err("both"));
        check(r#"{"AccessKeyId":"","SecretAccessKey":"hush"}"#, None, Err("empty"));
        check(r#"{"AccessKeyId":"A","SecretAccessKey":"hush","Expiration":"soon"}"#, None, Err("no time"));
        check(r#"{"AccessKeyId":"A","SecretAccessKey":hush"#, None, Err("not the JSON"));
    }
}
