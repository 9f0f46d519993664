//! Refusals in the client's own protocol, so that the client prints our message and stops.
//!
//! No status or code here makes an SDK send the request again (none of 429, 500, 502, 503, 504, 509 and none of the
//! codes that SDKs take for throttling or a passing fault), except [`Refusal::Throttled`], where a later try is what
//! we want. A fault of ours is therefore a 403 with a code of our own: an agent that retries in a loop helps nobody.
//!
//! What is not here: the message's wording, and answers that were not refused.

use model::{Request, sanitize};

/// How an operation's protocol writes an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Shape {
    Query,
    Ec2,
    Json {
        version: JsonVersion,
    },
    RestJson,
    /// REST-XML other than S3's own (CloudFront, Route 53, S3 Control).
    RestXml,
    S3,
    /// `smithy-rpc-v2-cbor`
    Cbor,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum JsonVersion {
    V1_0,
    V1_1,
}

impl Shape {
    /// The likeliest shape of a request that could not be routed (not signed, unknown operation). `service` is the
    /// signing name that its scope claims. It decides how a refusal reads, and nothing else.
    pub fn guess(request: &Request, service: Option<&str>) -> Self {
        if request.headers.iter().any(|(name, _)| name == "smithy-protocol") {
            return Self::Cbor;
        }
        let content_type =
            request.headers.iter().find(|(name, _)| name == "content-type").map_or("", |(_, text)| text);
        let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match (media_type.as_str(), service) {
            ("application/x-amz-json-1.0", _) => Self::Json { version: JsonVersion::V1_0 },
            ("application/x-amz-json-1.1", _) => Self::Json { version: JsonVersion::V1_1 },
            (_, Some("ec2")) => Self::Ec2,
            (_, Some("s3" | "s3express" | "s3-object-lambda")) => Self::S3,
            (_, Some("route53" | "cloudfront")) => Self::RestXml,
            ("application/x-www-form-urlencoded", _) => Self::Query,
            (_, None) if has_bucket_look(request) => Self::S3,
            (_, _) => Self::RestJson,
        }
    }
}

/// An anonymous request to S3 has nothing but its path or a SigV2 query to tell it by.
fn has_bucket_look(request: &Request) -> bool {
    let is_api_path = request.path.split('/').nth(1).is_some_and(|first| first.starts_with("20"));
    let has_media_type = request.headers.iter().any(|(name, _)| name == "content-type");
    request.query.contains("AWSAccessKeyId=") || !is_api_path && !has_media_type && request.path.len() > 1
}

/// Why nothing was forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Refusal {
    /// Waiting for people.
    Held,
    Denied,
    /// No signature, or none that can be read.
    Unauthenticated,
    UnknownKey,
    SignatureMismatch,
    /// Signed too long ago, or in the future.
    Expired,
    Replayed,
    TooLarge,
    /// No such operation in the table.
    Unknown,
    /// Something of ours is broken (promise 1).
    Fault,
    /// Too many failed tries from one source.
    Throttled,
}

impl Refusal {
    pub const ALL: [Self; 11] = [
        Self::Held,
        Self::Denied,
        Self::Unauthenticated,
        Self::UnknownKey,
        Self::SignatureMismatch,
        Self::Expired,
        Self::Replayed,
        Self::TooLarge,
        Self::Unknown,
        Self::Fault,
        Self::Throttled,
    ];

