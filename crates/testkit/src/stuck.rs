//! A stack that is stuck, which the mock AWS has none of: the cloud as it is, but for the state of one stack.

use std::io::Write as _;

use anyhow::{Context as _, Result};

use crate::{Moto, Relayed, relay};

const WAS: &str = "<StackStatus>CREATE_COMPLETE</StackStatus>";
const IS: &str = "<StackStatus>UPDATE_ROLLBACK_FAILED</StackStatus>";

/// Listens before the mock, for whom the stack of this name is one whose update failed and could not be rolled back; yields its base URL.
pub fn stuck(moto: &Moto, stack: &str) -> Result<String> {
    let (url, named) = (moto.url(), format!("<StackName>{stack}</StackName>"));
    let upstream = url.strip_prefix("http://").context("the mock has no plain URL")?;
    relay(upstream, move |mut request: Relayed| {
        let answer = request.forward()?;
        let text = String::from_utf8_lossy(&answer);
        let Some((head, body)) = text.split_once("\r\n\r\n").filter(|(_, body)| body.contains(&named)) else {
            return Ok(request.client.write_all(&answer)?);
        };
        let body = told_of(body, &named);
        let kept = head.lines().filter(|line| !line.to_lowercase().starts_with("content-length:"));
        let head = kept.collect::<Vec<_>>().join("\r\n");
        let length = body.len();
        Ok(write!(request.client, "{head}\r\ncontent-length: {length}\r\n\r\n{body}")?)
    })
}

/// Of each member with that name, the next state.
fn told_of(body: &str, named: &str) -> String {
    let mut parts = body.split(named);
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        text.push_str(named);
        // Another stack's state stands behind another stack's name.
        let end = part.find("<StackName>").unwrap_or(part.len());
        let (own, rest) = part.split_at(end);
        text.push_str(&own.replacen(WAS, IS, 1));
        text.push_str(rest);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_stack_is_stuck_and_no_other() {
        let stack = |name: &str, status: &str| {
            format!("<member><StackName>{name}</StackName>{status}<Tags/></member>")
        };
        let named = "<StackName>late</StackName>";
        let body =
            format!("<Stacks>{}{}{}</Stacks>", stack("shop", WAS), stack("late", WAS), stack("web", WAS));
        let expected =
            format!("<Stacks>{}{}{}</Stacks>", stack("shop", WAS), stack("late", IS), stack("web", WAS));
        assert_eq!(told_of(&body, named), expected);
        assert_eq!(told_of(&stack("late", IS), named), stack("late", IS));
    }
}
