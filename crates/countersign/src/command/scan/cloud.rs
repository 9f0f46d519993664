//! The gateway as an agent sees it: each call signed with the session's own key, one at a time for each connection.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use classify_aws::{
    call::{self, Call},
    gather::{self, ReadAnswer},
    sigv4::{self, SigningCredentials},
    table::Table,
};
use engine::{Clock as _, SystemClock};
use hyper::Method;
use inventory::Answered;
use model::{Request, Value};

use crate::{
    exchange::{Bounds, exchange, request},
    failure::Failure,
    transport::{self, Http},
};

/// A page of a few hundred resources, with room.
const BOUNDS: Bounds = Bounds { patience: Duration::from_secs(60), most: 32 * 1024 * 1024 };

pub(in crate::command) struct Cloud {
    http: Http,
    base: String,
    credentials: SigningCredentials,
    /// Where what has no region is asked.
    region: String,
}

/// What the gateway says to whoever asks who they are.
pub(super) enum Standing {
    Known,
    Refused(String),
    /// Nobody answers, or somebody asks to come again.
    Unanswered(String),
}

impl Cloud {
    pub(in crate::command) fn from(env: &BTreeMap<String, String>, region: &str) -> Result<Self, Failure> {
        let need = |name: &str| {
            env.get(name).cloned().ok_or_else(|| {
                Failure::not_authenticated(format!("${name} is not set"))
                    .hint("give --agent NAME --operator NAME, or eval \"$(countersign session new … --output env)\" first")
            })
        };
        let base = need("AWS_ENDPOINT_URL")?;
        Ok(Self {
            http: transport::http(env.get("AWS_CA_BUNDLE").map(PathBuf::from).as_deref())?,
            base: base.trim_end_matches('/').to_owned(),
            credentials: SigningCredentials {
                access_key: need("AWS_ACCESS_KEY_ID")?,
                secret: need("AWS_SECRET_ACCESS_KEY")?,
                session_token: None,
            },
            region: region.to_owned(),
        })
    }

    /// Partition and account, as the cloud itself says.
    pub(super) async fn identity(&self) -> Result<(String, String), Failure> {
        let refused = |why: String| {
            Failure::unexpected(format!("which account this is cannot be told: {why}"))
                .hint("may this session read, and is it still open? `countersign session show ID`")
        };
        let answer = match self.call(&self.who_am_i()).await {
            Answered::Answer(answer) => answer,
            Answered::Nothing(why) => return Err(refused(why)),
        };
        let body = gather::understood(&answer.body);
        let arn = body.as_ref().and_then(|body| body.get("Arn")).and_then(Value::as_text);
        let account = body.as_ref().and_then(|body| body.get("Account")).and_then(Value::as_text);
        match (arn.and_then(|arn| arn.split(':').nth(1)), account) {
            (Some(partition), Some(account)) => Ok((partition.to_owned(), account.to_owned())),
            _ => Err(refused(format!(
                "status {} ({})",
                answer.status,
                model::sanitize(&gather::error_code(&answer), 80)
            ))),
        }
    }

    /// Whether the session is one that the gateway knows, now.
    pub(super) async fn standing(&self) -> Standing {
        match self.call(&self.who_am_i()).await {
            Answered::Nothing(why) => Standing::Unanswered(why),
            Answered::Answer(answer) => {
                let code = model::sanitize(&gather::error_code(&answer), 80);
                let why = format!("status {} ({code})", answer.status);
                match answer.status {
                    200..300 => Standing::Known,
                    429 | 500.. => Standing::Unanswered(why),
                    _ => Standing::Refused(why),
                }
            }
        }
    }

    fn who_am_i(&self) -> Call {
        Call {
            service: "sts".to_owned(),
            operation: "GetCallerIdentity".to_owned(),
            region: self.region.clone(),
            parameters: Value::map::<String>([]),
        }
    }

    pub(in crate::command) async fn call(&self, call: &Call) -> Answered {
        match self.send(call).await {
            Ok(answer) => Answered::Answer(answer),
            Err(why) => Answered::Nothing(why),
        }
    }

    async fn send(&self, call: &Call) -> Result<ReadAnswer, String> {
        let mut made: Request = call::build(call).map_err(|err| err.to_string())?;
        let host = self.base.split_once("://").map_or(self.base.as_str(), |(_, host)| host);
        made.headers.push(("host".to_owned(), host.to_owned()));
        let signing =
            Table::shared().service(&call.service).map_or(call.service.as_str(), |known| known.signing);
        sigv4::sign(&mut made, &self.credentials, signing, &call.region, SystemClock.now())
            .map_err(|err| err.to_string())?;
        let query = if made.query.is_empty() { String::new() } else { format!("?{}", made.query) };
        let method = Method::from_bytes(made.method.as_bytes()).map_err(|err| err.to_string())?;
        let mut request = request(method, &format!("{}{}{query}", self.base, made.path));
        for (name, value) in &made.headers {
            request = request.header(name, value);
        }
        let answered =
            exchange(&self.http, request, made.body, BOUNDS).await.map_err(|err| err.to_string())?;
        Ok(ReadAnswer { status: answered.status, body: answered.body.to_vec(), headers: answered.headers() })
    }
}