    /// The status and code that a client of this shape understands.
    pub const fn status_and_code(self, shape: Shape) -> (u16, &'static str) {
        let family = Family::of(shape);
        match self {
            Self::Held | Self::Denied | Self::Replayed => (family.forbidden(), denied_code(shape)),
            Self::Unauthenticated => match family {
                Family::Xml => (403, "MissingAuthenticationToken"),
                Family::Ec2 => (401, "AuthFailure"),
                Family::S3 => (403, "AccessDenied"),
                Family::Rpc | Family::RestJson => (family.forbidden(), "MissingAuthenticationTokenException"),
            },
            Self::UnknownKey => match family {
                Family::Xml => (403, "InvalidClientTokenId"),
                Family::Ec2 => (401, "AuthFailure"),
                Family::S3 => (403, "InvalidAccessKeyId"),
                Family::Rpc | Family::RestJson => (family.forbidden(), "UnrecognizedClientException"),
            },
            Self::SignatureMismatch => match family {
                Family::Xml | Family::Ec2 | Family::S3 => (403, "SignatureDoesNotMatch"),
                Family::Rpc | Family::RestJson => (family.forbidden(), "InvalidSignatureException"),
            },
            Self::Expired => match family {
                Family::Xml | Family::Ec2 => (400, "RequestExpired"),
                Family::S3 => (403, "RequestTimeTooSkewed"),
                Family::Rpc | Family::RestJson => (family.forbidden(), "InvalidSignatureException"),
            },
            Self::TooLarge => match family {
                Family::S3 => (400, "EntityTooLarge"),
                Family::Xml | Family::Ec2 => (413, "RequestEntityTooLarge"),
                Family::Rpc | Family::RestJson => (413, "RequestEntityTooLargeException"),
            },
            Self::Unknown => match family {
                Family::Xml | Family::Ec2 => (400, "InvalidAction"),
                Family::S3 => (405, "MethodNotAllowed"),
                Family::Rpc => (400, "UnknownOperationException"),
                Family::RestJson => (403, "UnknownOperationException"),
            },
            Self::Fault => (403, "CountersignUnavailable"),
            Self::Throttled => match family {
                Family::Xml => (400, "Throttling"),
                Family::Ec2 => (503, "RequestLimitExceeded"),
                Family::S3 => (503, "SlowDown"),
                Family::Rpc => (400, "ThrottlingException"),
                Family::RestJson => (429, "ThrottlingException"),
            },
        }
    }
}

/// An answer to send: everything but `date` and the connection's own headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
}

/// `refusal` as the client's protocol writes it.
pub fn refuse_as(shape: Shape, refusal: Refusal, message: &str, request_id: &str, method: &str) -> Answer {
    let (status, code) = refusal.status_and_code(shape);
    refuse(shape, code, status, message, request_id, method)
}

/// An error with this `code` and `status`. The message is made harmless and cut to 4,096 characters. An answer to a
/// HEAD has no body: the message is in `x-countersign-message`, and the client will show its own words.
pub fn refuse(
    shape: Shape,
    code: &str,
    status: u16,
    message: &str,
    request_id: &str,
    method: &str,
) -> Answer {
    let message = sanitize(message, MESSAGE_CHARS);
    let code: String = code.chars().filter(char::is_ascii_alphanumeric).take(64).collect();
    let request_id: String = request_id
        .chars()
        .filter(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_'))
        .take(64)
        .collect();
    let mut headers = vec![
        ("content-type", content_type(shape).to_owned()),
        (request_id_header(shape), request_id.clone()),
    ];
    match shape {
        Shape::RestJson => headers.push(("x-amzn-errortype", code.clone())),
        Shape::Cbor => headers.push(("smithy-protocol", "rpc-v2-cbor".to_owned())),
        Shape::Query | Shape::Ec2 | Shape::Json { .. } | Shape::RestXml | Shape::S3 => {}
    }
    if method.eq_ignore_ascii_case("HEAD") {
        headers.push(("x-countersign-message", header_text(&message)));
        return Answer { status, headers, body: Vec::new() };
    }
    let body = match shape {
        Shape::Query | Shape::RestXml => wrapped_xml(&code, &message, &request_id),
        Shape::Ec2 => ec2_xml(&code, &message, &request_id),
        Shape::S3 => s3_xml(&code, &message, &request_id),
        Shape::Json { .. } => {
            serde_json::json!({ "__type": code, "message": message }).to_string().into_bytes()
        }
        Shape::RestJson => serde_json::json!({ "message": message }).to_string().into_bytes(),
        Shape::Cbor => cbor_map(&[("__type", &code), ("message", &message)]),
    };
    Answer { status, headers, body }
}

const MESSAGE_CHARS: usize = 4096;
const HEADER_CHARS: usize = 1024;

/// Shapes that share their codes.
#[derive(Clone, Copy)]
enum Family {
    Xml,
    Ec2,
    S3,
    Rpc,
    RestJson,
}

impl Family {
    const fn of(shape: Shape) -> Self {
        match shape {
            Shape::Query | Shape::RestXml => Self::Xml,
            Shape::Ec2 => Self::Ec2,
            Shape::S3 => Self::S3,
            Shape::Json { .. } | Shape::Cbor => Self::Rpc,
            Shape::RestJson => Self::RestJson,
        }
    }

    /// The RPC protocols say everything in the code and answer 400.
    const fn forbidden(self) -> u16 {
        match self {
            Self::Rpc => 400,
            Self::Xml | Self::Ec2 | Self::S3 | Self::RestJson => 403,
        }
    }
}

const fn denied_code(shape: Shape) -> &'static str {
    match shape {
        Shape::Query | Shape::RestXml | Shape::S3 => "AccessDenied",
        Shape::Ec2 => "UnauthorizedOperation",
        Shape::Json { .. } | Shape::RestJson | Shape::Cbor => "AccessDeniedException",
    }
}

