//! Credentials of a container: its agent hands them out at an address that the environment names. The address must be
//! one that only the container reaches, or be spoken to over TLS.

use std::time::Duration;

use http::Uri;

use crate::{CredentialError, Credentials, Http, Surroundings, json, surroundings};

const FROM: &str = "the container's credentials";
const PATIENCE: Duration = Duration::from_secs(5);
const ECS: &str = "http://169.254.170.2";
const LINK_LOCAL: [&str; 3] = ["169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"];

/// `None` where no container's agent is named.
pub(crate) fn address(around: &Surroundings) -> Option<Result<Uri, CredentialError>> {
    let relative = around.variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    let text = match relative {
        Some(path) if path.starts_with('/') => format!("{ECS}{path}"),
        Some(_) => {
            let why = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI must begin with a slash";
            return Some(Err(CredentialError::unusable(FROM, why)));
        }
        None => around.variable("AWS_CONTAINER_CREDENTIALS_FULL_URI")?,
    };
    Some(allowed(&text))
}

pub(crate) async fn load(
    around: &Surroundings,
    http: &Http,
    address: Uri,
) -> Result<Credentials, CredentialError> {
    let mut request = http::Request::get(address).header("accept", "application/json");
    if let Some(token) = token(around)? {
        let value = http::HeaderValue::from_str(token.trim())
            .map_err(|_| CredentialError::unusable(FROM, "its authorization token is no header"))?;
        request = request.header("authorization", value);
    }
    let reply = http.ask(FROM, request, Vec::new(), PATIENCE).await?;
    if reply.status != 200 {
        return Err(CredentialError::Refused {
            from: FROM.to_owned(),
            why: format!("it answered {}", reply.status),
        });
    }
    json::read(FROM, &reply.body, None)
}

/// The file is read every time: it is exchanged while we run.
fn token(around: &Surroundings) -> Result<Option<String>, CredentialError> {
    if let Some(path) = around.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
        return surroundings::read(path.as_ref()).map(|text| Some(text.to_string()));
    }
    Ok(around.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN"))
}

fn allowed(text: &str) -> Result<Uri, CredentialError> {
    let wrong = |why: &str| CredentialError::unusable(FROM, why);
    let uri: Uri = text.parse().map_err(|_| wrong("its address is no URL"))?;
    let host = uri.host().ok_or_else(|| wrong("its address has no host"))?;
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>();
    let near = host == "localhost" || address.is_ok_and(|it| it.is_loopback()) || LINK_LOCAL.contains(&host);
    match uri.scheme_str() {
        Some("https") => Ok(uri),
        Some("http") if near => Ok(uri),
        _ => Err(wrong("without TLS its address must be the container's own or this machine's")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_that_nobody_else_hears_go_without_tls() {
        let given = |name: &'static str, value: &'static str| {
            Surroundings::new("us-east-1", move |asked| (asked == name).then(|| value.to_owned()))
        };
        let full = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
        for (name, value, expected) in [
            ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/x", Some("http://169.254.170.2/v2/x")),
            ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "@evil/x", None),
            (full, "http://127.0.0.1:8080/x", Some("http://127.0.0.1:8080/x")),
            (full, "http://[fd00:ec2::23]/v1", Some("http://[fd00:ec2::23]/v1")),
            (full, "http://localhost/x", Some("http://localhost/x")),
            (full, "https://agent.example/x", Some("https://agent.example/x")),
            (full, "http://agent.example/x", None),
            (full, "http://169.254.170.2.example/x", None),
            (full, "http://127.0.0.1.example/x", None),
            (full, "file:///etc/passwd", None),
        ] {
            let found = address(&given(name, value)).unwrap().ok().map(|uri| uri.to_string());
            assert_eq!(found.as_deref(), expected, "{value}");
        }
        assert!(address(&given("OTHER", "x")).is_none());
    }
}
