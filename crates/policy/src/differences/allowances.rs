//! `budgets.toml` and `standing.toml`: what passes without anybody.

use super::{Found, Way};
use crate::allowances::{Allowances, Budget, Standing};

pub(super) fn compare(old: &Allowances, new: &Allowances, found: &mut Found) {
    let file = "budgets.toml";
    for after in &new.budgets {
        match old.budgets.iter().find(|before| before.name() == after.name()) {
            None => {
                found.add(Way::Laxer, file, format!("the budget {} allows {}", after.name(), after.limit()))
            }
            Some(before) if before == after => {}
            Some(before) => {
                let what =
                    format!("the budget {} goes from {} to {}", after.name(), before.limit(), after.limit());
                let way = if before.is_narrowed_to(after) { Way::Stricter } else { Way::Laxer };
                found.add(way, file, what);
            }
        }
    }
    for before in &old.budgets {
        if !new.budgets.iter().any(|after| after.name() == before.name()) {
            // Where two cover one thing the tighter one binds, and it may be this one that goes.
            let others = new.budgets.iter().any(|after: &Budget| after.is_like(before));
            let way = if others { Way::Laxer } else { Way::Stricter };
            found.add(way, file, format!("the budget {} is gone", before.name()));
        }
    }
    let file = "standing.toml";
    for after in &new.standing {
        match old.standing.iter().find(|before| before.name() == after.name()) {
            None => found.add(Way::Laxer, file, format!("{} is allowed in advance", after.name())),
            Some(before) if before.says_what(after) => {}
            Some(before) => {
                let way = if before.is_narrowed_to(after) { Way::Stricter } else { Way::Laxer };
                found.add(way, file, format!("what {} allows in advance is otherwise", after.name()));
            }
        }
    }
    for before in &old.standing {
        if !new.standing.iter().any(|after: &Standing| after.name() == before.name()) {
            found.add(Way::Stricter, file, format!("{} is not allowed in advance any more", before.name()));
        }
    }
}
