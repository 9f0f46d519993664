//! From the file's octets to a [`Policy`]: by line, strict, and bounded before anything is decoded.

use crate::{KeyError, VerifierKey, WitnessKey};

use super::{Group, Member, Octets, Policy, PolicyLog, PolicyWitness};

const MAX_TEXT: usize = 256 * 1024;
/// Of logs, of witnesses and of groups, each; twice what the specification asks readers for.
const MAX_LINES: usize = 64;
/// The one name that is defined already: no quorum.
const NONE: &[u8] = b"none";

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    #[error("the policy is longer than {MAX_TEXT} bytes")]
    TooLong,
    #[error("line {line} of the policy {fault}")]
    Line { line: usize, fault: LineFault },
    #[error("the policy has no `quorum` line; `quorum none` asks for no witness")]
    NoQuorum,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineFault {
    #[error("does not end in a newline")]
    Unterminated,
    #[error("has the octet {0:#04x}; of control characters only the tab is allowed")]
    Octet(u8),
    #[error("begins with `{0}`; a line is a `log`, a `witness`, a `group`, the `quorum` or a comment")]
    Keyword(Octets),
    #[error("does not read `{0}`")]
    Shape(&'static str),
    #[error("has no usable key: {0}")]
    Key(KeyError),
    #[error("has the public key of line {0} again")]
    KeyTwice(usize),
    #[error("defines `{name}`, which line {earlier} has defined already")]
    NameTwice { name: Octets, earlier: usize },
    #[error("defines `none`, which is what a quorum without witnesses is called")]
    None,
    #[error("names `{0}`, which no line above defines as a witness or a group")]
    Unknown(Octets),
    #[error("makes `{name}` a member, which it is in line {earlier} already; a name is a member once")]
    MemberTwice { name: Octets, earlier: usize },
    #[error("wants `{wanted}` of {members} members; it is `any`, `all` or a number from 1 to {members}")]
    Threshold { wanted: Octets, members: usize },
    #[error("is a second `quorum`; line {0} has one")]
    QuorumTwice(usize),
    #[error("is one `{0}` more than the {MAX_LINES} that are read")]
    TooMany(&'static str),
}

impl Policy {
    pub fn parse(text: &[u8]) -> Result<Self, PolicyError> {
        if text.len() > MAX_TEXT {
            return Err(PolicyError::TooLong);
        }
        let mut reader = Reader::default();
        for (line, text) in (1..).zip(text.split_inclusive(|octet| *octet == b'\n')) {
            reader.line = line;
            reader.read(text).map_err(|fault| PolicyError::Line { line, fault })?;
        }
        let Reader { logs, witnesses, groups, quorum, .. } = reader;
        let (quorum, _) = quorum.ok_or(PolicyError::NoQuorum)?;
        Ok(Self { logs, witnesses, groups, quorum })
    }
}

#[derive(Default)]
struct Reader {
    /// That is being read, from 1.
    line: usize,
    logs: Vec<PolicyLog>,
    witnesses: Vec<PolicyWitness>,
    groups: Vec<Group>,
    names: Vec<Name>,
    /// Public keys of logs, and of witnesses, with their lines.
    log_keys: Vec<([u8; 32], usize)>,
    witness_keys: Vec<([u8; 32], usize)>,
    quorum: Option<(Option<Member>, usize)>,
}

/// A name that a line has defined.
struct Name {
    name: Octets,
    member: Member,
    line: usize,
    /// The line that makes it a member of a group.
    used: Option<usize>,
}

impl Reader {
    fn read(&mut self, line: &[u8]) -> Result<(), LineFault> {
        let line = line.strip_suffix(b"\n").ok_or(LineFault::Unterminated)?;
        if let Some(octet) = line.iter().find(|octet| octet.is_ascii_control() && **octet != b'\t') {
            return Err(LineFault::Octet(*octet));
        }
        let mut words = line.split(|octet| matches!(octet, b' ' | b'\t')).filter(|word| !word.is_empty());
        let Some(keyword) = words.next().filter(|word| !word.starts_with(b"#")) else { return Ok(()) };
        let words: Vec<&[u8]> = words.collect();
        match (keyword, words.as_slice()) {
            (b"log", [key]) => self.log(key, None),
            (b"log", [key, url]) => self.log(key, Some(url)),
            (b"log", _) => Err(LineFault::Shape("log KEY [URL]")),
            (b"witness", [name, key]) => self.witness(name, key, None),
            (b"witness", [name, key, url]) => self.witness(name, key, Some(url)),
            (b"witness", _) => Err(LineFault::Shape("witness NAME KEY [URL]")),
            (b"group", [name, wanted, members @ ..]) if !members.is_empty() => {
                self.group(name, wanted, members)
            }
            (b"group", _) => Err(LineFault::Shape("group NAME all|any|K MEMBER...")),
            (b"quorum", [name]) => self.quorum(name),
            (b"quorum", _) => Err(LineFault::Shape("quorum NAME")),
            (other, _) => Err(LineFault::Keyword(other.into())),
        }
    }

    fn log(&mut self, key: &[u8], url: Option<&[u8]>) -> Result<(), LineFault> {
        let key: VerifierKey = parse_key(key)?;
        once(&mut self.log_keys, *key.point(), self.line)?;
        push(&mut self.logs, PolicyLog { key, url: url.map(Octets::from) }, "log").map(drop)
    }

    fn witness(&mut self, name: &[u8], key: &[u8], url: Option<&[u8]>) -> Result<(), LineFault> {
        let key: WitnessKey = parse_key(key)?;
        once(&mut self.witness_keys, *key.point(), self.line)?;
        let witness = PolicyWitness { name: name.into(), key, url: url.map(Octets::from) };
        let place = push(&mut self.witnesses, witness, "witness")?;
        self.define(name, Member::Witness(place))
    }

    fn group(&mut self, name: &[u8], wanted: &[u8], members: &[&[u8]]) -> Result<(), LineFault> {
        let count = members.len();
        let threshold = match wanted {
            b"any" => Some(1),
            b"all" => Some(count),
            number => decimal(number).filter(|number| (1..=count).contains(number)),
        };
        let wrong = || LineFault::Threshold { wanted: wanted.into(), members: count };
        let wanted = threshold.ok_or_else(wrong)?;
        let members = members.iter().map(|member| self.member(member)).collect::<Result<_, _>>()?;
        let place = push(&mut self.groups, Group { name: name.into(), wanted, members }, "group")?;
        self.define(name, Member::Group(place))
    }

    fn quorum(&mut self, name: &[u8]) -> Result<(), LineFault> {
        if let Some((_, earlier)) = self.quorum {
            return Err(LineFault::QuorumTwice(earlier));
        }
        let member = if name == NONE { None } else { Some(self.named(name)?.member) };
        self.quorum = Some((member, self.line));
        Ok(())
    }

    fn member(&mut self, name: &[u8]) -> Result<Member, LineFault> {
        let line = self.line;
        let named = self.named(name)?;
        match named.used.replace(line) {
            None => Ok(named.member),
            Some(earlier) => Err(LineFault::MemberTwice { name: name.into(), earlier }),
        }
    }

    fn named(&mut self, name: &[u8]) -> Result<&mut Name, LineFault> {
        let named = self.names.iter_mut().find(|it| it.name.as_bytes() == name);
        named.ok_or_else(|| LineFault::Unknown(name.into()))
    }

    fn define(&mut self, name: &[u8], member: Member) -> Result<(), LineFault> {
        if name == NONE {
            return Err(LineFault::None);
        }
        if let Ok(earlier) = self.named(name) {
            return Err(LineFault::NameTwice { name: name.into(), earlier: earlier.line });
        }
        self.names.push(Name { name: name.into(), member, line: self.line, used: None });
        Ok(())
    }
}

fn parse_key<K: std::str::FromStr<Err = KeyError>>(key: &[u8]) -> Result<K, LineFault> {
    let text = std::str::from_utf8(key).map_err(|_| LineFault::Key(KeyError::Shape))?;
    text.parse().map_err(LineFault::Key)
}

/// Two keys are one where their points are, whatever they are called.
fn once(keys: &mut Vec<([u8; 32], usize)>, key: [u8; 32], line: usize) -> Result<(), LineFault> {
    if let Some((_, earlier)) = keys.iter().find(|(known, _)| *known == key) {
        return Err(LineFault::KeyTwice(*earlier));
    }
    keys.push((key, line));
    Ok(())
}

/// The place at which it stands.
fn push<T>(list: &mut Vec<T>, item: T, kind: &'static str) -> Result<usize, LineFault> {
    if list.len() >= MAX_LINES {
        return Err(LineFault::TooMany(kind));
    }
    list.push(item);
    Ok(list.len() - 1)
}

/// Without sign and leading zeros.
fn decimal(digits: &[u8]) -> Option<usize> {
    let plain = digits.first().is_some_and(|first| *first != b'0') && digits.iter().all(u8::is_ascii_digit);
    if plain { std::str::from_utf8(digits).ok()?.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    use super::*;
    use crate::{SigningKey, WitnessSigningKey};

    fn log(seed: u8) -> String {
        SigningKey::from_seed("log.example/1", &[seed; 32]).unwrap().verifier().to_string()
    }

    fn witness(name: &str, seed: u8) -> String {
        WitnessSigningKey::from_seed(name, &[seed; 32]).unwrap().verifier().to_string()
    }

    /// `L` is a log's key, `W1` to `W9` are witnesses'.
    fn policy(text: &str) -> Vec<u8> {
        let mut text = text.replace("$L", &log(1));
        for nth in 1..=9 {
            text = text.replace(&format!("$W{nth}"), &witness("w.example", 100 + nth));
        }
        text.into_bytes()
    }

    fn check(text: &[u8], expected: &Expect) {
        let told = match Policy::parse(text) {
            Ok(policy) => format!(
                "{} logs, {} witnesses, {:?}",
                policy.logs.len(),
                policy.witnesses.len(),
                policy.quorum
            ),
            Err(err) => err.to_string(),
        };
        expected.assert_eq(&told);
    }

    #[test]
    fn the_specifications_example_is_read() {
        let text = "log $L\n\nwitness X1 $W1\nwitness X2 $W2\nwitness X3 $W3\ngroup X-witnesses 2 X1 X2 X3\n\n\
            witness Y1 $W4\nwitness Y2 $W5\nwitness Y3 $W6\ngroup Y-witnesses any Y1 Y2 Y3\n\n\
            group X-and-Y all X-witnesses Y-witnesses\nquorum X-and-Y\n";
        check(&policy(text), &expect!["1 logs, 6 witnesses, Some(Group(2))"]);
        let read = Policy::parse(&policy(text)).unwrap();
        assert_eq!(read.groups.iter().map(|it| it.wanted).collect::<Vec<_>>(), [2, 1, 2]);
    }

    #[test]
    fn what_the_syntax_allows_is_read() {
        check(b"quorum none\n", &expect!["0 logs, 0 witnesses, None"]);
        check(
            &policy("quorum \t none\t\n# $L\n\t #log\n \t\n\nlog $L https://log.example/\n"),
            &expect!["1 logs, 0 witnesses, None"],
        );
        check(
            &policy("witness all $W1\nwitness 2 $W2 \u{e9}\ngroup any all 2 all\nquorum any\nlog $L\n"),
            &expect!["1 logs, 2 witnesses, Some(Group(0))"],
        );
        check(
            &policy("witness K $W1\nwitness \u{212a} $W2\nquorum \u{212a}\n"),
            &expect!["0 logs, 2 witnesses, Some(Witness(1))"],
        );
        check(
            &policy("witness w $W1\ngroup g 1 w\nquorum w\n"),
            &expect!["0 logs, 1 witnesses, Some(Witness(0))"],
        );
        let opaque =
            [b"witness \xff\xfe ".as_slice(), &policy("$W1 \u{9b}31m\nquorum "), b"\xff\xfe\n"].concat();
        let read = Policy::parse(&opaque).unwrap();
        assert_eq!(
            (read.witnesses[0].name.as_bytes(), read.witnesses[0].name.as_str()),
            (&b"\xff\xfe"[..], None)
        );
        assert_eq!(read.witnesses[0].url.as_ref().unwrap().to_string(), "\\u{9b}31m");
    }

    #[test]
    fn what_is_no_policy_is_named_by_its_line() {
        check(b"", &expect!["the policy has no `quorum` line; `quorum none` asks for no witness"]);
        check(
            &policy("log $L\n"),
            &expect!["the policy has no `quorum` line; `quorum none` asks for no witness"],
        );
        check(b"quorum none", &expect!["line 1 of the policy does not end in a newline"]);
        check(
            b"\n# \r\nquorum none\n",
            &expect![
                "line 2 of the policy has the octet 0x0d; of control characters only the tab is allowed"
            ],
        );
        check(
            b"quorum\x0cnone\n",
            &expect![
                "line 1 of the policy has the octet 0x0c; of control characters only the tab is allowed"
            ],
        );
        check(
            b"quorum none\x7f\n",
            &expect![
                "line 1 of the policy has the octet 0x7f; of control characters only the tab is allowed"
            ],
        );
        check(
            b"quorum none\nquorum none\n",
            &expect!["line 2 of the policy is a second `quorum`; line 1 has one"],
        );
        check(
            b"Quorum none\n",
            &expect![
                "line 1 of the policy begins with `Quorum`; a line is a `log`, a `witness`, a `group`, the `quorum` or a comment"
            ],
        );
        check(
            b"quorum\xc2\xa0none\n",
            &expect![
                "line 1 of the policy begins with `quorum\\u{a0}none`; a line is a `log`, a `witness`, a `group`, the `quorum` or a comment"
            ],
        );
        check(b"quorum\n", &expect!["line 1 of the policy does not read `quorum NAME`"]);
        check(b"quorum none none\n", &expect!["line 1 of the policy does not read `quorum NAME`"]);
        check(
            b"quorum w\n",
            &expect!["line 1 of the policy names `w`, which no line above defines as a witness or a group"],
        );
        check(b"log\n", &expect!["line 1 of the policy does not read `log KEY [URL]`"]);
        check(&policy("log $L a b\n"), &expect!["line 1 of the policy does not read `log KEY [URL]`"]);
        check(
            &policy("log $W1\n"),
            &expect![
                "line 1 of the policy has no usable key: it is a key of another type (a log's is 1, a witness's is 4)"
            ],
        );
        check(
            &policy("witness w $L\n"),
            &expect![
                "line 1 of the policy has no usable key: it is a key of another type (a log's is 1, a witness's is 4)"
            ],
        );
        check(
            b"log \xff+00000000+AAAA\n",
            &expect![
                "line 1 of the policy has no usable key: a verifier key reads name+key id+key, the id as 8 lower-case hexadecimal digits, the key as base64"
            ],
        );
        check(
            &policy("witness $W1\n"),
            &expect!["line 1 of the policy does not read `witness NAME KEY [URL]`"],
        );
        let renamed = witness("another.example", 101);
        check(
            &policy(&format!("witness a $W1\nwitness b {renamed}\n")),
            &expect!["line 2 of the policy has the public key of line 1 again"],
        );
        check(
            &policy("log $L\n#\nlog $L https://elsewhere.example\n"),
            &expect!["line 3 of the policy has the public key of line 1 again"],
        );
        check(
            &policy("witness w $W1\nwitness w $W2\n"),
            &expect!["line 2 of the policy defines `w`, which line 1 has defined already"],
        );
        check(
            &policy("witness w $W1\ngroup w any w\n"),
            &expect!["line 2 of the policy defines `w`, which line 1 has defined already"],
        );
        check(
            &policy("witness none $W1\n"),
            &expect![
                "line 1 of the policy defines `none`, which is what a quorum without witnesses is called"
            ],
        );
        check(
            &policy("witness w $W1\ngroup none any w\n"),
            &expect![
                "line 2 of the policy defines `none`, which is what a quorum without witnesses is called"
            ],
        );
        check(
            &policy("witness w $W1\ngroup g any none\n"),
            &expect![
                "line 2 of the policy names `none`, which no line above defines as a witness or a group"
            ],
        );
        check(
            &policy("witness w $W1\ngroup g any g\n"),
            &expect!["line 2 of the policy names `g`, which no line above defines as a witness or a group"],
        );
        check(
            &policy("witness w $W1\ngroup g any w w\n"),
            &expect![
                "line 2 of the policy makes `w` a member, which it is in line 2 already; a name is a member once"
            ],
        );
        check(
            &policy("witness w $W1\nwitness v $W2\ngroup g any w\ngroup h all v w\n"),
            &expect![
                "line 4 of the policy makes `w` a member, which it is in line 3 already; a name is a member once"
            ],
        );
        check(
            &policy("witness w $W1\ngroup g any\n"),
            &expect!["line 2 of the policy does not read `group NAME all|any|K MEMBER...`"],
        );
        for wanted in ["0", "2", "01", "+1", "-1", "ANY", "18446744073709551617"] {
            let fault = LineFault::Threshold { wanted: wanted.as_bytes().into(), members: 1 };
            let text = policy(&format!("witness w $W1\ngroup g {wanted} w\nquorum g\n"));
            assert_eq!(Policy::parse(&text), Err(PolicyError::Line { line: 2, fault }));
        }
        check(
            &policy("witness w $W1\ngroup g 9 w\n"),
            &expect![
                "line 2 of the policy wants `9` of 1 members; it is `any`, `all` or a number from 1 to 1"
            ],
        );
    }

    #[test]
    fn a_policy_is_bounded() {
        let many = |count: u8| {
            (0..count).map(|seed| format!("witness w{seed} {}\n", witness("w", seed))).collect::<String>()
        };
        check(
            format!("{}quorum w63\n", many(64)).as_bytes(),
            &expect!["0 logs, 64 witnesses, Some(Witness(63))"],
        );
        check(
            format!("{}quorum w63\n", many(65)).as_bytes(),
            &expect!["line 65 of the policy is one `witness` more than the 64 that are read"],
        );
        check(&vec![b'\n'; MAX_TEXT + 1], &expect!["the policy is longer than 262144 bytes"]);
    }

    proptest! {
        #[test]
        fn parsing_never_panics(lines in proptest::collection::vec("(log|witness|group|quorum|#)?([ \t]{1,2}(a|b|c|none|all|any|1|2|\\$W1|\\$W2|\\$L)){0,5}", 0..9), octets in proptest::collection::vec(any::<u8>(), 0..60)) {
            let text = policy(&(lines.join("\n") + "\n"));
            let _ = Policy::parse(&text);
            prop_assert!(Policy::parse(&octets).is_err());
        }
    }
}
