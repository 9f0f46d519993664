//! The statement's one text: what a person reads and what is signed are the same bytes.
//!
//! ```text
//! text     := "countersign statement v1\n" "\n" sentence "\n" section*
//! section  := "\n" HEADING "\n" line+            at column 0 stand only fixed words of ours
//! line     := "  " label value                   two or four spaces, then a fixed label
//! value    := nothing | " " chunk ("\n        " chunk)*
//! with     := "    with:" value("NAME = ...") ("\n      |" value)*      a parameter; a line feed in it is a bar
//! ```
//!
//! A value is cut into chunks at a width that a terminal shows without wrapping, and every chunk but the first stands
//! behind eight spaces, where no label ever stands: no field can look like another line, to a parser or to an eye.
//! Nothing is dropped at a cut, so the chunks joined are the value. [`Statement::parse`] accepts exactly the texts
//! that [`Statement::to_text`] writes.

use std::str::FromStr;

use model::{Digest, EvidenceKind, Presence, sanitize};

use crate::statement::{Act, Observed, Parameter, Statement, StatementError};

const VERSION: &str = "countersign statement v1";
const WIDTH: usize = 80;
const CONTINUED: &str = "        ";
const WITH: &str = "    with:";
const SECOND_LOCK: &str = "    second lock:";
const NEXT_LINE: &str = "      |";

const WILL_HAPPEN: &str = "WHAT WILL HAPPEN";
const NOT_KNOWN: &str = "WHAT IS NOT KNOWN";
const WHERE: &str = "WHERE";
const WHO: &str = "WHO ASKED";
const CLAIM: &str = "IN THEIR OWN WORDS (a claim, checked by nobody)";
const NEEDS: &str = "WHAT IT NEEDS";
const SIGNATURE: &str = "THIS SIGNATURE";
const BINDINGS: &str = "IT HOLDS ONLY FOR";

const NOTHING: &str = "  nothing that we know of";
const NO_EVIDENCE: &str = "  no evidence";
const NOT_OBSERVED: &str = "not observed";
const MISSING: &str = "missing";

impl Statement {
    /// The text to read and to sign. Hostile characters are shown as escapes; a statement that fails
    /// [`Statement::check`] still has a text, but one that nothing accepts.
    pub fn to_text(&self) -> String {
        let it = self.clone().cleaned();
        let mut out = Writer::default();
        out.line(VERSION);
        out.line("");
        out.line(&sentence(&it));
        out.heading(WILL_HAPPEN);
        write_steps(&it, &mut out);
        out.heading(WHERE);
        out.value("  environment:", &it.environment);
        out.value("  account:", &it.account);
        out.value("  region:", &it.region);
        out.heading(WHO);
        out.value("  agent:", it.agent.as_str());
        out.value("  operator:", it.operator.as_str());
        out.value("  scope:", &it.scope);
        out.heading(CLAIM);
        out.value("  >", &it.intent);
        out.heading(NOT_KNOWN);
        if it.unknowns.is_empty() {
            out.line(NOTHING);
        }
        for unknown in &it.unknowns {
            out.value("  -", unknown);
        }
        out.heading(NEEDS);
        out.value("  requirement:", &it.requirement);
        write_evidence(&it, &mut out);
        out.token("  expires:", &it.expires_at);
        out.heading(SIGNATURE);
        out.token("  act:", &it.act);
        out.value("  person:", it.person.as_str());
        out.token("  presence:", &it.presence);
        out.value("  presence rule:", &it.presence_rule);
        if let Some(reason) = &it.reason {
            out.value("  reason:", reason);
        }
        out.heading(BINDINGS);
        out.token("  change:", &it.change);
        out.token("  digest:", &it.digest);
        out.token("  bundle:", &it.bundle);
        out.token("  installation:", &it.installation);
        out.value("  nonce:", &it.nonce);
        out.value("  checkpoint:", &it.checkpoint);
        out.text
    }

