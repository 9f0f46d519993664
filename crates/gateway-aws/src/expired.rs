//! Whether an answer says that the real credentials have ended. Only short refusals are looked into, and only where the
//! credentials are such as end at all.

use credentials::Credentials;
use engine::Settled;
use http_body_util::{BodyExt as _, Full, Limited};

use crate::forward::Answered;

/// No refusal of a signature is nearly as long.
const MAX_REFUSAL: u64 = 1024 * 1024;

/// The answer as it was, and whether it says so.
pub(crate) async fn seen(answered: Answered, used: &Credentials) -> Result<(Answered, bool), Settled> {
    let header = |name: &str| {
        answered.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    };
    let refusal = matches!(answered.status, 400 | 401 | 403) && used.session_token.is_some();
    if !refusal {
        return Ok((answered, false));
    }
    if header("x-amzn-errortype").is_some_and(|kind| is_code(kind.split(':').next().unwrap_or_default())) {
        return Ok((answered, true));
    }
    if answered.length.is_some_and(|length| length > MAX_REFUSAL) {
        return Ok((answered, false));
    }
    let limit = usize::try_from(MAX_REFUSAL).unwrap_or(usize::MAX);
    // Without a length it may go on for ever; what is longer than any refusal is cut off there.
    let body = match Limited::new(answered.body, limit).collect().await {
        Ok(body) => body.to_bytes(),
        Err(err) => return Err(Settled::Unknown(format!("its answer broke off: {err}"))),
    };
    let ended = says_so(&String::from_utf8_lossy(&body));
    let body = Full::new(body).map_err(|never| match never {}).boxed();
    Ok((Answered { body, ..answered }, ended))
}

fn says_so(body: &str) -> bool {
    let between = |open: &str, close: &str| {
        let (_, rest) = body.split_once(open)?;
        Some(rest.split_once(close)?.0.trim())
    };
    let xml = between("<Code>", "</Code>");
    let json = between("\"__type\":", ",").or_else(|| between("\"__type\":", "}"));
    let json = json.map(|it| it.trim_matches('"')).map(|it| it.rsplit('#').next().unwrap_or(it));
    xml.or(json).is_some_and(is_code)
}

fn is_code(code: &str) -> bool {
    matches!(code, "ExpiredToken" | "ExpiredTokenException")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_code_says_so() {
        for (body, expected) in [
            ("<Error><Code>ExpiredToken</Code><Message>x</Message></Error>", true),
            ("<ErrorResponse><Error><Code>ExpiredTokenException</Code></Error></ErrorResponse>", true),
            (r#"{"__type":"com.amazon.coral.service#ExpiredTokenException","message":"x"}"#, true),
            (r#"{"__type": "ExpiredTokenException"}"#, true),
            (r#"{"message":"ExpiredTokenException"}"#, false),
            ("<Error><Code>AccessDenied</Code><Message>ExpiredToken</Message></Error>", false),
            (r#"{"__type":"AccessDenied","m":"<Code>"}"#, false),
            ("ExpiredToken", false),
            ("", false),
        ] {
            assert_eq!(says_so(body), expected, "{body}");
        }
    }
}
