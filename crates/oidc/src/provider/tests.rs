//! A provider of our own making that lies in one way at a time. What a real one does is tried with a browser
//! (`testkit/tests/e2e/console/sign_in.rs`).

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use http::{Request, Response};
use model::{Identity, Timestamp};
use p256::ecdsa::{Signature, SigningKey, signature::Signer as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::*;
use crate::{Errands, Fetch, FetchError, Fetched};

const ISSUER: &str = "https://idp.example";
const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
const CODE: &str = "the-code";

/// How it lies.
#[derive(Clone)]
struct Lies {
    /// In what it says of itself.
    metadata: fn(&mut Value),
    /// In what it says of a person.
    claims: fn(&mut Value),
    /// In how it signs.
    header: fn(&mut Value),
    /// The seed of the key that it signs with; the one that it shows is 1.
    key: u8,
    answer: fn(u16) -> u16,
}

const HONEST: Lies = Lies { metadata: |_| {}, claims: |_| {}, header: |_| {}, key: 1, answer: |it| it };

#[derive(Clone, Debug)]
struct World {
    lies: Arc<Mutex<Lies>>,
    asked: Arc<Mutex<Vec<String>>>,
    /// From the address that a browser was sent to.
    begun: Arc<Mutex<Option<(String, String)>>>,
}

impl std::fmt::Debug for Lies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Lies")
    }
}

fn key(seed: u8) -> SigningKey {
    SigningKey::from_slice(&[seed; 32]).unwrap()
}