    /// The statement whose text this is. Whatever [`Statement::to_text`] would write differently is refused.
    pub fn parse(text: &str) -> Result<Self, StatementError> {
        if text.len() > Self::MAX_BYTES {
            return Err(StatementError::TooLarge { bytes: text.len(), max: Self::MAX_BYTES });
        }
        let mut lines = Reader::new(text);
        lines.literal(VERSION)?;
        lines.literal("")?;
        lines.skip();
        lines.heading(WILL_HAPPEN)?;
        let Steps { actions, parameters, undo, second_lock, observed } = read_steps(&mut lines)?;
        lines.heading(WHERE)?;
        let environment = lines.value("  environment:")?;
        let account = lines.value("  account:")?;
        let region = lines.value("  region:")?;
        lines.heading(WHO)?;
        let agent = lines.token("  agent:", "an agent's name")?;
        let operator = lines.token("  operator:", "a person's name")?;
        let scope = lines.value("  scope:")?;
        lines.heading(CLAIM)?;
        let intent = lines.value("  >")?;
        lines.heading(NOT_KNOWN)?;
        let unknowns = read_unknowns(&mut lines)?;
        lines.heading(NEEDS)?;
        let requirement = lines.value("  requirement:")?;
        let evidence = read_evidence(&mut lines)?;
        let expires_at = lines.token("  expires:", "a time")?;
        lines.heading(SIGNATURE)?;
        let act = lines.token("  act:", "approve, reject or reopen")?;
        let person = lines.token("  person:", "a person's name")?;
        let presence = read_presence(&mut lines)?;
        let presence_rule = lines.value("  presence rule:")?;
        let reason = lines.next_starts("  reason:").then(|| lines.value("  reason:")).transpose()?;
        lines.heading(BINDINGS)?;
        let statement = Self {
            act,
            change: lines.token("  change:", "a change's id")?,
            digest: lines.token("  digest:", DIGEST)?,
            bundle: lines.token("  bundle:", DIGEST)?,
            installation: lines.token("  installation:", DIGEST)?,
            nonce: lines.value("  nonce:")?,
            checkpoint: lines.value("  checkpoint:")?,
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
            requirement,
            evidence,
            presence,
            presence_rule,
            expires_at,
            reason,
        };
        lines.end()?;
        statement.check()?;
        same_text(&statement.to_text(), text)?;
        Ok(statement)
    }
}

const DIGEST: &str = "64 hexadecimal digits";

fn sentence(it: &Statement) -> String {
    let person = &it.person;
    match it.act {
        Act::Approve => format!("I, {person}, APPROVE this change: it may run, once, as written here."),
        Act::Reject => format!("I, {person}, REJECT this change: it must not run."),
        Act::Reopen => format!("I, {person}, REOPEN this change after its rejection: I ask for it again."),
    }
}

fn write_steps(it: &Statement, out: &mut Writer) {
    let (mut parameters, mut undo) = (it.parameters.iter(), it.undo.iter());
    let mut second_lock = it.second_lock.iter();
    let mut observed = it.observed.iter().peekable();
    for (number, action) in (1u32..).zip(&it.actions) {
        out.value(&format!("  {number}."), action);
        parameters.next().into_iter().flatten().for_each(|parameter| out.parameter(parameter));
        if let Some(undo) = undo.next() {
            out.value("    undo:", undo);
        }
        if let Some(lock) = second_lock.next() {
            out.value(SECOND_LOCK, lock);
        }
        match observed.next_if(|seen| seen.step == number) {
            Some(seen) => write_observed(seen, out),
            None => out.token("    state:", &NOT_OBSERVED),
        }
    }
    // What fits no step fails `check`; it is shown all the same, where no line of it is accepted.
    parameters.flatten().for_each(|parameter| out.parameter(parameter));
    undo.for_each(|undo| out.value("    undo:", undo));
    second_lock.for_each(|lock| out.value(SECOND_LOCK, lock));
    observed.for_each(|seen| write_observed(seen, out));
}

fn write_observed(seen: &Observed, out: &mut Writer) {
    out.token("    state:", &seen.fingerprint);
    out.token("    read at:", &seen.at);
}

#[derive(Default)]
struct Steps {
    actions: Vec<String>,
    parameters: Vec<Vec<Parameter>>,
    undo: Vec<String>,
    second_lock: Vec<String>,
    observed: Vec<Observed>,
}

