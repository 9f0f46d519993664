//! `countersign serve`: opens the store and the log, alone, and runs the listeners.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use api::{Endpoints, Nonces, Shared, health::Health};
use approval::passkey::elsewhere;
use classify_aws::{address::Hosts, sheet::own_digest};
use engine::{Engine, Entropy as _, MasterKey, Parts, SystemClock, SystemEntropy, Unproved};
use gateway_aws::Gateway;
use ledger::{Genesis, Ledger};
use listener::Limits;
use model::{Account, Digest, Environment};
use policy::{Bundle, Files};
use store::Store;
use tlog::SigningKey;
use tokio::{net::TcpListener, task::JoinSet};

use crate::{
    cli::{Format, ServeArgs},
    client::Running,
    command::{
        files,
        resident::{self, Signals, put, secret},
        upstream,
    },
    config::Config,
    estate,
    failure::{Failure, UNEXPECTED, USAGE, VERIFICATION},
    known,
    library::Library,
    loaded::loaded,
    output::{self, BOLD, WARN, styled},
    providers, queue, receivers, shelf, tables,
    tls::{self, Tls},
    watch,
    witnesses::{self, Gate, Reachable},
};

/// How long answers have to get out before the process ends by itself.
const FAREWELL: std::time::Duration = std::time::Duration::from_millis(500);
/// How long what is under way may take once the process is to end; the upstream has 120 s to begin an answer.
const DRAIN: std::time::Duration = std::time::Duration::from_secs(150);

