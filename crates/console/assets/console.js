// What the pages do besides being read: the live queue, the keyboard, and passkeys. No other script runs here but its modules, for the
// queue and for the log's checkpoint, and nothing is made into HTML but what this server rendered (the policy below is the only door).
import { inbox } from "./inbox.js";
import { saw } from "./kept.js";

const html = self.trustedTypes?.createPolicy("countersign", { createHTML: (text) => text }) ?? { createHTML: (text) => text };
const by = (id) => document.getElementById(id);
const page = document.body.dataset.page;
// Where passkeys work: of the installation for good, or where this page is.
const site = document.body.dataset.site ?? location.hostname;

// Bytes and texts.
const bytes = (text) => new TextEncoder().encode(text);
const base64 = (data) => btoa(String.fromCharCode(...new Uint8Array(data)));
const unbase64url = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (it) => it.charCodeAt(0));
const base64url = (data) => base64(data).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

/** SHA-256 over the namespace, a zero byte and the text: see `approval::passkey::challenge`. */
const challenge = (namespace, text) => crypto.subtle.digest("SHA-256", bytes(`${namespace}\0${text}`));

/** One touch over one text, in the form that the record keeps. */
async function signed(namespace, text) {
  const found = await navigator.credentials.get({
    publicKey: { challenge: await challenge(namespace, text), rpId: site, userVerification: "required", timeout: 120000 },
  });
  const parts = [
    ["credential", found.rawId],
    ["authenticator data", found.response.authenticatorData],
    ["client data", found.response.clientDataJSON],
    ["signature", found.response.signature],
  ];
  const lines = parts.map(([name, data]) => `${name}: ${base64url(data)}\n`);
  return `-----BEGIN PASSKEY ASSERTION-----\n${lines.join("")}-----END PASSKEY ASSERTION-----\n`;
}

async function asked(method, target, body, headers = {}) {
  const options = { method, headers: { ...headers }, redirect: "error" };
  if (body !== undefined) {
    options.body = JSON.stringify(body);
    options.headers["content-type"] = "application/json";
  }
  const answer = await fetch(target, options);
  const checkpoint = answer.headers.get("x-countersign-checkpoint");
  if (checkpoint) saw(checkpoint).catch(() => {});
  const told = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error([told.message ?? `the server answered ${answer.status}`, told.hint].filter(Boolean).join("; "));
  return told;
}

function say(text, good) {
  const said = by("said");
  said.textContent = text;
  said.className = `said ${good ? "good" : "bad"}`;
}

/** Why a browser gave no signature, or no passkey, in words. */
function told(error) {
  if (error.name === "InvalidStateError") {
    return "This device or security key has a passkey of yours already, and it works as before: sign in with it. Nothing was made and nothing was replaced; for one more passkey, use another device or security key.";
  }
  if (error.name === "NotAllowedError") return "Nothing was signed: no passkey was used, or the time was over.";
  if (error.name === "SecurityError") return `This address is no place where passkeys work: open the page as ${site}.`;
  return error.message;
}

async function working(button, work) {
  button.disabled = true;
  try {
    await work();
  } catch (error) {
    say(told(error), false);
    button.disabled = button.id === "approve" && "alarm" in document.body.dataset;
  }
}

// Each page says which checkpoint was the newest when it was made: whether that continues what this browser keeps.
const shown = document.body.dataset.checkpoint;
const kept = shown ? saw(shown) : Promise.reject(new Error("the page names no checkpoint"));
kept.catch(() => {});
/** Whether it still does. */
async function look() {
  const answer = await fetch("/v1/checkpoint", { redirect: "error" });
  const checkpoint = answer.headers.get("x-countersign-checkpoint");
  if (!checkpoint) throw new Error("the server names no checkpoint");
  await saw(checkpoint);
}

// Signing in.
if (page === "signin" && by("signin")) {
  by("person").value = localStorage.getItem("person") ?? "";
  by("signin").addEventListener("submit", (event) => {
    event.preventDefault();
    working(event.submitter, async () => {
      const person = by("person").value.trim();
      const { nonce } = await asked("GET", "/v1/nonce");
      const installation = document.querySelector("[data-installation]").dataset.installation;
      const empty = [...new Uint8Array(await crypto.subtle.digest("SHA-256", bytes("")))].map((it) => it.toString(16).padStart(2, "0"));
      const text = `countersign request v1\nperson: ${person}\nmethod: POST\ntarget: /signin\nbody: ${empty.join("")}\nnonce: ${nonce}\ninstallation: ${installation}\n`;
      const signature = btoa(await signed("countersign-request@v1", text));
      await asked("POST", "/signin", undefined, {
        "x-countersign-person": person,
        "x-countersign-nonce": nonce,
        "x-countersign-signature": signature,
      });
      localStorage.setItem("person", person);
      location.assign("/inbox");
    });
  });
}

