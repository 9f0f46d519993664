//! Requests for the other modules' tests, and what is said of each in lines.

use std::fmt::Write as _;

use classify_aws::classify::{Target, classify};
use expect_test::Expect;
use model::{Account, Partition, Request};

pub(crate) fn target() -> Target {
    Target::new(Partition("aws".into()), Account("111122223333".into()))
}

pub(crate) fn request(method: &str, url: &str, headers: &[(&str, &str)], body: &str) -> Request {
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    Request {
        method: method.into(),
        path: path.into(),
        query: query.into(),
        headers: headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
        body: body.into(),
    }
}

pub(crate) const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded; charset=utf-8");

pub(crate) fn form(body: &str) -> Request {
    request("POST", "/", &[FORM], body)
}

pub(crate) fn json(target: &str, body: &str) -> Request {
    request("POST", "/", &[("content-type", "application/x-amz-json-1.1"), ("x-amz-target", target)], body)
}

pub(crate) fn said(service: &str, request: Request) -> String {
    match classify(request, service, "eu-west-1", &target(), &Default::default()) {
        Ok(classified) => {
            let parts = classified.action.parts();
            let mut out =
                format!("{} [{}] {:?}\n{}\n", parts.operation, parts.effects, parts.undo, parts.summary);
            for resource in &parts.resources {
                writeln!(out, "- {resource}").unwrap();
            }
            for (name, value) in &parts.shown {
                writeln!(out, "  {name} = {value}").unwrap();
            }
            for unknown in &parts.unknowns {
                writeln!(out, "? {unknown}").unwrap();
            }
            out
        }
        Err(error) => format!("{:?} {}: {error}\n", error.shape, error.fault.code()),
    }
}

pub(crate) fn check(service: &str, request: Request, expected: &Expect) {
    expected.assert_eq(&said(service, request));
}
