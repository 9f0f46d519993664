//! Writing OpenSSH's signature format, for signatures that an ssh-agent made: `ssh-key` cannot write those of
//! security keys on P-256 back as they came.

use base64::{Engine, engine::general_purpose::STANDARD};

const LINE: usize = 70;

/// The armored signature from a public key and a signature, both in their SSH wire form.
pub(crate) fn armored(public_key: &[u8], namespace: &str, hash: &str, signature: &[u8]) -> String {
    let mut blob = Vec::from(*b"SSHSIG\0\0\0\x01");
    for part in [public_key, namespace.as_bytes(), b"", hash.as_bytes(), signature] {
        // Parts are bounded far below 4 GiB by whoever reads them in.
        blob.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
        blob.extend_from_slice(part);
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
