// An OpenID provider for the tests: panva's, with an account for everybody who says their name, and one wrong thing at a time
// where a test asks for it. Prints its issuer once it listens; ends with its standard input.
import { Provider } from "oidc-provider";

const [, , redirect] = process.argv;
const accounts = {
  ben: { email: "ben@example.com", email_verified: true },
  carla: { email: "carla@example.com", email_verified: false },
  both: { email: "carla@example.com", email_verified: true },
};
let lie = "";

const port = await new Promise((resolve) => {
  import("node:net").then(({ createServer }) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
});
const issuer = `http://localhost:${port}`;
const provider = new Provider(issuer, {
  clients: [{ client_id: "countersign", client_secret: "hush", redirect_uris: [redirect], response_types: ["code"], grant_types: ["authorization_code"] }],
  claims: { openid: ["sub"], email: ["email", "email_verified"] },
  conformIdTokenClaims: false,
  pkce: { required: () => true },
  ttl: { IdToken: 300, AccessToken: 60, AuthorizationCode: 60, Interaction: 600, Session: 600, Grant: 600 },
  findAccount: (ctx, sub) => ({ accountId: sub, claims: () => ({ sub, ...accounts[sub] }) }),
});

provider.use(async (ctx, next) => {
  // What a test asks for, by an address that no provider has.
  if (ctx.path === "/lie") {
    lie = ctx.query.about ?? "";
    ctx.body = lie;
    return;
  }
  if (lie === "nonce" && ctx.path === "/auth" && ctx.query.nonce) {
    const query = new URLSearchParams(ctx.querystring);
    query.set("nonce", "of-another-sign-in");
    ctx.querystring = query.toString();
  }
  if (lie === "client" && ctx.path === "/token") {
    ctx.status = 401;
    ctx.body = { error: "invalid_client" };
    return;
  }
  const { now } = Date;
  if (lie === "expired" && ctx.path === "/token") Date.now = () => now() - 3600_000;
  try {
    await next();
  } finally {
    Date.now = now;
  }
  if (lie === "issuer" && ctx.path === "/.well-known/openid-configuration") {
    ctx.body = { ...ctx.body, issuer: "https://evil.example" };
  }
});

provider.listen(port, "127.0.0.1", () => process.stdout.write(`${issuer}\n`));
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
