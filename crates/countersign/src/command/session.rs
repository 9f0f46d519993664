//! `countersign session new|list|show|stop|break-glass`.

use std::process::ExitCode;

use api::types::{
    BreakGlassRequest, ChangeView, Line, SessionIssued, SessionList, SessionRequest, SessionView, StopRequest,
};
use model::ChangeState;
use serde_json::json;

use super::change;
use crate::{
    cli::{
        Format,
        session::{BreakGlassArgs, SessionCommand, SessionNewArgs, SessionStopArgs},
    },
    client::Client,
    failure::{Failure, USAGE},
    output::{self, BOLD, DIM, GOOD, WARN, styled},
};

pub(super) async fn run(command: SessionCommand, format: Format, env: bool) -> Result<ExitCode, Failure> {
    match command {
        SessionCommand::New(args) => new(&args, format, env).await,
        SessionCommand::List(server) => {
            let list: SessionList = Client::connect(&server).await?.get("/v1/sessions").await?;
            match format {
                Format::Json => output::json(&list)?,
                Format::Human => list.sessions.iter().for_each(show),
            }
            Ok(ExitCode::SUCCESS)
        }
        SessionCommand::Show { id, server } => {
            let session: SessionView =
                Client::connect(&server).await?.get(&format!("/v1/sessions/{}", safe(&id)?)).await?;
            print(&session, format)
        }
        SessionCommand::Stop(args) => stop(&args, format).await,
        SessionCommand::BreakGlass(args) => break_glass(&args, format).await,
    }
}

