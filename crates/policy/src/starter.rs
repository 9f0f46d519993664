//! What `init` puts down: an explicit constitution, one grant file per agent and operator, the maps and a calendar. A
//! bundle like any other: everything in it can be read and edited, and it is loaded once before it is handed out.

mod profiles;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use model::{
    Account, AgentId, Digest, EnrolledKey, EnvironmentName, OWN_NAME, PersonId, Role, Roster, RosterError,
};

use crate::{
    bundle::{Bundle, Files},
    format::formatted,
    problem::LoadError,
    settings::{Limits, Profile, SCHEMA},
};

#[derive(Clone, Debug)]
pub struct StarterOptions {
    pub profile: Profile,
    /// One name here and among the approvers is one person.
    pub operators: Vec<(PersonId, Vec<EnrolledKey>)>,
    pub approvers: Vec<(PersonId, Vec<Role>, Vec<EnrolledKey>)>,
    /// Keys that lie in a safe, for giving the installation another roster: at least three, or none.
    pub recovery: Vec<(PersonId, EnrolledKey)>,
    pub agents: Vec<AgentId>,
    pub environments: Vec<(EnvironmentName, Account)>,
    /// A `calendar.toml` of one's own.
    pub calendar: Option<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum StarterError {
    #[error("the roster: {0}")]
    Roster(#[source] RosterError),
    #[error("the starter bundle does not load:\n{0}")]
    Load(#[source] LoadError),
}

/// The files of a first bundle.
pub fn starter(options: &StarterOptions) -> Result<Files, StarterError> {
    let people = people_of(options);
    let roster = Roster { people: people.clone(), ..Roster::default() };
    roster.check().map_err(StarterError::Roster)?;
    let environments = environments_of(options);
    let mut files = Files::new();
    let mut put = |path: String, text: String| {
        files.insert(path, text.into_bytes());
    };
    put("bundle.toml".to_owned(), settings_text(options.profile));
    put("roster.toml".to_owned(), roster_text(&people, &options.agents));
    put("environments.toml".to_owned(), environments_text(&environments));
    put("overrides.toml".to_owned(), OVERRIDES.to_owned());
    put("budgets.toml".to_owned(), BUDGETS.to_owned());
    put("standing.toml".to_owned(), STANDING.to_owned());
    let calendar = options.calendar.clone().unwrap_or_else(|| calendar_text(options.profile).to_owned());
    put("calendar.toml".to_owned(), calendar);
    for (path, text) in profiles::constitution(options.profile) {
        put(path.to_owned(), text.to_owned());
    }
    for agent in options.agents.iter().collect::<BTreeSet<_>>() {
        put(format!("grants/agent-{agent}.cedar"), agent_grant(agent, options.profile, &environments));
        if let Some((operator, _)) = people.iter().find(|(_, person)| person.operator) {
            put(format!("grants/agent-{agent}.examples.toml"), agent_examples(agent, operator));
        }
    }
    put(format!("grants/agent-{OWN_NAME}.cedar"), own_grant("Agent", "agent"));
    put(format!("grants/operator-{OWN_NAME}.cedar"), own_grant("Person", "operator"));
    for (name, _) in people.iter().filter(|(_, person)| person.operator) {
        put(format!("grants/operator-{name}.cedar"), operator_grant(name, &environments));
    }
    // How many environments there are decides where their lines break.
    for (path, content) in files.iter_mut().filter(|(path, _)| path.starts_with("grants/")) {
        if path.ends_with(".cedar")
            && let Ok(text) = formatted(&String::from_utf8_lossy(content))
        {
            *content = text.into_bytes();
        }
    }
    Bundle::load(&files).map_err(StarterError::Load)?;
    Ok(files)
}

fn people_of(options: &StarterOptions) -> BTreeMap<PersonId, model::Person> {
    let mut people: BTreeMap<PersonId, model::Person> = BTreeMap::new();
    for (name, keys) in &options.operators {
        let person = people.entry(name.clone()).or_default();
        person.operator = true;
        person.keys.extend(keys.iter().cloned());
    }
    for (name, roles, keys) in &options.approvers {
        let person = people.entry(name.clone()).or_default();
        person.approver = true;
        person.roles.extend(roles.iter().cloned());
        person.keys.extend(keys.iter().cloned());
    }
    for (name, key) in &options.recovery {
        let safe = people.entry(name.clone()).or_default();
        safe.recovery = true;
        safe.keys.insert(key.clone());
    }
    people
}

/// `production` is always among them: it is where every unknown account belongs.
fn environments_of(options: &StarterOptions) -> BTreeMap<EnvironmentName, Vec<Account>> {
    let mut environments = BTreeMap::from([(EnvironmentName::production(), Vec::new())]);
    for (name, account) in &options.environments {
        environments.entry(name.clone()).or_insert_with(Vec::new).push(account.clone());
    }
    environments
}

/// A name can raise an environment: what sounds like production is production until somebody writes otherwise.
fn sounds_like_production(name: &EnvironmentName) -> bool {
    let words: Vec<&str> = name.as_str().split(['-', '.', '_']).collect();
    let harmless = words.iter().any(|word| matches!(*word, "non" | "not" | "pre"));
    name.is_production()
        || (!harmless && words.iter().any(|word| matches!(*word, "prod" | "production" | "prd" | "live")))
}

fn settings_text(profile: Profile) -> String {
    let Limits {
        session_ttl_max_s,
        hold_expiry_s,
        max_body_bytes,
        open_holds_per_session,
        history_window_s,
        retry_window_s,
        clock_skew_s,
        // By the profile, until somebody writes otherwise.
        hurried_approvals: _,
        // Seldom of anybody's interest.
        look_again_s: _,
    } = Limits::default();
    let file_signatures = match profile {
        Profile::Lab => "everywhere",
        Profile::Standard => "outside-production",
        Profile::Strict => "nowhere",
    };
    format!(
        "# What can change a verdict and is not a rule. A change of any file here takes two people.\n\
         schema = \"{SCHEMA}\"\n\
         # lab, standard or strict\n\
         profile = \"{profile}\"\n\n\
         [keys]\n\
         # Where a signature by a key file (nobody had to touch anything) counts: everywhere, outside-production or\n\
         # nowhere. May be stricter than the profile, never laxer.\n\
         file_signatures = \"{file_signatures}\"\n\n\
         [limits]\n\
         session_ttl_max_s = {session_ttl_max_s}\n\
         hold_expiry_s = {hold_expiry_s}\n\
         max_body_bytes = {max_body_bytes}\n\
         open_holds_per_session = {open_holds_per_session}\n\
         history_window_s = {history_window_s}\n\
         # An identical call within this time after a held change has run gets the recorded outcome.\n\
         retry_window_s = {retry_window_s}\n\
         clock_skew_s = {clock_skew_s}\n\n\
         # How far a decision's record must have got before the effect is carried out: recorded (in the database), sequenced\n\
         # (in the log, under a signed checkpoint) or witnessed(K) (cosigned by K of the witnesses). What stands here is the\n\
         # least; [levels.elsewhere] is for outside production.\n\
         [levels.production]\n\
         destroy = \"sequenced\"\n\
         privilege = \"sequenced\"\n\
         execute = \"sequenced\"\n"
    )
}

fn roster_text(people: &BTreeMap<PersonId, model::Person>, agents: &[AgentId]) -> String {
    let mut text = String::from(
        "# Who there is. One key is one person; nobody who launched an agent, or owns it, counts for its changes.\n",
    );
    for (name, person) in people.iter().filter(|(_, person)| !person.recovery) {
        let keys: Vec<_> = person.keys.iter().map(|key| format!("    {},\n", quoted(&key.0))).collect();
        let roles: Vec<_> = person.roles.iter().map(|role| format!("\"{role}\"")).collect();
        let _ = write!(
            text,
            "\n[people.{}]\nkeys = [\n{}]\noperator = {}\napprover = {}\nroles = [{}]\n",
            table_key(name.as_str()),
            keys.concat(),
            person.operator,
            person.approver,
            roles.join(", ")
        );
    }
    let safes: Vec<_> = people.iter().filter(|(_, person)| person.recovery).collect();
    if !safes.is_empty() {
        let _ = write!(
            text,
            "\n# Keys that lie in safes, for when too few people are left to change this bundle: two of them give the\n\
             # installation another roster and nothing else, after the delay, unless an approver objects.\n\
             [recovery]\ndelay_hours = {}\n",
            Roster::RECOVERY_DELAY_S / 3600
        );
    }
    for (name, safe) in safes {
        let keys: Vec<_> = safe.keys.iter().map(|key| quoted(&key.0)).collect();
        let name = table_key(name.as_str());
        let _ = write!(text, "\n[people.{name}]\nkeys = [{}]\nrecovery = true\n", keys.join(", "));
    }
    for agent in agents.iter().collect::<BTreeSet<_>>() {
        let _ = write!(
            text,
            "\n[agents.{}]\n# owner = \"NAME\": the person who answers for it as software\n",
            table_key(agent.as_str())
        );
    }
    text
}

fn environments_text(environments: &BTreeMap<EnvironmentName, Vec<Account>>) -> String {
    let mut text = String::from(
        "# Which account is which environment. An account that is not here is production.\n\
         # names = [\"*prod*\"] and tags = [\"env=prod*\"] make production of what lies elsewhere; they never lower anything,\n\
         # and whoever changes such a name or tag needs what a change of rights needs.\n\
         # own_roles: what Countersign itself acts with; no agent can change it, whoever agrees.\n",
    );
    for (name, accounts) in environments {
        let accounts: Vec<_> = accounts.iter().map(|account| quoted(&account.0)).collect();
        let _ = write!(
            text,
            "\n[environments.{}]\nproduction = {}\naccounts = [{}]\nown_roles = []\n",
            table_key(name.as_str()),
            sounds_like_production(name),
            accounts.join(", ")
        );
    }
    text
}

const OVERRIDES: &str = "\
# What an operation is, where the tables are wrong or silent. Wins over them.
#
# [[override]]
# operation = \"rds:StartExportTask\"
# effects = [\"write\"]
# kind = \"snapshot\"
# undo = \"additive\"        # or \"captured\"
# exposes = []             # \"data\", \"credentials\": what an answer shows; to be said of what the tables do not know
# reason = \"copies a snapshot to our own bucket\"
override = []
";

const BUDGETS: &str = include_str!("starter/budgets.toml");
const STANDING: &str = include_str!("starter/standing.toml");

const fn calendar_text(profile: Profile) -> &'static str {
    match profile {
        Profile::Lab => {
            "# No peak and no freeze: no verdict in a lab depends on the hour.\n\
             timezone = \"UTC\"\n\
             peak = []\n\
             freeze = []\n\
             maintenance = []\n"
        }
        Profile::Standard | Profile::Strict => {
            "# When the rules are stricter. Without `environments`, a window is for production.\n\
             timezone = \"UTC\"\n\
             # Days on which nothing may change:\n\
             # [[freeze]]\n\
             # from = 2026-12-18\n\
             # to = 2027-01-04          # the last day of it\n\
             # reason = \"year's end\"\n\
             freeze = []\n\
             # Hours within a peak that are not peak, written as [[maintenance]] tables of the same form.\n\
             maintenance = []\n\n\
             [[peak]]\n\
             days = [\"mon-fri\"]\n\
             from = \"08:00\"\n\
             to = \"20:00\"\n"
        }
    }
}

fn agent_grant(
    agent: &AgentId,
    profile: Profile,
    environments: &BTreeMap<EnvironmentName, Vec<Account>>,
) -> String {
    let id = rule_stem("agent", agent.as_str());
    let (place, places) = places(environments);
    let (actions, words) = match profile {
        Profile::Lab | Profile::Standard => ("action in Action::\"change\"", "ask for any change"),
        Profile::Strict => (
            "action in [Action::\"write\", Action::\"destroy\", Action::\"execute\", Action::\"emit\", Action::\"spend\"]",
            "ask for any change but of permissions",
        ),
    };
    format!(
        r#"// What the agent {agent} may do, at most: a session is narrower still where its scope or its operator's own grant is.
// What a grant permits, the constitution may yet hold for people, or forbid.

@id("{id}-reads")
@reason("look at anything, anywhere, that shows neither data nor credentials")
permit (
    principal == Agent::"{agent}",
    action == Action::"read",
    resource
)
when {{ !context.exposes.data && !context.exposes.credentials }};

@id("{id}-changes")
@reason("{words} in {places}; what cannot be undone then waits for people")
permit (
    principal == Agent::"{agent}",
    {actions},
    resource
)
when {{ !context.exposes.data && !context.exposes.credentials }}
when {{ {place} }};

// To let it read data, name where. A permit that names no service does not count for data, and one that names no
// resource does not count for credentials:
//
// @id("{id}-reads-reports")
// @reason("read the reports in the bucket shop-reports")
// permit (
//     principal == Agent::"{agent}",
//     action == Action::"read",
//     resource in Service::"s3"
// )
// when {{ resource.name like "arn:aws:s3:::shop-reports/*" }};
"#
    )
}

fn agent_examples(agent: &AgentId, operator: &PersonId) -> String {
    let example = |name: &str, effect: &str, exposes: &str, expected: &str| {
        format!(
            "[[example]]\nname = \"{name}\"\nagent = \"{agent}\"\noperator = \"{operator}\"\neffects = [\"{effect}\"]\n\
             kind = \"stack\"\nenvironment = \"production\"\ntime = [\"peak\"]\nexposes = [{exposes}]\nexpect = {expected}\n"
        )
    };
    [
        example("it looks at production", "read", "", "\"allow\""),
        example("it does not see data", "read", "\"data\"", "\"deny\"\nrules = [\"no-grant\"]"),
        example(
            "nor credentials, which nobody could grant it",
            "read",
            "\"credentials\"",
            "\"deny\"\nrules = [\"no-grant\", \"no-minting-credentials\"]",
        ),
        example("it changes what can be undone", "write", "", "\"allow\""),
        example(
            "what cannot be undone waits for two people",
            "destroy",
            "",
            "\"hold\"\npeople = 2\nrules = [\"two-people-to-destroy\"]",
        ),
    ]
    .join("\n")
}

fn operator_grant(person: &PersonId, environments: &BTreeMap<EnvironmentName, Vec<Account>>) -> String {
    let id = rule_stem("operator", person.as_str());
    let (place, places) = places(environments);
    format!(
        r#"// What {person} may do, and so what an agent launched by {person} may do at most.

@id("{id}-reads")
@reason("look at anything, anywhere")
permit (
    principal == Person::"{person}",
    action == Action::"read",
    resource
);

@id("{id}-changes")
@reason("change anything in {places}")
permit (
    principal == Person::"{person}",
    action in Action::"change",
    resource
)
when {{ {place} }};
"#
    )
}

/// What Countersign itself may do where it gathers evidence: read, and nothing that would show it a credential.
fn own_grant(kind: &str, role: &str) -> String {
    format!(
        r#"// What Countersign itself reads, as the {role} of its own session, to tell people what a change would meet: state
// before it, what would undo it, what a stack contains. No agent sees the answers.

@id("{role}-{OWN_NAME}-reads")
@reason("look at anything, anywhere, that shows no credentials")
permit (
    principal == {kind}::"{OWN_NAME}",
    action == Action::"read",
    resource
)
when {{ !context.exposes.credentials }};
"#
    )
}

/// As a condition, and in words.
fn places(environments: &BTreeMap<EnvironmentName, Vec<Account>>) -> (String, String) {
    let condition: Vec<_> =
        environments.keys().map(|name| format!("resource in Environment::\"{name}\"")).collect();
    let words: Vec<_> = environments.keys().map(EnvironmentName::as_str).collect();
    (condition.join(" || "), words.join(", "))
}

/// Short enough that an id made of it is one, and different for different names.
fn rule_stem(what: &str, name: &str) -> String {
    if name.len() <= 40 {
        return format!("{what}-{name}");
    }
    let digest = Digest::of(name.as_bytes()).short();
    format!("{what}-{}-{digest}", name.get(..24).unwrap_or_default())
}

/// A name as a TOML key: one with a dot must be quoted.
fn table_key(name: &str) -> String {
    if name.contains('.') { format!("\"{name}\"") } else { name.to_owned() }
}

fn quoted(text: &str) -> String {
    let plain: String = text.chars().filter(|character| !character.is_control()).collect();
    format!("\"{}\"", plain.replace('\\', "\\\\").replace('"', "\\\""))
}
