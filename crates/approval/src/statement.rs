//! The statement: every field of it is signed, and there is nothing that matters outside it (promise 4). Its text form
//! is in `text.rs`; whether a signature over it holds is in `verify.rs`.

use std::{fmt, str::FromStr};

use model::{AgentId, ChangeId, Digest, EvidenceKind, PersonId, Presence, Timestamp, sanitize};

/// What the signature means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Act {
    Approve,
    /// A veto: one closes the change.
    Reject,
    /// The operator asks again for a vetoed change, with a new intent.
    Reopen,
}

impl Act {
    pub const ALL: [Self; 3] = [Self::Approve, Self::Reject, Self::Reopen];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Reject => "reject",
            Self::Reopen => "reopen",
        }
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is nothing to sign for; use approve, reject or reopen")]
pub struct UnknownAct(String);

impl FromStr for Act {
    type Err = UnknownAct;

    fn from_str(text: &str) -> Result<Self, UnknownAct> {
        Self::ALL.into_iter().find(|act| act.name() == text).ok_or_else(|| UnknownAct(sanitize(text, 40)))
    }
}

/// The target's state as it was read before the statement was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    /// The step's number as people see it: the first is 1.
    pub step: u32,
    pub fingerprint: Digest,
    pub at: Timestamp,
}

/// One parameter of a step, as it was read from the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    pub name: String,
    /// May have several lines: a line feed is the one character here that is kept though a terminal obeys it.
    pub value: String,
}

/// What a person signs. Build it with sanitized text (or pass it through [`Statement::cleaned`]); then
/// `parse(to_text(x)) == x`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    pub act: Act,
    /// The installation's genesis fingerprint.
    pub installation: Digest,
    pub change: ChangeId,
    /// The change's digest.
    pub digest: Digest,
    pub agent: AgentId,
    pub operator: PersonId,
    /// The signer.
    pub person: PersonId,
    pub scope: String,
    pub account: String,
    pub region: String,
    pub environment: String,
    /// The agent's or the operator's words: a claim, shown as one.
    pub intent: String,
    /// One derived sentence per step, in order.
    pub actions: Vec<String>,
    /// What each step was asked with, in the order of the steps; secrets are redacted before they come here.
    pub parameters: Vec<Vec<Parameter>>,
    /// At most one per step, ascending; a step without one is shown as "not observed".
    pub observed: Vec<Observed>,
    /// One per step: `captured: …`, `not captured` or `not needed`.
    pub undo: Vec<String>,
    /// One per step: whether the rights under which it runs are narrowed to it: `yes…` or `no: …`.
    pub second_lock: Vec<String>,
    /// What is not known, one plain phrase each.
    pub unknowns: Vec<String>,
    pub bundle: Digest,
    /// The requirement in words.
    pub requirement: String,
    /// What was gathered; no digest where it is missing.
    pub evidence: Vec<(EvidenceKind, Option<Digest>)>,
    /// How this very signature shows presence.
    pub presence: Presence,
    /// Whether `file` signatures count here, in words.
    pub presence_rule: String,
    pub expires_at: Timestamp,
    pub nonce: String,
    /// The newest checkpoint that the signer's client has verified: origin, size and root on one line.
    pub checkpoint: String,
    /// Why it is rejected or asked for again.
    pub reason: Option<String>,
}

/// Why a text is no statement, or a statement cannot be put before a person.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    #[error(
        "a statement is at most {max} bytes, this is {bytes}: too much for a person to judge; split the change"
    )]
    TooLarge { bytes: usize, max: usize },
    #[error("line {line} of the statement: expected {expected}, found `{found}`")]
    Line { line: usize, expected: String, found: String },
    #[error("the statement's {field} {problem}")]
    Field { field: &'static str, problem: String },
    #[error(
        "line {line} of the statement is not written as this version writes it; ask the server for it anew"
    )]
    NotCanonical { line: usize },
}

macro_rules! fields {
    ($($field:ident),* $(,)?) => {
        impl Statement {
            /// The names of all fields, in the order of their declaration.
            pub const FIELDS: &[&str] = &[$(stringify!($field)),*];

            /// The fields in which two statements differ; a new field that is not listed here does not compile.
            pub fn differences(&self, other: &Self) -> Vec<&'static str> {
                let Self { $($field),* } = self;
                let mut names = Vec::new();
                $(if *$field != other.$field { names.push(stringify!($field)); })*
                names
            }
        }
    };
}

