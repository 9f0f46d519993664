//! Speaking to an ssh-agent (draft-ietf-sshm-ssh-agent): list the keys, ask for one signature. Nothing else of the
//! protocol is here.

use std::{
    io::{Read as _, Write as _},
    os::unix::net::UnixStream,
    path::Path,
    time::Duration,
};

const REQUEST_IDENTITIES: u8 = 11;
const IDENTITIES_ANSWER: u8 = 12;
const SIGN_REQUEST: u8 = 13;
const SIGN_RESPONSE: u8 = 14;
const MAX_ANSWER: usize = 256 * 1024;
/// A person may have to touch a key.
const PATIENCE: Duration = Duration::from_secs(120);

/// The public keys that the agent at `socket` holds, in SSH wire form.
pub(crate) fn keys(socket: &Path) -> std::io::Result<Vec<Vec<u8>>> {
    let answer = ask(socket, &[REQUEST_IDENTITIES])?;
    let mut rest = expect(&answer, IDENTITIES_ANSWER)?;
    let count = take_u32(&mut rest)?;
    let mut keys = Vec::new();
    for _ in 0..count.min(1000) {
        keys.push(take_string(&mut rest)?.to_vec());
        take_string(&mut rest)?;
    }
    Ok(keys)
}

/// A signature over `data` by the key with this wire form, as an SSH signature blob.
pub(crate) fn sign(socket: &Path, key: &[u8], data: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut request = vec![SIGN_REQUEST];
    put_string(&mut request, key)?;
    put_string(&mut request, data)?;
    request.extend_from_slice(&0u32.to_be_bytes());
    let answer = ask(socket, &request)?;
    let mut rest = expect(&answer, SIGN_RESPONSE)?;
    Ok(take_string(&mut rest)?.to_vec())
}

fn ask(socket: &Path, request: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut framed = Vec::new();
    put_string(&mut framed, request)?;
    stream.write_all(&framed)?;
    let mut len = [0; 4];
    stream.read_exact(&mut len)?;
    let len = u32::from_be_bytes(len) as usize;
    if len > MAX_ANSWER {
        return Err(malformed());
    }
    let mut answer = vec![0; len];
    stream.read_exact(&mut answer)?;
    Ok(answer)
}

fn expect(answer: &[u8], kind: u8) -> std::io::Result<&[u8]> {
    match answer.split_first() {
        Some((found, rest)) if *found == kind => Ok(rest),
        Some(_) | None => Err(std::io::Error::other("the ssh-agent refused")),
    }
}

fn take_u32(rest: &mut &[u8]) -> std::io::Result<u32> {
    let (head, tail) = rest.split_first_chunk::<4>().ok_or_else(malformed)?;
    *rest = tail;
    Ok(u32::from_be_bytes(*head))
}

fn take_string<'a>(rest: &mut &'a [u8]) -> std::io::Result<&'a [u8]> {
    let len = take_u32(rest)? as usize;
    let (head, tail) = rest.split_at_checked(len).ok_or_else(malformed)?;
    *rest = tail;
    Ok(head)
}

fn put_string(out: &mut Vec<u8>, bytes: &[u8]) -> std::io::Result<()> {
    let len = u32::try_from(bytes.len()).map_err(|_| malformed())?;
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(bytes);
    Ok(())
}

fn malformed() -> std::io::Error {
    std::io::Error::other("the ssh-agent's answer cannot be read")
}
