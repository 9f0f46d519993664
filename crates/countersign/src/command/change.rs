//! `countersign change list|show|watch|approve|reject|reopen|erase`.

use std::{
    io::{IsTerminal as _, Write as _},
    process::ExitCode,
};

use api::types::{ChangeList, ChangeView, SignRequest, SignedView, StatementView};
use approval::{Act, Statement};
use model::{ChangeState, Digest};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

use super::{session::safe, shown};
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
        ChangeCommand::Show { id, server } => show(safe(&id)?, &server, format).await,
        ChangeCommand::Watch { id: Some(id), server } => watch(&id, &server, format).await,
        ChangeCommand::Watch { id: None, server } => watch_all(&server, format).await,
        ChangeCommand::Approve(args) => sign(Act::Approve, &args, format).await,
        ChangeCommand::Reject(args) => sign(Act::Reject, &args, format).await,
        ChangeCommand::Reopen(args) => sign(Act::Reopen, &args, format).await,
        ChangeCommand::Erase(args) => super::erase::run(&args, format).await,
    }
}

/// What is shown is read from the statement, here; where the server says something else of the change, nothing is shown as if it
/// could be signed.
async fn show(id: &str, server: &ServerArgs, format: Format) -> Result<ExitCode, Failure> {
    let client = Client::connect(server).await?;
    let (change, statement) = read(&client, id).await?;
    if let Some(statement) = &statement {
        agree(&client, id, &change, statement)?;
    }
    let matter = statement.as_ref().map(Statement::matter);
    match format {
        Format::Json => output::json(&Shown {
            change: &change,
            statement_digest: matter,
            statement_words: matter.as_ref().map(approval::words),
            statement: statement.as_ref().map(Statement::to_text),
        })?,
        Format::Human => {
            shown::head(&change);
            match (&statement, &matter) {
                (Some(statement), Some(matter)) => {
                    output::line(format!("statement {matter}"));
                    output::line(format!("          {}", styled(BOLD, approval::words(matter))));
                    shown::statement(statement);
                }
                _ => output::line(format!(
                    "{} its statement cannot be read",
                    styled(WARN, "not to be signed:")
                )),
            }
            shown::beside(&change);
            if let (Some(act), Some(matter)) = (signed_next(change.state), matter) {
                let words = approval::words(&matter);
                let more = if act == Act::Reopen { " --intent TEXT" } else { "" };
                let signs = format!("countersign change {act} {}{more} --words \"{words}\"", change.id);
                output::line(format!("\nto sign what you see here: {signs}"));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// That the statement is about what was asked for, and about what the server says otherwise.
fn agree(client: &Client, id: &str, change: &ChangeView, statement: &Statement) -> Result<(), Failure> {
    let mut differ = shown::differences(change, statement);
    if statement.installation != client.installation() {
        differ.push("installation");
    }
    if statement.change.to_string() != id && !differ.contains(&"change") {
        differ.push("change");
    }
    if differ.is_empty() {
        return Ok(());
    }
    Err(Failure::verification(format!(
        "what the server says of {id} is not what its statement says, in: {}",
        differ.join(", ")
    ))
    .hint("sign nothing, and tell the other approvers: somebody may be showing you one thing to have another signed"))
}

/// What somebody could sign for a change that stands there.
const fn signed_next(state: ChangeState) -> Option<Act> {
    match state {
        ChangeState::Held | ChangeState::Approved | ChangeState::Executing => Some(Act::Approve),
        ChangeState::Rejected => Some(Act::Reopen),
        ChangeState::Executed
        | ChangeState::Undone
        | ChangeState::Expired
        | ChangeState::Withdrawn
        | ChangeState::Denied
        | ChangeState::Failed
        | ChangeState::Unknown => None,
    }
}

/// `change show`: the change as the server says it, and the statement that it was held against.
#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    change: &'a ChangeView,
    /// Of what a signature would be about; none where no statement can be read.
    statement_digest: Option<Digest>,
    /// The same for people, as the console shows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    statement_words: Option<String>,
    /// The text itself, as nobody in particular would sign it.
    #[serde(skip_serializing_if = "Option::is_none")]
    statement: Option<String>,
}

/// A change, with its statement at that very moment: the statement is read before and after, and a matter never comes back (it
/// holds a nonce), so between two that are alike nothing has moved.
async fn read(client: &Client, id: &str) -> Result<(ChangeView, Option<Statement>), Failure> {
    let mut before = statement_of(client, id).await.map(|it| it.matter());
    for _ in 0..5 {
        let change: ChangeView = client.get(&format!("/v1/changes/{id}")).await?;
        let statement = statement_of(client, id).await;
        let after = statement.as_ref().map(Statement::matter);
        if before == after {
            return Ok((change, statement));
        }
        before = after;
    }
    Err(Failure::new(VERIFICATION, "CS208", "the change keeps moving while it is read").hint("look again"))
}

/// Whoever is named as the signer, the matter is the same.
async fn statement_of(client: &Client, id: &str) -> Option<Statement> {
    let target = format!(
        "/v1/changes/{id}/statement?act={}&person=anybody&presence=file&checkpoint={}",
        Act::Approve,
        encode(client.checkpoint())
    );
    let view: StatementView = client.get(&target).await.ok()?;
    Statement::parse(&view.statement).ok()
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
        && statement.reason == reason.as_deref().map(|it| model::sanitize(it, Statement::MAX_REASON))
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
    // Always, and by this program: that a signer's own machine showed them what they sign is what such a signature is worth.
    output::note(view.statement.trim_end());
    output::note("");
    match &args.words {
        Some(words) if *words == approval::words(&matter) => {}
        Some(words) => {
            let stands = approval::words(&matter);
            let message = format!("{id} reads “{stands}” now, not “{words}”; nothing was signed");
            return Err(Failure::new(VERIFICATION, "CS208", message)
                .hint(format!("read it again: countersign change show {id}")));
        }
        None if at_a_terminal() => {
            if !agreed("Sign this?").await? {
                return Err(Failure::new(USAGE, "CS001", "nothing was signed: you did not say yes"));
            }
        }
        None => unasked(act, id)?,
    }
    let signature = identity.sign(approval::NAMESPACE, &view.statement)?;
    let request = SignRequest { statement: view.statement, signature };
    let signed: SignedView = client.post(&format!("/v1/changes/{id}/signatures"), &request).await?;
    match format {
        Format::Json => output::json(&signed)?,
        Format::Human => {
            output::line(format!("{}  {}", signed.id, state(signed.state)));
            output::note(model::sanitize(&signed.note, 600));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Nobody can be asked. A veto and a new request give an agent nothing; an approval is not given by a program that read nothing.
fn unasked(act: Act, id: &str) -> Result<(), Failure> {
    match act {
        Act::Reject | Act::Reopen => Ok(()),
        Act::Approve => {
            let message = "nothing was signed: there is no terminal to ask at whether you have read this";
            let hint =
                format!("read `countersign change show {id}`, and give its eight words: --words \"…\"");
            Err(Failure::usage(message).hint(hint))
        }
    }
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
        model::sanitize(&change.environment, 80),
        model::sanitize(&change.agent, 80),
        change.operator
    ));
    output::line(format!("  {}", model::sanitize(&change.summary, 300)));
    if let Some(gone) = &change.gone {
        output::line(format!("  {}", model::sanitize(&gone.why, 600)));
    }
}

pub(super) fn state(state: ChangeState) -> String {
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
