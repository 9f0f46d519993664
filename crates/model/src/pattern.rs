//! Patterns over names: `*` stands for any run of characters, `?` for one.

use std::{
    fmt,
    str::{Chars, FromStr},
};

/// A pattern as people write it; never empty, at most 512 bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pattern(String);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no pattern: 1 to 512 characters that can be seen, in which `*` and `?` stand for others")]
pub struct PatternError(String);

const LENGTH_MAX: usize = 512;

impl Pattern {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn matches(&self, text: &str) -> bool {
        glob(&self.0, text)
    }

    /// Upper and lower case alike: for what can only make a verdict stricter.
    pub fn matches_any_case(&self, text: &str) -> bool {
        glob(&self.0.to_lowercase(), &text.to_lowercase())
    }
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let plain = (1..=LENGTH_MAX).contains(&text.len()) && !text.chars().any(char::is_control);
        plain.then(|| Self(text.to_owned())).ok_or_else(|| PatternError(crate::sanitize(text, 80)))
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether `text` is like `pattern`: `*` stands for any run of characters, `?` for one. Linear in both lengths but for one
/// backtrack point, and without allocations: rules ask this of every request.
pub fn glob(pattern: &str, text: &str) -> bool {
    let (mut pattern, mut text) = (pattern.chars(), text.chars());
    let mut star: Option<(Chars<'_>, Chars<'_>)> = None;
    loop {
        let before = text.clone();
        match (pattern.next(), text.next()) {
            (None, None) => return true,
            (Some('*'), _) => {
                star = Some((pattern.clone(), before.clone()));
                text = before;
            }
            (Some(wanted), Some(found)) if wanted == '?' || wanted == found => {}
            (Some(_) | None, Some(_)) => {
                let Some((after, from)) = &mut star else { return false };
                from.next();
                (pattern, text) = (after.clone(), from.clone());
            }
            (Some(_), None) => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("arn:aws:s3:::logs-*", "arn:aws:s3:::logs-eu", true),
            ("arn:aws:s3:::logs-*", "arn:aws:s3:::data", false),
            ("a?c*d", "abcxxd", true),
            ("a?c*d", "abcxxde", false),
            ("**b", "aab", true),
            ("a*a", "a", false),
            ("*a*b*c", "xaxbxc", true),
            ("*a*b*c", "xbxaxc", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("ä?*", "äö", true),
            ("?", "", false),
            ("", "", true),
            ("", "a", false),
            ("*:Create*", "ec2:CreateTags", true),
        ] {
            assert_eq!(glob(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn what_cannot_be_seen_is_no_pattern() {
        for wrong in ["", "a\nb", "a\u{1b}[2J"] {
            assert!(wrong.parse::<Pattern>().is_err(), "{wrong:?}");
        }
        assert!("x".repeat(513).parse::<Pattern>().is_err());
        let pattern: Pattern = "*-Prod".parse().unwrap();
        assert!(
            pattern.matches("a-Prod") && !pattern.matches("a-prod") && pattern.matches_any_case("A-PROD")
        );
    }
}