pub(super) async fn run(args: &ServeArgs, format: Format) -> Result<ExitCode, Failure> {
    resident::log(format);
    files::raise();
    let config = Config::load(&args.config)?;
    tls::ensure_authority(&tls::Place::of(&config))?;
    // An installation of an earlier version has none.
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(config.bundles())
        .map_err(|err| Failure::usage(format!("{}: {err}", config.bundles().display())))?;
    private(&config)?;
    let library = Arc::new(Library::of(&config));
    // What is wrong with one of them is wrong before anything is served.
    let receivers = receivers::receivers(&config)?;
    let opened = open(&config, &library, &args.checkpoint).await;
    if let Some(failure) = opened.as_ref().err().filter(|it| it.exit == VERIFICATION) {
        receivers::last_words(&config, &failure.message).await;
    }
    let Opened { engine, reachable, table, proof } = opened?;
    engine.reach_witnesses_by(Arc::new(Gate::by(&args.config)));

    let bind = async |what: &str, address| {
        TcpListener::bind(address).await.map_err(|err| {
            Failure::usage(format!("the {what} listener cannot have {address}: {err}"))
                .hint("is another `countersign serve` running? port 0 takes a free one")
        })
    };
    let aws = bind("aws", config.listen.aws).await?;
    let agent = bind("agent", config.listen.agent).await?;
    let people = bind("people", config.listen.people).await?;
    let log = match config.listen.log {
        Some(address) => Some(bind("log", address).await?),
        None => None,
    };
    let metrics = match config.listen.metrics {
        Some(address) => Some(bind("metrics", address).await?),
        None => None,
    };
    let tls = Tls::load(tls::Place::of(&config))?;
    let at = |listener: &TcpListener| listener.local_addr().map_err(Failure::unexpected);
    let (at_aws, at_agent, at_people) = (at(&aws)?, at(&agent)?, at(&people)?);
    let running = Running {
        aws: tls::url(&config, at_aws),
        agent: tls::url(&config, at_agent),
        people: tls::url(&config, at_people),
        proxy: tls::url(&config, at_aws),
        ca: config.run("ca.pem"),
        log: log.as_ref().map(&at).transpose()?.map(|address| tls::url(&config, address)),
        metrics: metrics.as_ref().map(&at).transpose()?.map(|address| tls::url(&config, address)),
        pid: std::process::id(),
    };
    put(&running.ca, tls.authority.pem().as_bytes())?;
    let console = tls::console(&config, engine.genesis().site.as_ref(), at_people);
    let providers = providers::providers(&config, &console)?;

    let upstream = upstream::open(&config, &engine).await?;
    let gateway =
        Gateway::connect(Arc::clone(&engine), upstream, Hosts::new(config.names())).await.map_err(|err| {
            let hint = err.hint();
            Failure::usage(err).hint(hint)
        })?;
    let account = gateway.target().account.clone();
    let environment = engine.bundle().environment_of(&account);
    let reader_token = hex::encode(drawn()?);
    let shared = Shared {
        engine: Arc::clone(&engine),
        nonces: Arc::new(Nonces::new(drawn()?)),
        reader_token: reader_token.as_str().into(),
        endpoints: Arc::new(Endpoints {
            aws: running.aws.clone(),
            proxy: running.proxy.clone(),
            ca: running.ca.display().to_string(),
            agent: running.agent.clone(),
            region: config.aws.region.clone(),
        }),
    };
    let authority = Some(Arc::clone(&tls.authority));
    let doors = |limits, at| tls.doors(limits, at).until(engine.standing_down());
    let estate = Arc::new(console::Estate::new(estate::nothing(&config.snapshots())));
    tokio::spawn(estate::run(Arc::downgrade(&engine), Arc::clone(&estate), config.snapshots()));
    let health = Arc::new(Health::new(Arc::clone(&engine), disks(&config)));
    let mut open = JoinSet::new();
    open.spawn(gateway_aws::listen(gateway, aws, doors(Limits::GATEWAY, at_aws), authority));
    let for_agents = doors(Limits::API, at_agent);
    let for_people = doors(files::limits_of_people(), at_people).with_http2();
    let of_people = api::people::router(shared.clone()).merge(console::router(
        shared.clone(),
        Arc::clone(&health),
        console::Entrance { address: console.clone(), providers, secret: drawn()? },
        Arc::clone(&estate),
        config.specifications().map(shelf::of),
    ));
    open.spawn(api::listen(of_people, people, for_people, Arc::clone(&engine)));
    open.spawn(api::listen(api::agent::router(shared), agent, for_agents, Arc::clone(&engine)));
    if let Some(log) = log {
        let doors = doors(Limits::API, at(&log)?);
        open.spawn(api::listen(api::log::router(config.log()), log, doors, Arc::clone(&engine)));
    }
    if let Some(metrics) = metrics {
        // To the end: who asks meanwhile is told that it is not ready.
        let doors = tls.doors(Limits::API, at(&metrics)?);
        tokio::spawn(api::listen(api::health::router(health), metrics, doors, Arc::clone(&engine)));
    }

    if let Some((given, files)) = tls.given().zip(config.certificate()) {
        tokio::spawn(tls::renew(given, files));
    }
    tokio::spawn(watch::run(Arc::downgrade(&engine), library));
    tokio::spawn(queue::run(Arc::downgrade(&engine)));
    witnesses::start(Arc::clone(&engine), reachable, &args.config, &config.log()).await;
    receivers::start(&engine, &config, receivers, &console);
    // Until here a signal ends it as it does any program: nothing was served.
    let mut signals = Signals::heard()?;
    put(&config.run("reader.token"), reader_token.as_bytes())?;
    let described = serde_json::to_vec_pretty(&running).map_err(Failure::unexpected)?;
    put(&config.run("serve.json"), &described)?;
    if let Some(file) = &args.ready_file {
        put(file, &described)?;
    }
    match format {
        Format::Human => {
            let console = format!("  console {console}");
            banner(&engine, &running, (&account, &environment), &[console, proof, table]);
        }
        Format::Json => tracing::info!(
            installation = %engine.installation(), aws = running.aws, agent = running.agent, people = running.people,
            log = running.log, metrics = running.metrics, account = %account, environment = %environment,
            bundle = %engine.bundle().digest(), profile = %engine.bundle().profile(), "serving"
        ),
    }

    let code = tokio::select! {
        code = signals.next() => code,
        () = engine.broken() => {
            // Whoever waits for it is told first.
            tokio::time::sleep(FAREWELL).await;
            let _ = fs::remove_file(config.run("serve.json"));
            let why = engine.close().await.err().map_or_else(String::new, |fault| format!(": {fault}"));
            return Err(Failure::new(UNEXPECTED, "CS008", format!("the record cannot be written{why}"))
                .hint("start it again once the cause is gone; `countersign explain CS008`"));
        }
    };
    // Stale addresses help nobody.
    let _ = fs::remove_file(config.run("serve.json"));
    drain(&engine, open, &mut signals).await?;
    engine.close().await.map_err(Failure::unexpected)?;
    Ok(code)
}

