//! `countersign people enrol`: asks that somebody be enrolled, or a key or an account of theirs; and, once two others have
//! approved it, has it in force. What changes is one entry of `roster.toml` of the bundle in force, and nothing besides: that is
//! looked at in the amended bundle, not taken from how its text was amended.

mod amend;

use std::{collections::BTreeSet, fs, path::Path, process::ExitCode};

use approval::passkey::elsewhere;
use model::{EnrolledKey, Roster};
use policy::{Bundle, Files};
use serde_json::json;

use super::adopt::{self, Asking};
use crate::{
    cli::{
        Format,
        people::{EnrolArgs, PeopleCommand},
    },
    client::Client,
    failure::Failure,
    output::{self, GOOD, styled},
};
use amend::Enrolment;

pub(super) async fn run(command: &PeopleCommand, format: Format) -> Result<ExitCode, Failure> {
    match command {
        PeopleCommand::Enrol(args) => enrol(args, format).await,
    }
}

async fn enrol(args: &EnrolArgs, format: Format) -> Result<ExitCode, Failure> {
    let enrolment = asked_for(args)?;
    let client = Client::connect(&args.server).await?;
    let (before, mut files) = adopt::in_force(&client).await?;
    if enrolment.is_in(before.roster()) {
        return already(&enrolment, &before, format);
    }
    let text = files.get(ROSTER).and_then(|it| std::str::from_utf8(it).ok());
    let text = text.ok_or_else(|| Failure::verification("the bundle in force has no roster.toml"))?;
    let wanted = enrolment.added_to(before.roster()).map_err(Failure::usage)?;
    let others = client.site().map(|site| elsewhere(&wanted, site)).unwrap_or_default();
    if let Some(it) = others.iter().find(|it| enrolment.keys.contains(&it.key)) {
        return Err(Failure::usage(it).hint("make another one on the console's own page: /enrol"));
    }
    let amended = amend::amended(text, &enrolment).map_err(by_hand)?;
    files.insert(ROSTER.to_owned(), amended.into_bytes());
    let bundle = adopt::loads(&files)?;
    only(&bundle, &wanted)?;
    if let Some(dir) = &args.into {
        return written(dir, &files, &bundle, format);
    }
    let asking = Asking {
        certificate: args.certificate.as_deref(),
        comparison: None,
        solver: args.solver.as_deref(),
        files,
    };
    adopt::ask(asking, &bundle, &client, format).await
}

const ROSTER: &str = "roster.toml";

fn asked_for(args: &EnrolArgs) -> Result<Enrolment, Failure> {
    let mut keys = BTreeSet::new();
    for line in &args.passkeys {
        keys.insert(EnrolledKey(line.trim().to_owned()));
    }
    for file in &args.key_files {
        let wrong = |why: &dyn std::fmt::Display| Failure::usage(format!("{}: {why}", file.display()));
        let text = fs::read_to_string(file).map_err(|err| wrong(&err))?;
        keys.insert(approval::parse_public_key(&text).map_err(|err| wrong(&err))?);
    }
    let identities: BTreeSet<_> = args.accounts.iter().cloned().collect();
    if keys.is_empty() && identities.is_empty() {
        let hint = "--passkey 'passkey …' as the page /enrol shows it, --public-key FILE.pub, or --account 'ISSUER sub VALUE'";
        return Err(Failure::usage("nothing to enrol").hint(hint));
    }
    Ok(Enrolment {
        name: args.name.clone(),
        keys,
        identities,
        approver: args.approver,
        operator: args.operator,
        roles: args.roles.iter().cloned().collect(),
    })
}

fn by_hand(why: String) -> Failure {
    Failure::usage(format!("roster.toml cannot be amended by itself: {why}")).hint(
        "fetch the bundle (`countersign policy fetch`), edit roster.toml, and `countersign policy adopt` it",
    )
}

/// Whatever the text was: nobody else is another afterwards.
fn only(bundle: &Bundle, wanted: &Roster) -> Result<(), Failure> {
    if bundle.roster() == wanted {
        return Ok(());
    }
    Err(by_hand("it is written in a way of its own".to_owned()))
}

fn already(enrolment: &Enrolment, before: &Bundle, format: Format) -> Result<ExitCode, Failure> {
    match format {
        Format::Json => {
            output::json(&json!({ "enrolled": enrolment.name, "bundle": before.digest() }))?;
        }
        Format::Human => {
            output::line(format!("{} {} is enrolled so", styled(GOOD, "In force:"), enrolment.name))
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// For whoever wants to look, or to prove it elsewhere.
fn written(dir: &Path, files: &Files, bundle: &Bundle, format: Format) -> Result<ExitCode, Failure> {
    if fs::symlink_metadata(dir).is_ok() {
        return Err(Failure::usage(format!("{} is there already", dir.display())));
    }
    for (name, content) in files {
        if name.split('/').any(|part| part.is_empty() || part.starts_with('.')) || name.contains('\\') {
            return Err(Failure::verification("the server gave a file whose name leads elsewhere"));
        }
        adopt::put(&dir.join(name), content)?;
    }
    match format {
        Format::Json => output::json(&json!({ "bundle": bundle.digest(), "files": files.len() }))?,
        Format::Human => output::line(format!("{} {}", styled(GOOD, "Written:"), bundle.digest())),
    }
    Ok(ExitCode::SUCCESS)
}
