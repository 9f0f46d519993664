//! `accounts.toml`: with which roles Countersign acts in which account. It belongs to the bundle, because whoever can
//! change it changes what is done with which rights.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    str::FromStr,
};

use model::{Account, AgentId, Environment, Partition, sanitize};

use crate::reader::Section;

/// The accounts whose roles are given, and where sessions act.
#[derive(Clone, Debug, Default)]
pub(crate) struct Accounts {
    pub(crate) default: Option<Account>,
    pub(crate) roles: BTreeMap<Account, Roles>,
    pub(crate) assumable: BTreeMap<RoleArn, Assumable>,
}

/// What Countersign acts as in one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roles {
    /// For plain reads: agents', and those of our own collectors.
    pub read: RoleArn,
    /// For everything else, taken on anew for each permitted change.
    pub write: RoleArn,
    /// What the roles' trust asks for.
    pub external_id: Option<String>,
    /// Operations (`service:Operation`) for which the write role is taken on without a session policy.
    pub unlocked: BTreeSet<String>,
}

/// A role that agents may take on by asking for it, in an account with roles of our own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assumable {
    pub agents: BTreeSet<AgentId>,
    pub external_id: Option<String>,
}

/// `arn:PARTITION:iam::ACCOUNT:role/PATH/NAME`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RoleArn {
    text: String,
    partition: Partition,
    account: Account,
}

impl RoleArn {
    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub const fn partition(&self) -> &Partition {
        &self.partition
    }

    pub const fn account(&self) -> &Account {
        &self.account
    }
}

impl fmt::Display for RoleArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for RoleArn {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            let text = sanitize(text, 200);
            format!("`{text}` is no role, such as \"arn:aws:iam::111122223333:role/countersign-read\"")
        };
        let mut fields = text.splitn(6, ':');
        let mut next = || fields.next().ok_or_else(wrong);
        let (arn, partition, service) = (next()?, next()?, next()?);
        let (region, account, role) = (next()?, next()?, next()?);
        let path = role.strip_prefix("role/").ok_or_else(wrong)?;
        // https://docs.aws.amazon.com/IAM/latest/APIReference/API_Role.html: a path of graphic ASCII, a name of 64.
        let name = path.rsplit('/').next().unwrap_or_default();
        let in_name = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte);
        let named = (1..=64).contains(&name.len()) && name.bytes().all(in_name);
        let pathed = path.len() <= 600 && path.bytes().all(|byte| byte == b'/' || in_name(byte));
        let partitioned = partition == "aws" || partition.starts_with("aws-");
        let whole = arn == "arn" && partitioned && service == "iam" && region.is_empty();
        if !(whole && named && pathed && is_account(account)) {
            return Err(wrong());
        }
        Ok(Self {
            text: text.to_owned(),
            partition: Partition(partition.to_owned()),
            account: Account(account.to_owned()),
        })
    }
}

/// `environment_of`: an account that nobody maps is production.
pub(crate) fn read_accounts(
    root: &Section<'_>,
    environment_of: impl Fn(&Account) -> Environment,
) -> Accounts {
    let mut accounts = Accounts::default();
    for (Number(account), section) in root.named::<Number>("accounts") {
        let role = |key: &'static str, hint: &str| {
            let found = section.parsed::<RoleArn>(key);
            match &found {
                Some(role) if *role.account() != account => {
                    let message = format!("{role} is a role of account {}, not of {account}", role.account());
                    section.wrong(key, message, None);
                }
                Some(_) => {}
                None if section.has(key) => {}
                None => section.missing(key, hint),
            }
            found
        };
        let read =
            role("read_role", "the role for plain reads; `countersign` never reads with the other one");
        let write = role("write_role", "the role for permitted changes");
        let external_id = section.parsed::<ExternalId>("external_id").map(|it| it.0);
        let unlocked = section.list::<Named>("without_second_lock").into_iter().map(|it| it.0).collect();
        if let (Some(read), Some(write)) = (read, write) {
            if read == write && environment_of(&account).production {
                let hint = "in production a read must not be able to change anything".to_owned();
                section.wrong("write_role", format!("{write} is the read role too"), Some(hint));
            }
            if read.partition() != write.partition() {
                section.wrong("write_role", "the two roles lie in two partitions".to_owned(), None);
            }
            accounts.roles.insert(account, Roles { read, write, external_id, unlocked });
        }
        section.finish();
    }
    accounts.assumable = read_assumable(root, &accounts.roles);
    accounts.default = root.parsed::<Number>("default").map(|it| it.0);
    if let Some(account) = accounts.default.as_ref().filter(|it| !accounts.roles.contains_key(*it)) {
        let hint =
            "without `default`, sessions act in the account of the server's own credentials".to_owned();
        root.wrong("default", format!("account {account} has no roles in this file"), Some(hint));
    }
    accounts
}

fn read_assumable(root: &Section<'_>, roles: &BTreeMap<Account, Roles>) -> BTreeMap<RoleArn, Assumable> {
    let mut assumable = BTreeMap::new();
    for (role, section) in root.named::<RoleArn>("assumable") {
        let agents: BTreeSet<AgentId> = section.list::<AgentId>("agents").into_iter().collect();
        if agents.is_empty() {
            section.missing("agents", "the agents that may take the role on");
        }
        if !roles.contains_key(role.account()) {
            let hint = "what an agent does there is looked at with the account's own roles".to_owned();
            let message = format!("account {} has no roles in this file", role.account());
            section.wrong("agents", message, Some(hint));
        }
        let external_id = section.parsed::<ExternalId>("external_id").map(|it| it.0);
        section.finish();
        assumable.insert(role, Assumable { agents, external_id });
    }
    assumable
}

