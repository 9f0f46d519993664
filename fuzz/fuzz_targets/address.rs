//! Hosts as a client may write them, in the Host header and as the target of CONNECT: whatever they are, a bucket goes
//! into the path whole or not at all, and what is taken for AWS is AWS.

#![no_main]

use classify_aws::address::{Hosts, addressed, is_aws};
use libfuzzer_sys::fuzz_target;
use model::Request;

fuzz_target!(|input: (&str, &str, bool)| {
    let (host, path, account) = input;
    let mut headers = vec![("host".to_owned(), host.to_owned())];
    if account {
        headers.push(("x-amz-account-id".to_owned(), "111122223333".to_owned()));
    }
    let request =
        Request { method: "PUT".into(), path: path.to_owned(), query: String::new(), headers, body: Vec::new() };
    let hosts = Hosts::new(["localhost".to_owned(), "gw.corp.test".to_owned()]);
    if let Ok(found) = addressed(request.clone(), "s3", &hosts) {
        assert!(found.path.ends_with(path) || path == "/");
        assert_eq!((&found.query, &found.headers), (&request.query, &request.headers));
    }
    if is_aws(host) {
        let suffixes = [".amazonaws.com", ".amazonaws.com.cn", ".api.aws", ".api.amazonwebservices.com.cn"];
        assert!(suffixes.iter().any(|suffix| host.ends_with(suffix)) && !host.contains(['/', ':', '@', '*']));
    }
});
