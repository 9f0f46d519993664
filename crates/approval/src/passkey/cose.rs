//! Passkeys' public keys as authenticators write them, and what was signed with them.
//!
//! An authenticator gives its key as a COSE_Key (RFC 9052 §7) in CTAP2's canonical CBOR, with `alg` and no other
//! optional parameter (§6.5.1). That leaves one spelling per algorithm, which is compared here as bytes: there is no CBOR
//! to parse. ES256 (-7) and EdDSA over Ed25519 (-8) are read; RS256 (-257) is not, since no RSA is linked here.

use p256::ecdsa::signature::Verifier;

use crate::key::Material;

/// `{1: 2, 3: -7, -1: 1, -2: x, -3: y}`, up to x; then what stands before y.
const ES256: ([u8; 10], [u8; 3]) =
    ([0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20], [0x22, 0x58, 0x20]);
/// `{1: 1, 3: -8, -1: 6, -2: x}`, up to x.
const EDDSA: [u8; 10] = [0xa4, 0x01, 0x01, 0x03, 0x27, 0x20, 0x06, 0x21, 0x58, 0x20];

/// Of ES256: SEQUENCE, length, and two INTEGERs of at most 33 bytes (§6.5.5, RFC 3279 §2.2.3).
pub(crate) const MAX_SIGNATURE: usize = 72;

pub(crate) fn decode(cose: &[u8]) -> Option<Material> {
    if let Some(point) = cose.strip_prefix(&EDDSA) {
        return point.try_into().ok().map(Material::Ed25519);
    }
    let (x, rest) = cose.strip_prefix(&ES256.0)?.split_first_chunk::<32>()?;
    let y: [u8; 32] = rest.strip_prefix(&ES256.1)?.try_into().ok()?;
    [&[0x04][..], x, &y].concat().try_into().ok().map(Material::P256)
}

pub(crate) fn encode(key: &Material) -> Vec<u8> {
    match key {
        Material::Ed25519(point) => [&EDDSA[..], point].concat(),
        Material::P256([_, xy @ ..]) => {
            let (x, y) = xy.split_at(32);
            [&ES256.0[..], x, &ES256.1, y].concat()
        }
    }
}

/// Why bytes are no signature of a key over a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failed {
    /// Not written as the algorithm's signatures are.
    Encoding,
    Mismatch,
}

pub(crate) fn verify(key: &Material, message: &[u8], signature: &[u8]) -> Result<(), Failed> {
    match key {
        Material::Ed25519(point) => {
            let key = ed25519_dalek::VerifyingKey::from_bytes(point).map_err(|_| Failed::Mismatch)?;
            let signature = ed25519_dalek::Signature::from_slice(signature).map_err(|_| Failed::Encoding)?;
            key.verify_strict(message, &signature).map_err(|_| Failed::Mismatch)
        }
        Material::P256(point) => {
            let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(point).map_err(|_| Failed::Mismatch)?;
            let decoded = p256::ecdsa::Signature::from_der(signature).map_err(|_| Failed::Encoding)?;
            // DER has one spelling of two numbers; what the decoder would let pass beside it is refused.
            if decoded.to_der().as_bytes() != signature {
                return Err(Failed::Encoding);
            }
            key.verify(message, &decoded).map_err(|_| Failed::Mismatch)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// Of the specification's vectors (§16), whoever was verified or not: the arithmetic alone.
    #[test]
    fn what_others_signed_is_found_true() {
        let vectors: Vec<Value> =
            serde_json::from_str(include_str!("../../tests/it/webauthn3.json")).unwrap();
        for it in vectors {
            let bytes = |name: &str| hex::decode(it[name].as_str().unwrap()).unwrap();
            let key = decode(&bytes("public_key")).unwrap();
            assert_eq!(encode(&key), bytes("public_key"));
            let client_data = model::Digest::of(it["client_data"].as_str().unwrap().as_bytes());
            let mut message = [&bytes("authenticator_data")[..], client_data.as_bytes()].concat();
            let signature = bytes("signature");
            assert_eq!(verify(&key, &message, &signature), Ok(()), "{}", it["section"]);
            message[0] ^= 1;
            assert_eq!(verify(&key, &message, &signature), Err(Failed::Mismatch), "{}", it["section"]);
        }
    }
}
