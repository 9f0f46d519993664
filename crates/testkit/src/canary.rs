//! Secrets that are none, of many kinds: planted wherever text comes from, they must be seen nowhere that a model's server reads.

use base64::{Engine as _, prelude::BASE64_STANDARD};

/// Put together here, so that this file has none.
pub fn canaries() -> Vec<(&'static str, String)> {
    let long = |letters: &str, length: usize| letters.chars().cycle().take(length).collect::<String>();
    let mixed = |length| long("aB3dE5gH7jK9", length);
    let hex = |length| long("0a1b2c3d4e5f", length);
    vec![
        ("access key", format!("AKIA{}", long("QRSTUVWX234567", 16))),
        ("secret key", mixed(40)),
        ("session token", format!("IQoJb3JpZ2lu{}", mixed(200))),
        (
            "private key",
            format!(
                "-----BEGIN RSA {} KEY-----\n{}\n{}\n-----END RSA {0} KEY-----",
                "PRIVATE",
                mixed(64),
                mixed(32)
            ),
        ),
        ("json web token", format!("eyJhbGciOiJIUzI1NiJ9.eyJ{}.{}", mixed(40), mixed(43))),
        ("github", format!("ghp_{}", mixed(36))),
        ("gitlab", format!("glpat-{}", mixed(20))),
        ("slack", format!("xoxb-{}-{}", long("123456789", 12), mixed(24))),
        ("payments", format!("sk_live_{}", mixed(24))),
        ("model", format!("sk-ant-api03-{}", mixed(80))),
        ("google", format!("AIza{}", mixed(35))),
        ("packages", format!("npm_{}", mixed(36))),
        ("mail", format!("SG.{}.{}", mixed(22), mixed(43))),
        ("vault", format!("hvs.{}", mixed(90))),
        ("hash", format!("$6$salt${}", mixed(86))),
        ("connection string", format!("postgres://app:{}@db:5432/shop", hex(20))),
        ("header", format!("Authorization: Bearer {}", hex(40))),
        ("signed url", format!("https://b.s3.amazonaws.com/k?X-Amz-Signature={}", hex(64))),
        ("statement", format!("CREATE USER a IDENTIFIED BY '{}'", hex(18))),
        ("password", format!("DB_PASSWORD={}", hex(16))),
        ("container", format!(r#"{{"name":"API_TOKEN","value":"{}"}}"#, hex(22))),
        ("user data", BASE64_STANDARD.encode(format!("#!/bin/sh\nexport DB_PASSWORD={}\n", hex(24)))),
    ]
}

/// What must not be seen of one: its longest run of letters and digits, and that as a whole.
pub fn core(canary: &str) -> &str {
    canary.split(|it: char| !it.is_ascii_alphanumeric()).max_by_key(|it| it.len()).unwrap_or_default()
}
