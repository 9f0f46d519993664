//! `countersign doctor`: what is set up badly; with `--as-agent`, what an agent could reach from where this runs.

mod receivers;
mod site;
mod witnesses;

use std::{
    fs,
    net::{SocketAddr, TcpStream},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use model::EnrolledKey;
use policy::{Bundle, Profile};
use serde_json::json;

use super::serve::bundle_files;
use crate::{
    cli::{DoctorArgs, Format},
    client::Running,
    config::Config,
    failure::{Failure, UNEXPECTED},
    identity::variable,
    library::{self, Library},
    output::{self, BAD, GOOD, WARN, styled},
    ssh_agent, tables,
};

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grade {
    Good,
    Warning,
    Bad,
}

struct Finding {
    grade: Grade,
    what: String,
    advice: &'static str,
}

pub(super) async fn run(args: &DoctorArgs, format: Format) -> Result<ExitCode, Failure> {
    let config = args.config.as_deref().map(Config::load).transpose();
    let findings = if args.as_agent {
        as_agent(args.config.as_deref())
    } else {
        let config = config?;
        let mut findings = installation(&config)?;
        if let Some(config) = &config {
            receivers::receivers(config, &mut findings).await;
        }
        findings
    };
    let bad = findings.iter().any(|it| it.grade == Grade::Bad);
    match format {
        Format::Json => {
            let all: Vec<_> = findings
                .iter()
                .map(|it| json!({ "grade": name(it.grade), "what": it.what, "advice": it.advice }))
                .collect();
            output::json(&json!({ "ok": !bad, "findings": all }))?;
        }
        Format::Human => {
            for it in &findings {
                let mark = match it.grade {
                    Grade::Good => styled(GOOD, "ok  "),
                    Grade::Warning => styled(WARN, "warn"),
                    Grade::Bad => styled(BAD, "bad "),
                };
                output::line(format!("{mark}  {}", it.what));
                if it.grade != Grade::Good {
                    output::line(format!("      {}", it.advice));
                }
            }
        }
    }
    Ok(ExitCode::from(if bad { UNEXPECTED } else { 0 }))
}

const fn name(grade: Grade) -> &'static str {
    match grade {
        Grade::Good => "good",
        Grade::Warning => "warning",
        Grade::Bad => "bad",
    }
}

fn finding(grade: Grade, what: impl Into<String>, advice: &'static str) -> Finding {
    Finding { grade, what: what.into(), advice }
}

fn installation(config: &Option<Config>) -> Result<Vec<Finding>, Failure> {
    let Some(config) = config else {
        return Err(Failure::usage("which installation? give --config FILE (or --as-agent)"));
    };
    let mut found = Vec::new();
    for dir in config.folders() {
        let mode = fs::metadata(&dir).map(|it| it.permissions().mode() & 0o777);
        found.push(match mode {
            Ok(mode) if mode & 0o077 == 0 => {
                finding(Grade::Good, format!("{} is the server's alone", dir.display()), "")
            }
            Ok(mode) => finding(
                Grade::Bad,
                format!("{} can be read by others (mode {mode:03o})", dir.display()),
                "chmod 700; `serve` refuses it",
            ),
            Err(err) => finding(Grade::Bad, format!("{}: {err}", dir.display()), "is this an installation?"),
        });
    }
    let edited = bundle_files(&config.bundle())?;
    let served = library::in_force(config).filter(|digest| *digest != Bundle::digest_of(&edited));
    let files = served.and_then(|digest| Library::of(config).files(digest));
    if let Some(digest) = served {
        let what = format!(
            "the files in {} are not the bundle in force, {}: nothing in them counts",
            config.bundle().display(),
            digest.short()
        );
        found.push(finding(
            Grade::Warning,
            what,
            "countersign policy adopt --bundle DIR, or put the files back",
        ));
        if files.is_none() {
            let what = format!("no files of the bundle in force are here, {}", digest.short());
            found.push(finding(
                Grade::Bad,
                what,
                "bring back the bundle that was adopted last; `serve` needs it",
            ));
        }
    }
    let loaded = Bundle::load(&files.unwrap_or(edited));
    site::site(config, loaded.as_ref().ok().map(Bundle::roster), &mut found);
    match loaded {
        Err(err) => found.push(finding(
            Grade::Bad,
            format!("the bundle does not load: {err}"),
            "countersign policy check",
        )),
        Ok(bundle) => {
            found.push(finding(
                Grade::Good,
                format!("bundle {} loads, {} rules", bundle.digest().short(), bundle.rules().len()),
                "",
            ));
            found.push(table(config, &bundle));
            found.push(proof(config, &bundle));
            witnesses::witnesses(config, &bundle, &mut found);
            people(&bundle, &mut found);
        }
    }
    match running(config) {
        Some(running) => found.push(finding(
            Grade::Good,
            format!("serving: aws {}, people {}", running.aws, running.people),
            "",
        )),
        None => found.push(finding(Grade::Warning, "not serving", "countersign serve --config FILE")),
    }
    Ok(found)
}

