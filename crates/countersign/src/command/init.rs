//! `countersign init`: a folder with keys, an empty log, a starter bundle, and a configuration.

use std::{
    fs,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    process::ExitCode,
};

use approval::passkey::elsewhere;
use classify_aws::sheet::own_digest;
use engine::{Clock as _, Entropy as _, SystemClock, SystemEntropy};
use ledger::{Genesis, Ledger};
use model::{EnrolledKey, PersonId, Role, Site};
use policy::{Bundle, Certificate, Files, Profile, StarterOptions, Tables};
use serde_json::json;
use tlog::SigningKey;

use super::{few::few, prove};
use crate::{
    cli::{Format, InitArgs},
    config::{self, Config},
    failure::{Failure, USAGE},
    library::Library,
    output::{self, BOLD, DIM, GOOD, WARN, styled},
    tables, tls,
};

pub(super) async fn run(args: &InitArgs, format: Format) -> Result<ExitCode, Failure> {
    let options = options(args)?;
    let profile = options.profile;
    let mut files = policy::starter(&options).map_err(|err| Failure::new(USAGE, "CS004", err))?;
    files.insert(Tables::FILE.to_owned(), Tables::text(own_digest()).into_bytes());
    let bundle = Bundle::load(&files).map_err(|err| Failure::new(USAGE, "CS004", err))?;
    if let Some(it) = elsewhere(bundle.roster(), &args.site).first() {
        return Err(Failure::usage(it).hint("--site NAME says which site it is to be, for good"));
    }

    let config_file = args.dir.join("countersign.toml");
    if config_file.exists() {
        return Err(Failure::usage(format!("{} is an installation already", args.dir.display()))
            .hint("an installation is made once; its bundle is what changes afterwards"));
    }
    folder(&args.dir)?;
    write(&config_file, config::template(args.aws_upstream.as_deref(), &args.site).as_bytes())?;
    let config = Config::load(&config_file)?;
    for dir in config.folders() {
        folder(&dir)?;
    }
    for (name, content) in &files {
        let file = config.bundle().join(name);
        if let Some(parent) = file.parent() {
            folder(parent)?;
        }
        write(&file, content)?;
    }
    tables::keep_own(&config.bundles()).map_err(Failure::unexpected)?;
    let genesis = keys_and_log(&config, &args.site)?;
    tls::ensure_authority(&tls::Place::of(&config))?;

    if let Some(warning) = few(bundle.roster()) {
        output::note(format!("{} {warning}\n", styled(WARN, "warning:")));
    }
    let config_file = config.dir.join("countersign.toml");
    let proof = match args.unproved {
        true => Err("it was left for later".to_owned()),
        false => proved(&config, &files, &bundle).await,
    };
    if let Err(why) = &proof {
        output::note(format!(
            "{} nothing is proved of this bundle: {why}\n  before the first `serve`: countersign policy prove --config {}\n  \
             (or, elsewhere, with --bundle and --certificate; what it writes becomes {})\n",
            styled(WARN, "unproved:"),
            config_file.display(),
            Library::of(&config).certificate_of(bundle.digest()).display()
        ));
    }
    if format == Format::Json {
        output::json(&json!({
            "genesis": genesis.fingerprint(),
            "config": config_file,
            "profile": profile.to_string(),
            "site": args.site,
            "certificate": proof.ok().map(|it| it.digest),
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    output::line(format!("{} {}", styled(GOOD, "Made"), config.dir.display()));
    output::line(format!("  genesis  {}", styled(BOLD, genesis.fingerprint())));
    output::line(format!("  profile  {profile}"));
    output::line(format!("  site     {}", args.site));
    output::line(format!("  bundle   {} ({} rules)", bundle.digest().short(), bundle.rules().len()));
    if let Ok(proof) = &proof {
        let (proved, with) = (proof.proved, &proof.made_with);
        output::line(format!("  proof    {} ({proved} sentences; {with})", proof.digest.short()));
    }
    for (name, content) in files.iter().filter(|(name, _)| name.starts_with("grants/")) {
        output::line(format!("\n{}", styled(DIM, format!("bundle/{name}"))));
        output::line(String::from_utf8_lossy(content).trim_end());
    }
    if profile == Profile::Lab {
        output::note(format!(
            "\n{} profile lab: a signature by a key file counts, and whoever can read that file can sign. Enrol security \
             keys (ssh-keygen -t ed25519-sk) and use --profile standard for anything real.",
            styled(WARN, "note:")
        ));
    }
    if profile != Profile::Lab && args.site.is_localhost() {
        output::note(format!(
            "\n{} passkeys will work on this machine alone, at localhost. Where people are to use the console from elsewhere, make \
             the installation anew with --site NAME: it cannot be changed later.",
            styled(WARN, "note:")
        ));
    }
    output::note(format!(
        "\nEdit bundle/ until it says what you want, and have that proved; the first `serve` pins it. Then:\n  \
         countersign policy prove --config {file}\n  countersign serve --config {file}",
        file = config_file.display()
    ));
    Ok(ExitCode::SUCCESS)
}

/// What the starter is proved to keep, where the prover and its solver are here; why not, otherwise.
async fn proved(config: &Config, files: &Files, bundle: &Bundle) -> Result<Certificate, String> {
    output::note("proving what the constitution cannot allow (--unproved leaves it for later) …");
    prove::first(config, files, bundle).await.map_err(|failure| match failure.hint {
        Some(hint) => format!("{}\n  {hint}", failure.message),
        None => failure.message,
    })
}

fn options(args: &InitArgs) -> Result<StarterOptions, Failure> {
    let usage = |what: &str, err: &dyn std::fmt::Display| Failure::usage(format!("{what}: {err}"));
    let operators = args
        .operator
        .iter()
        .map(|text| {
            let (name, file) = pair(text, "--operator", "NAME=PUBKEY_FILE")?;
            let name: PersonId = name.parse().map_err(|err| usage("--operator", &err))?;
            Ok((name, vec![public_key(file)?]))
        })
        .collect::<Result<Vec<_>, Failure>>()?;
    let approvers = args
        .approver
        .iter()
        .map(|text| {
            let (who, file) = pair(text, "--approver", "NAME[:ROLE]=PUBKEY_FILE")?;
            let (name, role) = who.split_once(':').map_or((who, None), |(name, role)| (name, Some(role)));
            let name: PersonId = name.parse().map_err(|err| usage("--approver", &err))?;
            let roles: Vec<Role> = role
                .into_iter()
                .map(str::parse)
                .collect::<Result<_, _>>()
                .map_err(|err| usage("--approver", &err))?;
            Ok((name, roles, vec![public_key(file)?]))
        })
        .collect::<Result<Vec<_>, Failure>>()?;
    let recovery = args
        .recovery_key
        .iter()
        .map(|text| {
            let (name, file) = pair(text, "--recovery-key", "NAME=PUBKEY_FILE")?;
            Ok((name.parse().map_err(|err| usage("--recovery-key", &err))?, public_key(file)?))
        })
        .collect::<Result<Vec<_>, Failure>>()?;
    let environments = args
        .environment
        .iter()
        .map(|text| {
            let (name, account) = pair(text, "--environment", "NAME=ACCOUNT")?;
            let name = name.parse().map_err(|err| usage("--environment", &err))?;
            Ok((name, model::Account(account.to_owned())))
        })
        .collect::<Result<Vec<_>, Failure>>()?;
    let agents = args
        .agent
        .iter()
        .map(|name| name.parse().map_err(|err| usage("--agent", &err)))
        .collect::<Result<Vec<_>, Failure>>()?;
    let calendar = args
        .calendar
        .as_ref()
        .map(|file| {
            fs::read_to_string(file)
                .map_err(|err| Failure::usage(format!("{} cannot be read: {err}", file.display())))
        })
        .transpose()?;
    let touch = |(_, _, keys): &(PersonId, Vec<Role>, Vec<EnrolledKey>)| {
        keys.iter().any(approval::sign::proves_presence)
    };
    let profile = match &args.profile {
        Some(name) => name.parse().map_err(|err| usage("--profile", &err))?,
        None if approvers.iter().any(touch) => Profile::Standard,
        None => Profile::Lab,
    };
    Ok(StarterOptions { profile, operators, approvers, recovery, agents, environments, calendar })
}

fn pair<'t>(text: &'t str, flag: &str, form: &str) -> Result<(&'t str, &'t str), Failure> {
    text.split_once('=')
        .filter(|(left, right)| !left.is_empty() && !right.is_empty())
        .ok_or_else(|| Failure::usage(format!("{flag} {}: expected {form}", model::sanitize(text, 100))))
}

fn public_key(file: &str) -> Result<EnrolledKey, Failure> {
    let text =
        fs::read_to_string(file).map_err(|err| Failure::usage(format!("{file} cannot be read: {err}")))?;
    approval::parse_public_key(text.trim()).map_err(|err| {
        Failure::usage(format!("{file}: {err}")).hint("give the public key, the file that ends in .pub")
    })
}

fn keys_and_log(config: &Config, site: &Site) -> Result<Genesis, Failure> {
    let (seed, key, genesis) = drawn_log(Some(site.clone()))?;
    write(&config.key("log.key"), hex::encode(seed).as_bytes())?;
    write(&config.key("master.key"), hex::encode(random()?).as_bytes())?;
    Ledger::create(&config.log(), &config.checkpoint(), key, genesis.clone())
        .map_err(|err| Failure::unexpected(format!("the log cannot be made: {err}")))?;
    Ok(genesis)
}

/// A new log's key, as the seed that is kept and as what signs, and its genesis.
pub(super) fn drawn_log(site: Option<Site>) -> Result<([u8; 32], SigningKey, Genesis), Failure> {
    let (seed, id) = (random()?, random()?);
    let installation = hex::encode(id.get(..16).unwrap_or_default());
    let origin = format!("countersign/{}", installation.get(..12).unwrap_or_default());
    let key = SigningKey::from_seed(&origin, &seed)
        .map_err(|err| Failure::unexpected(format!("the log's key cannot be made: {err}")))?;
    let vkey = key.verifier().to_string();
    Ok((seed, key, Genesis { origin, vkey, installation, created_at: SystemClock.now(), site }))
}

fn random() -> Result<[u8; 32], Failure> {
    let mut bytes = [0; 32];
    SystemEntropy.fill(&mut bytes).map(|()| bytes).map_err(Failure::unexpected)
}

pub(super) fn folder(dir: &Path) -> Result<(), Failure> {
    let made: std::io::Result<()> = fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.map_err(|err| Failure::usage(format!("{} cannot be made: {err}", dir.display())))
}

fn write(file: &PathBuf, content: &[u8]) -> Result<(), Failure> {
    use std::io::Write as _;
    fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)
        .and_then(|mut open| open.write_all(content).and_then(|()| open.sync_all()))
        .map_err(|err| Failure::usage(format!("{} cannot be written: {err}", file.display())))
}
