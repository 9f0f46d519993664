//! Patterns over names: `*` stands for any run of characters, `?` for one.

use std::{fmt, str::FromStr};

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
        glob_matches(&self.0, text)
    }

    /// Upper and lower case alike: for what can only make a verdict stricter.
    pub fn matches_any_case(&self, text: &str) -> bool {
        glob_matches(&self.0.to_lowercase(), &text.to_lowercase())
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

/// Linear in both lengths but for one backtrack point.
pub(crate) fn glob_matches(glob: &str, text: &str) -> bool {
    let (glob, text): (Vec<char>, Vec<char>) = (glob.chars().collect(), text.chars().collect());
    let (mut at_glob, mut at_text) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while let Some(character) = text.get(at_text) {
        match glob.get(at_glob) {
            Some('*') => {
                star = Some((at_glob, at_text));
                at_glob += 1;
            }
            Some(wanted) if *wanted == '?' || wanted == character => {
                at_glob += 1;
                at_text += 1;
            }
            Some(_) | None => match star {
                Some((star_glob, star_text)) => {
                    star = Some((star_glob, star_text + 1));
                    at_glob = star_glob + 1;
                    at_text = star_text + 1;
                }
                None => return false,
            },
        }
    }
    glob.iter().skip(at_glob).all(|rest| *rest == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs() {
        for (glob, text, expected) in [
            ("*", "", true),
            ("arn:aws:s3:::logs-*", "arn:aws:s3:::logs-eu", true),
            ("arn:aws:s3:::logs-*", "arn:aws:s3:::data", false),
            ("a?c*d", "abcxxd", true),
            ("a?c*d", "abcxxde", false),
            ("**b", "aab", true),
        ] {
            assert_eq!(glob_matches(glob, text), expected, "{glob} {text}");
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