fields!(
    act,
    installation,
    change,
    digest,
    agent,
    operator,
    person,
    scope,
    account,
    region,
    environment,
    intent,
    actions,
    parameters,
    observed,
    undo,
    second_lock,
    unknowns,
    bundle,
    requirement,
    evidence,
    presence,
    presence_rule,
    expires_at,
    nonce,
    checkpoint,
    reason,
);

impl Statement {
    /// In bytes of its text. With its signature it fits into one entry of the ledger, JSON escapes included.
    pub const MAX_BYTES: usize = 28_000;
    /// A change of more steps cannot be judged by reading it.
    pub const MAX_STEPS: usize = 100;
    pub const MAX_UNKNOWNS: usize = 100;
    pub const MAX_EVIDENCE: usize = 100;
    /// Of all steps together.
    pub const MAX_PARAMETERS: usize = 1000;
    /// A parameter's value, in characters.
    pub const MAX_VALUE: usize = 8000;
    /// Names, nonces and other short things, in characters.
    pub const MAX_SHORT: usize = 256;
    /// Sentences, scopes and reasons, in characters.
    pub const MAX_LONG: usize = 4000;
    /// What somebody says for a veto or a reopening, in characters; more is cut off.
    pub const MAX_REASON: usize = 1000;
    /// The agent's words are cut here, visibly: they are a claim, nothing rests on them.
    pub const MAX_INTENT: usize = 2000;

    /// Every text field made safe to show. Nothing but the intent is ever cut: what is too long is refused instead.
    #[must_use]
    pub fn cleaned(self) -> Self {
        let clean_all = |texts: Vec<String>| texts.iter().map(|text| clean(text)).collect();
        Self {
            scope: clean(&self.scope),
            account: clean(&self.account),
            region: clean(&self.region),
            environment: clean(&self.environment),
            intent: clean_claim(&self.intent),
            actions: clean_all(self.actions),
            parameters: self
                .parameters
                .into_iter()
                .map(|step| step.into_iter().map(Parameter::cleaned).collect())
                .collect(),
            undo: clean_all(self.undo),
            second_lock: clean_all(self.second_lock),
            unknowns: clean_all(self.unknowns),
            requirement: clean(&self.requirement),
            presence_rule: clean(&self.presence_rule),
            nonce: clean(&self.nonce),
            checkpoint: clean(&self.checkpoint),
            reason: self.reason.as_deref().map(clean),
            ..self
        }
    }

    /// What this statement is about, whoever signs it and whatever for: the digest of its text without the act, the
    /// signer, their presence, their checkpoint and their reason. Two people who read the same see the same digest.
    pub fn matter(&self) -> Digest {
        let nobodys = Self {
            act: Act::Approve,
            person: self.operator.clone(),
            presence: Presence::File,
            checkpoint: String::new(),
            reason: None,
            ..self.clone()
        };
        Digest::of(format!("countersign matter v1\n{}", nobodys.to_text()).as_bytes())
    }

