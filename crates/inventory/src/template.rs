//! Texts with places to be filled from an answer: `arn:{partition}:ec2:{region}:{account}:volume/{VolumeId}`. A place is a path into the
//! item by the SDKs' names (`{State.Name}`), `{^Path}` into what the question was about, `{}` the item itself, or one of the three
//! words that every scan has. `|after:TEXT` and `|before:TEXT` keep what stands behind or before the first such text; `|bare:KIND` takes
//! what stands behind the name off an ARN of that kind (a version, an alias), and leaves every other text as it is.

use serde_json::Value;

use crate::{kept, scan::Place};

/// What a template's places are filled from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Filling<'v> {
    pub(crate) place: &'v Place,
    pub(crate) region: &'v str,
    pub(crate) item: &'v Value,
    /// The attributes of the resource that was asked about.
    pub(crate) about: &'v Value,
}

impl Filling<'_> {
    /// `None` where a place has no scalar.
    pub(crate) fn text(&self, template: &str) -> Option<String> {
        let (mut out, mut rest) = (String::new(), template);
        while let Some((before, after)) = rest.split_once('{') {
            let (inner, after) = after.split_once('}')?;
            out.push_str(before);
            out.push_str(&self.place_of(inner)?);
            rest = after;
        }
        out.push_str(rest);
        Some(out)
    }

    /// A template that is one place and nothing else, over everything that stands there.
    pub(crate) fn texts(&self, template: &str) -> Vec<String> {
        let whole = template.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        match whole.filter(|inner| !inner.contains(['{', '}'])) {
            Some(inner) => self.all(inner),
            None => self.text(template).into_iter().collect(),
        }
    }

    fn place_of(&self, inner: &str) -> Option<String> {
        match inner {
            "partition" => Some(self.place.partition.clone()),
            "account" => Some(self.place.account.clone()),
            "region" => Some(self.region.to_owned()),
            _ => match <[String; 1]>::try_from(self.all(inner)) {
                Ok([only]) => Some(only).filter(|text| !text.is_empty()),
                Err(_) => None,
            },
        }
    }

    fn all(&self, inner: &str) -> Vec<String> {
        let mut parts = inner.split('|');
        let path = parts.next().unwrap_or_default();
        let (value, path) = path.strip_prefix('^').map_or((self.item, path), |path| (self.about, path));
        let texts = kept::select(value, path).into_iter().filter_map(kept::scalar).collect();
        parts.fold(texts, |texts: Vec<String>, filter| {
            texts.iter().filter_map(|text| cut(text, filter)).collect()
        })
    }
}

fn cut(text: &str, filter: &str) -> Option<String> {
    match filter.split_once(':')? {
        ("after", mark) => Some(text.split_once(mark)?.1.to_owned()),
        ("before", mark) => Some(text.split_once(mark)?.0.to_owned()),
        ("bare", kind) => Some(bare(text, kind)),
        _ => None,
    }
}

/// `arn:aws:lambda:us-east-1:1:function:close:live` is the function `close`, asked for by an alias.
fn bare(text: &str, kind: &str) -> String {
    const NAME: usize = 7;
    let mut parts = text.split(':');
    if parts.clone().nth(NAME - 2) == Some(kind) {
        parts.by_ref().take(NAME).collect::<Vec<_>>().join(":")
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
pub(crate) fn places(template: &str) -> Vec<String> {
    template.split('{').skip(1).filter_map(|part| Some(part.split_once('}')?.0.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn places_are_filled_or_there_is_no_text() {
        let place =
            Place { partition: "aws".to_owned(), account: "111122223333".to_owned(), regions: vec![] };
        let item = json!({ "Id": "v-1", "Size": 8, "State": { "Name": "up" }, "Many": [{ "A": "x" }, { "A": "y" }], "Arn": "arn:a:targetgroup/web/1",
            "Alias": "arn:aws:lambda:r:1:function:close:live", "Plain": "arn:aws:lambda:r:1:function:close", "Queue": "arn:aws:sqs:r:1:q" });
        let about = json!({ "Id": "parent" });
        let filling = Filling { place: &place, region: "eu-west-1", item: &item, about: &about };
        let check = |template, expected: Option<&str>| {
            assert_eq!(filling.text(template).as_deref(), expected, "{template}");
        };
        check(
            "arn:{partition}:ec2:{region}:{account}:volume/{Id}",
            Some("arn:aws:ec2:eu-west-1:111122223333:volume/v-1"),
        );
        check("{Size}/{State.Name}/{^Id}", Some("8/up/parent"));
        check("{Arn|after:targetgroup/}", Some("web/1"));
        check("{Arn|after:nothing}", None);
        check("{Arn|after:targetgroup/|before:/}", Some("web"));
        check("{Alias|bare:function}", Some("arn:aws:lambda:r:1:function:close"));
        check("{Plain|bare:function}", Some("arn:aws:lambda:r:1:function:close"));
        check("{Queue|bare:function}", Some("arn:aws:sqs:r:1:q"));
        check("{Missing}", None);
        check("{Many.A}", None);
        check("plain", Some("plain"));
        check("{Id", None);
        assert_eq!(filling.texts("{Many.A}"), ["x", "y"]);
        assert_eq!(filling.texts("a{Many.A}"), Vec::<String>::new());
        assert_eq!(places("a{B.C}d{^E}"), ["B.C", "^E"]);
    }
}
