// What this browser has seen of the log: the newest checkpoint of each, kept here. What the server shows must continue it; where it
// does not, that is said on every page, nothing is approved, and what is kept stays as it is. The script itself comes from that
// same server: SECURITY.md says what that is worth.
const KEPT = "checkpoint ";
const by = (id) => document.getElementById(id);

/** The log contradicts what this browser keeps: no trouble of the network, and nothing that trying again would mend. */
class Alarm extends Error {}
/** A log of another name than any that this browser knows at this address. */
class Another extends Alarm {}

const text = (base64) => new TextDecoder().decode(Uint8Array.from(atob(base64), (it) => it.charCodeAt(0)));
const hex = (bytes) => [...bytes].map((it) => it.toString(16).padStart(2, "0")).join("");
const unhex = (text) => {
  if (!/^[0-9a-f]{64}$/.test(text)) throw new Alarm("a hash of the log's proof is none");
  return Uint8Array.from(text.match(/../g), (it) => parseInt(it, 16));
};
const same = (one, other) => one.length === other.length && one.every((it, at) => it === other[at]);

/** The first three lines of a signed note (C2SP tlog-checkpoint): origin, size, root. */
export function parsed(note, whose = "what the server shows") {
  const [origin, size, root] = note.split("\n");
  if (!origin || !/^[1-9][0-9]{0,15}$/.test(size) || !Number.isSafeInteger(Number(size)) || !/^[A-Za-z0-9+/]{43}=$/.test(root)) {
    throw new Alarm(`${whose} is no checkpoint`);
  }
  return { origin, size: Number(size), root: Uint8Array.from(atob(root), (it) => it.charCodeAt(0)), note };
}

/** As a statement names it. */
const line = ({ origin, size, root }) => `${origin} ${size} ${hex(root)}`;

const node = async (left, right) => new Uint8Array(await crypto.subtle.digest("SHA-256", Uint8Array.of(1, ...left, ...right)));
// Sizes are beyond what the bit operators of this language take.
const odd = (number) => number % 2 === 1;
const half = (number) => Math.floor(number / 2);

/** Whether the tree of `next` begins with that of `old`, by RFC 9162 §2.1.4.2. */
export async function continues(old, next, proof) {
  if (old.size === next.size) return proof.length === 0 && same(old.root, next.root);
  if (old.size > next.size) return false;
  let perfect = old.size;
  while (!odd(perfect)) perfect = half(perfect);
  const path = perfect === 1 ? [old.root, ...proof] : proof;
  if (path.length === 0) return false;
  let [at, last] = [old.size - 1, next.size - 1];
  const up = () => ([at, last] = [half(at), half(last)]);
  while (odd(at)) up();
  let [before, after] = [path[0], path[0]];
  for (const sibling of path.slice(1)) {
    if (last === 0) return false;
    if (odd(at) || at === last) {
      before = await node(sibling, before);
      after = await node(sibling, after);
      while (!odd(at) && at !== 0) up();
    } else {
      after = await node(after, sibling);
    }
    up();
  }
  return last === 0 && same(before, old.root) && same(after, next.root);
}

/** The newest checkpoint of the log, once it is proved to continue `old`. */
async function newest(old) {
  const answer = await fetch(`/v1/consistency?from=${old.size}`, { redirect: "error", cache: "no-store" });
  if (answer.status === 404) throw new Alarm(`the log was cut: it showed this browser ${old.size} entries before and has fewer now`);
  if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
  const { checkpoint, proof } = await answer.json();
  const next = parsed(checkpoint);
  if (next.origin !== old.origin || !(await continues(old, next, proof.map(unhex)))) {
    throw new Alarm(`the log was rewritten: its ${next.size} entries do not contain the ${old.size} that it showed this browser before`);
  }
  return next;
}

/** Holds `seen` against what is kept, and keeps the newer; another page of this browser may do so at the same time. */
async function compared(seen) {
  const place = KEPT + seen.origin;
  for (;;) {
    const before = localStorage.getItem(place);
    if (before === null) {
      const known = Object.keys(localStorage).filter((it) => it.startsWith(KEPT));
      if (known.length > 0) throw new Another(`this is another log than the one that this address had before (${known[0].slice(KEPT.length)})`);
      localStorage.setItem(place, seen.note);
      return seen;
    }
    const old = parsed(before, "what this browser kept");
    if (seen.size === old.size) {
      if (!same(seen.root, old.root)) throw new Alarm(`the log was rewritten: its first ${old.size} entries are others than it showed this browser before`);
      return old;
    }
    // A page that was made before what another one has seen is no contradiction; a log that ends before it would be.
    const next = await newest(old);
    if (next.size < seen.size || (next.size === seen.size && !same(next.root, seen.root))) {
      throw new Alarm(`the log shows two histories: one of ${seen.size} entries, and another of ${next.size}`);
    }
    if (localStorage.getItem(place) !== before) continue;
    if (next.size > old.size) localStorage.setItem(place, next.note);
    return next;
  }
}

/** Says it above everything else, until the page is loaded anew. */
function alarm(error, seen) {
  document.body.dataset.alarm = error instanceof Alarm ? "log" : "unchecked";
  if (by("approve")) by("approve").disabled = true;
  const kept = seen && (localStorage.getItem(KEPT + seen.origin) ?? "");
  by("alarming").textContent =
    error instanceof Another
      ? `Sign nothing yet: ${error.message}. Ask whoever restored it, and compare its fingerprint with what they tell you.`
      : error instanceof Alarm
        ? `Sign nothing: ${error.message}. Run "countersign audit verify" on a copy of the log, keep what this browser kept, and tell the other approvers.`
        : `It could not be checked that the log continues what this browser has seen (${error.message}), so nothing can be approved here. Load the page again.`;
  by("witnessed").textContent = error instanceof Alarm && kept ? kept : "";
  by("witnessed").hidden = by("witnessed").textContent === "";
  by("anew").hidden = !(error instanceof Another);
  by("anew").onclick = () => {
    localStorage.setItem(KEPT + seen.origin, seen.note);
    location.reload();
  };
  by("alarm").hidden = false;
}

/**
 * Takes in a checkpoint that came from the server, as base64 of its note, and gives the one that is kept then, as a statement
 * names it. Where it does not continue what is kept, or cannot be shown to, that is said on the page, and thrown.
 */
export async function saw(base64) {
  let seen;
  try {
    seen = parsed(text(base64));
    return line(await compared(seen));
  } catch (error) {
    // The first word is the worst: what is merely unchecked later does not take its place.
    if (document.body.dataset.alarm !== "log") alarm(error, seen);
    throw error;
  }
}
