//! Bundles of any size: the starter's, with rules added that are about services, agents and accounts of their own. Every
//! rule is unlike its neighbour, as people write them, and every one of the constitution has its examples.

use std::fmt::Write as _;

use policy::{Files, Profile};

use crate::world::files;

/// Of the starter itself.
const WRITTEN: usize = 22;
/// A bundle has at most a thousand files, and a rule of the constitution takes two.
const CONSTITUTION_MAX: usize = 400;
/// What fits into one file.
const GRANT_MAX: usize = 120;

/// A bundle with `rules` rules and, besides the starter's, `accounts` accounts. A fifth of the rules more than the starter's
/// stand in the constitution and one in eight in each grant of those who ask, as far as files hold them; the others
/// are about other agents.
pub(crate) fn bundle(rules: usize, accounts: usize) -> Files {
    let mut files = files(Profile::Standard);
    let more = rules.saturating_sub(WRITTEN);
    let in_constitution = (more / 5).min(CONSTITUTION_MAX);
    let in_grants = (more / 8).min(GRANT_MAX);
    for nth in 0..in_constitution {
        let (rule, examples) = constitution(nth);
        files.insert(format!("constitution/made-{nth}.cedar"), rule.into_bytes());
        files.insert(format!("constitution/made-{nth}.examples.toml"), examples.into_bytes());
    }
    append(&mut files, "grants/agent-kiro.cedar", &grant("Agent", "kiro", in_grants));
    append(&mut files, "grants/operator-ana.cedar", &grant("Person", "ana", in_grants));
    let mut left = more - in_constitution - 2 * in_grants;
    for nth in 0.. {
        let own = left.min(100);
        if own == 0 {
            break;
        }
        let name = format!("agent-{nth}");
        files.insert(format!("grants/agent-{name}.cedar"), grant("Agent", &name, own).into_bytes());
        append(&mut files, "roster.toml", &format!("\n[agents.{name}]\n"));
        left -= own;
    }
    let mut map = "\n[environments.many]\nproduction = false\naccounts = [".to_owned();
    for nth in 0..accounts {
        let _ = write!(map, "\"{:012}\",", 200_000_000_000 + nth);
    }
    append(&mut files, "environments.toml", &(map + "]\n"));
    files
}

fn append(files: &mut Files, path: &str, text: &str) {
    files.entry(path.to_owned()).or_default().extend(text.as_bytes());
}

fn constitution(nth: usize) -> (String, String) {
    let when = match nth % 4 {
        0 => "resource in Environment::\"production\" && context.change.destroys >= 1",
        1 => "context.session.autonomy >= 1",
        2 => "resource in Kind::\"any\" && !context.change.undo",
        _ => "context.history.protections_lowered >= 0",
    };
    let rule = format!(
        "@id(\"made-{nth}\")\n@reason(\"destroying anything of service {nth} takes {} people\")\n\
         forbid (principal, action == Action::\"destroy\", resource in Service::\"service-{nth}\")\n\
         when {{ {when} }}\nunless {{ context.approvals.people >= {} }};\n",
        nth % 5 + 2,
        nth % 5 + 2,
    );
    let example = |effect: &str, verdict: &str, rules: &str| {
        format!(
            "[[example]]\nname = \"{effect}\"\neffects = [\"{effect}\"]\nkind = \"stack\"\nenvironment = \"production\"\n\
             operation = \"service-{nth}:Operation\"\nexpect = \"{verdict}\"\n{rules}"
        )
    };
    let decides = example(
        "destroy",
        "hold",
        &format!("rules = [\"made-{nth}\", \"two-people-to-destroy\"]\nchange = {{ destroys = 1 }}\n"),
    );
    (rule, decides + &example("read", "allow", ""))
}

fn grant(principal: &str, name: &str, rules: usize) -> String {
    let rule = |nth: usize| {
        format!(
            "@id(\"{name}-{nth}\")\n@reason(\"read team {nth}'s\")\npermit (principal == {principal}::\"{name}\", \
             action == Action::\"read\", resource in Service::\"service-{nth}\")\n\
             when {{ context.exposes.data && resource.name like \"team-{nth}-*\" }};\n"
        )
    };
    (0..rules).map(rule).collect()
}
