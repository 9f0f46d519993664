//! A summary in words, a line each, for a terminal and whoever shows lines.

use std::fmt;

use model::{ChangeId, ChangeState, PersonId};

use super::{
    ChangedView, Counted, HeldView, ReadOften, ReadSummary, RefusedOften, RefusedSummary, RefusedView,
    ReportedOften, SessionSummary,
};

/// What a line is, so that whoever shows it says how it looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line {
    /// What the following ones are of.
    Head(String),
    Item(String),
    /// Of the item before.
    Part(String),
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Head(text) => f.write_str(text),
            Self::Item(text) => write!(f, "  {text}"),
            Self::Part(text) => write!(f, "    {text}"),
        }
    }
}

impl SessionSummary {
    /// All of it in one line: `1230 read, 3 changed, 1 held, 5 refused`.
    pub fn line(&self) -> String {
        let lapsed = match self.lapsed.all() {
            0 => String::new(),
            lapsed => format!(", {lapsed} lapsed"),
        };
        let reported = match self.reported.all() {
            0 => String::new(),
            reported => format!(", {reported} reported of its model"),
        };
        format!(
            "{} read, {} changed, {} held, {} refused{lapsed}{reported}",
            self.read.times,
            self.changed.all(),
            self.held.all(),
            self.refused.all()
        )
    }

    /// `began …, last acted …, stopped by … …`.
    pub fn when(&self) -> String {
        let mut text = format!("began {}", self.began);
        match self.last_acted {
            Some(at) => text += &format!(", last acted {at}"),
            None => text += ", has done nothing",
        }
        if let Some(ended) = &self.ended {
            let by = ended.by.as_ref().map_or_else(String::new, |by| format!(" by {by}"));
            text += &format!(", {}{by} {}", ended.why, ended.at);
        }
        text
    }

    pub fn lines(&self) -> Vec<Line> {
        let verdicts = &self.verdicts;
        let mut lines = vec![
            Line::Head(format!(
                "{} ({} allowed, {} to wait, {} denied)",
                self.line(),
                verdicts.allow,
                verdicts.hold,
                verdicts.deny
            )),
            Line::Item(self.when()),
        ];
        self.read.tell(&mut lines);
        let changed = self.changed.newest.iter();
        let changed = changed.flat_map(|it| told(it.change, it.outcome(), &it.summary, it.how()));
        lines.extend(head("changed", &self.changed).into_iter().chain(changed));
        more(&mut lines, self.changed.more);
        let held = self.held.newest.iter();
        let held = held.flat_map(|it| told(it.change, it.state, &it.summary, it.how()));
        lines.extend(head("held", &self.held).into_iter().chain(held));
        more(&mut lines, self.held.more);
        let refused = self.refused.newest.iter();
        let refused = refused.flat_map(|it| told(it.change, it.state, &it.summary, it.how()));
        lines.extend(head("refused", &self.refused).into_iter().chain(refused));
        more(&mut lines, self.refused.more);
        self.refused.tell_in_passing(&mut lines);
        lines.extend(head("lapsed", &self.lapsed));
        lines.extend(head("reported of its model", &self.reported));
        lines.extend(self.reported.most.iter().map(|it| Line::Item(it.told())));
        more(&mut lines, self.reported.more);
        if let Some(session) = self.came_from {
            lines.push(Line::Head(format!("what it changes is told of with {session}, which it came from")));
        }
        if !self.roles.is_empty() {
            lines.push(Line::Head("roles taken on".to_owned()));
            lines.extend(self.roles.iter().map(|it| Line::Item(format!("{} {}", it.session, it.role))));
            more(&mut lines, self.more_roles);
        }
        lines
    }
}

impl ReadSummary {
    /// Why not everything is told apart.
    pub const MERGED: &str = MERGED;

    fn tell(&self, lines: &mut Vec<Line>) {
        if self.is_empty() {
            return;
        }
        lines.push(Line::Head(format!("read {}", times_of(self.times))));
        for service in &self.services {
            let mut operations: Vec<String> =
                service.operations.iter().map(|it| format!("{} {}", it.operation, it.times)).collect();
            if service.more_operations > 0 {
                operations.push(format!("and {} more", service.more_operations));
            }
            lines.push(Line::Item(format!(
                "{} {}: {}",
                service.service,
                service.times,
                operations.join(", ")
            )));
        }
        more(lines, self.more_services);
        if !self.most.is_empty() {
            lines.push(Line::Item("most often".to_owned()));
            let often =
                |it: &ReadOften| format!("{} {}", times_of(it.times), named(&it.operation, &it.resource));
            lines.extend(self.most.iter().map(|it| Line::Part(often(it))));
            if self.more > 0 {
                lines.push(Line::Part(format!("and {} more", self.more)));
            }
        }
        if self.merged {
            lines.push(Line::Item(MERGED.to_owned()));
        }
    }
}

