//! Two hand-written maps of a bundle: who there is (`roster.toml`), and what an operation is called instead of what the
//! tables say (`overrides.toml`).

use std::{
    collections::{BTreeMap, BTreeSet},
    str::FromStr,
};

use model::{
    Agent, AgentId, Effect, EffectSet, EnrolledKey, Exposure, Identity, Kind, OWN_NAME, Operation, Person,
    PersonId, Role, Roster,
};

use crate::{kinds, problem::did_you_mean, reader::Section};

/// What a bundle says of an operation; wins over the classifier's table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    pub effects: EffectSet,
    pub kind: Option<Kind>,
    /// Purely additive: a `write` that needs no captured inverse.
    pub undo_additive: bool,
    /// What an answer shows; `None` where it is not said.
    pub exposure: Option<Exposure>,
    pub reason: String,
}

pub(crate) fn read_roster(root: &Section<'_>) -> Roster {
    let mut roster = Roster::default();
    for (name, section) in root.named::<PersonId>("people") {
        check_free(&section, name.as_str());
        let keys: BTreeSet<_> =
            section.list::<Key>("keys").into_iter().map(|key| EnrolledKey(key.0)).collect();
        let person = Person {
            keys,
            identities: section.list::<Identity>("identities").into_iter().collect(),
            operator: section.flag("operator").unwrap_or(false),
            approver: section.flag("approver").unwrap_or(false),
            roles: section.list::<Role>("roles").into_iter().collect(),
            recovery: section.flag("recovery").unwrap_or(false),
        };
        if person.keys.is_empty() {
            section.missing("keys", "keys = [\"ssh-ed25519 AAAA…\"], as in the person's public key file");
        }
        section.finish();
        roster.people.insert(name, person);
    }
    if let Some(section) = root.section("recovery") {
        let hours = section.count("delay_hours", 0..24 * 366).and_then(|hours| u32::try_from(hours).ok());
        roster.recovery_delay_s = hours.map(|hours| hours.saturating_mul(3600));
        section.finish();
    }
    for (name, section) in root.named::<AgentId>("agents") {
        check_free(&section, name.as_str());
        let owner = section.parsed::<PersonId>("owner");
        if let Some(owner) = owner.as_ref().filter(|owner| !roster.people.contains_key(*owner)) {
            let hint = did_you_mean(owner.as_str(), roster.people.keys().map(PersonId::as_str));
            section.wrong("owner", format!("the owner `{owner}` is not among the people"), hint);
        }
        section.finish();
        roster.agents.insert(name, Agent { owner });
    }
    roster
}

fn check_free(section: &Section<'_>, name: &str) {
    if name == OWN_NAME {
        let hint = "another name; this one is what we read with ourselves".to_owned();
        section.wrong("", format!("nobody can be called `{OWN_NAME}`"), Some(hint));
    }
}

/// A key as on one line of a `.pub` file; the comment is left out, since it says nothing of who signs. Or a passkey's line,
/// which has no comment. What is in them is read by whoever verifies signatures.
struct Key(String);

/// In characters: a passkey's credential may have an identifier of 1023 bytes.
const MAX_KEY: usize = 2048;

impl FromStr for Key {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.split_ascii_whitespace().next() == Some("passkey") {
            return if is_passkey(text) { Ok(Self(text.to_owned())) } else { Err(NO_PASSKEY.to_owned()) };
        }
        let mut words = text.split_ascii_whitespace();
        match (words.next(), words.next()) {
            (Some(algorithm), Some(blob))
                if text.len() <= MAX_KEY
                    && algorithm.bytes().all(|byte| byte.is_ascii_graphic())
                    && blob.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte)) =>
            {
                Ok(Self(format!("{algorithm} {blob}")))
            }
            _ => Err("not a public key as OpenSSH writes it on one line: `ssh-ed25519 AAAA…`".to_owned()),
        }
    }
}

const NO_PASSKEY: &str =
    "not a passkey as it is enrolled: `passkey SITE CREDENTIAL KEY`, with single spaces and nothing behind";

fn is_passkey(line: &str) -> bool {
    let base64url = |word: &str| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    let words: Vec<_> = line.split(' ').collect();
    let ["passkey", site, id, key] = words[..] else { return false };
    let site_plain = !site.is_empty() && site.bytes().all(|byte| byte.is_ascii_graphic());
    line.len() <= MAX_KEY && site_plain && base64url(id) && base64url(key)
}

pub(crate) fn read_overrides(root: &Section<'_>) -> BTreeMap<Operation, Override> {
    let mut overrides = BTreeMap::new();
    for section in root.sections("override") {
        let operation = section.parsed::<OperationText>("operation");
        let mut effects = section.list::<Effect>("effects").into_iter();
        let kind = section.parsed::<Kind>("kind");
        let undo = section.choice("undo", &[("additive", true), ("captured", false)]);
        let exposes = section.has("exposes").then(|| section.list::<Shown>("exposes"));
        let reason = section.parsed::<String>("reason");
        section.finish();
        let Some(OperationText(operation)) = operation else {
            if !section.has("operation") {
                section.missing("operation", "for example operation = \"rds:StartExportTask\"");
            }
            continue;
        };
        let (Some(first), Some(reason)) = (effects.next(), reason) else {
            let key = if section.has("reason") { "effects" } else { "reason" };
            section.missing(
                key,
                "an override says what the operation does (effects) and why we may say so (reason)",
            );
            continue;
        };
        let effects = effects.fold(EffectSet::of(first), EffectSet::with);
        if let Some(kind) = kind.as_ref().filter(|kind| !kinds::names().any(|known| known == kind.as_str())) {
            section.wrong(
                "kind",
                format!("no kind is called `{kind}`"),
                did_you_mean(kind.as_str(), kinds::names()),
            );
        }
        let exposure = exposes.map(|words| Exposure {
            data: words.contains(&Shown::Data),
            credentials: words.contains(&Shown::Credentials),
        });
        if exposure.is_some_and(|it| effects.showing(it) != effects) {
            let hint = "add \"privilege\" to effects".to_owned();
            section.wrong("exposes", "what shows credentials is `privilege`".to_owned(), Some(hint));
        }
        let found = Override { effects, kind, undo_additive: undo.unwrap_or(false), exposure, reason };
        if found.undo_additive && effects.contains(Effect::Destroy) {
            section.wrong("undo", "what destroys is not additive".to_owned(), None);
        }
        if overrides.insert(operation.clone(), found).is_some() {
            section.wrong("operation", format!("`{operation}` is overridden twice"), None);
        }
    }
    overrides
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    Data,
    Credentials,
}

impl FromStr for Shown {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "data" => Ok(Self::Data),
            "credentials" => Ok(Self::Credentials),
            _ => Err(format!("an answer shows \"data\" or \"credentials\", not `{text}`")),
        }
    }
}

struct OperationText(Operation);

impl FromStr for OperationText {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.split_once(':')
            .filter(|(service, name)| !service.is_empty() && !name.is_empty() && text.len() <= 200)
            .map(|(service, name)| Self(Operation::new(service, name)))
            .ok_or_else(|| format!("`{text}` is no operation such as \"rds:StartExportTask\""))
    }
}