/// How the operation table that the bundle rests on stands to this version's own.
fn table(config: &Config, bundle: &Bundle) -> Finding {
    let beside = |table| match tables::beside_own(&config.bundles(), table) {
        Ok(None) => {
            finding(Grade::Good, format!("operation table {}, this version's own", table.short()), "")
        }
        Ok(Some(told)) => {
            let [differs, advice] = told;
            finding(
                Grade::Warning,
                format!("{differs}; {advice}"),
                "until then more is held or denied than need be",
            )
        }
        Err(why) => finding(Grade::Bad, why, "countersign explain CS009"),
    };
    match tables::of_bundle(&config.bundles(), bundle) {
        Ok(table) => beside(table),
        Err(failure) => finding(Grade::Bad, failure.message, "countersign explain CS009"),
    }
}

fn proof(config: &Config, bundle: &Bundle) -> Finding {
    match engine::proof_of(&Library::of(config), bundle) {
        Ok(it) => finding(
            Grade::Good,
            format!("certificate {} says that {} sentences are proved of it", it.digest.short(), it.proved),
            "",
        ),
        Err(why) => finding(
            Grade::Warning,
            format!("nothing is known to be proved of it: {why}"),
            "countersign policy prove --bundle DIR/bundles/DIGEST --certificate DIR/bundles/DIGEST.certificate.json makes one; \
             before the first `serve`, policy prove --config FILE",
        ),
    }
}

fn people(bundle: &Bundle, found: &mut Vec<Finding>) {
    let profile = bundle.profile();
    if profile == Profile::Lab {
        found.push(finding(
            Grade::Warning,
            "profile lab: a signature by a key file counts as a person",
            "enrol security keys and use profile standard or strict for anything real",
        ));
    } else {
        found.push(finding(Grade::Good, format!("profile {profile}"), ""));
    }
    let approvers: Vec<_> = bundle.roster().people.iter().filter(|(_, person)| person.approver).collect();
    if approvers.len() < 2 {
        found.push(finding(
            Grade::Bad,
            format!("{} approver enrolled: nothing that takes two people can ever pass", approvers.len()),
            "enrol at least two approvers besides each operator",
        ));
    }
    for (name, person) in approvers {
        let touches = person.keys.iter().any(approval::sign::proves_presence);
        found.push(if touches {
            finding(Grade::Good, format!("{name} signs with a touched security key or a passkey"), "")
        } else {
            finding(
                Grade::Warning,
                format!("{name} signs with a key file (presence: file)"),
                "whoever can read that file, an agent included, can sign as this person",
            )
        });
    }
}

/// Everything here is tried, not assumed: what this process can read, an agent under the same user can read too.
fn as_agent(config: Option<&Path>) -> Vec<Finding> {
    let mut found = Vec::new();
    credentials(&mut found);
    let enrolled = config.and_then(|file| Config::load(file).ok()).map(|config| reach(&config, &mut found));
    keys(enrolled.flatten(), &mut found);
    if variable("AWS_EC2_METADATA_DISABLED").as_deref() != Some("true") {
        found.push(finding(
            Grade::Warning,
            "the instance metadata service is not switched off for SDKs here (not tried)",
            "block 169.254.169.254 for the agent's user by network policy; the variable alone stops nobody",
        ));
    }
    found
}