// A new passkey.
if (page === "enrol" && by("enrol")) {
  // Whoever invites somebody may put their name into the link; it is theirs to change.
  const named = /^[a-z0-9][a-z0-9._-]{0,63}$/;
  const invited = new URLSearchParams(location.search).get("as") ?? "";
  if (named.test(invited)) by("person").value = invited;
  by("enrol").addEventListener("submit", (event) => {
    event.preventDefault();
    working(event.submitter, async () => {
      const person = by("person").value.trim();
      // It becomes part of a command that somebody else runs.
      if (!named.test(person)) throw new Error("A name is 1 to 64 of a–z, 0–9, `.`, `_`, `-`, and begins with a letter or digit.");
      const installation = document.querySelector("[data-installation]").dataset.installation;
      // An authenticator that has one of theirs makes no other in its place: the roster would go on naming the one that is gone.
      const { passkeys } = await asked("GET", `/enrol?${new URLSearchParams({ passkeys_of: person })}`);
      const made = await navigator.credentials.create({
        publicKey: {
          rp: { id: site, name: "Countersign" },
          // By chance: one that was made before, and may be under way into the roster, is not written over.
          user: { id: crypto.getRandomValues(new Uint8Array(32)), name: person, displayName: person },
          challenge: await challenge("countersign-enrol@v1", `${installation} ${person}`),
          pubKeyCredParams: [{ type: "public-key", alg: -7 }, { type: "public-key", alg: -8 }],
          authenticatorSelection: { residentKey: "required", userVerification: "required" },
          excludeCredentials: passkeys.map((id) => ({ type: "public-key", id: unbase64url(id) })),
          attestation: "none",
        },
      });
      const { line } = await asked("POST", "/enrol", {
        person,
        site,
        authenticator_data: base64url(made.response.getAuthenticatorData()),
        client_data: base64url(made.response.clientDataJSON),
      });
      by("line").textContent = line;
      by("command").textContent = `countersign people enrol ${person} --approver --passkey '${line}' --server ${location.origin} --genesis ${installation} --key KEY`;
      by("made").hidden = false;
      say("The passkey is made.", true);
    });
  });
}

// A change: approving and rejecting, each a signature over its own statement.
if (page === "change") {
  const change = document.querySelector("[data-change]").dataset.change;
  /** Its last field, whose line is wrapped: what of the log its signer's own browser has verified. */
  const parts = (statement) => {
    const at = statement.lastIndexOf("\n  checkpoint: ");
    return [statement.slice(0, at), statement.slice(at).replace("\n  checkpoint: ", "").replaceAll("\n        ", "").trimEnd()];
  };
  const worded = async (wanted) => {
    const checkpoint = await kept;
    const { statement } = await asked("GET", `/changes/${change}/statement?${new URLSearchParams({ ...wanted, checkpoint })}`);
    if (parts(statement)[1] !== checkpoint) throw new Error("the server's statement names another checkpoint than this browser keeps");
    return statement;
  };
  // The statement that the page came with names what the server says is newest. It is approved once it names what is kept here, and
  // says the same otherwise.
  const approve = by("approve");
  const keys = { a: () => approve?.focus(), r: () => by("reason")?.focus() };
  // The inbox's keys lead here: to what decides, never past what it decides.
  const led = () => keys[location.hash.slice(1)]?.();
  if (approve && !approve.disabled) {
    approve.disabled = true;
    const own = async () => {
      const [said, checkpoint] = parts(by("text").textContent);
      if (checkpoint !== (await kept)) {
        const statement = await worded({ act: "approve" });
        if (parts(statement)[0] !== said) throw new Error("The change has moved since this page was made: load it again.");
        by("text").textContent = statement;
      }
      approve.disabled = "alarm" in document.body.dataset;
      led();
    };
    own().catch((error) => "alarm" in document.body.dataset || say(told(error), false));
  }
  led();
  // What is signed is what stands on this page, word for word.
  const signs = (shown) => async () => {
    const statement = by(shown).textContent;
    await look();
    const signature = await signed("countersign-statement@v1", statement);
    const { note } = await asked("POST", `/changes/${change}/sign`, { statement, signature });
    say(note, true);
    setTimeout(() => location.reload(), 1200);
  };
  by("approve")?.addEventListener("click", (event) => working(event.currentTarget, signs("text")));
  // A veto has words of its own: they are shown first, and signed by another press.
  by("rejecting")?.addEventListener("submit", (event) => {
    event.preventDefault();
    working(event.submitter, async () => {
      by("veto").textContent = await worded({ act: "reject", reason: by("reason").value.trim() });
      by("vetoing").hidden = false;
      by("signveto").focus();
      event.submitter.disabled = false;
    });
  });
  by("reason")?.addEventListener("input", () => (by("vetoing").hidden = true));
  by("signveto")?.addEventListener("click", (event) => working(event.currentTarget, signs("veto")));
  document.addEventListener("keydown", (event) => {
    if (event.target.closest("input, textarea") || event.ctrlKey || event.metaKey || event.altKey) return;
    const act = keys[event.key];
    if (act) {
      event.preventDefault();
      act();
    }
  });
}

if (page === "inbox") inbox(html, look);
