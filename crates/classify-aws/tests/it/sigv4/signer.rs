//! The SDK's own signer on one side and ours on the other, over requests neither was written for.

use std::time::{Duration, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{
        PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation,
        SigningSettings, UriPathNormalizationMode, sign as sdk_sign,
    },
    sign::v4,
};
use classify_aws::sigv4::{PayloadHash, SigningCredentials, sign};
use model::{Digest, Request, Timestamp};
use proptest::prelude::*;

use super::{header, judge};

const SECRET: &str = "virtual/secret+1";
const NOW_S: i64 = 1_795_223_388;

/// Lets the SDK sign `request`, in its headers or in its query.
fn signed_by_sdk(mut request: Request, service: &str, location: SignatureLocation) -> Request {
    let s3 = service == "s3";
    let mut settings = SigningSettings::default();
    settings.signature_location = location;
    if location == SignatureLocation::QueryParams {
        settings.expires_in = Some(Duration::from_secs(600));
    }
    if s3 {
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    }
    let identity = Credentials::new("AKIAVIRT", SECRET, None, None, "test").into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region("eu-west-1")
        .name(service)
        .time(UNIX_EPOCH + Duration::from_secs(NOW_S.unsigned_abs()))
        .settings(settings)
        .build()
        .unwrap()
        .into();
    let uri = format!("https://gw.example{}?{}", request.path, request.query);
    let body = if s3 && location == SignatureLocation::QueryParams {
        SignableBody::UnsignedPayload
    } else {
        SignableBody::Bytes(&request.body)
    };
    let headers = request.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let signable = SignableRequest::new(&request.method, &uri, headers, body).unwrap();
    let (instructions, _) = sdk_sign(signable, &params).unwrap().into_parts();
    let added: Vec<_> = instructions.headers().map(|(name, value)| header(name, value)).collect();
    for (name, value) in instructions.params() {
        let value = percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC);
        let separator = if request.query.is_empty() { "" } else { "&" };
        request.query.push_str(&format!("{separator}{name}={value}"));
    }
    request.headers.extend(added);
    request
}

fn requests() -> impl Strategy<Value = Request> {
    let segment = "[a-zA-Z0-9_~-]{1,6}|[a-z]%20[a-z]|arn%3Aaws%3Ax|a\\.b";
    let pair = ("[a-zA-Z0-9._~-]{1,5}|a%2Fb", "[a-zA-Z0-9._~-]{0,5}|%E1%88%B4|a\\+b|a%2Bb|a:b|a%3D");
    let name = "x-amz-meta-[a-z]{1,4}|content-type|if-match|my-header";
    (
        prop_oneof![Just("GET"), Just("PUT"), Just("POST"), Just("DELETE")],
        proptest::collection::vec(segment, 0..4),
        proptest::collection::vec(pair, 0..4),
        proptest::collection::btree_map(name, "[ -~]{0,12}", 0..4),
        proptest::collection::vec(any::<u8>(), 0..40),
    )
        .prop_map(|(method, path, query, headers, body)| {
            let pairs: Vec<String> = query.iter().map(|(key, value)| format!("{key}={value}")).collect();
            let mut headers: Vec<(String, String)> = headers.into_iter().collect();
            headers.push(header("host", "gw.example"));
            Request {
                method: method.into(),
                path: format!("/{}", path.join("/")),
                query: pairs.join("&"),
                headers,
                body,
            }
        })
}

fn services() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just("s3"), Just("ec2")]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn what_the_sdk_signs_we_verify(request in requests(), service in services(), presigned in any::<bool>()) {
        let location = if presigned { SignatureLocation::QueryParams } else { SignatureLocation::Headers };
        let signed = signed_by_sdk(request, service, location);
        let now = Timestamp::from_seconds(NOW_S + 300);
        let verified = judge(&signed, SECRET, now).map_err(|error| TestCaseError::fail(format!("{error}: {signed:?} {}", signed.query)))?;
        prop_assert_eq!(&verified.service, service);
        prop_assert_eq!(&verified.unsigned, &Vec::<String>::new());
        let payload = if presigned && service == "s3" { PayloadHash::Unsigned } else { PayloadHash::Sha256(Digest::of(&signed.body)) };
        prop_assert_eq!(verified.payload, payload);
        prop_assert!(judge(&signed, "another secret", now).is_err());
    }

    #[test]
    fn what_we_sign_the_sdk_signs_alike(request in requests(), service in services()) {
        let credentials = SigningCredentials { access_key: "AKIAVIRT".into(), secret: SECRET.into(), session_token: None };
        let theirs = signed_by_sdk(request.clone(), service, SignatureLocation::Headers);
        let mut ours = request;
        sign(&mut ours, &credentials, service, "eu-west-1", Timestamp::from_seconds(NOW_S)).unwrap();
        prop_assert_eq!(ours.header("authorization"), theirs.header("authorization"));
    }

    /// Whatever a request was signed with, what goes out carries our signature and nothing of the other.
    #[test]
    fn a_request_is_signed_anew(request in requests(), service in services(), presigned in any::<bool>()) {
        let location = if presigned { SignatureLocation::QueryParams } else { SignatureLocation::Headers };
        let before = request.query.clone();
        let mut request = signed_by_sdk(request, service, location);
        let credentials =
            SigningCredentials { access_key: "AKIAREAL".into(), secret: "real".into(), session_token: None };
        let now = Timestamp::from_seconds(NOW_S + 60);
        sign(&mut request, &credentials, service, "eu-west-1", now).unwrap();
        prop_assert_eq!(&request.query, &before);
        let verified = judge(&request, "real", now).unwrap();
        prop_assert_eq!(verified.access_key, "AKIAREAL");
        prop_assert_eq!(verified.payload, PayloadHash::Sha256(Digest::of(&request.body)));
    }
}

#[test]
fn a_session_token_is_signed_and_sent() {
    let mut request = Request {
        method: "GET".into(),
        path: "/".into(),
        query: String::new(),
        headers: vec![
            header("host", "sts.us-east-1.amazonaws.com"),
            header("x-amz-security-token", "the agent's"),
        ],
        body: Vec::new(),
    };
    let credentials = SigningCredentials {
        access_key: "ASIAREAL".into(),
        secret: "real".into(),
        session_token: Some("ours".into()),
    };
    sign(&mut request, &credentials, "sts", "us-east-1", Timestamp::from_seconds(NOW_S)).unwrap();
    assert_eq!(request.header("x-amz-security-token"), Some("ours"));
    assert!(
        request
            .header("authorization")
            .unwrap()
            .contains("SignedHeaders=host;x-amz-date;x-amz-security-token,")
    );
    request.headers.retain(|(name, _)| name != "host");
    assert!(sign(&mut request, &credentials, "sts", "us-east-1", Timestamp::from_seconds(NOW_S)).is_err());
}