fn read_steps(lines: &mut Reader<'_>) -> Result<Steps, StatementError> {
    let mut steps = Steps::default();
    for step in 1u32.. {
        let label = format!("  {step}.");
        if !lines.next_starts(&label) {
            break;
        }
        steps.actions.push(lines.value(&label)?);
        steps.parameters.push(read_parameters(lines)?);
        steps.undo.push(lines.value("    undo:")?);
        steps.second_lock.push(lines.value(SECOND_LOCK)?);
        if !lines.take(&format!("    state: {NOT_OBSERVED}")) {
            let fingerprint = lines.token("    state:", "64 hexadecimal digits, or `not observed`")?;
            let at = lines.token("    read at:", "a time")?;
            steps.observed.push(Observed { step, fingerprint, at });
        }
    }
    Ok(steps)
}

fn read_parameters(lines: &mut Reader<'_>) -> Result<Vec<Parameter>, StatementError> {
    let mut parameters = Vec::new();
    while lines.next_starts(WITH) {
        let unnamed = lines.unexpected(&format!("`{WITH}` with NAME = VALUE"));
        let mut text = lines.value(WITH)?;
        while lines.next_starts(NEXT_LINE) {
            text.push('\n');
            text.push_str(&lines.value(NEXT_LINE)?);
        }
        let (name, value) = text.split_once(" = ").ok_or(unnamed)?;
        parameters.push(Parameter { name: name.to_owned(), value: value.to_owned() });
    }
    Ok(parameters)
}

fn read_unknowns(lines: &mut Reader<'_>) -> Result<Vec<String>, StatementError> {
    let mut unknowns = Vec::new();
    if !lines.take(NOTHING) {
        while lines.next_starts("  -") {
            unknowns.push(lines.value("  -")?);
        }
    }
    Ok(unknowns)
}

fn write_evidence(it: &Statement, out: &mut Writer) {
    if it.evidence.is_empty() {
        out.line(NO_EVIDENCE);
    }
    for (kind, digest) in &it.evidence {
        out.token("  evidence:", kind);
        match digest {
            Some(digest) => out.token("    digest:", digest),
            None => out.token("    digest:", &MISSING),
        }
    }
}

fn read_evidence(lines: &mut Reader<'_>) -> Result<Vec<(EvidenceKind, Option<Digest>)>, StatementError> {
    let mut evidence = Vec::new();
    if lines.take(NO_EVIDENCE) {
        return Ok(evidence);
    }
    while lines.next_starts("  evidence:") {
        let kind = lines.token("  evidence:", "a kind of evidence")?;
        let digest = if lines.take(&format!("    digest: {MISSING}")) {
            None
        } else {
            Some(lines.token("    digest:", "64 hexadecimal digits, or `missing`")?)
        };
        evidence.push((kind, digest));
    }
    Ok(evidence)
}

fn read_presence(lines: &mut Reader<'_>) -> Result<Presence, StatementError> {
    for presence in [Presence::File, Presence::Touched] {
        if lines.take(&format!("  presence: {presence}")) {
            return Ok(presence);
        }
    }
    Err(lines.unexpected("`  presence:` with file or touched"))
}

#[derive(Default)]
struct Writer {
    text: String,
}

impl Writer {
    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn heading(&mut self, heading: &str) {
        self.line("");
        self.line(heading);
    }

    /// Something of ours that is never wrapped.
    fn token(&mut self, label: &str, token: &dyn std::fmt::Display) {
        self.line(&format!("{label} {token}"));
    }

    /// Of the value, each line feed begins a line with a bar; a name has none, and no `=`.
    fn parameter(&mut self, Parameter { name, value }: &Parameter) {
        for (nth, line) in format!("{name} = {value}").split('\n').enumerate() {
            self.value(if nth == 0 { WITH } else { NEXT_LINE }, line);
        }
    }