    /// As [`Statement::differences`], for a veto: it stops what was asked, however the facts have moved since it was
    /// written, so only what names the change counts. Without this, an agent that keeps facts moving could not be
    /// vetoed. The signer's own fields are the caller's to check.
    pub fn differences_for_a_veto(&self, other: &Self) -> Vec<&'static str> {
        const COUNT: [&str; 3] = ["installation", "change", "digest"];
        self.differences(other).into_iter().filter(|field| COUNT.contains(field)).collect()
    }

    /// Whether a person could sign it: the bounds, parameters, one undo and one second lock per step, and observations of steps that exist.
    /// [`Statement::parse`] accepts only what passes here, so ask before holding a change.
    pub fn check(&self) -> Result<(), StatementError> {
        self.check_sizes()?;
        if self.actions.is_empty() {
            return refuse("actions", "are empty: there is nothing to sign");
        }
        if self.parameters.len() != self.actions.len() {
            return refuse("parameters", "must be listed step by step");
        }
        if self.undo.len() != self.actions.len() {
            return refuse("undo", "must say of every step whether it can be undone");
        }
        if self.second_lock.len() != self.actions.len() {
            return refuse("second_lock", "must say of every step whether its rights are narrowed to it");
        }
        if self.nonce.is_empty() {
            return refuse("nonce", "is empty");
        }
        let mut last = 0;
        for Observed { step, at, .. } in &self.observed {
            if *step <= last {
                return refuse("observed", "must name each step at most once, ascending from 1");
            }
            if *step as usize > self.actions.len() {
                return refuse("observed", &format!("names step {step}, which does not exist"));
            }
            check_time("observed", *at)?;
            last = *step;
        }
        check_time("expires_at", self.expires_at)?;
        let bytes = self.to_text().len();
        if bytes > Self::MAX_BYTES {
            return Err(StatementError::TooLarge { bytes, max: Self::MAX_BYTES });
        }
        Ok(())
    }

    fn check_sizes(&self) -> Result<(), StatementError> {
        for (field, length, max) in [
            ("actions", self.actions.len(), Self::MAX_STEPS),
            ("parameters", self.parameters.len(), Self::MAX_STEPS),
            ("parameters", self.parameters.iter().map(Vec::len).sum(), Self::MAX_PARAMETERS),
            ("observed", self.observed.len(), Self::MAX_STEPS),
            ("undo", self.undo.len(), Self::MAX_STEPS),
            ("second_lock", self.second_lock.len(), Self::MAX_STEPS),
            ("unknowns", self.unknowns.len(), Self::MAX_UNKNOWNS),
            ("evidence", self.evidence.len(), Self::MAX_EVIDENCE),
        ] {
            if length > max {
                return refuse(field, &format!("has {length} items, more than {max}"));
            }
        }
        let one = std::slice::from_ref::<String>;
        for (field, texts, max) in [
            ("account", one(&self.account), Self::MAX_SHORT),
            ("region", one(&self.region), Self::MAX_SHORT),
            ("environment", one(&self.environment), Self::MAX_SHORT),
            ("nonce", one(&self.nonce), Self::MAX_SHORT),
            ("checkpoint", one(&self.checkpoint), Self::MAX_SHORT),
            ("presence_rule", one(&self.presence_rule), Self::MAX_SHORT),
            ("scope", one(&self.scope), Self::MAX_LONG),
            ("requirement", one(&self.requirement), Self::MAX_LONG),
            ("reason", self.reason.as_slice(), Self::MAX_LONG),
            ("actions", &self.actions, Self::MAX_LONG),
            ("undo", &self.undo, Self::MAX_LONG),
            ("second_lock", &self.second_lock, Self::MAX_LONG),
            ("unknowns", &self.unknowns, Self::MAX_LONG),
        ] {
            if texts.iter().any(|text| clean(text).chars().nth(max).is_some()) {
                return refuse(field, &format!("holds a text of more than {max} characters"));
            }
        }
        for Parameter { name, value } in self.parameters.iter().flatten() {
            if clean_name(name).chars().nth(Self::MAX_SHORT).is_some() {
                return refuse(
                    "parameters",
                    &format!("hold a name of more than {} characters", Self::MAX_SHORT),
                );
            }
            if clean_lines(value).chars().nth(Self::MAX_VALUE).is_some() {
                return refuse(
                    "parameters",
                    &format!("hold a value of more than {} characters", Self::MAX_VALUE),
                );
            }
        }
        Ok(())
    }
}

impl Parameter {
    fn cleaned(self) -> Self {
        Self { name: clean_name(&self.name), value: clean_lines(&self.value) }
    }
}

fn refuse<T>(field: &'static str, problem: &str) -> Result<T, StatementError> {
    Err(StatementError::Field { field, problem: problem.to_owned() })
}

fn check_time(field: &'static str, time: Timestamp) -> Result<(), StatementError> {
    match time.to_string().parse::<Timestamp>() {
        Ok(again) if again == time => Ok(()),
        Ok(_) | Err(_) => refuse(field, "is a time outside the calendar"),
    }
}

fn clean(text: &str) -> String {
    sanitize(text, usize::MAX)
}

/// The first `=` of a written parameter ends its name, so a name has none.
fn clean_name(name: &str) -> String {
    clean(name).replace('=', "\\u{3d}")
}

fn clean_lines(text: &str) -> String {
    text.split('\n').map(clean).collect::<Vec<_>>().join("\n")
}

/// As `clean`, and at most `MAX_INTENT` characters, of which the last is then an ellipsis; twice is the same as once.
fn clean_claim(text: &str) -> String {
    let clean = sanitize(text, Statement::MAX_INTENT);
    if clean.chars().nth(Statement::MAX_INTENT).is_none() {
        return clean;
    }
    clean.chars().take(Statement::MAX_INTENT - 1).chain(['…']).collect()
}
