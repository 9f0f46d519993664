"""Hooks for schemathesis: requests signed as an approver signs them, about things that are there.

From the environment: CS_BASE, CS_IDS (by the names of their schemas), and where somebody signs CS_PERSON, CS_KEY, CS_GENESIS.
"""

import base64
import hashlib
import json
import os
import struct
import zlib

import requests
import schemathesis

BASE = os.environ["CS_BASE"]
IDS = json.loads(os.environ["CS_IDS"])
PERSON = os.environ.get("CS_PERSON")

session = requests.Session()


def text(value):
    """A string of the SSH protocol (RFC 4251, section 5)."""
    value = value.encode() if isinstance(value, str) else value
    return struct.pack(">I", len(value)) + value


def armored(key, namespace, message):
    """OpenSSH's PROTOCOL.sshsig."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    named = text(namespace) + text("") + text("sha512")
    signature = key.sign(b"SSHSIG" + named + text(hashlib.sha512(message).digest()))
    public = text(text("ssh-ed25519") + text(raw))
    blob = b"SSHSIG" + struct.pack(">I", 1) + public + named + text(text("ssh-ed25519") + text(signature))
    body = base64.b64encode(blob).decode()
    lines = [body[at : at + 70] for at in range(0, len(body), 70)]
    return "-----BEGIN SSH SIGNATURE-----\n" + "\n".join(lines) + "\n-----END SSH SIGNATURE-----\n"


class Signed(requests.auth.AuthBase):
    def __init__(self):
        from cryptography.hazmat.primitives.serialization import load_ssh_private_key

        with open(os.environ["CS_KEY"], "rb") as file:
            self.key = load_ssh_private_key(file.read(), None)

    def __call__(self, request):
        nonce = session.get(f"{BASE}/v1/nonce").json()["nonce"]
        body = request.body or b""
        body = body.encode() if isinstance(body, str) else body
        signed = (
            f"countersign request v1\nperson: {PERSON}\nmethod: {request.method}\ntarget: {request.path_url}\n"
            f"body: {hashlib.sha256(body).hexdigest()}\nnonce: {nonce}\ninstallation: {os.environ['CS_GENESIS']}\n"
        )
        signature = armored(self.key, "countersign-request@v1", signed.encode())
        request.headers["x-countersign-person"] = PERSON
        request.headers["x-countersign-nonce"] = nonce
        request.headers["x-countersign-signature"] = base64.b64encode(signature.encode()).decode()
        return request


if PERSON:
    schemathesis.auth.set_from_requests(Signed())


def named(path):
    kinds = {"changes": "ChangeId", "sessions": "SessionId", "bundles": "Digest", "tables": "Digest"}
    return IDS[next(kind for part, kind in kinds.items() if f"/{part}/" in path)]


@schemathesis.hook
def map_path_parameters(context, path_parameters):
    """Two of three are about something that is there: of what is not there is little to be told."""
    wanted = path_parameters.get("id") if path_parameters else None
    chance = zlib.crc32(str(wanted).encode())
    if context.operation is None or wanted is None or chance % 3 == 0:
        return path_parameters
    there = named(context.operation.path)
    return {**path_parameters, "id": there[chance // 3 % len(there)]}


def is_seconds(asked):
    try:
        return int(str(asked)) >= 0
    except ValueError:
        return False


@schemathesis.hook
def before_call(context, case, kwargs):
    """Nobody waits for a minute here; what is no number of seconds stays what it is."""
    if case.operation.path.endswith("/wait"):
        asked = case.query.get("seconds", 0) if case.query else 0
        several = asked if isinstance(asked, list) else [asked]
        if all(is_seconds(one) for one in several):
            case.query = {**(case.query or {}), "seconds": 0}
