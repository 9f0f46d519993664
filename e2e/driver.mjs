// A browser for the tests, which stand in Rust: one JSON object a line comes in (whose page, and what to do there, as the body of
// an async function of `page`, `context`, `keys` and `axe`), one goes out (what that gave, or why not). Each person has a
// browser context and a virtual authenticator of their own; `person` gives another's, for what two do at once.
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const axeSource = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const AsyncFunction = (async () => {}).constructor;

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"],
});
const people = new Map();

/** Keys that are touched by themselves, by somebody who is verified; `options` for those that are not. */
async function authenticator(page, options = {}) {
  const cdp = await page.context().newCDPSession(page);
  await cdp.send("WebAuthn.enable");
  const { authenticatorId } = await cdp.send("WebAuthn.addVirtualAuthenticator", {
    options: {
      protocol: "ctap2",
      transport: "internal",
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
      ...options,
    },
  });
  return {
    id: authenticatorId,
    send: (method, params = {}) => cdp.send(`WebAuthn.${method}`, { authenticatorId, ...params }),
  };
}

async function person(name, options) {
  let known = people.get(name);
  if (!known) {
    const context = await browser.newContext({ viewport: { width: 1280, height: 720 }, ...options });
    const page = await context.newPage();
    // A page loads itself anew a moment after something was signed there; whoever goes on just then is interrupted.
    const goto = page.goto.bind(page);
    page.goto = (...place) =>
      goto(...place).catch((error) => {
        if (!/interrupted by another navigation|net::ERR_ABORTED/.test(String(error))) throw error;
        return goto(...place);
      });
    const said = [];
    page.on("console", (it) => it.type() === "error" && said.push(it.text()));
    page.on("pageerror", (it) => said.push(String(it)));
    page.setDefaultTimeout(15000);
    const keys = await authenticator(page);
    known = { context, page, keys, said };
    people.set(name, known);
  }
  return known;
}

/** What axe finds on the page as it is, a line for each rule and place. */
const axe = async (page) => {
  // Past the page's own policy: a test's script is none of the page's.
  const cdp = await page.context().newCDPSession(page);
  await cdp.send("Page.setBypassCSP", { enabled: true });
  await page.reload();
  await page.evaluate(axeSource);
  const found = await page.evaluate(() => axe.run(document, { resultTypes: ["violations"] }));
  await cdp.send("Page.setBypassCSP", { enabled: false });
  return found.violations.flatMap((it) => it.nodes.map((node) => `${it.id}: ${node.target.join(" ")}: ${node.failureSummary}`));
};

for await (const line of createInterface({ input: process.stdin })) {
  const { who, code, options } = JSON.parse(line);
  let answer;
  try {
    const { context, page, keys, said } = await person(who, options);
    const run = new AsyncFunction("page", "context", "keys", "axe", "said", "authenticator", "person", code);
    answer = { value: (await run(page, context, keys, axe, said, authenticator, person)) ?? null };
  } catch (error) {
    answer = { error: String(error.stack ?? error) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
await browser.close();
