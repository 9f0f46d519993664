//! Signatures from hostile clients: parsing and verifying never panic, nothing is believed that was not signed, and
//! what we sign ourselves is believed.
//!
//! Input: lines; method, path, query, then `name: value` headers up to an empty line, then the body.
#![no_main]

use classify_aws::{
    payload,
    sigv4::{SigningCredentials, present, sign, strip_unsigned, verify},
};
use libfuzzer_sys::fuzz_target;
use model::{Request, Timestamp};

/// What the seeds are signed with.
const SECRET: &str = "x";
const DECODED_BYTES: usize = 1 << 16;

fuzz_target!(|data: &[u8]| {
    let Some(mut request) = read(data) else { return };
    if let Ok(presented) = present(&request) {
        let now = presented.signed_at();
        let _ = presented.signature_digest();
        assert!(verify(&request, &presented, "no client knows this", now, 900).is_err());
        if let Ok(verified) = verify(&request, &presented, SECRET, now, 900) {
            strip_unsigned(&mut request, &verified);
            let _ = payload::unframe(&mut request, &verified.payload, DECODED_BYTES);
        }
    }
    for service in ["s3", "ec2"] {
        sign_and_verify(request.clone(), service);
    }
});

fn sign_and_verify(mut request: Request, service: &str) {
    let credentials =
        SigningCredentials { access_key: "AKIAREAL".into(), secret: "real".into(), session_token: None };
    let now = Timestamp::from_seconds(1_795_223_388);
    if sign(&mut request, &credentials, service, "us-east-1", now).is_err() {
        return;
    }
    let Ok(presented) = present(&request) else { return };
    // Refused for another reason (a dot segment, a header twice) or believed; a mismatch would mean that signing and
    // verifying do not read the request alike.
    if let Err(error) = verify(&request, &presented, "real", now, 900) {
        assert!(!matches!(error, classify_aws::sigv4::AuthError::SignatureMismatch), "{request:?}");
    }
}

fn read(data: &[u8]) -> Option<Request> {
    let end = data.windows(2).position(|pair| pair == b"\n\n")?;
    let (head, body) = (std::str::from_utf8(&data[..end]).ok()?, &data[end + 2..]);
    let mut lines = head.split('\n');
    let (method, path, query) = (lines.next()?, lines.next()?, lines.next()?);
    let header = |line: &str| {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        (name.to_lowercase(), value.to_owned())
    };
    Some(Request {
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers: lines.map(header).collect(),
        body: body.to_vec(),
    })
}
