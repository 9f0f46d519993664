//! A scene as an English sentence: who, by whose launch, does what, to what, where, and whatever else about it is out of
//! the ordinary. For people who decide whether an edit of the rules is what they meant.

use serde_json::Value as Json;

use super::{
    Scene,
    ordinary::{at, flag, leaves, numbers},
};
use crate::kinds;

impl Scene {
    /// "agent `kiro`, launched by `ana`, destroys `orders` (database) in production, with 1 approval, in peak hours"
    pub fn told(&self) -> String {
        let mut parts = vec![format!("{} {} {}", self.who(), self.does(), self.to_what())];
        parts.push(self.approvals());
        parts.extend(self.circumstances());
        let text = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ");
        model::sanitize(&text, 600)
    }

    /// What of this scene is otherwise than in the other.
    pub fn told_besides(&self, other: &Self) -> String {
        let mut parts = Vec::new();
        if self.context.get("approvals") != other.context.get("approvals") {
            parts.push(self.approvals());
        }
        let others = other.circumstances();
        parts.extend(self.circumstances().into_iter().filter(|it| !others.contains(it)));
        if parts.is_empty() {
            parts.push("otherwise the same".to_owned());
        }
        model::sanitize(&parts.join(", "), 600)
    }

    fn who(&self) -> String {
        let operator = at(&self.context, &["operator".to_owned()]).and_then(Json::as_str).unwrap_or_default();
        match self.principal.kind.as_str() {
            "Agent" if operator.is_empty() => format!("agent `{}`", self.principal.id),
            "Agent" => format!("agent `{}`, launched by `{operator}`,", self.principal.id),
            _ => format!("`{}`", self.principal.id),
        }
    }

    fn does(&self) -> &'static str {
        match self.action.as_str() {
            "read" => "reads",
            "emit" => "sends something through",
            "spend" => "commits money for",
            "write" => "changes",
            "execute" => "runs code by way of",
            "privilege" => "changes who may use",
            "destroy" => "destroys",
            _ => "does something to",
        }
    }

    fn to_what(&self) -> String {
        let mut text = format!("`{}`", self.resource);
        let kinds = self.kinds();
        if !kinds.is_empty() {
            text.push_str(&format!(" ({})", kinds.join(" and ")));
        }
        if let Some(service) = self.lies_in.iter().find(|name| name.kind == "Service") {
            text.push_str(&format!(" of {}", service.id));
        }
        if self.lies_in("Environment", "production") {
            text.push_str(" in production");
        } else if let Some(place) = self.lies_in.iter().find(|name| name.kind == "Environment") {
            text.push_str(&format!(" in {}", place.id));
        } else {
            text.push_str(" outside production");
        }
        text
    }

    /// The kinds that no other of them implies.
    fn kinds(&self) -> Vec<&str> {
        let all: Vec<&str> = self
            .lies_in
            .iter()
            .filter(|name| name.kind == "Kind" && name.id != "any")
            .map(|name| name.id.as_str())
            .collect();
        let implied =
            |kind: &str| all.iter().any(|other| *other != kind && kinds::lineage(other).contains(&kind));
        all.iter().copied().filter(|kind| !implied(kind)).collect()
    }

    fn approvals(&self) -> String {
        let count = |part: &str| {
            at(&self.context, &["approvals".to_owned(), part.to_owned()]).and_then(Json::as_i64).unwrap_or(0)
        };
        let mut text = match count("people") {
            0 => "approved by nobody".to_owned(),
            1 => "with 1 approval".to_owned(),
            more => format!("with {more} approvals"),
        };
        let kinds = [
            ("touched", "by a key that was touched"),
            ("rendered", "by the command line"),
            ("owners", "by an owner"),
        ];
        for (part, word) in kinds {
            let number = count(part);
            if number != 0 {
                text.push_str(&format!(", {number} {word}"));
            }
        }
        let roles = at(&self.context, &["approvals".to_owned(), "roles".to_owned()]).and_then(Json::as_array);
        let roles: Vec<_> =
            roles.into_iter().flatten().filter_map(Json::as_str).map(|role| format!("`{role}`")).collect();
        if !roles.is_empty() {
            text.push_str(&format!(", as {}", roles.join(" and ")));
        }
        text
    }

    fn circumstances(&self) -> Vec<String> {
        leaves(&self.context)
            .into_iter()
            .filter(|path| !matches!(path.first().map(String::as_str), Some("approvals" | "operator")))
            .filter_map(|path| self.circumstance(&path))
            .collect()
    }

    /// One fact, where it is out of the ordinary.
    fn circumstance(&self, path: &[String]) -> Option<String> {
        let value = at(&self.context, path)?;
        let name = path.join(".");
        match value {
            Json::Bool(is) if *is == flag(path) => None,
            Json::Number(number) if numbers(path).first().copied() == number.as_i64() => None,
            Json::String(operation) if name == "operation" && operation == "example:Operation" => None,
            Json::String(operation) if name == "operation" => Some(format!("by `{operation}`")),
            Json::Array(items) if items.is_empty() => None,
            Json::Bool(_) => {
                Some(flag_words(&name).map_or_else(|| format!("with {name} = {value}"), str::to_owned))
            }
            Json::Number(number) => Some(number_words(&name, &number.to_string())),
            _ => Some(format!("with {name} = {value}")),
        }
    }
}

fn flag_words(name: &str) -> Option<&'static str> {
    Some(match name {
        "time.peak" => "in peak hours",
        "time.frozen" => "in a freeze",
        "standing" => "under a standing approval",
        "within_budget" => "within a budget",
        "exposes.data" => "being shown data",
        "exposes.credentials" => "being shown credentials",
        "change.replaces" => "creating again what a held change deletes",
        "change.staged" => "in stages",
        "change.undo" => "as Countersign's own undo",
        "history.created_by_session" => "which the session made itself",
        "session.in_scope" => "outside the session's scope",
        "evidence.state_observed" => "its state observed",
        "evidence.undo_captured" => "with a captured undo",
        "evidence.inner_listed" => "all that lies in it listed",
        "evidence.backup_verified" => "with a verified backup",
        "evidence.dry_run" => "after a dry run",
        "evidence.rehearsal" => "after a rehearsal",
        _ => return None,
    })
}

fn number_words(name: &str, number: &str) -> String {
    match (name, number) {
        ("session.autonomy", "0") => "in a session that may only suggest".to_owned(),
        ("session.autonomy", "1") => "in a supervised session".to_owned(),
        ("history.data_destroyed", _) => format!("having destroyed {number} stores of data"),
        ("history.backups_touched", _) => format!("having touched {number} backups"),
        ("history.protections_lowered", _) => format!("having lowered {number} protections"),
        ("history.destroys", _) => format!("having destroyed {number} things in this session"),
        ("history.agent_destroys", _) => format!("having destroyed {number} things as an agent"),
        ("change.destroys", _) => format!("in a change that destroys {number} things"),
        ("change.steps", _) => format!("in a change of {number} steps"),
        _ => format!("with {name} = {number}"),
    }
}
