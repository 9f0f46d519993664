//! Requests from hostile clients, from routing to action: nothing panics, what is shown stays bounded, the same bytes
//! are always the same action, and what was refused as ambiguous or unknown has no action.
#![no_main]

use classify_aws::classify::{Target, Terms, classify};
use libfuzzer_sys::fuzz_target;
use model::{Account, Partition, Request};

const SERVICES: [&str; 8] = ["s3", "ec2", "dynamodb", "lambda", "monitoring", "route53", "sagemaker", "apigateway"];

// First line: index of a service, method, request target; then headers `name: value` until an empty line; then the body.
fuzz_target!(|data: &[u8]| {
    let Some(request) = read(data) else { return };
    let service = SERVICES[usize::from(data[0]) % SERVICES.len()];
    let target = Target::new(Partition("aws".into()), Account("111122223333".into()));
    let once = classify(request.clone(), service, "eu-west-1", &target, &Terms::default());
    let again = classify(request, service, "eu-west-1", &target, &Terms::default());
    match (once, again) {
        (Ok(one), Ok(two)) => {
            assert_eq!(one.action.digest(), two.action.digest());
            let parts = one.action.parts();
            assert!(!parts.resources.is_empty() && parts.shown.len() <= 60);
            assert!(!parts.summary.chars().any(char::is_control));
        }
        (Err(one), Err(two)) => assert_eq!(one, two),
        (Ok(_), Err(_)) | (Err(_), Ok(_)) => panic!("one request, two readings"),
    }
});

fn read(data: &[u8]) -> Option<Request> {
    let split = data.windows(2).position(|pair| pair == b"\n\n")?;
    let mut lines = std::str::from_utf8(&data[..split]).ok()?.lines();
    let mut first = lines.next()?.split(' ').skip(1);
    let (method, url) = (first.next()?, first.next()?);
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    Some(Request {
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers,
        body: data[split + 2..].to_vec(),
    })
}