fn credentials(found: &mut Vec<Finding>) {
    match variable("AWS_ACCESS_KEY_ID") {
        Some(key) if key.starts_with("AKCS") => {
            found.push(finding(Grade::Good, "virtual credentials in the environment", ""))
        }
        Some(_) => found.push(finding(
            Grade::Bad,
            "AWS credentials in the environment that are not Countersign's",
            "an agent with real credentials goes round every gateway; unset them",
        )),
        None => {}
    }
    let home = variable("HOME").map(PathBuf::from);
    let files = [("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials"), ("AWS_CONFIG_FILE", ".aws/config")];
    for (name, fallback) in files {
        let file =
            variable(name).map(PathBuf::from).or_else(|| home.as_ref().map(|home| home.join(fallback)));
        if let Some(file) = file.filter(|file| fs::File::open(file).is_ok()) {
            found.push(finding(
                Grade::Bad,
                format!("{} can be read from here", file.display()),
                "run the agent as a user that has no AWS credentials of its own",
            ));
        }
    }
    for name in [
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
    ] {
        if variable(name).is_some() {
            found.push(finding(
                Grade::Bad,
                format!("${name} leads to real credentials"),
                "unset it for the agent",
            ));
        }
    }
}

/// The installation itself; yields the enrolled keys where its bundle can be read from here.
fn reach(config: &Config, found: &mut Vec<Finding>) -> Option<Vec<EnrolledKey>> {
    for (what, file) in [
        ("the log's signing key", config.key("log.key")),
        ("the master key of all virtual credentials", config.key("master.key")),
        ("the database", config.database()),
        ("the key of the certificate authority", config.key("ca.key")),
        ("the reader's token", config.run("reader.token")),
    ] {
        if fs::File::open(&file).is_ok() {
            found.push(finding(
                Grade::Bad,
                format!("{what} can be read from here ({})", file.display()),
                "agent and server under one user are a demonstration only: run them as different users or hosts",
            ));
        }
    }
    if let Some(running) = running(config) {
        let address = running.people.split_once("://").map_or("", |(_, host)| host).parse::<SocketAddr>();
        let open = address
            .is_ok_and(|address| TcpStream::connect_timeout(&address, Duration::from_millis(500)).is_ok());
        found.push(if open {
            finding(
                Grade::Warning,
                format!("the people listener answers from here ({})", running.people),
                "it believes no agent credential; still, keep it off the agent's network",
            )
        } else {
            finding(Grade::Good, "the people listener does not answer from here", "")
        });
    }
    let bundle = Bundle::load(&bundle_files(&config.bundle()).ok()?).ok()?;
    Some(bundle.roster().people.values().flat_map(|person| person.keys.iter().cloned()).collect())
}

/// Keys of people that this process could sign with.
fn keys(enrolled: Option<Vec<EnrolledKey>>, found: &mut Vec<Finding>) {
    let is_enrolled = |key: &EnrolledKey| enrolled.as_ref().is_none_or(|all| all.contains(key));
    let whose = if enrolled.is_some() {
        "an enrolled person's key"
    } else {
        "a key that may be an enrolled person's"
    };
    if let Some(socket) = variable("SSH_AUTH_SOCK").map(PathBuf::from) {
        let keys = ssh_agent::keys(&socket).unwrap_or_default();
        let mine = keys
            .iter()
            .filter_map(|bytes| approval::sign::from_wire_form(bytes).ok())
            .filter(is_enrolled)
            .count();
        if mine > 0 {
            found.push(finding(
                Grade::Bad,
                format!("the ssh-agent at {} would sign with {whose}", socket.display()),
                "an agent must not share a person's ssh-agent; unset SSH_AUTH_SOCK for it",
            ));
        }
    }
    let named = variable("COUNTERSIGN_KEY").map(PathBuf::from);
    let folder = variable("HOME").map(|home| Path::new(&home).join(".ssh"));
    let files = folder
        .and_then(|dir| fs::read_dir(dir).ok())
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path());
    for file in named.into_iter().chain(files) {
        let Ok(text) = fs::read_to_string(&file) else { continue };
        if approval::sign::public_of(&text).is_ok_and(|key| is_enrolled(&key)) {
            found.push(finding(
                Grade::Bad,
                format!("{} is {whose} and can be read from here", file.display()),
                "use security keys, and run the agent as another user than any approver",
            ));
        }
    }
}

fn running(config: &Config) -> Option<Running> {
    serde_json::from_slice(&fs::read(config.run("serve.json")).ok()?).ok()
}
