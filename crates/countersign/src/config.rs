//! `countersign.toml`: addresses, paths and where secrets are, and nothing else. What can change a verdict is in the
//! bundle; a test keeps the two apart.

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use model::{Site, WitnessId};
use notify::Event;
use serde::Deserialize;

use crate::failure::Failure;

/// As read, with paths resolved against the file's own folder.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) dir: PathBuf,
    pub(crate) listen: Listen,
    pub(crate) aws: Aws,
    /// Where the witnesses of the bundle are reached, and those of one that is still to come.
    pub(crate) witness: BTreeMap<WitnessId, WitnessAddress>,
    /// Who is told of what happens.
    pub(crate) notify: Vec<Notify>,
    /// By which providers people may sign in to the console. Whose account is whose, the bundle's roster says.
    pub(crate) sign_in: Vec<SignIn>,
    tls: Tls,
    paths: Paths,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    listen: Listen,
    #[serde(default)]
    aws: Aws,
    #[serde(default)]
    witness: BTreeMap<WitnessId, WitnessAddress>,
    #[serde(default)]
    notify: Vec<Notify>,
    #[serde(default)]
    sign_in: Vec<SignIn>,
    #[serde(default)]
    tls: Tls,
    #[serde(default)]
    paths: Paths,
}

/// Prefixes of URLs, as C2SP `tlog-witness` has them.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum WitnessAddress {
    Url(String),
    More(WitnessPlace),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WitnessPlace {
    pub(crate) url: String,
    /// Where it shows what it has cosigned, if elsewhere.
    pub(crate) monitor: Option<String>,
    /// A file of certificates that are believed beside the public ones.
    pub(crate) ca: Option<PathBuf>,
}

/// One receiver of messages.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Notify {
    /// Its own; how far it has been told is kept under it.
    pub(crate) name: String,
    /// Where it is. In Slack's form it is a secret itself.
    pub(crate) url: String,
    pub(crate) form: Form,
    /// A file with the secret that messages are signed by.
    pub(crate) secret: Option<PathBuf>,
    /// A file of certificates that are believed beside the public ones.
    pub(crate) ca: Option<PathBuf>,
    /// Which events it is told of; all of them, where it does not say.
    pub(crate) events: Option<Vec<Event>>,
    /// It is told when a tenth of a held change's time is left; and of nothing else, unless `events` says so.
    #[serde(default)]
    pub(crate) escalate: bool,
}

impl std::fmt::Debug for Notify {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Notify({})", self.name)
    }
}

/// One OpenID provider.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SignIn {
    /// Its own, on the page and in the address that browsers come back to.
    pub(crate) name: String,
    /// As the provider writes itself.
    pub(crate) issuer: String,
    pub(crate) client_id: String,
    /// A file with the client secret.
    pub(crate) secret: PathBuf,
    /// A file of certificates that are believed beside the public ones.
    pub(crate) ca: Option<PathBuf>,
    /// Where people's browsers have the console, where that is not what it listens on.
    pub(crate) site: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Form {
    /// JSON, signed.
    Webhook,
    /// Slack's incoming webhooks, and whatever is compatible with them.
    Slack,
}

/// Where to listen; port 0 takes a free one (`DIR/run/` says which).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Listen {
    pub(crate) aws: SocketAddr,
    pub(crate) agent: SocketAddr,
    pub(crate) people: SocketAddr,
    /// The log's files, for anybody who reaches it; not served unless it stands here.
    pub(crate) log: Option<SocketAddr>,
    /// Liveness, readiness and numbers for who keeps this running; not served unless it stands here.
    pub(crate) metrics: Option<SocketAddr>,
    /// DNS names by which clients reach the listeners; a bucket may stand before one of them.
    pub(crate) names: Vec<String>,
}

