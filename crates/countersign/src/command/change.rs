//! `countersign change list|show|watch|approve|reject|reopen|erase`.

use std::{
    io::{IsTerminal as _, Write as _},
    process::ExitCode,
};

use api::types::{ChangeList, ChangeView, ErasedView, SignRequest, SignedView, StatementView};
use approval::{Act, Statement};
use model::{ChangeState, Digest};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

use super::session::safe;
use crate::{
    cli::{ChangeCommand, Format, ServerArgs, SignArgs},
    client::Client,
    failure::{CLOSED, DENIED, Failure, HELD, USAGE, VERIFICATION},
    output::{self, BAD, BOLD, DIM, GOOD, WARN, styled},
};

pub(super) async fn run(command: ChangeCommand, format: Format) -> Result<ExitCode, Failure> {
    match command {
        ChangeCommand::List { state, server } => {
            let target = match state {
                Some(state) => format!("/v1/changes?state={}", encode(&state)),
                None => "/v1/changes".to_owned(),
            };
            let list: ChangeList = Client::connect(&server).await?.get(&target).await?;
            match format {
                Format::Json => output::json(&list)?,
                Format::Human => list.changes.iter().for_each(row),
            }
            Ok(ExitCode::SUCCESS)
        }
        ChangeCommand::Show { id, server } => {
            let client = Client::connect(&server).await?;
            let (change, matter) = read(&client, safe(&id)?).await?;
            match format {
                Format::Json => output::json(&Shown {
                    change: &change,
                    statement_digest: matter,
                    statement_words: matter.as_ref().map(approval::words),
                })?,
                Format::Human => {
                    show(&change);
                    show_matter(&change, matter);
                }
            }
            Ok(ExitCode::SUCCESS)
        }
        ChangeCommand::Watch { id: Some(id), server } => watch(&id, &server, format).await,
        ChangeCommand::Watch { id: None, server } => watch_all(&server, format).await,
        ChangeCommand::Approve(args) => sign(Act::Approve, &args, format).await,
        ChangeCommand::Reject(args) => sign(Act::Reject, &args, format).await,
        ChangeCommand::Reopen(args) => sign(Act::Reopen, &args, format).await,
        ChangeCommand::Erase(args) => super::erase::run(&args, format).await,
    }
}

fn show_matter(change: &ChangeView, matter: Option<Digest>) {
    let act = match change.state {
        ChangeState::Held | ChangeState::Approved | ChangeState::Executing => Act::Approve,
        ChangeState::Rejected => Act::Reopen,
        ChangeState::Executed
        | ChangeState::Undone
        | ChangeState::Expired
        | ChangeState::Withdrawn
        | ChangeState::Denied
        | ChangeState::Failed
        | ChangeState::Unknown => return,
    };
    let Some(matter) = matter else {
        output::line(format!("\n{} its statement cannot be read", styled(WARN, "not to be signed:")));
        return;
    };
    output::line(format!("\nstatement {matter}"));
    output::line(format!("          {}", styled(BOLD, approval::words(&matter))));
    let (id, seen) = (change.id, matter.short());
    output::line(format!("to sign what you see here: countersign change {act} {id} --seen {seen}"));
}

/// `change show`: the change, and the digest of what a signature under it would be about.
#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    change: &'a ChangeView,
    /// None where no statement of it can be read.
    statement_digest: Option<Digest>,
    /// The same for people, as the console shows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    statement_words: Option<String>,
}

/// A change, with the matter of its statement at that very moment: the statement is read before and after, and a
/// matter never comes back (it holds a nonce), so between two that are alike nothing has moved.
async fn read(client: &Client, id: &str) -> Result<(ChangeView, Option<Digest>), Failure> {
    let mut before = matter(client, id).await;
    for _ in 0..5 {
        let change: ChangeView = client.get(&format!("/v1/changes/{id}")).await?;
        let after = matter(client, id).await;
        if before == after {
            return Ok((change, after));
        }
        before = after;
    }
    Err(Failure::new(VERIFICATION, "CS208", "the change keeps moving while it is read").hint("look again"))
}

/// Whoever is named as the signer, the matter is the same.
async fn matter(client: &Client, id: &str) -> Option<Digest> {
    let target = format!(
        "/v1/changes/{id}/statement?act={}&person=anybody&presence=file&checkpoint={}",
        Act::Approve,
        encode(client.checkpoint())
    );
    let view: StatementView = client.get(&target).await.ok()?;
    Statement::parse(&view.statement).ok().map(|statement| statement.matter())
}

