//! The console without a browser: people whose authenticators are software, and do also what no browser lets them do.

use std::{
    path::Path,
    sync::atomic::{AtomicU32, Ordering},
};

use anyhow::{Context, Result, ensure};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use testkit::{Authenticator, Caller, Ceremony, Idp, Response, Serve, send};

use crate::lab::{Lab, OWNER, People};

pub(super) const OF_STATEMENTS: &str = "countersign-statement@v1";
pub(super) const OF_REQUESTS: &str = "countersign-request@v1";

/// An installation whose people have passkeys besides their key files: olga, an operator; ben, carla and dora, approvers.
pub(super) struct Desk {
    pub(super) lab: Lab,
    /// `localhost:PORT`, as browsers know the console.
    pub(super) host: String,
    pub(super) olga: Hand,
    pub(super) ben: Hand,
    pub(super) carla: Hand,
    pub(super) dora: Hand,
    provider: Option<Idp>,
}

/// A person at their authenticator.
pub(super) struct Hand {
    pub(super) name: &'static str,
    pub(super) key: Authenticator,
    counter: AtomicU32,
}

impl Hand {
    fn of(name: &'static str, seed: u8) -> Self {
        Self { name, key: Authenticator::p256(seed, "localhost"), counter: AtomicU32::new(0) }
    }

    /// The next count, as every touch uses one.
    fn count(&self) -> u32 {
        self.counter.fetch_add(1, Ordering::SeqCst) + 1
    }
}

impl Desk {
    pub(super) fn open() -> Result<Self> {
        Self::over(None)
    }

    /// With a provider of identities, `corp`, at which olga and ben have accounts.
    pub(super) fn with_accounts() -> Result<Self> {
        Self::over(Some(Idp::start()?))
    }

    fn over(provider: Option<Idp>) -> Result<Self> {
        let [olga, ben, carla, dora] =
            [("olga", 1), ("ben", 2), ("carla", 3), ("dora", 4)].map(|(name, seed)| Hand::of(name, seed));
        let folder = tempfile::tempdir()?;
        let mut flags = vec!["--profile".to_owned(), "lab".to_owned()];
        for (flag, hand) in
            [("--operator", &olga), ("--approver", &ben), ("--approver", &carla), ("--approver", &dora)]
        {
            let file = folder.path().join(hand.name);
            std::fs::write(&file, hand.key.roster_line())?;
            flags.extend([flag.to_owned(), format!("{}={}", hand.name, file.display())]);
        }
        let people = People::enter()?;
        let flags = [people.flags()?, flags].concat();
        let lab = Lab::over(people, &flags, |config| {
            provider.iter().try_for_each(|provider| configure(config, provider))?;
            Serve::start_with(config, &OWNER)
        })?;
        let [_, _, people] = lab.serve.authorities();
        let host = format!("localhost:{}", people.rsplit(':').next().context("no port")?);
        Ok(Self { lab, host, olga, ben, carla, dora, provider })
    }

    /// Ports change; everybody signs in anew.
    pub(super) fn restart(&mut self) -> Result<()> {
        self.lab.restart()?;
        let [_, _, people] = self.lab.serve.authorities();
        self.host = format!("localhost:{}", people.rsplit(':').next().context("no port")?);
        Ok(())
    }

    /// What the site's own page has an authenticator sign.
    pub(super) fn ceremony(&self, hand: &Hand, namespace: &str, text: &str) -> Ceremony {
        let challenge = Sha256::digest([namespace.as_bytes(), b"\0", text.as_bytes()].concat());
        let usual = hand.key.ceremony(&challenge);
        let client_data = usual.client_data.replace("https://localhost", &format!("http://{}", self.host));
        Ceremony { client_data, counter: hand.count(), ..usual }
    }

    pub(super) fn touched(&self, hand: &Hand, namespace: &str, text: &str) -> String {
        hand.key.sign(&self.ceremony(hand, namespace, text)).text()
    }

    /// What the page `/enrol` sends of a passkey that somebody has made there under this name.
    pub(super) fn creation(&self, hand: &Hand, person: &str) -> Value {
        let asked = format!("{} {person}", self.lab.installation.genesis());
        let made =
            hand.key.made(&Sha256::digest([&b"countersign-enrol@v1\0"[..], asked.as_bytes()].concat()));
        let client_data = made.client_data.replace("https://localhost", &format!("http://{}", self.host));
        let [client, authenticator] = [client_data.as_bytes(), &made.authenticator_data[..]]
            .map(|bytes| BASE64_URL_SAFE_NO_PAD.encode(bytes));
        json!({ "person": person, "site": "localhost", "client_data": client, "authenticator_data": authenticator })
    }

    /// The headers of a request that a person signs.
    pub(super) fn signed_request(
        &self,
        hand: &Hand,
        (method, target, body): (&str, &str, &str),
    ) -> Result<Vec<(&'static str, String)>> {
        let [_, _, people] = self.lab.serve.authorities();
        let caller = Caller { people, person: hand.name, genesis: self.lab.installation.genesis() };
        caller.headers((method, target, body), |text| Ok(self.touched(hand, OF_REQUESTS, text)))
    }

    pub(super) fn signs_in(&self, hand: &Hand) -> Result<Response> {
        let origin = format!("http://{}", self.host);
        let mut headers = self.signed_request(hand, ("POST", "/signin", ""))?;
        headers.push(("origin", origin));
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.send("POST", "/signin", &headers, "")
    }