const MERGED: &str = "of more different things than are told apart; the log has each";

impl ChangedView {
    /// `executed`, `failed (1 of 3 actions ran)`.
    pub fn outcome(&self) -> String {
        match self.actions {
            0 | 1 => self.state.to_string(),
            actions => format!("{} ({} of {actions} actions ran)", self.state, self.ran),
        }
    }

    /// Where, with whose approval, and whether it can be taken back.
    pub fn how(&self) -> String {
        let mut parts = vec![format!("in {}", self.environment)];
        parts.extend(approved(&self.approved_by));
        if !self.undo.is_empty() {
            parts.push(format!("undo: {}", self.undo));
        }
        parts.join("; ")
    }
}

impl HeldView {
    /// Where, by which rules, and what is missing.
    pub fn how(&self) -> String {
        let mut parts = vec![format!("in {}", self.environment)];
        parts.extend(by_rules(&self.rules, &self.why));
        if self.state == ChangeState::Approved {
            parts.push("the agent may run it".to_owned());
        } else if !self.needs.is_empty() {
            parts.push(format!("it needs {}", self.needs));
        }
        parts.extend(approved(&self.approved_by));
        parts.join("; ")
    }
}

impl RefusedView {
    /// Where, and by whom or what.
    pub fn how(&self) -> String {
        let mut parts = vec![format!("in {}", self.environment)];
        match &self.by {
            Some(person) => parts.push(format!("by {person}: “{}”", self.why)),
            None => parts.extend(by_rules(&self.rules, &self.why)),
        }
        parts.join("; ")
    }
}

impl ReadOften {
    pub fn what(&self) -> String {
        named(&self.operation, &self.resource)
    }
}

impl RefusedOften {
    /// What it was, and why.
    pub fn what(&self) -> String {
        format!("{}: {}", named(&self.operation, &self.resource).trim_end_matches('.'), self.why)
    }
}

impl RefusedSummary {
    fn tell_in_passing(&self, lines: &mut Vec<Line>) {
        if self.most.is_empty() {
            return;
        }
        lines.push(Line::Item("in passing".to_owned()));
        lines.extend(self.most.iter().map(|it| Line::Part(format!("{} {}", times_of(it.times), it.what()))));
        if self.more_in_passing > 0 {
            lines.push(Line::Part(format!("and {} more", self.more_in_passing)));
        }
    }
}

impl ReportedOften {
    /// `refused 2 times: shell: …`.
    pub fn told(&self) -> String {
        let times = times_of(self.times);
        match (self.outcome.is_empty(), self.why.is_empty()) {
            (true, _) => format!("left out {times}"),
            (false, true) => format!("{} {times}", self.outcome),
            (false, false) => format!("{} {times}: {}", self.outcome, self.why),
        }
    }
}

/// Of how many the following ones are; none where there are none.
fn head(what: &str, of: &impl Counted) -> Option<Line> {
    let all = of.all();
    (all > 0).then(|| Line::Head(format!("{what} {all}: {}", of.each())))
}

/// One change.
fn told(change: ChangeId, outcome: impl fmt::Display, summary: &str, how: String) -> [Line; 2] {
    [Line::Item(format!("{change} {outcome}: {summary}")), Line::Part(how)]
}

/// An operation on what it named.
fn named(operation: &str, resource: &str) -> String {
    match (operation.is_empty(), resource.is_empty()) {
        (true, true) => "others".to_owned(),
        (true, false) => resource.to_owned(),
        (false, true) => operation.to_owned(),
        (false, false) => format!("{operation} {resource}"),
    }
}

fn by_rules(rules: &[String], why: &str) -> Option<String> {
    let why = why.trim_end_matches('.');
    match (rules.is_empty(), why.is_empty()) {
        (true, true) => None,
        (true, false) => Some(why.to_owned()),
        (false, true) => Some(format!("by {}", rules.join(", "))),
        (false, false) => Some(format!("by {}: {why}", rules.join(", "))),
    }
}

fn approved(by: &[PersonId]) -> Option<String> {
    let names: Vec<&str> = by.iter().map(PersonId::as_str).collect();
    (!names.is_empty()).then(|| format!("approved by {}", names.join(", ")))
}

/// `once`, `3 times`.
pub fn times_of(count: u64) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}

fn more(lines: &mut Vec<Line>, count: u64) {
    if count > 0 {
        lines.push(Line::Item(format!("and {count} more")));
    }
}
