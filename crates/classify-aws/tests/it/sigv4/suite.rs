//! AWS's own SigV4 test suite, read from the sources of the SDK's signer (a dev-dependency that ships it); the suite
//! itself is not ours to copy.

use std::{fs, path::Path, path::PathBuf};

use classify_aws::sigv4::{AuthError, SigningCredentials, sign};
use model::{Request, Timestamp};
use serde_json::Value;

use super::judge;

const OURS: &str = env!("CARGO_MANIFEST_DIR");

/// Dot segments outside S3 are refused, whatever the signature says.
const DOTTED: [&str; 10] = [
    "get-relative-normalized",
    "get-relative-relative-normalized",
    "get-relative-relative-unnormalized",
    "get-relative-unnormalized",
    "get-slash-dot-slash-normalized",
    "get-slash-dot-slash-unnormalized",
    "get-slash-pointless-dot-normalized",
    "get-slash-pointless-dot-unnormalized",
    "post-sts-header-before",
    "post-sts-header-after",
];

/// Signed without normalising and not for S3: no service asks for it, so it does not verify.
const NO_SERVICES: [&str; 2] = ["get-slash-unnormalized", "get-slashes-unnormalized"];

/// Given with an encoded path that the suite does not encode again, and every service but S3 does.
const ENCODED_ONCE: &str = "get-space-normalized";

#[test]
fn the_official_suite() {
    let Some(root) = suite() else {
        eprintln!("SKIPPED: the sources of aws-sigv4 are not here, so neither is the official suite");
        return;
    };
    let (mut signed, mut verified, mut refused) = (0, 0, 0);
    let mut names: Vec<PathBuf> = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    for folder in names.iter().filter(|folder| folder.join("context.json").exists()) {
        let case = Case::read(folder);
        signed += u32::from(case.check_signing());
        for form in ["header", "query"] {
            match case.check_verifying(form) {
                Ok(()) => verified += 1,
                Err(()) => refused += 1,
            }
        }
    }
    println!("official suite: {signed} signed alike, {verified} verified, {refused} refused on purpose");
    assert!(signed >= 27 && verified >= 50, "{signed} {verified}");
}

fn suite() -> Option<PathBuf> {
    let metadata = cargo_metadata::MetadataCommand::new()
        .manifest_path(Path::new(OURS).join("Cargo.toml"))
        .exec()
        .ok()?;
    let signer = metadata.packages.iter().find(|package| package.name.as_str() == "aws-sigv4")?;
    let root = signer.manifest_path.parent()?.join("aws-signing-test-suite/v4").into_std_path_buf();
    root.is_dir().then_some(root)
}

struct Case {
    name: String,
    folder: PathBuf,
    context: Value,
}

impl Case {
    fn read(folder: &Path) -> Self {
        let context = fs::read_to_string(folder.join("context.json")).unwrap();
        Self {
            name: folder.file_name().unwrap().to_string_lossy().into_owned(),
            folder: folder.to_owned(),
            context: serde_json::from_str(&context).unwrap(),
        }
    }

    fn text(&self, file: &str) -> String {
        fs::read_to_string(self.folder.join(file)).unwrap()
    }

    fn word(&self, name: &str) -> &str {
        self.context[name].as_str().unwrap()
    }

    fn credential(&self, name: &str) -> Option<&str> {
        self.context["credentials"][name].as_str()
    }

    fn now(&self) -> Timestamp {
        self.word("timestamp").parse().unwrap()
    }

    /// Signs the case's request and compares; false where the case asks for what we never do.
    fn check_signing(&self) -> bool {
        let left_out = self.context["omit_session_token"].as_bool() == Some(true);
        if left_out || self.name == ENCODED_ONCE || self.name.contains("unnormalized") {
            return false;
        }
        let mut request = parse(&self.text("request.txt"));
        if request.headers.iter().any(|(name, _)| name == "content-length") {
            return false;
        }
        if self.context["sign_body"].as_bool() == Some(true) {
            request.headers.push(super::header("x-amz-content-sha256", ""));
        }
        let credentials = SigningCredentials {
            access_key: self.credential("access_key_id").unwrap().to_owned(),
            secret: self.credential("secret_access_key").unwrap().to_owned(),
            session_token: self.credential("token").map(str::to_owned),
        };
        sign(&mut request, &credentials, self.word("service"), self.word("region"), self.now()).unwrap();
        let expected = self.text("header-signature.txt");
        let authorization = request.header("authorization").unwrap();
        assert!(
            authorization.ends_with(&format!("Signature={}", expected.trim())),
            "{}: {authorization}",
            self.name
        );
        true
    }

    /// `Err` where the request is refused, and must be.
    fn check_verifying(&self, form: &str) -> Result<(), ()> {
        let request = parse(&self.text(&format!("{form}-signed-request.txt")));
        let result = judge(&request, self.credential("secret_access_key").unwrap(), self.now());
        let expected = if self.credential("token").is_some() {
            Some(AuthError::SecurityToken)
        } else if DOTTED.contains(&self.name.as_str()) {
            Some(AuthError::AmbiguousPath)
        } else if NO_SERVICES.contains(&self.name.as_str()) {
            Some(AuthError::SignatureMismatch)
        } else {
            None
        };
        match (result, expected) {
            (Ok(_), None) => Ok(()),
            (Err(found), Some(expected)) if found == expected => Err(()),
            (result, expected) => panic!("{} ({form}): {result:?}, expected {expected:?}", self.name),
        }
    }
}

/// A request as the suite writes it: a header may go on in the next line.
fn parse(text: &str) -> Request {
    let text = text.replace("\r\n", "\n");
    let (head, body) = text.split_once("\n\n").unwrap_or((&text, ""));
    let mut lines = head.lines();
    let first = lines.next().unwrap();
    let (method, rest) = first.split_once(' ').unwrap();
    let target = rest.strip_suffix(" HTTP/1.1").unwrap();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut headers: Vec<(String, String)> = Vec::new();
    for line in lines {
        match line.split_once(':') {
            Some((name, value)) if !line.starts_with(' ') => {
                headers.push((name.to_lowercase(), value.to_owned()))
            }
            _ => headers.last_mut().unwrap().1.push_str(&format!("\n{line}")),
        }
    }
    Request {
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers,
        body: body.as_bytes().to_vec(),
    }
}