/// Fetches the statement, checks that it is about what was asked for, shows it, signs it with the person's own key.
async fn sign(act: Act, args: &SignArgs, format: Format) -> Result<ExitCode, Failure> {
    let reason = match act {
        Act::Approve => None,
        Act::Reject => {
            Some(args.reason.clone().ok_or_else(|| Failure::usage("a veto says why: --reason TEXT"))?)
        }
        Act::Reopen => Some(
            args.intent
                .clone()
                .ok_or_else(|| Failure::usage("a reopening says its new intent: --intent TEXT"))?,
        ),
    };
    let length = reason.as_ref().map_or(0, |it| it.chars().count());
    if length > Statement::MAX_REASON {
        let message = format!("a reason has at most {} characters; this has {length}", Statement::MAX_REASON);
        return Err(Failure::usage(message));
    }
    let id = safe(&args.id)?;
    let client = Client::connect(&args.server).await?;
    let (identity, person) = client.identity().await?;
    let mut target = format!(
        "/v1/changes/{id}/statement?act={act}&person={person}&presence={}&checkpoint={}",
        identity.presence(),
        encode(client.checkpoint()),
    );
    if let Some(reason) = &reason {
        target.push_str(&format!("&reason={}", encode(reason)));
    }
    let view: StatementView = client.get(&target).await?;
    let statement = Statement::parse(&view.statement)
        .map_err(|err| Failure::verification(format!("the server's statement cannot be read: {err}")))?;
    let own = statement.installation == client.installation()
        && statement.change.to_string() == id
        && statement.person == person
        && statement.act == act
        && statement.presence == identity.presence()
        && statement.checkpoint == client.checkpoint();
    if !own {
        return Err(Failure::verification(
            "the server's statement is not about what you asked for; nothing was signed",
        ));
    }
    let matter = statement.matter();
    if let Some(seen) = args.seen.as_deref().filter(|seen| !matter.to_string().starts_with(*seen)) {
        let message = format!(
            "{id} is not what you have seen under {seen}: its statement is now {matter}; nothing was signed"
        );
        return Err(Failure::new(VERIFICATION, "CS208", message)
            .hint(format!("read it again: countersign change show {id}")));
    }
    let asks = args.seen.is_none() && at_a_terminal();
    if asks || format == Format::Human {
        output::note(view.statement.trim_end());
        output::note("");
    }
    if asks && !agreed("Sign this?").await? {
        return Err(Failure::new(USAGE, "CS001", "nothing was signed: you did not say yes"));
    }
    let signature = identity.sign(approval::NAMESPACE, &view.statement)?;
    let request = SignRequest { statement: view.statement, signature };
    let signed: SignedView = client.post(&format!("/v1/changes/{id}/signatures"), &request).await?;
    match format {
        Format::Json => output::json(&signed)?,
        Format::Human => {
            output::line(format!("{}  {}", signed.id, state(signed.state)));
            output::note(&signed.note);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Whether there is somebody who can be asked.
pub(super) fn at_a_terminal() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Asks on the terminal; whatever is not yes is no.
pub(super) async fn agreed(question: &str) -> Result<bool, Failure> {
    let question = format!("{question} [y/N] ");
    let ask = move || {
        let mut out = std::io::stderr();
        write!(out, "{question}").and_then(|()| out.flush())?;
        let mut line = String::new();
        std::io::stdin().read_line(&mut line)?;
        Ok(matches!(line.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
    };
    // A thread of its own, which nobody waits for: Ctrl-C ends the process while it still reads.
    let (tell, told) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || tell.send(ask()));
    let answer: std::io::Result<bool> = told.await.map_err(Failure::unexpected)?;
    answer.map_err(|err| Failure::unexpected(format!("the terminal cannot be read: {err}")))
}

async fn watch(id: &str, server: &ServerArgs, format: Format) -> Result<ExitCode, Failure> {
    let id = safe(id)?;
    let client = Client::connect(server).await?;
    let first: ChangeView = client.get(&format!("/v1/changes/{id}")).await?;
    let mut now = first.clone();
    while now.state == first.state && is_waiting(now.state) {
        now = client.get(&format!("/v1/changes/{id}/wait?seconds=50&state={}", first.state)).await?;
    }
    match format {
        Format::Json => output::json(&now)?,
        Format::Human => row(&now),
    }
    Ok(ended(now.state))
}

async fn watch_all(server: &ServerArgs, format: Format) -> Result<ExitCode, Failure> {
    let client = Client::connect(server).await?;
    let mut seen = std::collections::BTreeMap::new();
    loop {
        let list: ChangeList = client.get("/v1/changes").await?;
        for change in list.changes.iter().rev() {
            if seen.insert(change.id, change.state) != Some(change.state) {
                match format {
                    Format::Json => output::json(change)?,
                    Format::Human => row(change),
                }
            }
        }
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    }
}

pub(super) const fn is_waiting(state: ChangeState) -> bool {
    matches!(state, ChangeState::Held | ChangeState::Approved | ChangeState::Executing)
}

/// The exit code that says where a change stands (design: "Exit codes").
pub(super) fn ended(state: ChangeState) -> ExitCode {
    ExitCode::from(match state {
        ChangeState::Approved | ChangeState::Executing | ChangeState::Executed | ChangeState::Undone => 0,
        ChangeState::Held => HELD,
        ChangeState::Denied => DENIED,
        ChangeState::Rejected | ChangeState::Expired | ChangeState::Withdrawn | ChangeState::Failed => CLOSED,
        ChangeState::Unknown => crate::failure::UNEXPECTED,
    })
}

pub(super) fn row(change: &ChangeView) {
    output::line(format!(
        "{}  {}  {}  {} for {}",
        change.id,
        state(change.state),
        change.environment,
        change.agent,
        change.operator
    ));
    output::line(format!("  {}", model::sanitize(&change.summary, 300)));
    if let Some(gone) = &change.gone {
        output::line(format!("  {}", model::sanitize(&gone.why, 600)));
    }
}

pub(super) fn show(change: &ChangeView) {
    let text = |text: &str| model::sanitize(text, 600);
    output::line(format!("{}  {}", styled(BOLD, change.id), state(change.state)));
    output::line(styled(BOLD, text(&change.summary)));
    output::line(format!("  environment  {}", change.environment));
    output::line(format!("  asked by     {} for {}", change.agent, change.operator));
    output::line(format!("  it says      “{}”", text(&change.intent)));
    output::line(format!("  until        {}", change.expires_at));
    if let Some(gone) = &change.gone {
        output::line(format!("  withdrawn    {}, found at {}", text(&gone.why), gone.at));
    }
    for (action, nth) in change.actions.iter().zip(1..) {
        let place = if change.actions.len() > 1 {
            format!("{nth}/{} {} ", change.actions.len(), action.state)
        } else {
            String::new()
        };
        output::line(format!("\n{place}{} [{}]", styled(BOLD, &action.operation), action.effects.join(", ")));
        output::line(format!("  on     {}", text(&action.resources.join(", "))));
        for (name, value) in &action.parameters {
            parameter(name, value);
        }
        output::line(format!("  undo   {}", text(&action.undo)));
        if let Some(erased) = &action.erased {
            let ErasedView { at, by, asked_by, ground } = erased;
            let ground = ground.as_deref().map(text).unwrap_or_default();
            output::line(format!(
                "  {} what was kept of it, on {at} by {by}, asked for by {asked_by}: “{ground}”",
                styled(WARN, "erased")
            ));
        }
        for inner in &action.inner {
            output::line(format!("  would  {}", text(inner)));
        }
        for unknown in &action.unknowns {
            output::line(format!("  {} {}", styled(WARN, "not known:"), text(unknown)));
        }
        if let Some(observed) = &action.observed {
            output::line(format!("  seen   {} at {}", observed.fingerprint.short(), observed.at));
            for (name, value) in observed.facts.iter().take(20) {
                output::line(styled(DIM, format!("         {} = {}", text(name), text(value))));
            }
        }
    }
    if !change.verdict.rules.is_empty() {
        output::line(format!("\n{}", styled(BOLD, format!("why {}", change.verdict.kind))));
        for rule in &change.verdict.rules {
            output::line(format!("  {} ({}:{}): {}", rule.id, rule.file, rule.line, text(&rule.reason)));
        }
    }
    if let Some(requirement) = &change.verdict.requirement {
        output::line(format!(
            "\nneeds {} other people{}{}",
            requirement.people,
            match requirement.touched {
                0 => String::new(),
                touched => format!(", {touched} with a touched key"),
            },
            match requirement.rendered {
                0 => String::new(),
                rendered =>
                    format!(", {rendered} by `change approve` on a machine of their own, not on a page"),
            }
        ));
    }
    for alternative in &change.verdict.alternatives {
        output::line(format!("instead: {}", text(alternative)));
    }
    for approval in &change.approvals {
        output::line(format!(
            "  {} {} ({}) at {}",
            styled(GOOD, "approved"),
            approval.person,
            approval.how(),
            approval.at
        ));
    }
    if let Some(veto) = &change.rejection {
        output::line(format!(
            "  {} {} at {}: “{}”",
            styled(BAD, "rejected"),
            veto.person,
            veto.at,
            text(&veto.reason)
        ));
    }
}

/// Whole, as the statement has it: a value's further lines stand behind a bar, where nothing of ours stands.
fn parameter(name: &str, value: &str) {
    let whole = |text: &str| model::sanitize(text, usize::MAX);
    let mut lines = value.split('\n');
    output::line(format!("  with   {} = {}", whole(name), whole(lines.next().unwrap_or_default())));
    for line in lines {
        output::line(format!("         | {}", whole(line)));
    }
}

fn state(state: ChangeState) -> String {
    let style = match state {
        ChangeState::Held | ChangeState::Unknown => WARN,
        ChangeState::Approved | ChangeState::Executing | ChangeState::Executed => GOOD,
        ChangeState::Rejected | ChangeState::Denied | ChangeState::Failed => BAD,
        ChangeState::Undone | ChangeState::Expired | ChangeState::Withdrawn => DIM,
    };
    styled(style, state)
}

/// RFC 3986's unreserved characters stand for themselves.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// For a query string.
fn encode(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}