const fn content_type(shape: Shape) -> &'static str {
    match shape {
        Shape::Query | Shape::RestXml | Shape::Ec2 => "text/xml;charset=UTF-8",
        Shape::S3 => "application/xml",
        Shape::Json { version: JsonVersion::V1_0 } => "application/x-amz-json-1.0",
        Shape::Json { version: JsonVersion::V1_1 } => "application/x-amz-json-1.1",
        Shape::RestJson => "application/json",
        Shape::Cbor => "application/cbor",
    }
}

const fn request_id_header(shape: Shape) -> &'static str {
    match shape {
        Shape::S3 => "x-amz-request-id",
        Shape::Query | Shape::Ec2 | Shape::Json { .. } | Shape::RestJson | Shape::RestXml | Shape::Cbor => {
            "x-amzn-requestid"
        }
    }
}

fn wrapped_xml(code: &str, message: &str, request_id: &str) -> Vec<u8> {
    let message = xml_text(message);
    format!(
        "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>\
         <RequestId>{request_id}</RequestId></ErrorResponse>"
    )
    .into_bytes()
}

fn ec2_xml(code: &str, message: &str, request_id: &str) -> Vec<u8> {
    let message = xml_text(message);
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error><Code>{code}</Code>\
         <Message>{message}</Message></Error></Errors><RequestID>{request_id}</RequestID></Response>"
    )
    .into_bytes()
}

fn s3_xml(code: &str, message: &str, request_id: &str) -> Vec<u8> {
    let message = xml_text(message);
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message>\
         <RequestId>{request_id}</RequestId></Error>"
    )
    .into_bytes()
}

/// `sanitize` has removed every control character; what is left that XML 1.0 cannot hold are two non-characters.
fn xml_text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
    out
}

/// A header is visible ASCII.
fn header_text(message: &str) -> String {
    message
        .chars()
        .take(HEADER_CHARS)
        .map(|letter| if letter.is_ascii_graphic() || letter == ' ' { letter } else { '?' })
        .collect()
}

/// RFC 8949: a map of text to text, lengths in their shortest form.
fn cbor_map(pairs: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Vec::new();
    put_cbor_head(&mut out, 5, pairs.len());
    for (key, value) in pairs {
        for text in [key, value] {
            put_cbor_head(&mut out, 3, text.len());
            out.extend_from_slice(text.as_bytes());
        }
    }
    out
}

fn put_cbor_head(out: &mut Vec<u8>, major: u8, length: usize) {
    let major = major << 5;
    if let Ok(length) = u8::try_from(length) {
        if length < 24 {
            out.push(major | length);
        } else {
            out.extend_from_slice(&[major | 24, length]);
        }
    } else if let Ok(length) = u16::try_from(length) {
        out.push(major | 25);
        out.extend_from_slice(&length.to_be_bytes());
    } else {
        // A message is at most 4,096 characters, so this arm is for completeness.
        out.push(major | 27);
        out.extend_from_slice(&(length as u64).to_be_bytes());
    }
}

#[cfg(test)]
mod tests;
