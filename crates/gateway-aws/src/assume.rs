//! An agent's own `AssumeRole`: answered with virtual credentials of a child session that is bound to the role, where the
//! bundle lets the agent take it on. Nothing is sent; what the child asks for is judged like anything else, and only then
//! is the role really taken on. Every other operation that gives credentials is for the policy to deny.

use classify_aws::{
    answer::{Refusal, Shape},
    classify::Classified,
    params,
    sigv4::SESSION_TOKEN,
};
use engine::{Engine, IssueError, Secret};
use model::{Session, Value};

/// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>
const DEFAULT_S: i64 = 3_600;
const SHORTEST_S: i64 = 900;

/// `None` where it is none that the bundle lets this agent take on: the policy says what becomes of it.
pub(crate) async fn answer(
    engine: &Engine,
    session: &Session,
    classified: &Classified,
) -> Option<Result<Vec<u8>, (Refusal, String)>> {
    let operation = &classified.action.parts().operation;
    if operation.service != "sts" || operation.name != "AssumeRole" || classified.shape != Shape::Query {
        return None;
    }
    let role = text(&classified.params, "RoleArn")?;
    engine.bundle().assumable_by(&session.chain.agent, role)?;
    Some(take_on(engine, session, role, &classified.params).await)
}

async fn take_on(
    engine: &Engine,
    session: &Session,
    role: &str,
    params: &Value,
) -> Result<Vec<u8>, (Refusal, String)> {
    let denied =
        |why: &str| (Refusal::Denied, format!("Countersign denies this (CS107): {why}. Nothing was done."));
    // What would narrow the session is not known here, and a wider one than was asked for is not given.
    for member in ["Policy", "PolicyArns", "Tags", "TransitiveTagKeys", "ProvidedContexts", "SerialNumber"] {
        if has(params, member) {
            return Err(denied(&format!("{member} is not taken with a role; ask for the role without it")));
        }
    }
    let name = text(params, "RoleSessionName").unwrap_or_default();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte);
    if !(2..=64).contains(&name.len()) || !name.bytes().all(plain) {
        return Err(denied("RoleSessionName is 2 to 64 of A–Z, a–z, 0–9 and _+=,.@-"));
    }
    let seconds = match text(params, "DurationSeconds").map(str::parse::<i64>) {
        None => DEFAULT_S,
        Some(Ok(seconds)) if seconds >= SHORTEST_S => seconds,
        Some(_) => return Err(denied("DurationSeconds is a number from 900 on")),
    };
    match engine.assume(session, role, seconds).await {
        Ok((child, secret)) => Ok(written(role, name, &child, &secret)),
        Err(err @ (IssueError::TimeToLive { .. } | IssueError::Role(_))) => Err(denied(&err.to_string())),
        Err(IssueError::Fault(fault)) => {
            let message = format!("Countersign denies this ({}): {fault}. Nothing was done.", fault.code());
            Err((Refusal::Fault, message))
        }
        Err(err) => Err(denied(&err.to_string())),
    }
}

fn text<'v>(params: &'v Value, name: &str) -> Option<&'v str> {
    params::member(params, name)?.as_text()
}

fn has(params: &Value, name: &str) -> bool {
    let Value::Map(members) = params else { return false };
    members.keys().any(|key| key == name || key.starts_with(&format!("{name}.")))
}

/// Everything in it is of an alphabet that XML has no meaning for: a checked role, a checked name, keys of ours.
fn written(role: &str, name: &str, child: &Session, secret: &Secret) -> Vec<u8> {
    let mut fields = role.splitn(6, ':').skip(1);
    let partition = fields.next().unwrap_or_default();
    let account = fields.nth(2).unwrap_or_default();
    let role_name = role.rsplit('/').next().unwrap_or_default();
    let (key, id, until) = (&child.access_key, child.id, child.expires_at);
    format!(
        "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult><AssumedRoleUser>\
         <AssumedRoleId>{id}:{name}</AssumedRoleId>\
         <Arn>arn:{partition}:sts::{account}:assumed-role/{role_name}/{name}</Arn></AssumedRoleUser><Credentials>\
         <AccessKeyId>{key}</AccessKeyId><SecretAccessKey>{secret}</SecretAccessKey>\
         <SessionToken>{SESSION_TOKEN}</SessionToken><Expiration>{until}</Expiration></Credentials></AssumeRoleResult>\
         <ResponseMetadata><RequestId>{id}</RequestId></ResponseMetadata></AssumeRoleResponse>",
        secret = secret.expose(),
    )
    .into_bytes()
}