/// What is served where, for whoever started it.
fn banner(
    engine: &Engine,
    running: &Running,
    (account, environment): (&Account, &Environment),
    more: &[String],
) {
    output::note(format!("{} {}", styled(BOLD, "Countersign"), engine.installation()));
    output::note(format!("  aws     {}   account {account}, {environment}", running.aws));
    output::note(format!("  agent   {}", running.agent));
    output::note(format!("  people  {}", running.people));
    if let Some(log) = &running.log {
        output::note(format!("  log     {log}"));
    }
    if let Some(metrics) = &running.metrics {
        output::note(format!("  metrics {metrics}"));
    }
    let bundle = engine.bundle();
    output::note(format!("  bundle  {}", bundle.digest()));
    output::note(format!("  profile {}", bundle.profile()));
    more.iter().for_each(output::note);
    if bundle.profile() == policy::Profile::Lab {
        output::note(format!(
            "  {} key files count as signatures here; agents and people must not share a user",
            styled(WARN, "lab:")
        ));
    }
}

/// Nothing new begins, and what is under way ends: answers that are waited for arrive, and their outcomes are recorded.
///
/// # Errors
/// Where somebody will not wait for that. Nothing is lost then either: what was recorded is in the log after the next start, and
/// what was under way is read back.
async fn drain(engine: &Engine, mut open: JoinSet<()>, signals: &mut Signals) -> Result<(), Failure> {
    engine.stand_down();
    tracing::info!("ending: nothing new is taken on, and what is under way ends first");
    let ended = async { while open.join_next().await.is_some() {} };
    tokio::select! {
        ended = tokio::time::timeout(DRAIN, ended) => {
            if ended.is_err() {
                tracing::warn!("something is still under way after {} s; it is read back", DRAIN.as_secs());
            }
            Ok(())
        }
        _ = signals.next() => Err(Failure::interrupted()
            .hint("asked twice, it ended at once: what was under way is read back at the next start")),
    }
}

/// Whose disks must not fill.
fn disks(config: &Config) -> Vec<(&'static str, PathBuf)> {
    let database = config.database();
    vec![("log", config.log()), ("database", database.parent().map(Path::to_path_buf).unwrap_or(database))]
}

struct Opened {
    engine: Arc<Engine>,
    reachable: Reachable,
    /// What is to be said of the operation table.
    table: String,
    /// And of what is proved of the bundle.
    proof: String,
}

/// What is proved of the bundle in force, or that nothing is, and what to do about it.
fn proof(library: &Library, bundle: &Bundle, in_force: Option<Digest>) -> String {
    let unproved = match engine::proof_of(library, bundle) {
        Ok(it) => return format!("  proof   {} ({} sentences; {})", it.digest, it.proved, it.made_with),
        Err(unproved) => unproved,
    };
    tracing::warn!(bundle = %bundle.digest(), "nothing is known to be proved of the bundle in force: {unproved}");
    let edited = match unproved {
        Unproved::Nothing if in_force.is_none() && library.proved_anything() => {
            "; what was proved before is of other files than these"
        }
        Unproved::Nothing | Unproved::Unfit(_) => "",
    };
    let for_good = match in_force {
        None => "\n  (the record goes on saying that it came into force without one)",
        Some(_) => "",
    };
    format!(
        "  {} nothing is known to be proved of the bundle in force: {unproved}{edited}\n  countersign policy prove --bundle {} \
         --certificate {} makes one{for_good}",
        styled(WARN, "unproved:"),
        library.kept().join(bundle.digest().to_string()).display(),
        library.certificate_of(bundle.digest()).display()
    )
}

/// Which operation table counts, and whether it is ours.
fn table(kept: &Path, bundle: &Bundle) -> Result<String, Failure> {
    let table = tables::of_bundle(kept, bundle)?;
    let beside = tables::beside_own(kept, table).map_err(Failure::unexpected)?;
    Ok(match beside {
        None => format!("  table   {table}"),
        Some([differs, advice]) => {
            tracing::warn!(pinned = %table, own = %own_digest(), "{differs}");
            format!("  table   {table}\n  {} {differs}\n  {advice}", styled(WARN, "pinned:"))
        }
    })
}

