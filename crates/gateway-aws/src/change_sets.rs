//! What change sets that went through here contain. A change set is made once and never altered, so the template that
//! was forwarded under its ARN is the template it has; where the cloud does not show it (emulators, and AWS itself once
//! a change set is executed), this is what is compared. Bounded and in memory: what is forgotten is not known, and what
//! is not known is held.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use classify_aws::{call::Call, gather::ReadAnswer};
use model::{Operation, Value};

const REMEMBERED: usize = 64;

#[derive(Debug, Default)]
pub(crate) struct ChangeSets(Mutex<VecDeque<(String, String)>>);

/// The template that a `CreateChangeSet` carries in itself.
pub(crate) fn template_of(operation: &Operation, params: &Value) -> Option<String> {
    let creates = operation.service == "cloudformation" && operation.name == "CreateChangeSet";
    creates.then(|| params.get("TemplateBody")?.as_text().map(str::to_owned)).flatten()
}

impl ChangeSets {
    /// Keeps the template under the ARN that the answer to its creation names.
    pub(crate) fn remember(&self, answer: &[u8], template: String) {
        let answer = String::from_utf8_lossy(answer);
        let arn = answer
            .split_once("<Id>")
            .and_then(|(_, rest)| rest.split_once("</Id>"))
            .map(|(arn, _)| arn.trim());
        let Some(arn) = arn.filter(|arn| arn.contains(":changeSet/")) else { return };
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|(name, _)| name != arn);
        if known.len() >= REMEMBERED {
            known.pop_front();
        }
        known.push_back((arn.to_owned(), template));
    }

    /// The answer to a read of a change set's template, where we know it.
    pub(crate) fn answer(&self, call: &Call) -> Option<ReadAnswer> {
        if call.service != "cloudformation" || call.operation != "GetTemplate" {
            return None;
        }
        let arn = call.parameters.get("ChangeSetName")?.as_text()?;
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, template) = known.iter().find(|(name, _)| name == arn)?;
        let body = format!(
            "<GetTemplateResponse><GetTemplateResult><TemplateBody>{}</TemplateBody></GetTemplateResult></GetTemplateResponse>",
            escaped(template)
        );
        Some(ReadAnswer { status: 200, headers: Vec::new(), body: body.into_bytes() })
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_known_by_the_arn_of_its_change_set_and_by_nothing_else() {
        let sets = ChangeSets::default();
        let arn = "arn:aws:cloudformation:us-east-1:1:changeSet/a/1";
        sets.remember(format!("<R><Id>{arn}</Id></R>").as_bytes(), "{\"a\":\"<&>\"}".to_owned());
        sets.remember(b"<R><Id>not an arn</Id></R>", "{}".to_owned());
        let ask = |name: &str| {
            sets.answer(&Call {
                service: "cloudformation".to_owned(),
                operation: "GetTemplate".to_owned(),
                region: "us-east-1".to_owned(),
                parameters: Value::map([("ChangeSetName", Value::text(name))]),
            })
        };
        assert!(String::from_utf8(ask(arn).unwrap().body).unwrap().contains("{\"a\":\"&lt;&amp;&gt;\"}"));
        assert!(ask("a").is_none() && ask("not an arn").is_none());
        for nth in 0..REMEMBERED {
            sets.remember(format!("<Id>x:changeSet/{nth}</Id>").as_bytes(), String::new());
        }
        assert!(ask(arn).is_none(), "bounded");
    }
}
