//! `aws-chunked` bodies from hostile clients: decoding never panics, never yields more than its limit, and finds one
//! content only: what it found, framed again, is found again.
#![no_main]

use classify_aws::{
    payload::{Decoded, decode, unframe},
    sigv4::PayloadHash,
};
use libfuzzer_sys::fuzz_target;
use model::Request;

const LIMIT: usize = 4096;

fuzz_target!(|data: &[u8]| {
    let Ok(decoded) = decode(data, &PayloadHash::StreamingUnsignedTrailer, LIMIT) else { return };
    assert!(decoded.content.len() <= LIMIT);
    let again = decode(&frame(&decoded), &PayloadHash::StreamingUnsignedTrailer, LIMIT);
    assert_eq!(again.as_ref(), Ok(&decoded));

    let names: Vec<&str> = decoded.trailers.iter().map(|(name, _)| name.as_str()).collect();
    let mut request = Request {
        method: "PUT".into(),
        path: "/b/k".into(),
        query: String::new(),
        headers: vec![("x-amz-trailer".into(), names.join(","))],
        body: data.to_vec(),
    };
    if unframe(&mut request, &PayloadHash::StreamingUnsignedTrailer, LIMIT).is_ok() {
        assert_eq!(request.body, decoded.content);
    }
});

fn frame(decoded: &Decoded) -> Vec<u8> {
    let mut body = Vec::new();
    if !decoded.content.is_empty() {
        body.extend_from_slice(format!("{:X}\r\n", decoded.content.len()).as_bytes());
        body.extend_from_slice(&decoded.content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"0\r\n");
    for (name, value) in &decoded.trailers {
        body.extend_from_slice(format!("{name}:{value}\r\n").as_bytes());
    }
    body.extend_from_slice(b"\r\n");
    body
}
