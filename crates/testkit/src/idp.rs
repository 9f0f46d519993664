//! An OpenID provider that needs no browser: whoever comes is who the test says. It signs as a real one does and holds the client to
//! its secret and to what it began with; a real one is [`crate::Provider`].

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    time::Duration,
};

use anyhow::{Context as _, Result};
use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use p256::ecdsa::{Signature, SigningKey, signature::Signer as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// Listens for as long as this process lives.
#[derive(Debug)]
pub struct Idp {
    /// `http://127.0.0.1:PORT`.
    pub issuer: String,
}

impl Idp {
    pub const CLIENT: &str = "countersign";
    pub const SECRET: &str = "hush";

    pub fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let issuer = format!("http://{}", listener.local_addr()?);
        let own = issuer.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let own = own.clone();
                // A connection that breaks is the other side's to notice.
                std::thread::spawn(move || drop(serve(&client, &own)));
            }
        });
        Ok(Self { issuer })
    }

    /// With what it sends a browser back that came to `page`, its address with all that is asked for there, once somebody has shown
    /// that they are `account`: the query.
    pub fn sends_back(&self, page: &str, account: &str) -> Result<String> {
        let asked = |name: &str| {
            let (_, query) = page.split_once('?')?;
            query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
        };
        let (nonce, challenge) =
            (asked("nonce").context("no nonce")?, asked("code_challenge").context("no challenge")?);
        // The code is its own memory.
        let code = json!({ "sub": account, "nonce": nonce, "challenge": challenge }).to_string();
        let state = asked("state").context("no state")?;
        Ok(format!("code={}&state={state}", BASE64_URL_SAFE_NO_PAD.encode(code)))
    }
}

fn serve(client: &TcpStream, issuer: &str) -> Result<()> {
    client.set_read_timeout(Some(Duration::from_secs(30)))?;
    let mut reader = BufReader::new(client);
    let mut line = || -> Result<String> {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        Ok(line.trim_end().to_owned())
    };
    let first = line()?;
    let target = first.split(' ').nth(1).context("no target")?.to_owned();
    let (mut length, mut authorization) = (0, String::new());
    loop {
        let line = line()?;
        let Some((name, value)) = line.split_once(':') else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse()?,
            "authorization" => value.trim().clone_into(&mut authorization),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let (status, told) = match target.as_str() {
        "/.well-known/openid-configuration" => (200, configuration(issuer)),
        "/keys" => (200, keys()?),
        "/token" => token(issuer, &authorization, &String::from_utf8_lossy(&body)),
        _ => (404, json!({})),
    };
    let told = told.to_string();
    let mut client = client;
    write!(
        client,
        "HTTP/1.1 {status} Told\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{told}",
        told.len()
    )?;
    Ok(())
}

fn configuration(issuer: &str) -> Value {
    json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/auth"),
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/keys"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
    })
}

fn key() -> Result<SigningKey> {
    Ok(SigningKey::from_slice(&[1; 32])?)
}

fn keys() -> Result<Value> {
    let point = key()?.verifying_key().to_encoded_point(false);
    let encoded = |part: Option<&[u8]>| part.map(|part| BASE64_URL_SAFE_NO_PAD.encode(part));
    let (x, y) = (encoded(point.x().map(|it| it.as_slice())), encoded(point.y().map(|it| it.as_slice())));
    Ok(json!({ "keys": [{ "kty": "EC", "crv": "P-256", "use": "sig", "kid": "1", "x": x, "y": y }] }))
}

fn token(issuer: &str, authorization: &str, form: &str) -> (u16, Value) {
    let refused = |error: &str| (400, json!({ "error": error }));
    let own = BASE64_STANDARD.encode(format!("{}:{}", Idp::CLIENT, Idp::SECRET));
    if authorization != format!("Basic {own}") {
        return refused("invalid_client");
    }
    let field = |name: &str| form.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
    let code = field("code").and_then(|it| BASE64_URL_SAFE_NO_PAD.decode(it).ok());
    let code: Option<Value> = code.and_then(|it| serde_json::from_slice(&it).ok());
    let verifier = field("code_verifier").map(|it| BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(it)));
    let Some(code) = code.filter(|code| verifier.as_deref() == code.get("challenge").and_then(Value::as_str))
    else {
        return refused("invalid_grant");
    };
    let now = crate::now();
    let claims = json!({
        "iss": issuer, "sub": code.get("sub"), "aud": Idp::CLIENT, "nonce": code.get("nonce"), "iat": now, "exp": now + 300,
    });
    let encoded = |part: Value| BASE64_URL_SAFE_NO_PAD.encode(part.to_string());
    let signed = format!("{}.{}", encoded(json!({ "alg": "ES256", "kid": "1" })), encoded(claims));
    let Ok(key) = key() else { return refused("server_error") };
    let signature: Signature = key.sign(signed.as_bytes());
    let token = format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(signature.to_bytes()));
    (200, json!({ "access_token": "a", "token_type": "Bearer", "id_token": token }))
}