fn base64(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

impl World {
    fn new() -> Self {
        let lies = Arc::new(Mutex::new(HONEST));
        Self { lies, asked: Arc::default(), begun: Arc::default() }
    }

    fn answer(&self, request: &Request<Vec<u8>>) -> Result<(u16, Value), FetchError> {
        let lies = self.lies.lock().unwrap().clone();
        self.asked.lock().unwrap().push(request.uri().path().to_owned());
        match request.uri().path() {
            "/.well-known/openid-configuration" => {
                let mut told = json!({
                    "issuer": ISSUER,
                    "authorization_endpoint": format!("{ISSUER}/auth"),
                    "token_endpoint": format!("{ISSUER}/token"),
                    "jwks_uri": format!("{ISSUER}/keys"),
                    "response_types_supported": ["code"],
                    "subject_types_supported": ["public"],
                    "id_token_signing_alg_values_supported": ["ES256"],
                });
                (lies.metadata)(&mut told);
                Ok(((lies.answer)(200), told))
            }
            "/keys" => {
                let point = key(1).verifying_key().to_encoded_point(false);
                let (x, y) = (base64(point.x().unwrap()), base64(point.y().unwrap()));
                Ok((
                    200,
                    json!({ "keys": [{ "kty": "EC", "crv": "P-256", "use": "sig", "kid": "1", "x": x, "y": y }] }),
                ))
            }
            "/token" => Ok(self.token(request, &lies)),
            other => Err(FetchError(format!("{other} is not there"))),
        }
    }

    fn token(&self, request: &Request<Vec<u8>>, lies: &Lies) -> (u16, Value) {
        let refused = |error: &str| (400, json!({ "error": error }));
        let (nonce, challenge) = self.begun.lock().unwrap().clone().unwrap();
        let basic = base64::prelude::BASE64_STANDARD.encode("countersign:hush");
        if request.headers()["authorization"] != format!("Basic {basic}") {
            return refused("invalid_client");
        }
        let form = String::from_utf8(request.body().clone()).unwrap();
        let form: Vec<_> = form.split('&').filter_map(|pair| pair.split_once('=')).collect();
        let field = |name: &str| form.iter().find(|(it, _)| *it == name).map(|(_, value)| *value);
        let verified = field("code_verifier").map(|it| base64(Sha256::digest(it)));
        if field("code") != Some(CODE) || verified != Some(challenge) {
            return refused("invalid_grant");
        }
        let mut header = json!({ "alg": "ES256", "kid": "1" });
        (lies.header)(&mut header);
        let mut claims = json!({
            "iss": ISSUER, "sub": "248289761001", "aud": "countersign", "nonce": nonce,
            "iat": NOW.seconds(), "exp": NOW.seconds() + 300,
            "email": "ben@example.com", "email_verified": true,
        });
        (lies.claims)(&mut claims);
        let signed = format!("{}.{}", base64(header.to_string()), base64(claims.to_string()));
        let signature: Signature = key(lies.key).sign(signed.as_bytes());
        let token = format!("{signed}.{}", base64(signature.to_bytes()));
        (200, json!({ "access_token": "a", "token_type": "Bearer", "id_token": token }))
    }
}

impl Fetch for World {
    fn fetch(&self, request: Request<Vec<u8>>) -> Fetched {
        let told = self.answer(&request).map(|(status, body)| {
            let answer = Response::builder().status(status).header("content-type", "application/json");
            answer.body(body.to_string().into_bytes()).unwrap()
        });
        Box::pin(async move { told })
    }
}

fn provider(world: &World) -> Provider {
    let registration = Registration {
        name: "corp".to_owned(),
        issuer: ISSUER.to_owned(),
        client_id: "countersign".to_owned(),
        client_secret: "hush".to_owned(),
        redirect: "https://cs.example/signin/with/corp/return".to_owned(),
    };
    Provider::new(registration, Box::new(world.clone())).unwrap()
}

/// Signs in while the provider lies so.
async fn signed_in(lies: Lies) -> Result<Shown, SignInError> {
    let world = World::new();
    *world.lies.lock().unwrap() = lies;
    redeemed(&world, &provider(&world), CODE, NOW).await
}

async fn redeemed(
    world: &World,
    provider: &Provider,
    code: &str,
    now: Timestamp,
) -> Result<Shown, SignInError> {
    let (errand, _) = Errands::new([7; 32]).begin("corp", [1; 32], NOW);
    let address = provider.address(&errand, now).await?;
    let parameter = |name: &str| {
        let (_, rest) = address.split_once(&format!("{name}=")).unwrap();
        rest.split('&').next().unwrap().to_owned()
    };
    *world.begun.lock().unwrap() = Some((parameter("nonce"), parameter("code_challenge")));
    provider.redeem(&errand, code, now).await
}

fn lines(shown: &Shown) -> Vec<String> {
    shown.identities.iter().map(Identity::to_string).collect()
}

const SUB: &str = "https://idp.example sub 248289761001";
const MAIL: &str = "https://idp.example email ben@example.com";

#[tokio::test]
async fn a_browser_is_sent_to_the_provider_with_all_that_binds_the_answer() {
    let world = World::new();
    let (errand, _) = Errands::new([7; 32]).begin("corp", [1; 32], NOW);
    let address = provider(&world).address(&errand, NOW).await.unwrap();
    let (page, query) = address.split_once('?').unwrap();
    assert_eq!(page, "https://idp.example/auth");
    let mut names: BTreeSet<_> = query.split('&').filter_map(|it| it.split_once('=')).collect();
    let state = errand.state().to_owned();
    assert!(names.remove(&("state", state.as_str())));
    for fixed in [
        ("response_type", "code"),
        ("client_id", "countersign"),
        ("code_challenge_method", "S256"),
        ("scope", "openid+email"),
        ("redirect_uri", "https%3A%2F%2Fcs.example%2Fsignin%2Fwith%2Fcorp%2Freturn"),
    ] {
        assert!(names.remove(&fixed), "{fixed:?} in {query}");
    }
    let left: Vec<_> = names.into_iter().map(|(name, _)| name).collect();
    assert_eq!(left, ["code_challenge", "nonce"]);
    assert!(!address.contains(errand.verifier()));
}

#[tokio::test]
async fn an_honest_provider_says_who_it_is() {
    assert_eq!(lines(&signed_in(HONEST).await.unwrap()), [SUB, MAIL]);
    let with = |claims: fn(&mut Value)| signed_in(Lies { claims, ..HONEST });
    assert_eq!(lines(&with(|it| it["email_verified"] = json!(false)).await.unwrap()), [SUB]);
    let unsaid = with(|it| drop(it.as_object_mut().unwrap().remove("email_verified"))).await;
    assert_eq!(lines(&unsaid.unwrap()), [SUB]);
    assert_eq!(lines(&with(|it| it["email"] = json!("ben")).await.unwrap()), [SUB]);
}

#[tokio::test]
async fn each_lie_is_refused() {
    let claims = |claims| Lies { claims, ..HONEST };
    let cases: [(Lies, &str); 16] = [
        (claims(|it| it["nonce"] = json!("another")), "nonce"),
        (claims(|it| drop(it.as_object_mut().unwrap().remove("nonce"))), "nonce"),
        (claims(|it| it["iss"] = json!("https://evil.example")), "issuer"),
        (claims(|it| it["aud"] = json!("somebody-else")), "audience"),
        (claims(|it| it["aud"] = json!(["countersign", "somebody-else"])), "audience"),
        (claims(|it| it["exp"] = json!(NOW.seconds())), "expired"),
        (claims(|it| it["iat"] = json!(NOW.seconds() - 3600)), "not for this sign-in"),
        (claims(|it| it["iat"] = json!(NOW.seconds() + 3600)), "not for this sign-in"),
        (claims(|it| it["sub"] = json!("")), "names no account"),
        (claims(|it| it["sub"] = json!("ben\u{202e}\n")), "names no account"),
        (Lies { key: 2, ..HONEST }, "does not hold"),
        (Lies { header: |it| it["alg"] = json!("none"), ..HONEST }, "does not hold"),
        (Lies { header: |it| it["alg"] = json!("HS256"), ..HONEST }, "does not hold"),
        (Lies { header: |it| it["kid"] = json!("2"), ..HONEST }, "no key of the provider's"),
        (Lies { metadata: |it| it["issuer"] = json!("https://evil.example"), ..HONEST }, "not the provider"),
        (
            Lies { metadata: |it| it["authorization_endpoint"] = json!("http://idp.example/auth"), ..HONEST },
            "not reached over tls",
        ),
    ];
    for (lies, why) in cases {
        let err = signed_in(lies).await.unwrap_err().to_string();
        assert!(err.to_lowercase().contains(why), "{err}, not {why}");
    }
}

#[tokio::test]
async fn a_code_counts_for_the_sign_in_that_asked_for_it() {
    let world = World::new();
    let provider = provider(&world);
    redeemed(&world, &provider, CODE, NOW).await.unwrap();
    let other = redeemed(&world, &provider, "another", NOW).await.unwrap_err();
    assert!(matches!(&other, SignInError::CodeRefused(why) if why.contains("invalid_grant")), "{other}");
    // Of another browser: what it verifies the challenge by is derived from another chance.
    let (others, _) = Errands::new([7; 32]).begin("corp", [2; 32], NOW);
    let stolen = provider.redeem(&others, CODE, NOW).await.unwrap_err();
    assert!(matches!(&stolen, SignInError::CodeRefused(_)), "{stolen}");
}

#[tokio::test]
async fn who_the_provider_is_is_kept_for_a_while_and_no_longer() {
    let world = World::new();
    let provider = provider(&world);
    let later = |ms| Timestamp::from_millis(NOW.millis() + ms);
    let count = || world.asked.lock().unwrap().iter().filter(|it| it.ends_with("configuration")).count();
    redeemed(&world, &provider, CODE, NOW).await.unwrap();
    redeemed(&world, &provider, CODE, later(ANEW_MS)).await.unwrap();
    assert_eq!(count(), 1);
    // A key that it did not have may be new.
    world.lies.lock().unwrap().header = |it| it["kid"] = json!("2");
    redeemed(&world, &provider, CODE, later(2 * ANEW_MS)).await.unwrap_err();
    assert_eq!(count(), 2);
    redeemed(&world, &provider, CODE, later(2 * ANEW_MS + 1)).await.unwrap_err();
    assert_eq!(count(), 2, "but is not looked for at each try");
    world.lies.lock().unwrap().answer = |_| 503;
    let gone = redeemed(&world, &provider, CODE, later(2 * ANEW_MS + KNOWN_MS)).await.unwrap_err();
    assert!(matches!(&gone, SignInError::Unreachable(_)), "{gone}");
}

#[test]
fn a_registration_without_what_it_takes_is_none() {
    let check = |change: fn(&mut Registration), why: &str| {
        let mut registration = Registration {
            name: "corp".to_owned(),
            issuer: ISSUER.to_owned(),
            client_id: "countersign".to_owned(),
            client_secret: "hush".to_owned(),
            redirect: "https://cs.example/r".to_owned(),
        };
        assert!(!format!("{registration:?}").contains("hush"));
        change(&mut registration);
        let err = Provider::new(registration, Box::new(World::new())).unwrap_err().to_string();
        assert!(err.contains(why), "{err}");
    };
    check(|it| it.issuer = "http://idp.example".to_owned(), "issuer");
    check(|it| it.client_id.clear(), "is empty");
    check(|it| it.client_secret.clear(), "is empty");
    check(|it| it.redirect = "no address".to_owned(), "would send browsers back is none");
}
