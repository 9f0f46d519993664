//! What was answered, and what is understood of it: a page in the SDKs' names, or why there is none.

use classify_aws::gather::{self, ReadAnswer};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::table::{Answer, Collector, Table};

/// What came back for one call.
#[derive(Debug)]
pub enum Answered {
    Answer(ReadAnswer),
    /// Nothing came back; why, in a few words of ours.
    Nothing(String),
}

/// What is understood of an answer. It holds nothing but what is kept of it, and can be written down and given again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Understood {
    Page(Value),
    Absent(String),
    Denied(String),
    Failed(String),
    /// The cloud asks to wait; nothing was read. Never written down.
    Later(String),
}

const PATIENCE: [&str; 9] = [
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestThrottled",
    "RequestLimitExceeded",
    "TooManyRequestsException",
    "ProvisionedThroughputExceededException",
    "SlowDown",
    "PriorRequestNotComplete",
];
/// That they may not, or that nobody knows who they are any more.
const DENIED: [&str; 15] = [
    "AccessDenied",
    "AccessDeniedException",
    "UnauthorizedOperation",
    "AuthorizationError",
    "AuthFailure",
    "NotAuthorized",
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "RequestExpired",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
];

/// What is understood of the answer to any read that a scan makes, `service:Operation`, whoever made it; `None` where there is no
/// form for it.
pub fn read(operation: &str, answered: &Answered) -> Option<Understood> {
    let table = Table::shared();
    let form = table.answers.get(operation)?;
    Some(understand(None, form, answered))
}

pub(crate) fn understand(collector: Option<&Collector>, form: &Answer, answered: &Answered) -> Understood {
    let answer = match answered {
        Answered::Answer(answer) => answer,
        Answered::Nothing(why) => return Understood::Failed(why.clone()),
    };
    let body = gather::understood(&answer.body);
    if (200..300).contains(&answer.status) {
        return match body.and_then(|body| form.shape.read(&body)) {
            Some(page) => Understood::Page(page),
            None => {
                Understood::Failed("the answer is not of the form that the cloud's models give it".to_owned())
            }
        };
    }
    let code = gather::error_code(answer);
    let why = format!("status {} ({})", answer.status, model::sanitize(&code, 80));
    let absent = collector.is_some_and(|collector| collector.absent.contains(&code));
    let later = answer.status == 429 || answer.status >= 500 || PATIENCE.contains(&code.as_str());
    if absent {
        Understood::Absent(why)
    } else if later {
        Understood::Later(why)
    } else if matches!(answer.status, 401 | 403) || DENIED.contains(&code.as_str()) {
        Understood::Denied(why)
    } else {
        Understood::Failed(why)
    }
}
