//! Writing OpenSSH's signature format: for signatures that an ssh-agent made, and to see whether one that was read is
//! written as OpenSSH writes it. `ssh-key` cannot write those of security keys on P-256 back as they came.

use base64::{Engine, engine::general_purpose::STANDARD};
use ssh_key::{Algorithm, Signature};

const LINE: usize = 70;
/// One byte of flags and four of counter stand at the end of a security key's signature.
pub(crate) const TRAILER: usize = 5;

/// The armored signature from a public key and a signature, both in their SSH wire form.
pub(crate) fn armored(public_key: &[u8], namespace: &str, hash: &str, signature: &[u8]) -> String {
    let mut blob = Vec::from(*b"SSHSIG\0\0\0\x01");
    for part in [public_key, namespace.as_bytes(), b"", hash.as_bytes(), signature] {
        put_string(&mut blob, part);
    }
    let mut text = String::from("-----BEGIN SSH SIGNATURE-----\n");
    for (nth, character) in STANDARD.encode(blob).chars().enumerate() {
        if nth > 0 && nth % LINE == 0 {
            text.push('\n');
        }
        text.push(character);
    }
    text.push_str("\n-----END SSH SIGNATURE-----\n");
    text
}

/// A decoded signature in its SSH wire form; a security key's flags and counter stand behind it.
pub(crate) fn wire_form(signature: &Signature) -> Vec<u8> {
    let algorithm = signature.algorithm();
    let bytes = signature.as_bytes();
    let trailer = match algorithm {
        Algorithm::SkEd25519 | Algorithm::SkEcdsaSha2NistP256 => TRAILER,
        _ => 0,
    };
    let (core, trailer) = bytes.split_at_checked(bytes.len().saturating_sub(trailer)).unwrap_or((bytes, b""));
    let mut wire = Vec::new();
    put_string(&mut wire, algorithm.as_str().as_bytes());
    put_string(&mut wire, core);
    wire.extend_from_slice(trailer);
    wire
}

fn put_string(wire: &mut Vec<u8>, bytes: &[u8]) {
    // Whoever reads bytes in bounds them far below 4 GiB.
    wire.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    wire.extend_from_slice(bytes);
}
