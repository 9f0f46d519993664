//! SQS names a queue by a URL, and some clients take that URL's host for the endpoint of everything they ask of the
//! queue. So answers name the host at which the client reached us, and requests the one the upstream knows.

use model::Request;
use serde_json::Value;

/// Longer answers of `ListQueues` do not exist: it gives at most 1,000 URLs.
pub(crate) const ANSWER_MAX: usize = 1024 * 1024;

/// Where the client reached us, as the beginning of a URL: `http://127.0.0.1:9000`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reached(String);

impl Reached {
    pub(crate) fn new(tls: bool, request: &Request) -> Option<Self> {
        let host = request.header("host")?;
        Some(Self(format!("{}://{host}", if tls { "https" } else { "http" })))
    }

    /// Puts the upstream's own beginning in place of ours, before anything is classified.
    pub(crate) fn inward(&self, service: &str, request: &mut Request, upstream: &str) {
        if service != "sqs" {
            return;
        }
        let ours = format!("{}/", self.0);
        if let Ok(Value::Object(mut members)) = serde_json::from_slice::<Value>(&request.body)
            && let Some(Value::String(url)) = members.get_mut("QueueUrl")
            && let Some(path) = url.strip_prefix(&ours)
        {
            *url = format!("{upstream}/{path}");
            request.body = Value::Object(members).to_string().into_bytes();
            let length = request.body.len().to_string();
            for (name, value) in &mut request.headers {
                if name == "content-length" {
                    value.clone_from(&length);
                }
            }
        }
    }

    /// The answer with our own beginning in every queue's URL.
    pub(crate) fn outward(&self, service: &str, answer: Vec<u8>) -> Vec<u8> {
        if service != "sqs" {
            return answer;
        }
        let Ok(Value::Object(mut members)) = serde_json::from_slice::<Value>(&answer) else { return answer };
        let mut changed = false;
        for name in ["QueueUrl", "QueueUrls", "queueUrls"] {
            let urls = match members.get_mut(name) {
                Some(Value::Array(urls)) => urls.iter_mut().collect(),
                Some(one) => vec![one],
                None => Vec::new(),
            };
            for url in urls {
                if let Some(path) = url.as_str().and_then(path_of) {
                    *url = Value::String(format!("{}/{path}", self.0));
                    changed = true;
                }
            }
        }
        if changed { Value::Object(members).to_string().into_bytes() } else { answer }
    }
}

/// `https://HOST/111122223333/orders` → `111122223333/orders`.
fn path_of(url: &str) -> Option<&str> {
    let (scheme, rest) = url.split_once("://")?;
    let (_, path) = rest.split_once('/')?;
    (matches!(scheme, "http" | "https") && !path.is_empty()).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(body: &str) -> Request {
        Request {
            method: "POST".into(),
            path: "/".into(),
            query: String::new(),
            headers: vec![
                ("host".into(), "localhost:9000".into()),
                ("content-length".into(), body.len().to_string()),
            ],
            body: body.as_bytes().to_vec(),
        }
    }

    fn inward(service: &str, body: &str) -> String {
        let mut request = request(body);
        let reached = Reached::new(false, &request).unwrap();
        reached.inward(service, &mut request, "https://sqs.eu-west-1.amazonaws.com");
        assert_eq!(request.header("content-length"), Some(request.body.len().to_string().as_str()));
        String::from_utf8(request.body).unwrap()
    }

    #[test]
    fn requests_name_the_upstreams_queue() {
        let ours = r#"{"MessageBody":"m","QueueUrl":"http://localhost:9000/111122223333/q"}"#;
        let theirs = r#"{"MessageBody":"m","QueueUrl":"https://sqs.eu-west-1.amazonaws.com/111122223333/q"}"#;
        assert_eq!(inward("sqs", ours), theirs);
        assert_eq!(inward("sqs", theirs), theirs);
        for other in [
            r#"{"QueueUrl":"http://localhost:9000.evil.test/1/q"}"#,
            r#"{"Other":"http://localhost:9000/1/q"}"#,
            "no json",
        ] {
            assert_eq!(inward("sqs", other), other);
        }
        assert_eq!(inward("sns", ours), ours);
    }

    #[test]
    fn answers_name_the_gateway() {
        let reached = Reached::new(true, &request("")).unwrap();
        let outward =
            |body: &str| String::from_utf8(reached.outward("sqs", body.as_bytes().to_vec())).unwrap();
        assert_eq!(
            outward(r#"{"QueueUrls":["http://127.0.0.1:5000/1/a","https://x/1/b"]}"#),
            r#"{"QueueUrls":["https://localhost:9000/1/a","https://localhost:9000/1/b"]}"#
        );
        assert_eq!(outward(r#"{"QueueUrl":"http://h/1/a"}"#), r#"{"QueueUrl":"https://localhost:9000/1/a"}"#);
        for same in [r#"{"Messages": [1]}"#, "<xml/>", r#"{"QueueUrl":"no url"}"#] {
            assert_eq!(outward(same), same);
        }
    }
}
