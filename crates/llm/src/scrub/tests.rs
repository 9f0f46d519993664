//! Every example of the data is taken out, alone, in company and encoded; every near miss stays.

use std::sync::OnceLock;

use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use expect_test::expect;
use proptest::prelude::*;
use serde_json::json;

use super::{
    kinds::{Entry, File},
    *,
};

/// Made once: its patterns take longer than any test.
fn scrubber() -> &'static Scrubber {
    static SCRUBBER: OnceLock<Scrubber> = OnceLock::new();
    SCRUBBER.get_or_init(|| Scrubber::new().unwrap())
}

fn entries() -> Vec<Entry> {
    File::built_in().unwrap().kind
}

/// `text` with each `<16 base32>` drawn, and what was drawn.
fn drawn(template: &str, seed: u64) -> (String, Vec<String>) {
    let place = Regex::new("<([0-9]+) ([a-z0-9]+)>").unwrap();
    let (mut state, mut secrets) = (seed | 1, Vec::new());
    let mut next = || {
        // Xorshift: tests need variety, not secrecy.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 33).unwrap()
    };
    let text = place.replace_all(template, |found: &regex::Captures<'_>| {
        let alphabet = match &found[2] {
            "base32" => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
            "upper" => "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
            "hex" => "0123456789abcdef",
            "digit" => "0123456789",
            "alnum" => "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
            "base64" => "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
            "url" => "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
            other => panic!("no alphabet {other}"),
        };
        let length: usize = found[1].parse().unwrap();
        let secret: String =
            (0..length).map(|_| char::from(alphabet.as_bytes()[next() % alphabet.len()])).collect();
        secrets.push(secret.clone());
        secret
    });
    (text.into_owned(), secrets)
}