    /// The cookie that a browser would hold.
    pub(super) fn sign_in(&self, hand: &Hand) -> Result<String> {
        let answer = self.signs_in(hand)?;
        ensure!(answer.status == 200, "{}", answer.text());
        let cookie = answer.header("set-cookie").context("no cookie")?;
        for guard in ["__Host-", "; Secure", "; HttpOnly", "; SameSite=Lax", "; Path=/"] {
            ensure!(cookie.contains(guard), "{cookie}");
        }
        Ok(cookie.split(';').next().unwrap_or_default().to_owned())
    }

    /// As a browser does that was sent to the provider, where somebody showed that they are `account`, and comes back.
    pub(super) fn comes_back_as(&self, account: &str) -> Result<Response> {
        let begun = self.send("GET", "/signin/with/corp", &[], "")?;
        let page = begun.header("location").with_context(|| begun.text())?;
        let errand = begun.header("set-cookie").and_then(|it| it.split(';').next()).context("no errand")?;
        let provider = self.provider.as_ref().context("nobody has an account anywhere")?;
        let target = format!("/signin/with/corp/return?{}", provider.sends_back(page, account)?);
        let headers = [("cookie", errand), ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")];
        self.send("GET", &target, &headers, "")
    }

    /// The cookie that a browser holds then.
    pub(super) fn signs_in_as(&self, account: &str) -> Result<String> {
        let answer = self.comes_back_as(account)?;
        ensure!(answer.status == 303 && answer.header("location") == Some("/inbox"), "{}", answer.text());
        let mut cookies =
            answer.headers.iter().filter(|(name, _)| name == "set-cookie").map(|(_, value)| value);
        let login = cookies.find(|it| !it.contains("errand")).context("no cookie")?;
        Ok(login.split(';').next().unwrap_or_default().to_owned())
    }

    /// A request by whoever holds `cookie`, as one of our own pages makes it.
    pub(super) fn get(&self, cookie: &str, target: &str) -> Result<Response> {
        self.send("GET", target, &[("cookie", cookie), ("sec-fetch-site", "same-origin")], "")
    }

    /// Likewise; `body` is JSON.
    pub(super) fn post(&self, cookie: &str, target: &str, body: &Value) -> Result<Response> {
        let origin = format!("http://{}", self.host);
        let headers = [
            ("cookie", cookie),
            ("origin", &origin),
            ("sec-fetch-site", "same-origin"),
            ("content-type", "application/json"),
        ];
        self.send("POST", target, &headers, &body.to_string())
    }

    pub(super) fn send(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<Response> {
        let [_, _, people] = self.lab.serve.authorities();
        let host = [("host", self.host.as_str())];
        send(people, method, target, &[&host[..], headers].concat(), body.as_bytes())
    }

    /// What approving means now, as the page of whoever holds `cookie` says it.
    pub(super) fn statement(&self, cookie: &str, id: &str) -> Result<String> {
        let answer = self.get(cookie, &format!("/changes/{id}/statement?act=approve"))?;
        let told: Value = serde_json::from_slice(&answer.body).with_context(|| answer.text())?;
        Ok(told["statement"].as_str().with_context(|| answer.text())?.to_owned())
    }

    pub(super) fn hands_in(
        &self,
        cookie: &str,
        id: &str,
        (statement, signature): (&str, &str),
    ) -> Result<Response> {
        let body = json!({ "statement": statement, "signature": signature });
        self.post(cookie, &format!("/changes/{id}/sign"), &body)
    }

    /// As the page does it.
    pub(super) fn approves(&self, hand: &Hand, cookie: &str, id: &str) -> Result<Response> {
        let statement = self.statement(cookie, id)?;
        let signature = self.touched(hand, OF_STATEMENTS, &statement);
        self.hands_in(cookie, id, (&statement, &signature))
    }

    /// How many people's approvals the record has.
    pub(super) fn approvals(&self, id: &str) -> Result<usize> {
        Ok(self.lab.change(id)?["approvals"].as_array().map_or(0, Vec::len))
    }
}

/// Until the first `serve` the bundle may be edited; later this is a change like any other.
fn configure(config: &Path, provider: &Idp) -> Result<()> {
    let folder = config.parent().context("a file without a folder")?;
    let secret = folder.join("keys/corp.secret");
    std::fs::write(&secret, format!("{}\n", Idp::SECRET))?;
    std::fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    let (issuer, client) = (&provider.issuer, Idp::CLIENT);
    let text = std::fs::read_to_string(config)?;
    let corp = format!(
        "[[sign_in]]\nname = \"corp\"\nissuer = \"{issuer}\"\nclient_id = \"{client}\"\nsecret = \"keys/corp.secret\"\n"
    );
    std::fs::write(config, format!("{text}\n{corp}"))?;
    let file = folder.join("bundle/roster.toml");
    let mut roster = std::fs::read_to_string(&file)?;
    for person in ["olga", "ben"] {
        let head = format!("[people.{person}]\n");
        ensure!(roster.contains(&head), "{roster}");
        roster = roster.replace(&head, &format!("{head}identities = [\"{issuer} sub {person}\"]\n"));
    }
    Ok(std::fs::write(&file, roster)?)
}

/// That an answer has this status, and says this.
pub(super) fn told(answer: &Response, status: u16, part: &str) -> Result<()> {
    let text = answer.text();
    ensure!(
        answer.status == status && text.contains(part),
        "not {status} with `{part}`: {} {text}",
        answer.status
    );
    Ok(())
}
