//! `environments.toml` and `accounts.toml`: what is no longer production, what no longer raises, and as whom things are done.

use std::collections::BTreeSet;

use model::{Account, Environment, EnvironmentName};

use super::{Found, Way};
use crate::{accounts::Accounts, places::Places};

const FILE: &str = "environments.toml";

pub(super) fn compare(old: &Places, new: &Places, found: &mut Found) {
    let accounts: BTreeSet<&Account> = old.accounts().chain(new.accounts()).collect();
    for account in accounts {
        let (before, after) = (old.environment_of(account), new.environment_of(account));
        if before != after {
            let what = format!("account {account} goes from {before} to {after}", account = account.0);
            found.add(falls(&before, &after), FILE, what);
        }
    }
    let names: BTreeSet<&EnvironmentName> = old.names.keys().chain(new.names.keys()).collect();
    for name in names {
        match (old.names.get(name), new.names.get(name)) {
            (Some(true), Some(false)) => {
                found.add(Way::Laxer, FILE, format!("{name} is not production any more"));
            }
            (Some(false), Some(true)) => found.add(Way::Stricter, FILE, format!("{name} is production")),
            _ => {}
        }
    }
    for raising in old.raises().difference(&new.raises()) {
        found.add(Way::Laxer, FILE, format!("{raising} is not raised any more"));
    }
    for raising in new.raises().difference(&old.raises()) {
        found.add(Way::Stricter, FILE, format!("{raising} is raised"));
    }
    for role in old.own().difference(new.own()) {
        found.add(Way::Laxer, FILE, format!("{role} does not count as a role of Countersign's own any more"));
    }
    for role in new.own().difference(old.own()) {
        found.add(Way::Stricter, FILE, format!("{role} counts as a role of Countersign's own"));
    }
}

/// Another environment that is as much production is judged by rules that may name it: somebody should look.
fn falls(before: &Environment, after: &Environment) -> Way {
    let production = |it: &Environment| it.production || it.name.is_production();
    if production(after) && !production(before) { Way::Stricter } else { Way::Laxer }
}

pub(super) fn accounts(old: &Accounts, new: &Accounts, found: &mut Found) {
    let file = "accounts.toml";
    if old.default != new.default {
        found.add(Way::Laxer, file, "sessions act in another account");
    }
    let all: BTreeSet<&Account> = old.roles.keys().chain(new.roles.keys()).collect();
    for account in all {
        let name = &account.0;
        match (old.roles.get(account), new.roles.get(account)) {
            (Some(before), Some(after)) if before != after => {
                for operation in after.unlocked.difference(&before.unlocked) {
                    let what =
                        format!("{operation} is done in account {name} without a session policy around it");
                    found.add(Way::Laxer, file, what);
                }
                for operation in before.unlocked.difference(&after.unlocked) {
                    let what = format!("{operation} is done in account {name} within a session policy");
                    found.add(Way::Stricter, file, what);
                }
                if (&before.read, &before.write, &before.external_id)
                    != (&after.read, &after.write, &after.external_id)
                {
                    let what =
                        format!("in account {name} Countersign acts as {} and {}", after.read, after.write);
                    found.add(Way::Laxer, file, what);
                }
            }
            (None, Some(after)) => {
                let what =
                    format!("in account {name} Countersign acts as {} and {}", after.read, after.write);
                found.add(Way::Laxer, file, what);
            }
            (Some(_), None) => {
                let what = format!("in account {name} Countersign acts as whatever its own credentials are");
                found.add(Way::Laxer, file, what);
            }
            (Some(_), Some(_)) | (None, None) => {}
        }
    }
    for (role, after) in &new.assumable {
        match old.assumable.get(role) {
            None => found.add(Way::Laxer, file, format!("agents may take on {role}")),
            Some(before) if before != after => {
                found.add(
                    Way::Laxer,
                    file,
                    format!("other agents may take on {role}, or it is taken on otherwise"),
                );
            }
            Some(_) => {}
        }
    }
    for role in old.assumable.keys().filter(|role| !new.assumable.contains_key(*role)) {
        found.add(Way::Stricter, file, format!("no agent may take on {role} any more"));
    }
}
