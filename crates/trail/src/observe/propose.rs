//! What a bundle could say of what was seen: whose grant permits what they were seen to use and nothing else, and which
//! accounts there are. Nothing is guessed: an account is production until people say otherwise.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use model::{AgentId, Timestamp, sanitize};

use super::{
    AccountSeen,
    principal::{Shown, Uses, too_many},
};

/// The name of Countersign's own agent, which no other may have.
const TAKEN: &str = "countersign";

/// A name for each principal's agent: the last part of its ARN as far as a name can hold it.
pub(super) fn agent_names<'p>(principals: impl Iterator<Item = &'p String>) -> BTreeMap<String, AgentId> {
    let mut taken = BTreeSet::from([TAKEN.to_owned()]);
    let mut names = BTreeMap::new();
    for principal in principals {
        let last = principal.rsplit(['/', ':']).find(|part| !part.is_empty()).unwrap_or_default();
        let plain: String = last
            .chars()
            .map(|it| it.to_ascii_lowercase())
            .map(|it| if it.is_ascii_lowercase() || it.is_ascii_digit() { it } else { '-' })
            .take(30)
            .collect();
        let stem = match plain.trim_matches('-') {
            "" => "agent",
            stem => stem,
        };
        let free = (1..).map(|nth: usize| if nth == 1 { stem.to_owned() } else { format!("{stem}-{nth}") });
        for name in free {
            if taken.insert(name.clone()) {
                if let Ok(agent) = name.parse() {
                    names.insert(principal.clone(), agent);
                }
                break;
            }
        }
    }
    names
}

/// `None` where nothing that succeeded was seen.
pub(super) fn grant(
    principal: &str,
    agent: &AgentId,
    uses: &Uses,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
) -> Option<String> {
    if uses.by.is_empty() {
        return None;
    }
    let time = |it: Option<Timestamp>| it.map_or_else(|| "?".to_owned(), |it| it.to_string());
    let mut text = format!(
        "// Proposed by `countersign observe`: what {} was seen to use from {} to {}, and nothing else.\n\
         // What a grant permits, the constitution may yet hold for people, or forbid. It goes with this in roster.toml:\n\
         //\n// [agents.{agent}]\n",
        sanitize(principal, 512),
        time(from),
        time(to)
    );
    let mut permit = |id: &str, reason: &str, effect: &str, resource: &str, conditions: &[String]| {
        let _ = write!(
            text,
            "\n@id(\"agent-{agent}-{id}\")\n@reason(\"{reason}\")\npermit (\n    principal == Agent::\"{agent}\",\n    \
             action == Action::\"{effect}\",\n    {resource}\n)"
        );
        for condition in conditions {
            let _ = write!(text, "\nwhen {{ {condition} }}");
        }
        text.push_str(";\n");
    };
    let mut untold = Vec::new();
    for ((effect, shown), services) in &uses.by {
        let listed = services.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        match shown {
            Shown::Nothing => {
                let within: Vec<_> =
                    services.keys().map(|it| format!("resource in Service::\"{it}\"")).collect();
                let plain = "!context.exposes.data && !context.exposes.credentials".to_owned();
                let reason = format!("{effect} as it was seen to: {listed}");
                let reason: String = reason.chars().take(300).collect();
                permit(effect.name(), &reason, effect.name(), "resource", &[plain, within.join(" || ")]);
            }
            Shown::Data => {
                for service in services.keys() {
                    let plain = "!context.exposes.credentials".to_owned();
                    let reason = format!("{effect} what shows data of {service}, as it was seen to");
                    let scope = format!("resource in Service::\"{service}\"");
                    permit(&format!("{effect}-data-{service}"), &reason, effect.name(), &scope, &[plain]);
                }
            }
            Shown::Credentials => {
                for (service, names) in services {
                    let quoted: Option<Vec<_>> = names.iter().map(|it| by_name(it)).collect();
                    match quoted.filter(|it| !it.is_empty() && !too_many(it.len())) {
                        Some(quoted) => {
                            let reason = format!("{effect} what shows credentials of {service}, these alone");
                            let scope = format!("resource in Service::\"{service}\"");
                            let id = format!("{effect}-secrets-{service}");
                            permit(&id, &reason, effect.name(), &scope, &[quoted.join(" || ")]);
                        }
                        None => untold.push(format!("{effect} in {service}")),
                    }
                }
            }
        }
    }
    for what in untold {
        let _ = write!(
            text,
            "\n// It also saw credentials: {what}. Of too many, or of names that the trail does not tell: a grant of those\n\
             // names each, and is for people to write.\n"
        );
    }
    Some(text)
}

/// As a condition; `None` where the name could be read as something else.
fn by_name(name: &str) -> Option<String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:+=@,".contains(&byte);
    ((1..=512).contains(&name.len()) && name.bytes().all(plain))
        .then(|| format!("resource.name == \"{name}\""))
}

pub(super) fn environments(accounts: &[AccountSeen]) -> String {
    let mut text = String::from(
        "# Proposed by `countersign observe`: the accounts of the trail. One that no map names yet is production until\n\
         # people say what it is. Names, tags, own_roles and accounts that were not seen are not here: carry them over.\n",
    );
    let mut by: BTreeMap<(&str, bool), Vec<&AccountSeen>> =
        BTreeMap::from([(("production", true), Vec::new())]);
    for account in accounts {
        by.entry((account.environment.as_str(), account.production)).or_default().push(account);
    }
    for ((name, production), accounts) in by {
        let key = if name.contains('.') { format!("\"{name}\"") } else { name.to_owned() };
        let _ = write!(text, "\n[environments.{key}]\nproduction = {production}\naccounts = [\n");
        for account in accounts {
            let known = if account.in_map { "" } else { "in no map yet; " };
            let number = &account.account;
            let plain =
                (1..=64).contains(&number.len()) && number.bytes().all(|it| it.is_ascii_alphanumeric());
            let (events, principals) = (account.events, account.principals);
            let few = |words: &BTreeSet<String>| words.iter().take(6).cloned().collect::<Vec<_>>().join(" ");
            let (regions, services) = (few(&account.regions), few(&account.services));
            // What could not be an account stays a comment.
            let entry = if plain { format!("    \"{number}\",") } else { format!("    # {number}") };
            let _ = writeln!(
                text,
                "{entry} # {known}{events} events by {principals} principals in {regions}: {services}"
            );
        }
        text.push_str("]\nown_roles = []\n");
    }
    text
}
