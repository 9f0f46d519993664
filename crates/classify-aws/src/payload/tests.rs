//! Framed bodies: the ones that clients send, the ones in the specification, and the ones that only look like it.

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;
use crate::sigv4::{present, verify};
use model::Digest;

const LIMIT: usize = 1 << 20;

fn show(result: Result<Decoded, PayloadError>) -> String {
    match result {
        Ok(decoded) => {
            let trailers: Vec<String> =
                decoded.trailers.iter().map(|(name, value)| format!("{name}={value}")).collect();
            format!("{:?} [{}]", String::from_utf8_lossy(&decoded.content), trailers.join(", "))
        }
        Err(error) => error.to_string(),
    }
}

fn check(body: &str, expected: &Expect) {
    expected.assert_eq(&show(decode(body.as_bytes(), &PayloadHash::StreamingUnsignedTrailer, 64)));
}

#[test]
fn unsigned_chunks() {
    check(
        "b\r\nhello world\r\n0\r\nx-amz-checksum-crc32:DUoRhQ==\r\n\r\n",
        &expect![[r#""hello world" [x-amz-checksum-crc32=DUoRhQ==]"#]],
    );
    check("0\r\n\r\n", &expect![[r#""" []"#]]);
    check(
        "5\r\na\r\nbc\r\n3\r\nxyz\r\n0\r\nX-Amz-Checksum-Sha1: q \n\r\n",
        &expect![[r#""a\r\nbcxyz" [x-amz-checksum-sha1=q]"#]],
    );
}

#[test]
fn one_way_to_read_a_body_or_none() {
    for (body, expected) in [
        ("", expect!["the aws-chunked body ends in the middle of a line"]),
        ("5\r\nab", expect!["the aws-chunked body ends in the middle of a chunk"]),
        ("2\r\nab\r", expect!["the aws-chunked body ends in the middle of its framing"]),
        ("2\r\nabc\r\n0\r\n\r\n", expect!["the aws-chunked body has no line end after a chunk at byte 5"]),
        ("2\nab\n0\n\n", expect!["the aws-chunked body has a size line that does not end in CRLF at byte 0"]),
        ("0\r\n", expect!["the aws-chunked body ends in the middle of a line"]),
        ("0\r\n\n", expect!["the aws-chunked body has an empty line that does not end in CRLF at byte 3"]),
        ("0\r\n\r\nmore", expect!["the aws-chunked body has bytes after its end at byte 5"]),
        (
            " 2\r\nab\r\n0\r\n\r\n",
            expect!["the aws-chunked body has a chunk size that is no short hexadecimal number at byte 0"],
        ),
        (
            "0x2\r\nab\r\n0\r\n\r\n",
            expect!["the aws-chunked body has a chunk size that is no short hexadecimal number at byte 0"],
        ),
        (
            "-1\r\nab\r\n0\r\n\r\n",
            expect!["the aws-chunked body has a chunk size that is no short hexadecimal number at byte 0"],
        ),
        (
            "fffffffff\r\nab",
            expect!["the aws-chunked body has a chunk size that is no short hexadecimal number at byte 0"],
        ),
        ("ffffffff\r\nab", expect!["the aws-chunked body has more than 64 bytes"]),
        (
            "2;ext=1\r\nab\r\n0\r\n\r\n",
            expect!["the aws-chunked body has a chunk extension other than its signature at byte 0"],
        ),
        (
            "2;chunk-signature=00\r\nab\r\n0\r\n\r\n",
            expect![
                "the body is made of signed chunks, and its signature says otherwise; which is meant would be a guess"
            ],
        ),
        ("0\r\nnocolon\r\n\r\n", expect!["the aws-chunked body has a trailer without a colon at byte 3"]),
        ("0\r\na:1\r\nA:2\r\n\r\n", expect!["the aws-chunked body has the same trailer twice at byte 8"]),
        ("0\r\na b:1\r\n\r\n", expect!["the aws-chunked body has a trailer without a proper name at byte 3"]),
        ("0\r\na:1\rb\r\n\r\n", expect!["the aws-chunked body has a line with control characters at byte 3"]),
    ] {
        check(body, &expected);
    }
    let many = "1\r\na\r\n".repeat(65) + "0\r\n\r\n";
    check(&many, &expect!["the aws-chunked body has more than 64 bytes"]);
    let trailers: String = (0..17).map(|nth| format!("t{nth}:1\r\n")).collect();
    check(&format!("0\r\n{trailers}\r\n"), &expect!["the aws-chunked body has more than 16 trailers"]);
}

/// The worked example of the S3 documentation: 65 KiB of `a` in two chunks.
fn example(mode: &str, signed: &str, signature: &str) -> PayloadHash {
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let mut headers = vec![
        header("host", "s3.amazonaws.com"),
        header("x-amz-date", "20130524T000000Z"),
        header("x-amz-storage-class", "REDUCED_REDUNDANCY"),
        header("x-amz-content-sha256", mode),
        header("content-encoding", "aws-chunked"),
        header("x-amz-decoded-content-length", "66560"),
        header(
            "authorization",
            &format!(
                "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, \
                 SignedHeaders={signed}, Signature={signature}"
            ),
        ),
    ];
    if signed.contains("content-length;host") {
        headers.push(header("content-length", "66824"));
    } else {
        headers.push(header("x-amz-trailer", "x-amz-checksum-crc32c"));
    }
    let request = Request {
        method: "PUT".into(),
        path: "/examplebucket/chunkObject.txt".into(),
        query: String::new(),
        headers,
        body: Vec::new(),
    };
    let presented = present(&request).unwrap();
    let now = presented.signed_at();
    verify(&request, &presented, "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", now, 900).unwrap().payload
}

fn framed(signatures: [&str; 3], end: &str) -> Vec<u8> {
    let [one, two, last] = signatures;
    let (big, small) = ("a".repeat(65_536), "a".repeat(1_024));
    format!(
        "10000;chunk-signature={one}\r\n{big}\r\n400;chunk-signature={two}\r\n{small}\r\n0;chunk-signature={last}\r\n{end}"
    )
    .into_bytes()
}

fn signed_example() -> (PayloadHash, Vec<u8>) {
    let payload = example(
        STREAMING,
        "content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class",
        "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
    );
    let body = framed(
        [
            "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
            "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
            "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
        ],
        "\r\n",
    );
    (payload, body)
}

fn trailer_example() -> (PayloadHash, Vec<u8>) {
    let payload = example(
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
        "content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class;x-amz-trailer",
        "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e",
    );
    let body = framed(
        [
            "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
            "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
            "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
        ],
        "x-amz-checksum-crc32c:sOO8/Q==\r\n\
         x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n",
    );
    (payload, body)
}

const STREAMING: &str = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD";

#[test]
fn signed_chunks_are_verified() {
    for (payload, body) in [signed_example(), trailer_example()] {
        let decoded = decode(&body, &payload, LIMIT).unwrap();
        assert_eq!(decoded.content.len(), 66_560);
        for at in [30, 100, 65_636, body.len() - 90, body.len() - 6] {
            let mut altered = body.clone();
            altered[at] ^= 1;
            assert!(decode(&altered, &payload, LIMIT).is_err(), "byte {at}");
        }
        assert!(decode(&body, &PayloadHash::StreamingUnsignedTrailer, LIMIT).is_err());
        assert!(decode(b"0\r\n\r\n", &payload, LIMIT).is_err());
    }
    // Some signers end the trailer's line with a bare LF and its list with CRLF, before the signature.
    let (payload, body) = trailer_example();
    let text = String::from_utf8(body).unwrap().replace("Q==\r\n", "Q==\n\r\n");
    assert_eq!(decode(text.as_bytes(), &payload, LIMIT).unwrap().trailers.len(), 1);

    let (payload, _) = signed_example();
    let (_, body) = trailer_example();
    assert!(decode(&body, &payload, LIMIT).is_err());
}

fn put(headers: &[(&str, &str)], body: &[u8]) -> Request {
    Request {
        method: "PUT".into(),
        path: "/b/k".into(),
        query: String::new(),
        headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        body: body.to_vec(),
    }
}

#[test]
fn unframing_leaves_a_plain_request() {
    let body = b"b\r\nhello world\r\n0\r\nx-amz-checksum-crc32:DUoRhQ==\r\n\r\n";
    let headers = [
        ("content-encoding", "gzip, aws-chunked"),
        ("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"),
        ("x-amz-decoded-content-length", "11"),
        ("x-amz-trailer", "x-amz-checksum-crc32"),
        ("x-amz-storage-class", "STANDARD"),
    ];
    let mut request = put(&headers, body);
    unframe(&mut request, &PayloadHash::StreamingUnsignedTrailer, LIMIT).unwrap();
    let lines: Vec<String> = request.headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    expect![[r#"
        x-amz-storage-class: STANDARD
        content-encoding: gzip
        content-length: 11
        x-amz-checksum-crc32: DUoRhQ=="#]]
    .assert_eq(&lines.join("\n"));
    assert_eq!(request.body, b"hello world");

    let refuse = |nth: usize, value: &str, payload: &PayloadHash, expected: &Expect| {
        let mut headers = headers;
        headers[nth].1 = value;
        expected.assert_eq(&unframe(&mut put(&headers, body), payload, LIMIT).unwrap_err().to_string());
    };
    let streaming = PayloadHash::StreamingUnsignedTrailer;
    refuse(
        0,
        "aws-chunked",
        &PayloadHash::Unsigned,
        &expect![
            "the body is called aws-chunked in content-encoding, and its signature says otherwise; which is meant would be a guess"
        ],
    );
    refuse(
        2,
        "12",
        &streaming,
        &expect!["the content is 11 bytes long, and x-amz-decoded-content-length says 12"],
    );
    refuse(
        2,
        "x",
        &streaming,
        &expect![
            "the body is given a length in x-amz-decoded-content-length that is no number, and its signature says otherwise; which is meant would be a guess"
        ],
    );
    refuse(
        3,
        "x-amz-checksum-crc32c",
        &streaming,
        &expect!["the trailer x-amz-checksum-crc32 was not announced in x-amz-trailer, or is no checksum"],
    );
    refuse(
        3,
        "x-amz-checksum-crc32, x-amz-checksum-sha1",
        &streaming,
        &expect!["the trailer x-amz-checksum-sha1 was not announced in x-amz-trailer, or is no checksum"],
    );
}

proptest! {
    #[test]
    fn any_cut_of_a_body_decodes_to_it(chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..40), 0..8)) {
        let mut body = Vec::new();
        for chunk in &chunks {
            body.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            body.extend_from_slice(chunk);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(b"0\r\nx-amz-checksum-crc32:AAAA\r\n\r\n");
        let decoded = decode(&body, &PayloadHash::StreamingUnsignedTrailer, LIMIT).unwrap();
        prop_assert_eq!(&decoded.content, &chunks.concat());
        for cut in 0..body.len() {
            prop_assert!(decode(&body[..cut], &PayloadHash::StreamingUnsignedTrailer, LIMIT).is_err());
        }
    }

    #[test]
    fn nothing_panics(body in proptest::collection::vec(any::<u8>(), 0..200), text in "[0-9a-f;:\r\n x-]{0,80}") {
        for payload in [PayloadHash::StreamingUnsignedTrailer, PayloadHash::Unsigned] {
            let _ = decode(&body, &payload, 64);
            let _ = decode(text.as_bytes(), &payload, 64);
        }
    }
}

/// What a stream gives out before its end, and what it says then.
fn streamed(
    payload: &PayloadHash,
    framing: Framing,
    pieces: &[&[u8]],
) -> (Vec<u8>, Result<Arrived, PayloadError>) {
    let mut stream = Streaming::new(payload, framing);
    let mut given = Vec::new();
    for piece in pieces {
        match stream.feed(piece) {
            Ok(content) => given.extend_from_slice(&content),
            Err(error) => return (given, Err(error)),
        }
    }
    (given, stream.finish())
}

#[test]
fn a_stream_is_whole_only_once_all_of_it_is_right() {
    let content = b"hello world";
    let digest = Digest::of(content);
    let framing = |length: u64, trailers: &[&str]| Framing {
        length,
        trailers: trailers.iter().map(|name| (*name).to_owned()).collect(),
    };
    let plain = PayloadHash::Promised(digest);
    let (given, arrived) = streamed(&plain, framing(11, &[]), &[b"hello ", b"wor", b"ld"]);
    let arrived = arrived.unwrap();
    assert_eq!((arrived.content, [given, arrived.rest].concat()), (digest, content.to_vec()));

    let crc = "x-amz-checksum-crc32";
    let framed: &[u8] = b"b\r\nhello world\r\n0\r\nx-amz-checksum-crc32:DUoRhQ==\r\n\r\n";
    let chunks = PayloadHash::StreamingUnsignedTrailer;
    let (given, arrived) = streamed(&chunks, framing(11, &[crc]), &[framed]);
    let arrived = arrived.unwrap();
    assert_eq!((arrived.content, [given, arrived.rest].concat()), (digest, content.to_vec()));
    assert_eq!(arrived.trailers, [(crc.to_owned(), "DUoRhQ==".to_owned())]);

    for (payload, framing, pieces, expected) in [
        (&plain, framing(11, &[]), vec![&b"hello worlds"[..]], "12 bytes long, and"),
        (&plain, framing(11, &[]), vec![b"hello worl"], "10 bytes long, and"),
        (&plain, framing(11, &[]), vec![b"hello ", b"World"], "not the one whose digest was signed"),
        (&chunks, framing(12, &[crc]), vec![framed], "11 bytes long, and"),
        (&chunks, framing(11, &[]), vec![framed], "the trailer x-amz-checksum-crc32"),
        (
            &chunks,
            framing(11, &[crc, "x-amz-checksum-sha1"]),
            vec![framed],
            "the trailer x-amz-checksum-sha1",
        ),
        (&chunks, framing(11, &[crc]), vec![&framed[..20]], "ends in the middle"),
        (&chunks, framing(11, &[crc]), vec![framed, b"more"], "bytes after its end"),
    ] {
        let (given, ended) = streamed(payload, framing, &pieces);
        assert!(given.len() < 11, "the last piece is kept back");
        let told = ended.unwrap_err().to_string();
        assert!(told.contains(expected), "{told}");
    }
}

#[test]
fn signed_chunks_are_given_out_once_their_signature_is_true() {
    let (payload, body) = signed_example();
    let decoded = decode(&body, &payload, LIMIT).unwrap();
    let framing = Framing { length: decoded.content.len() as u64, trailers: Vec::new() };
    let pieces: Vec<&[u8]> = body.chunks(1000).collect();
    let (given, arrived) = streamed(&payload, framing.clone(), &pieces);
    assert_eq!([given, arrived.unwrap().rest].concat(), decoded.content);
    let mut forged = body.clone();
    let last = forged.iter().rposition(|byte| *byte == b'a').unwrap();
    forged[last] = b'b';
    let (given, ended) = streamed(&payload, framing, &[&forged]);
    assert!(ended.is_err() && given.len() < decoded.content.len());
}

proptest! {
    #[test]
    fn any_cut_of_a_stream_reads_the_same(
        chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..40), 0..8),
        cuts in proptest::collection::vec(1usize..9, 1..20),
        noise in proptest::option::of((any::<prop::sample::Index>(), any::<u8>())),
    ) {
        let mut body = Vec::new();
        for chunk in &chunks {
            body.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            body.extend_from_slice(chunk);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(b"0\r\nx-amz-checksum-crc32:AAAA\r\n\r\n");
        if let Some((at, byte)) = noise {
            let at = at.index(body.len());
            body[at] = byte;
        }
        let whole = decode(&body, &PayloadHash::StreamingUnsignedTrailer, LIMIT);
        let mut unframer = Unframer::new(Signatures::None, LIMIT as u64);
        let (mut content, mut rest, mut broken) = (Vec::new(), &body[..], None);
        for cut in cuts.iter().cycle() {
            let (piece, after) = rest.split_at((*cut).min(rest.len()));
            if piece.is_empty() {
                break;
            }
            if let Err(error) = unframer.feed(piece, &mut content) {
                broken = Some(error);
                break;
            }
            rest = after;
        }
        let cut = match broken {
            Some(error) => Err(error),
            None => unframer.finish().map(|trailers| Decoded { content, trailers }),
        };
        prop_assert_eq!(cut, whole);
    }
}
