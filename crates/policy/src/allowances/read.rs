//! `budgets.toml` and `standing.toml`, as people write them.

use std::collections::BTreeSet;

use model::{Account, AgentId, AllowanceId, Operation, Pattern, RuleRef};

use super::{Budget, Counted, Coverage, Limit, Standing, Window};
use crate::{naming, problem::did_you_mean, reader::Section};

/// The most that can be allowed: sums of it stay far from where whole numbers end.
const MOST: i64 = 1_000_000_000;
const WINDOWS: [(&str, Window); 4] =
    [("hour", Window::Hour), ("day", Window::Day), ("week", Window::Week), ("month", Window::Month)];

/// What an allowance may name.
pub(crate) struct Known<'a> {
    pub(crate) accounts: Vec<&'a Account>,
    pub(crate) agents: Vec<&'a str>,
}

pub(crate) fn read_budgets(root: &Section<'_>, known: &Known<'_>) -> Vec<Budget> {
    let mut budgets = Vec::new();
    for (name, section) in root.named::<AllowanceId>("budgets") {
        let effect = section.choice("effect", &[("emit", Counted::Emit), ("spend", Counted::Spend)]);
        let coverage = coverage(&section, known);
        let each = section.count("each", 1..MOST + 1);
        let sizes = section.has("sizes");
        let limit = limit(&section);
        reason(&section);
        section.finish();
        match (effect, each, sizes) {
            (None, ..) => section.missing("effect", "effect = \"emit\" or \"spend\""),
            (Some(Counted::Spend), None, _) => section.missing(
                "each",
                "each = 40: what one of these is taken to cost, in whole currency units; requests do not say it",
            ),
            (Some(Counted::Spend), Some(_), false) => section.missing(
                "sizes",
                "sizes = [\"t3.*\"]: which sizes cost at most that; [\"*\"] where they do not differ",
            ),
            (Some(Counted::Emit), Some(_), _) => {
                section.wrong("each", "messages are counted, not priced".to_owned(), None);
            }
            (Some(Counted::Emit | Counted::Spend), ..) => {}
        }
        let (Some(effect), Some(coverage), Some(limit)) = (effect, coverage, limit) else { continue };
        let each = u64::try_from(each.unwrap_or(1)).unwrap_or(u64::MAX);
        budgets.push(Budget { name, effect, coverage, each, limit });
    }
    budgets
}

pub(crate) fn read_standing(root: &Section<'_>, known: &Known<'_>) -> Vec<Standing> {
    let mut found = Vec::new();
    for (name, section) in root.named::<AllowanceId>("standing") {
        let coverage = coverage(&section, known);
        let limited = section.has("limit") || section.has("per");
        let limit = if limited { limit(&section) } else { None };
        let reason = reason(&section);
        section.finish();
        let (Some(coverage), Some(reason)) = (coverage, reason) else { continue };
        for operation in coverage.operations.iter().filter(|it| it.as_str().contains(['*', '?'])) {
            section.wrong(
                "operations",
                format!("`{operation}` is a pattern; a standing approval names each operation"),
                Some("write out the operations that were agreed to".to_owned()),
            );
        }
        if coverage.resources.is_empty() {
            section.missing("resources", "resources = [\"arn:aws:sqs:*:*:jobs-*\"]");
        }
        for pattern in coverage.resources.iter().filter(|it| !naming::is_narrow_text(it.as_str())) {
            section.wrong(
                "resources",
                format!("`{pattern}` could be anything; a standing approval names its resources"),
                Some("at least three plain characters; of an ARN, after the account".to_owned()),
            );
        }
        let Ok(id) = name.as_str().parse() else { continue };
        let reference = RuleRef { id, reason, file: section.file().to_owned(), line: section.line() };
        if limited && limit.is_none() {
            continue;
        }
        found.push(Standing { name, coverage, limit, reference });
    }
    found
}

fn coverage(section: &Section<'_>, known: &Known<'_>) -> Option<Coverage> {
    let operations = section.list::<OperationPattern>("operations");
    let accounts: BTreeSet<Account> = section.list("accounts").into_iter().collect();
    let agents: BTreeSet<AgentId> = section.list("agents").into_iter().collect();
    if operations.is_empty() {
        section.missing("operations", "operations = [\"sqs:SendMessage\"]");
    }
    if accounts.is_empty() {
        section.missing("accounts", "accounts = [\"111122223333\"], of environments.toml");
    }
    for account in accounts.iter().filter(|it| !known.accounts.contains(it)) {
        let names = known.accounts.iter().map(|it| it.0.as_str());
        let message = format!("account `{account}` is in no environment of environments.toml");
        section.wrong("accounts", message, did_you_mean(&account.0, names));
    }
    for agent in agents.iter().filter(|it| !known.agents.contains(&it.as_str())) {
        let hint = did_you_mean(agent.as_str(), known.agents.iter().copied());
        section.wrong("agents", format!("the agent `{agent}` is not in roster.toml"), hint);
    }
    let coverage = Coverage {
        operations: operations.into_iter().map(|it| it.0).collect(),
        resources: section.list("resources"),
        accounts,
        agents,
        sizes: section.list("sizes"),
    };
    (!coverage.operations.is_empty() && !coverage.accounts.is_empty()).then_some(coverage)
}

fn limit(section: &Section<'_>) -> Option<Limit> {
    let amount = section.count("limit", 1..MOST + 1);
    let per = section.choice("per", &WINDOWS);
    for (key, given, hint) in
        [("limit", amount.is_some(), "limit = 100"), ("per", per.is_some(), "per = \"day\"")]
    {
        if !given && !section.has(key) {
            section.missing(key, hint);
        }
    }
    Some(Limit { amount: u64::try_from(amount?).ok()?, per: per? })
}

fn reason(section: &Section<'_>) -> Option<String> {
    let reason = section.parsed::<String>("reason").filter(|it| !it.trim().is_empty());
    if reason.is_none() {
        section.missing("reason", "reason = \"…\": why this may pass without asking anybody");
    }
    reason.map(|text| model::sanitize(&text, 400))
}

/// `service:Operation`, where the operation, and only it, may have wildcards.
struct OperationPattern(Pattern);

impl std::str::FromStr for OperationPattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("`{}` is no operation such as \"sqs:SendMessage*\"", model::sanitize(text, 80));
        let (service, name) = text.split_once(':').ok_or_else(wrong)?;
        if service.is_empty() || service.contains(['*', '?']) || name.is_empty() {
            return Err(wrong());
        }
        let operation = Operation::new(service, name);
        operation.to_string().parse().map(Self).map_err(|_| wrong())
    }
}