/// A certificate that clients believe already, in place of one of our own authority.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Tls {
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Aws {
    /// Everything goes here instead of to AWS.
    pub(crate) upstream: Option<String>,
    /// The region that `session new` prints.
    pub(crate) region: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Paths {
    bundle: PathBuf,
    /// Those that were asked for, by their digest.
    bundles: PathBuf,
    log: PathBuf,
    /// Not part of the database, nor of its backups.
    checkpoint: PathBuf,
    database: PathBuf,
    keys: PathBuf,
    run: PathBuf,
    /// Where the console looks for the newest snapshot of the environment; it need not be there.
    snapshots: PathBuf,
    /// Where the console looks for the specifications of the agent's runs; nowhere unless it stands here.
    specifications: Option<PathBuf>,
}

impl Default for Listen {
    fn default() -> Self {
        let free = SocketAddr::from(([127, 0, 0, 1], 0));
        Self { aws: free, agent: free, people: free, log: None, metrics: None, names: Vec::new() }
    }
}

impl Default for Aws {
    fn default() -> Self {
        Self { upstream: None, region: "us-east-1".to_owned() }
    }
}

impl Default for Paths {
    fn default() -> Self {
        Self {
            bundle: "bundle".into(),
            bundles: "bundles".into(),
            log: "log".into(),
            checkpoint: "lock/checkpoint".into(),
            database: "data/countersign.db".into(),
            keys: "keys".into(),
            run: "run".into(),
            snapshots: "snapshots".into(),
            specifications: None,
        }
    }
}

/// What `init` writes.
pub(crate) fn template(upstream: Option<&str>, site: &Site) -> String {
    let upstream = upstream.map_or_else(
        || "# upstream = \"http://127.0.0.1:5000\"   # an emulator; without it, AWS itself".to_owned(),
        |url| format!("upstream = {}", toml::Value::String(url.to_owned())),
    );
    let names = if site.is_localhost() { String::new() } else { format!("\"{site}\"") };
    format!(
        "# Addresses, paths and where secrets are; nothing here can change a verdict (that is what bundle/ is for).\n\
         # The real AWS credentials come from where AWS's own tools look for them, in the surroundings of\n\
         # `countersign serve`: its environment, a profile, a web identity, the container, the machine.\n\n\
         [listen]            # port 0 takes a free port; run/serve.json says which\n\
         aws = \"127.0.0.1:0\"\nagent = \"127.0.0.1:0\"\npeople = \"127.0.0.1:0\"\n\
         # log = \"127.0.0.1:0\"   # the whole record, to be read by whoever reaches it: for auditors and mirrors\n\
         # metrics = \"127.0.0.1:0\"   # /livez, /readyz, /metrics, to be read by whoever reaches it: numbers, no names\n\
         names = [{names}]          # DNS names by which clients reach us, such as \"countersign.corp.example\"\n\n\
         [tls]               # without these, the installation's own authority (keys/ca.pem) signs\n\
         # certificate = \"tls.pem\"\n# key = \"tls.key\"\n\n\
         [aws]\nregion = \"us-east-1\"\n{upstream}\n\n\
         [witness]           # where the witnesses that bundle/witnesses.toml names are reached; read again for each adoption\n\
         # w1 = \"https://witness.example\"\n\n\
         # [[notify]]        # who is told of what happens; `countersign notify test` tries it\n\
         # name = \"chat\"\n# form = \"slack\"     # or \"webhook\": JSON, signed by a secret (`countersign notify secret`)\n\
         # url = \"https://hooks.example/services/…\"\n\n\
         # [[sign_in]]       # an OpenID provider by which people may sign in to look; whose account is whose, roster.toml says\n\
         # name = \"corp\"\n# issuer = \"https://idp.example\"\n# client_id = \"countersign\"\n\
         # secret = \"keys/corp.secret\"   # it sends browsers back to https://NAME/signin/with/corp/return\n\n\
         [paths]             # relative to this file\n\
         bundle = \"bundle\"\nbundles = \"bundles\"   # those that were adopted or may be\nlog = \"log\"\ncheckpoint = \"lock/checkpoint\"   # keep it out of the database's backups\n\
         database = \"data/countersign.db\"\nkeys = \"keys\"\nrun = \"run\"\n\
         snapshots = \"snapshots\"   # of the environment (`countersign scan`); the console shows what the newest one tells\n\
         # specifications = \"repository/.kiro/specs\"   # of the agent's runs (`countersign agent run`); the console shows them\n"
    )
}

impl Config {
    pub(crate) fn load(file: &Path) -> Result<Self, Failure> {
        let text = fs::read_to_string(file).map_err(|err| {
            Failure::usage(format!("{} cannot be read: {err}", file.display()))
                .hint("`countersign init DIR` writes DIR/countersign.toml")
        })?;
        Self::parse(&text, file)
    }

    fn parse(text: &str, file: &Path) -> Result<Self, Failure> {
        let parsed: File = toml::from_str(text).map_err(|err| malformed(&err, text, file))?;
        let wrong_name = parsed.listen.names.iter().find(|name| !is_name(name));
        if let Some(name) = wrong_name {
            let name = model::sanitize(name, 100);
            return Err(Failure::usage(format!(
                "{}: [listen] names: `{name}` is no DNS name",
                file.display()
            ))
            .hint("give names alone, in lower case, without a scheme, a port or a wildcard"));
        }
        if parsed.tls.certificate.is_some() != parsed.tls.key.is_some() {
            return Err(Failure::usage(format!(
                "{}: [tls] takes `certificate` and `key`, or neither",
                file.display()
            )));
        }
        let absolute =
            std::path::absolute(file).map_err(|err| Failure::usage(format!("{}: {err}", file.display())))?;
        let dir = absolute.parent().map_or_else(|| PathBuf::from("/"), Path::to_path_buf);
        Ok(Self {
            dir,
            listen: parsed.listen,
            aws: parsed.aws,
            witness: parsed.witness,
            notify: parsed.notify,
            sign_in: parsed.sign_in,
            tls: parsed.tls,
            paths: parsed.paths,
        })
    }

    /// Certificate and key that were given.
    pub(crate) fn certificate(&self) -> Option<(PathBuf, PathBuf)> {
        let (certificate, key) = self.tls.certificate.as_ref().zip(self.tls.key.as_ref())?;
        Some((self.dir.join(certificate), self.dir.join(key)))
    }

    /// The names by which clients reach the listeners, beside their addresses.
    pub(crate) fn names(&self) -> Vec<String> {
        let mut names = self.listen.names.clone();
        if !names.iter().any(|name| name == "localhost") {
            names.push("localhost".to_owned());
        }
        names
    }

    pub(crate) fn bundle(&self) -> PathBuf {
        self.dir.join(&self.paths.bundle)
    }

    pub(crate) fn bundles(&self) -> PathBuf {
        self.dir.join(&self.paths.bundles)
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.dir.join(&self.paths.log)
    }

    pub(crate) fn checkpoint(&self) -> PathBuf {
        self.dir.join(&self.paths.checkpoint)
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.dir.join(&self.paths.database)
    }

    pub(crate) fn key(&self, name: &str) -> PathBuf {
        self.dir.join(&self.paths.keys).join(name)
    }

    pub(crate) fn run(&self, name: &str) -> PathBuf {
        self.dir.join(&self.paths.run).join(name)
    }

    pub(crate) fn snapshots(&self) -> PathBuf {
        self.dir.join(&self.paths.snapshots)
    }

    pub(crate) fn specifications(&self) -> Option<PathBuf> {
        self.paths.specifications.as_ref().map(|path| self.dir.join(path))
    }

    /// Every folder that must be the server's alone.
    pub(crate) fn folders(&self) -> Vec<PathBuf> {
        let parent = |path: PathBuf| path.parent().map(Path::to_path_buf).unwrap_or(path);
        vec![
            self.dir.clone(),
            self.bundle(),
            self.bundles(),
            self.log(),
            parent(self.checkpoint()),
            parent(self.database()),
            self.dir.join(&self.paths.keys),
            self.dir.join(&self.paths.run),
        ]
    }
}

fn is_name(name: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    name.len() <= 200
        && name.split('.').all(|label| (1..=63).contains(&label.len()) && label.bytes().all(good))
        && name.bytes().any(|byte| byte.is_ascii_lowercase())
}

/// File, line, what was expected, and what was probably meant.
fn malformed(err: &toml::de::Error, text: &str, file: &Path) -> Failure {
    let line =
        err.span().map_or(1, |span| text.get(..span.start).unwrap_or_default().matches('\n').count() + 1);
    let message = err.message();
    let mut names = message.split('`').skip(1).step_by(2);
    let hint = names.next().filter(|_| message.starts_with("unknown field")).and_then(|unknown| {
        let nearest = names.min_by_key(|known| strsim::damerau_levenshtein(unknown, known))?;
        (strsim::damerau_levenshtein(unknown, nearest) <= 3).then(|| format!("did you mean `{nearest}`?"))
    });
    let failure =
        Failure::new(crate::failure::USAGE, "CS002", format!("{}:{line}: {message}", file.display()));
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_init_writes_is_read_back() {
        let site = Site::LOCALHOST.parse().unwrap();
        let config =
            Config::parse(&template(Some("http://127.0.0.1:5000"), &site), Path::new("/x/countersign.toml"))
                .unwrap();
        assert_eq!(config.aws.upstream.as_deref(), Some("http://127.0.0.1:5000"));
        assert_eq!(config.database(), Path::new("/x/data/countersign.db"));
        assert_eq!(config.specifications(), None);
        let text = "[paths]\nspecifications = \"repository/.kiro/specs\"\n";
        let config = Config::parse(text, Path::new("/x/countersign.toml")).unwrap();
        assert_eq!(config.specifications().as_deref(), Some(Path::new("/x/repository/.kiro/specs")));
        let site = "console.corp.example".parse().unwrap();
        let config = Config::parse(&template(None, &site), Path::new("/x/countersign.toml")).unwrap();
        assert!(config.aws.upstream.is_none());
        assert_eq!(config.names(), ["console.corp.example", "localhost"]);
    }

    #[test]
    fn a_wrong_line_is_named_with_what_was_meant() {
        for (text, line, hint) in [
            (
                "[listen]\naws = \"127.0.0.1:0\"\npeopel = \"127.0.0.1:0\"\n",
                ":3:",
                Some("did you mean `people`?"),
            ),
            ("[aws]\nupstraem = \"x\"\n", ":2:", Some("did you mean `upstream`?")),
            ("[listen]\naws = \"nonsense\"\n", ":2:", None),
            ("[listen\n", ":1:", None),
            ("[paths]\nspecification = \"x\"\n", ":2:", Some("did you mean `specifications`?")),
            ("[tls]\ncertificat = \"x\"\n", ":2:", Some("did you mean `certificate`?")),
            ("[tls]\nkey = \"x\"\n", "or neither", None),
            ("[witness]\nW1 = \"http://w\"\n", "`W1` is no witness's name", None),
            (
                "[[notify]]\nname = \"n\"\nurl = \"u\"\nform = \"slack\"\nevents = [\"alarms\"]\n",
                "`alarms` is no event",
                None,
            ),
            ("[witness]\nw1 = { uri = \"http://w\" }\n", ":2:", None),
            (
                "[listen]\nnames = [\"https://x\"]\n",
                "`https://x` is no DNS name",
                Some("give names alone, in lower case, without a scheme, a port or a wildcard"),
            ),
        ] {
            let failure = Config::parse(text, Path::new("/x/countersign.toml")).unwrap_err();
            assert!(failure.message.contains(line), "{}", failure.message);
            assert_eq!(failure.hint.as_deref(), hint, "{}", failure.message);
        }
    }

    /// Promise 8: nothing in this file can change a verdict. A new key must be added here, and argued for.
    #[test]
    fn the_file_holds_addresses_paths_and_nothing_else() {
        let keys: Vec<String> = template(Some("u"), &Site::LOCALHOST.parse().unwrap())
            .lines()
            .filter_map(|line| line.split_once(" = ").map(|(key, _)| key.to_owned()))
            .filter(|key| !key.starts_with('#'))
            .collect();
        let known = [
            "aws",
            "agent",
            "people",
            "names",
            "region",
            "upstream",
            "bundle",
            "bundles",
            "log",
            "checkpoint",
            "database",
            "keys",
            "run",
            "snapshots",
        ];
        assert_eq!(keys, known);
        let Config {
            dir: _,
            listen: Listen { aws: _, agent: _, people: _, log: _, metrics: _, names: _ },
            tls: Tls { certificate: _, key: _ },
            aws: Aws { upstream: _, region: _ },
            witness,
            notify,
            sign_in,
            paths,
        } = Config::parse("", Path::new("/x/c.toml")).unwrap();
        assert!(witness.is_empty() && notify.is_empty() && sign_in.is_empty());
        let SignIn { name: _, issuer: _, client_id: _, secret: _, ca: _, site: _ } =
            toml::from_str("name = \"n\"\nissuer = \"u\"\nclient_id = \"c\"\nsecret = \"f\"").unwrap();
        let Notify { name: _, url: _, form: _, secret: _, ca: _, events: _, escalate: _ } =
            toml::from_str("name = \"n\"\nurl = \"u\"\nform = \"slack\"").unwrap();
        let WitnessPlace { url: _, monitor: _, ca: _ } = toml::from_str("url = \"u\"").unwrap();
        let Paths {
            bundle: _,
            bundles: _,
            log: _,
            checkpoint: _,
            database: _,
            keys: _,
            run: _,
            snapshots: _,
            specifications,
        } = paths;
        assert_eq!(specifications, None, "nobody's repository is looked into unasked");
    }
}