async fn open(config: &Config, library: &Arc<Library>, kept: &[PathBuf]) -> Result<Opened, Failure> {
    let wrong =
        |what: &str, err: &dyn std::fmt::Display| Failure::new(USAGE, "CS005", format!("{what}: {err}"));
    let genesis = fs::read(config.log().join("genesis.json")).map_err(|err| wrong("genesis.json", &err))?;
    let genesis = Genesis::from_json(&genesis).map_err(|err| wrong("genesis.json", &err))?;
    let seed = secret(&config.key("log.key"))?;
    let key = SigningKey::from_seed(&genesis.origin, &seed).map_err(|err| wrong("log.key", &err))?;
    let (ledger, recovery) = Ledger::open(&config.log(), &config.checkpoint(), key).map_err(|err| {
        use ledger::OpenError::{DiskBehind, Diverged, LockBehind};
        let exit = if matches!(err, DiskBehind { .. } | Diverged { .. } | LockBehind { .. }) {
            VERIFICATION
        } else {
            USAGE
        };
        Failure::new(exit, "CS005", format!("the log: {err}")).hint("`countersign explain CS005`")
    })?;
    if let Some(cut) = &recovery.cut {
        tracing::warn!(
            entries = cut.entries,
            bytes = cut.bytes,
            "an unfinished append was cut off; its entries are pending in the store"
        );
    }
    let store = Store::sqlite(&config.database()).map_err(|err| wrong("the store", &model::causes(&err)))?;
    // The log says which bundle is in force; the first start pins the one that people edited.
    let in_force = engine::bundle_on_record(&store, &ledger).await.map_err(|err| wrong("the log", &err))?;
    let files = match in_force {
        Some(digest) => library.files(digest).ok_or_else(|| library.missing(digest))?,
        None => library.edited()?,
    };
    let bundle = match in_force {
        Some(_) => Bundle::load(&files).map_err(|err| Failure::new(USAGE, "CS004", err))?,
        None => {
            let bundle = loaded(&files)?;
            let site = genesis.site.as_ref();
            if let Some(it) = site.and_then(|site| elsewhere(bundle.roster(), site).into_iter().next()) {
                return Err(Failure::new(USAGE, "CS004", it).hint("take it out of roster.toml; docs/keys.md"));
            }
            bundle
        }
    };
    let unkept = |err| Failure::usage(format!("{}: {err}", library.kept().display()));
    tables::keep_own(library.kept()).map_err(unkept)?;
    let table = table(library.kept(), &bundle)?;
    library.keep_served(&files).map_err(unkept)?;
    let proof = proof(library, &bundle, in_force);
    let reachable = Reachable::open(config, &bundle)?;
    known::guard(&ledger, &genesis, kept)?;
    reachable.guard(&ledger, &genesis, &config.log()).await?;
    let parts = Parts {
        store,
        ledger,
        genesis,
        bundle,
        library: Arc::<Library>::clone(library),
        master: MasterKey::new(secret(&config.key("master.key"))?),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
    };
    let engine = Engine::start(parts).await.map_err(|err| {
        let exit = match &err {
            engine::StartError::Contradiction(_) => VERIFICATION,
            engine::StartError::Witness(..)
            | engine::StartError::Store(_)
            | engine::StartError::Fault(_)
            | engine::StartError::Bundle { .. } => USAGE,
        };
        Failure::new(exit, "CS006", err)
    })?;
    Ok(Opened { engine, reachable, table, proof })
}

/// Every file of a bundle folder by its relative name.
pub(crate) fn bundle_files(dir: &Path) -> Result<Files, Failure> {
    const MAX_FILE: u64 = 1024 * 1024;
    let mut files: Files = BTreeMap::new();
    let mut open = vec![dir.to_owned()];
    while let Some(next) = open.pop() {
        let unreadable =
            |err: std::io::Error| Failure::usage(format!("{} cannot be read: {err}", next.display()));
        for entry in fs::read_dir(&next).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let (path, kind) = (entry.path(), entry.file_type().map_err(unreadable)?);
            if kind.is_dir() {
                open.push(path);
                continue;
            }
            let size = entry.metadata().map_err(unreadable)?.len();
            if !kind.is_file() || size > MAX_FILE {
                return Err(Failure::usage(format!("{} is no plain file of at most 1 MiB", path.display())));
            }
            let name = path.strip_prefix(dir).unwrap_or(&path).to_string_lossy().replace('\\', "/");
            files.insert(name, fs::read(&path).map_err(unreadable)?);
        }
    }
    Ok(files)
}

/// Promise 7: a folder that others can read is no place for keys.
fn private(config: &Config) -> Result<(), Failure> {
    let keys = ["log.key", "master.key", "ca.key"].map(|name| config.key(name));
    resident::private(config.folders(), keys)
}

fn drawn() -> Result<[u8; 32], Failure> {
    let mut bytes = [0; 32];
    SystemEntropy.fill(&mut bytes).map_err(Failure::unexpected)?;
    Ok(bytes)
}