#[test]
fn every_example_is_taken_out_and_every_near_miss_stays() {
    let scrubber = scrubber();
    let entries = entries();
    assert!(entries.len() >= 12, "issue: at least twelve kinds");
    let mut wrong = Vec::new();
    for entry in &entries {
        assert!(!entry.examples.is_empty() && !entry.near.is_empty(), "{} lacks examples", entry.name);
        for (seed, template) in (7..).zip(&entry.examples) {
            let (text, secrets) = drawn(template, seed * 0x9e37_79b9);
            let scrubbed = scrubber.scrub(&text);
            assert!(!secrets.is_empty(), "{template} has nothing secret");
            if secrets.iter().any(|secret| scrubbed.as_str().contains(secret)) {
                wrong.push(format!("{} leaks {template}: {}", entry.name, scrubbed.as_str()));
            }
        }
        for (seed, template) in (7..).zip(&entry.near) {
            let (text, _) = drawn(template, seed * 0x9e37_79b9);
            let scrubbed = scrubber.scrub(&text);
            if scrubbed.as_str() != text {
                wrong.push(format!("{} takes {template}: {}", entry.name, scrubbed.as_str()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_left_can_still_be_read() {
    let scrubber = scrubber();
    let check = |template: &str, expected: expect_test::Expect| {
        expected.assert_eq(scrubber.scrub(&drawn(template, 3).0).as_str());
    };
    check(
        "postgres://app:<12 alnum>@db.internal:5432/shop",
        expect!["postgres://app:[removed:connection-string]@db.internal:5432/shop"],
    );
    check(
        "{\"name\":\"DB_PASSWORD\",\"value\":\"<12 alnum>\"},{\"name\":\"LOG\",\"value\":\"debug\"}",
        expect![[r#"{"name":"DB_PASSWORD","value":"[removed:password]"},{"name":"LOG","value":"debug"}"#]],
    );
    check("AKIA<16 base32>,ASIA<16 base32>", expect!["[removed:aws-access-key],[removed:aws-access-key]"]);
    check(
        "arn:aws:iam::111122223333:role/deploy of commit <40 hex>",
        expect!["arn:aws:iam::111122223333:role/deploy of commit 05a3326ffc0fed481d00ae7d0f6458ff3cca1dec"],
    );
}

#[test]
fn a_secret_is_found_within_base64() {
    let scrubber = scrubber();
    let inner = drawn("#!/bin/sh\nexport DB_PASSWORD=<14 alnum>\n", 5).0;
    let once = BASE64_STANDARD.encode(&inner);
    let wrapped: String =
        once.as_bytes().chunks(24).map(|it| std::str::from_utf8(it).unwrap()).collect::<Vec<_>>().join("\n");
    let twice = BASE64_URL_SAFE_NO_PAD.encode(&once);
    let wide: Vec<u8> = inner.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for encoded in [once.clone(), wrapped, twice, BASE64_STANDARD.encode(wide)] {
        let scrubbed = scrubber.scrub(&format!("UserData: {encoded} end"));
        assert_eq!(scrubbed.as_str(), "UserData: [removed:encoded] end");
        assert_eq!(scrubbed.removed().collect::<Vec<_>>(), ["encoded"]);
        let neighbours = scrubber.scrub(&format!("some/{encoded}\nnext-line"));
        assert!(!neighbours.as_str().contains(encoded.get(8..24).unwrap()), "{}", neighbours.as_str());
    }
    let harmless = BASE64_STANDARD.encode("#!/bin/sh\necho nothing to see here, really nothing\n");
    assert_eq!(scrubber.scrub(&harmless).as_str(), harmless);
}

#[test]
fn a_member_is_judged_by_its_name() {
    let value = json!({
        "password": "hunter2", "nested": {"list": ["fine", {"apiKey": "k-1"}]}, "tokens": 3, "name": "shop",
        "pairs": [{"Value": "hunter2", "Name": "DB_PASSWORD"}, {"name": "LOG_LEVEL", "value": "debug"}],
    });
    let cleaned = Value::Object(scrubber().scrub_json(value.as_object().unwrap()));
    let expected = json!({
        "password": "[removed:password]", "nested": {"list": ["fine", {"apiKey": "[removed:password]"}]},
        "tokens": 3, "name": "shop",
        "pairs": [{"Value": "[removed:password]", "Name": "DB_PASSWORD"}, {"name": "LOG_LEVEL", "value": "debug"}],
    });
    assert_eq!(cleaned, expected);
}

/// Whatever quotation marks and line ends it has within.
#[test]
fn a_members_value_goes_whole() {
    for value in [
        "hunter2",
        "\"hunter2",
        "hunter2\"",
        "hun\"ter2",
        "'hunter2",
        "h'unter2'",
        "ab\"hunter2",
        "hunter2\nhunter2",
        "\\\"hunter2",
        "hunter2\\",
        "a hunter2 of two words",
        "x;hunter2&hunter2<hunter2",
    ] {
        let member = json!({ "DbPassword": value, "list": [{ "name": "API_TOKEN", "value": value }] });
        let cleaned = Value::Object(scrubber().scrub_json(member.as_object().unwrap()));
        let expected = json!({
            "DbPassword": "[removed:password]", "list": [{ "name": "API_TOKEN", "value": "[removed:password]" }],
        });
        assert_eq!(cleaned, expected, "{value}");
    }
    let kept = json!({
        "secret": "arn:aws:secretsmanager:eu-central-1:111122223333:secret:shop", "note": "say \"hello\"\nand go",
    });
    assert_eq!(Value::Object(scrubber().scrub_json(kept.as_object().unwrap())), kept);
}

#[test]
fn what_is_cut_takes_its_last_word_along() {
    let mut text = "word ".repeat(MOST / 5);
    text.push_str(&drawn("x AKIA<16 base32>", 9).0);
    let scrubbed = scrubber().scrub(&text);
    assert!(
        scrubbed.as_str().len() <= MOST && scrubbed.as_str().ends_with("word x"),
        "{}",
        scrubbed.as_str().len()
    );
    assert_eq!(scrubber().scrub(&"a".repeat(MOST + 1)).as_str(), "");
}

/// Answers are JSON: what begins a line there stands behind a `\n` of two characters.
#[test]
fn what_stands_behind_an_escaped_sign_is_found() {
    let begins_a_word = |it: &String| it.starts_with(r"\b") && !it.contains("(?P<secret>");
    let kinds = entries().into_iter().filter(|it| it.patterns.iter().all(begins_a_word));
    let examples: Vec<String> = kinds.flat_map(|it| it.examples).collect();
    assert!(examples.len() >= 12, "{examples:?}");
    for (text, secrets) in examples.iter().map(|it| drawn(it, 7)) {
        for apart in [r"\n", r"\t", r"\u000a", "%0A", "%3D", "_"] {
            let scrubbed = scrubber().scrub(&format!("line{apart}{text} end"));
            let left = secrets.iter().find(|it| it.len() >= 8 && scrubbed.as_str().contains(it.as_str()));
            assert_eq!(left, None, "{text} behind {apart}");
        }
    }
}

proptest! {
    /// Whatever stands around it, apart by a blank or a quotation mark.
    #[test]
    fn no_company_hides_a_secret(
        before in "[ -~\n]{0,40}", after in "[ -~\n]{0,40}", apart in "[ \n]",
        nth in any::<prop::sample::Index>(), seed in any::<u64>(),
    ) {
        let templates: Vec<String> = entries().into_iter().flat_map(|it| it.examples).collect();
        let (text, secrets) = drawn(nth.get::<String>(&templates), seed);
        let scrubbed = scrubber().scrub(&format!("{before}{apart}{text}{apart}{after}"));
        for secret in secrets.iter().filter(|it| it.len() >= 8) {
            prop_assert!(!scrubbed.as_str().contains(secret.as_str()), "{text} in {}", scrubbed.as_str());
        }
    }

    #[test]
    fn any_text_at_all_can_be_scrubbed(text in any::<String>()) {
        scrubber().scrub(&text);
    }
}