    fn value(&mut self, label: &str, value: &str) {
        self.text.push_str(label);
        let first = WIDTH.saturating_sub(label.len() + 1);
        for (nth, chunk) in chunks(value, first, WIDTH - CONTINUED.len()).into_iter().enumerate() {
            self.text.push_str(if nth == 0 { " " } else { "\n" });
            self.text.push_str(if nth == 0 { "" } else { CONTINUED });
            self.text.push_str(chunk);
        }
        self.text.push('\n');
    }
}

/// Cuts before a space where there is one, else where the width ends; the chunks joined are `value`.
fn chunks(value: &str, first: usize, rest: usize) -> Vec<&str> {
    let mut chunks = Vec::new();
    let (mut remaining, mut width) = (value, first);
    while !remaining.is_empty() {
        let (chunk, after) = remaining.split_at_checked(cut(remaining, width)).unwrap_or((remaining, ""));
        chunks.push(chunk);
        (remaining, width) = (after, rest);
    }
    chunks
}

/// Where the first chunk of `text` ends: never at 0. Everything beyond ASCII is taken to be two columns wide.
fn cut(text: &str, width: usize) -> usize {
    let (mut columns, mut space) = (0, None);
    for (at, character) in text.char_indices() {
        if character == ' ' && at > 0 {
            space = Some(at);
        }
        columns += if character.is_ascii() { 1 } else { 2 };
        if columns > width && at > 0 {
            return space.unwrap_or(at);
        }
    }
    text.len()
}

struct Reader<'a> {
    lines: std::iter::Peekable<std::str::Split<'a, char>>,
    /// The number of the next line.
    number: usize,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str) -> Self {
        Self { lines: text.split('\n').peekable(), number: 1 }
    }

    fn peek(&mut self) -> &'a str {
        self.lines.peek().copied().unwrap_or_default()
    }

    fn skip(&mut self) {
        self.lines.next();
        self.number += 1;
    }

    fn next_starts(&mut self, label: &str) -> bool {
        self.peek().strip_prefix(label).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
    }

    /// Consumes the next line if it is `line`.
    fn take(&mut self, line: &str) -> bool {
        let found = self.peek() == line;
        if found {
            self.skip();
        }
        found
    }

    fn literal(&mut self, line: &str) -> Result<(), StatementError> {
        if self.take(line) { Ok(()) } else { Err(self.unexpected(&format!("`{line}`"))) }
    }

    fn heading(&mut self, heading: &str) -> Result<(), StatementError> {
        self.literal("")?;
        self.literal(heading)
    }

    fn value(&mut self, label: &str) -> Result<String, StatementError> {
        let rest = self.peek().strip_prefix(label).filter(|rest| rest.is_empty() || rest.starts_with(' '));
        let Some(rest) = rest else {
            return Err(self.unexpected(&format!("`{label}`")));
        };
        let mut value = rest.strip_prefix(' ').unwrap_or_default().to_owned();
        self.skip();
        while let Some(chunk) = self.peek().strip_prefix(CONTINUED) {
            value.push_str(chunk);
            self.skip();
        }
        Ok(value)
    }

    fn token<T: FromStr>(&mut self, label: &str, what: &str) -> Result<T, StatementError> {
        let parsed = self.peek().strip_prefix(label).and_then(|rest| rest.strip_prefix(' ')).map(T::from_str);
        match parsed {
            Some(Ok(value)) => {
                self.skip();
                Ok(value)
            }
            Some(Err(_)) | None => Err(self.unexpected(&format!("`{label}` with {what}"))),
        }
    }

    /// After the last line's line feed there is nothing.
    fn end(&mut self) -> Result<(), StatementError> {
        self.literal("")?;
        match self.lines.peek() {
            None => Ok(()),
            Some(_) => Err(self.unexpected("the end")),
        }
    }

    fn unexpected(&mut self, expected: &str) -> StatementError {
        StatementError::Line {
            line: self.number,
            expected: expected.to_owned(),
            found: sanitize(self.peek(), 80),
        }
    }
}

fn same_text(canonical: &str, text: &str) -> Result<(), StatementError> {
    if canonical == text {
        return Ok(());
    }
    let same = canonical.split('\n').zip(text.split('\n')).take_while(|(one, two)| one == two).count();
    Err(StatementError::NotCanonical { line: same + 1 })
}