async fn stop(args: &SessionStopArgs, format: Format) -> Result<ExitCode, Failure> {
    let client = Client::connect(&args.server).await?;
    if let Some(id) = &args.id {
        let session: SessionView =
            client.post(&format!("/v1/sessions/{}/stop", safe(id)?), &json!({})).await?;
        return print(&session, format);
    }
    let whose = match &args.agent {
        Some(agent) => format!(" of {}", model::sanitize(agent, 64)),
        None => String::new(),
    };
    if change::at_a_terminal() && !args.yes {
        let list: SessionList = client.get("/v1/sessions").await?;
        let own = |it: &&SessionView| args.agent.as_ref().is_none_or(|agent| it.agent == *agent);
        let live = list.sessions.iter().filter(own).filter(|it| it.state == "live").count();
        if !change::agreed(&format!("Stop all live sessions{whose} ({live} now)?")).await? {
            return Err(Failure::new(USAGE, "CS001", "nothing was stopped: you did not say yes"));
        }
    }
    let request = StopRequest { agent: args.agent.clone(), all: args.all };
    let stopped: SessionList = client.post("/v1/sessions/stop", &request).await?;
    match format {
        Format::Json => output::json(&stopped)?,
        Format::Human => {
            stopped.sessions.iter().for_each(show);
            match stopped.sessions.len() {
                0 => output::note(format!("no session{whose} was live")),
                1 => output::note(format!("1 session{whose} is stopped")),
                many => output::note(format!("{many} sessions{whose} are stopped")),
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn break_glass(args: &BreakGlassArgs, format: Format) -> Result<ExitCode, Failure> {
    let client = Client::connect(&args.server).await?;
    let request = BreakGlassRequest {
        grant: args.grant.clone(),
        waives: args.waive.clone(),
        minutes: args.minutes,
        ground: args.ground.clone(),
    };
    let target = format!("/v1/sessions/{}/break-glass", safe(&args.id)?);
    let change: ChangeView = client.post(&target, &request).await?;
    match format {
        Format::Json => output::json(&change)?,
        Format::Human => {
            change::row(&change);
            match change.state {
                ChangeState::Held => output::note(
                    "nothing is lifted yet: two others approve it (change approve), then run the same command again",
                ),
                ChangeState::Executed => output::line(format!(
                    "{} for {} minutes; everything done meanwhile is on record, reads one by one",
                    styled(WARN, "The glass is broken"),
                    args.minutes
                )),
                _ => {}
            }
        }
    }
    Ok(change::ended(change.state))
}

async fn new(args: &SessionNewArgs, format: Format, env: bool) -> Result<ExitCode, Failure> {
    let request = SessionRequest {
        agent: args.agent.clone(),
        operator: args.operator.clone(),
        task: args.task.clone(),
        scope: args.scope.clone(),
        autonomy: args.autonomy.clone(),
        ttl_seconds: seconds(&args.ttl)?,
        proxy: args.proxy,
    };
    let issued: SessionIssued = Client::connect(&args.server).await?.post("/v1/sessions", &request).await?;
    if env {
        for (name, value) in &issued.env {
            output::line(format!("export {name}={}", quoted(value)));
        }
    } else if format == Format::Json {
        output::json(&issued)?;
    } else {
        output::line(format!("{} {}", styled(GOOD, "Session"), styled(BOLD, issued.id)));
        output::line(format!("  agent     {}", issued.agent));
        output::line(format!("  operator  {}", issued.operator));
        output::line(format!("  expires   {}", issued.expires_at));
        output::line("  credentials (shown once; for the agent and nobody else):");
        for (name, value) in &issued.env {
            output::line(format!("    {name}={}", quoted(value)));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn print(session: &SessionView, format: Format) -> Result<ExitCode, Failure> {
    match format {
        Format::Json => output::json(session)?,
        Format::Human => show(session),
    }
    Ok(ExitCode::SUCCESS)
}

fn show(session: &SessionView) {
    head(session);
    for line in session.summary.iter().flat_map(api::types::SessionSummary::lines) {
        let text = model::sanitize(&line.to_string(), LONGEST_LINE);
        match line {
            Line::Head(_) => output::line(styled(BOLD, text)),
            Line::Item(_) => output::line(text),
            Line::Part(_) => output::line(styled(DIM, text)),
        }
    }
}

/// The server keeps them shorter.
const LONGEST_LINE: usize = 4000;

fn head(session: &SessionView) {
    output::line(format!(
        "{}  {:8} {} for {}  {}  until {}",
        session.id, session.state, session.agent, session.operator, session.autonomy, session.expires_at
    ));
    output::line(format!("  {}", styled(DIM, model::sanitize(&session.task, 200))));
    if let Some(until) = &session.glass_broken_until {
        output::line(format!("  {} until {until}", styled(WARN, "its glass is broken")));
    }
}

/// An identifier as part of a path: letters, digits and dashes only.
pub(super) fn safe(id: &str) -> Result<&str, Failure> {
    let plain = !id.is_empty()
        && id.len() <= 64
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if plain {
        Ok(id)
    } else {
        Err(Failure::new(
            crate::failure::NOT_FOUND,
            "CS203",
            format!("`{}` is no identifier", model::sanitize(id, 64)),
        ))
    }
}

/// `90s`, `30m`, `8h`, `1d`.
pub(super) fn seconds(text: &str) -> Result<i64, Failure> {
    let wrong =
        || Failure::usage(format!("`{}` is no time: expected 90s, 30m, 8h or 1d", model::sanitize(text, 40)));
    let unit = text.chars().last().ok_or_else(wrong)?;
    let factor = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return Err(wrong()),
    };
    let count: i64 = text.trim_end_matches(unit).parse().map_err(|_| wrong())?;
    count.checked_mul(factor).filter(|it| *it > 0).ok_or_else(wrong)
}

/// For a POSIX shell.
fn quoted(value: &str) -> String {
    let plain = value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:/+=@%".contains(&byte));
    if plain { value.to_owned() } else { format!("'{}'", value.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_quotes() {
        for (text, expected) in
            [("90s", Some(90)), ("8h", Some(28_800)), ("0s", None), ("8", None), ("", None), ("xh", None)]
        {
            assert_eq!(seconds(text).ok(), expected, "{text}");
        }
        assert_eq!(quoted("a b'c"), "'a b'\\''c'");
        assert!(safe("../x").is_err() && safe("chg-01").is_ok());
    }
}