struct Number(Account);

impl FromStr for Number {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{}` is no account: twelve digits in quotes", sanitize(text, 80));
        is_account(text).then(|| Self(Account(text.to_owned()))).ok_or_else(wrong)
    }
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// `service:Operation`.
struct Named(String);

impl FromStr for Named {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let plain =
            |part: &str| !part.is_empty() && part.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'-');
        match text.split_once(':') {
            Some((service, operation)) if plain(service) && plain(operation) => Ok(Self(text.to_owned())),
            Some(_) | None => {
                Err(format!("`{}` is no operation, such as \"rds:CreateDBInstance\"", sanitize(text, 80)))
            }
        }
    }
}

struct ExternalId(String);

impl FromStr for ExternalId {
    type Err = String;

    /// <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>
    fn from_str(text: &str) -> Result<Self, String> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@:/-".contains(&byte);
        if (2..=1224).contains(&text.len()) && text.bytes().all(fits) {
            Ok(Self(text.to_owned()))
        } else {
            Err("an external id is 2 to 1224 of A–Z, a–z, 0–9 and _+=,.@:/-".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::{problem::Problems, reader::read_toml};

    fn check(text: &str, expected: &Expect) {
        let problems = Problems::default();
        // Account 2… is staging; every other is production.
        let environment = |account: &Account| Environment {
            name: "staging".parse().unwrap(),
            production: !account.0.starts_with('2'),
        };
        let read = read_toml("accounts.toml", text, &problems, |root| Some(read_accounts(root, environment)));
        let told = match problems.into_result() {
            Ok(()) => format!("{} accounts", read.unwrap().roles.len()),
            Err(err) => err.to_string(),
        };
        expected.assert_eq(&told);
    }

    #[test]
    fn roles_are_of_their_account_and_two_in_production() {
        check("", &expect!["0 accounts"]);
        check(
            "default = \"222222222222\"\n[accounts.222222222222]\n\
             read_role = \"arn:aws:iam::222222222222:role/all\"\nwrite_role = \"arn:aws:iam::222222222222:role/all\"\n\
             [accounts.111111111111]\nexternal_id = \"ex-1\"\nwithout_second_lock = [\"rds:CreateDBInstance\"]\n\
             read_role = \"arn:aws:iam::111111111111:role/cs/read\"\nwrite_role = \"arn:aws:iam::111111111111:role/w\"\n",
            &expect!["2 accounts"],
        );
        check(
            "[accounts.111111111111]\nread_role = \"arn:aws:iam::111111111111:role/all\"\n\
             write_role = \"arn:aws:iam::111111111111:role/all\"\n",
            &expect![[r#"
                accounts.toml:3: arn:aws:iam::111111111111:role/all is the read role too
                  hint: in production a read must not be able to change anything"#]],
        );
        check(
            "default = \"333333333333\"\n[accounts.222222222222]\nread_role = \"arn:aws:iam::111111111111:role/r\"\n\
             write_role = \"arn:aws-cn:iam::222222222222:role/w\"\nextern_id = \"x\"\n",
            &expect![[r#"
                accounts.toml:1: account 333333333333 has no roles in this file
                  hint: without `default`, sessions act in the account of the server's own credentials
                accounts.toml:3: arn:aws:iam::111111111111:role/r is a role of account 111111111111, not of 222222222222
                accounts.toml:4: the two roles lie in two partitions
                accounts.toml:5: [accounts.222222222222] has no setting `extern_id`
                  hint: did you mean `external_id`?"#]],
        );
        check(
            "[accounts.production]\n[accounts.222222222222]\nexternal_id = \"x\"\nread_role = \"all\"\n\
             without_second_lock = [\"rds\"]\n",
            &expect![[r#"
                accounts.toml:1: `production` is no account: twelve digits in quotes
                accounts.toml:2: [accounts.222222222222] has no `write_role`
                  hint: the role for permitted changes
                accounts.toml:3: `external_id`: an external id is 2 to 1224 of A–Z, a–z, 0–9 and _+=,.@:/-
                accounts.toml:4: `read_role`: `all` is no role, such as "arn:aws:iam::111122223333:role/countersign-read"
                accounts.toml:5: `without_second_lock`: `rds` is no operation, such as "rds:CreateDBInstance""#]],
        );
    }

    #[test]
    fn what_is_no_role_is_none() {
        for text in [
            "arn:aws:iam::111111111111:user/x",
            "arn:aws:iam::11111111111:role/x",
            "arn:aws:iam:us-east-1:111111111111:role/x",
            "arn:aws:sts::111111111111:role/x",
            "arn:gcp:iam::111111111111:role/x",
            "arn:aws:iam::111111111111:role/",
            "arn:aws:iam::111111111111:role/x y",
            "arn:aws:iam::111111111111:role/x:y",
            "arn:aws:iam::111111111111:role/*",
            "x",
        ] {
            assert!(text.parse::<RoleArn>().is_err(), "{text}");
        }
        let role: RoleArn = "arn:aws-cn:iam::111111111111:role/a/b".parse().unwrap();
        assert_eq!((role.partition().0.as_str(), role.account().0.as_str()), ("aws-cn", "111111111111"));
    }
}
