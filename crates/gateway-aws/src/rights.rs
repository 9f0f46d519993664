//! With whose rights a permitted request goes out: the roles that the bundle gives for its account, or the server's own
//! credentials where they belong to that very account. Nothing goes out with the rights of another.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use credentials::{AssumeRole, Cache, Caller, Role, Sts};
use engine::Permit;
use model::{Account, ActionParts, ChangeId, OWN_NAME, PersonId, SecondLock, Timestamp};
use policy::{Assumable, Bundle, RoleArn, Roles};

use crate::UpstreamError;

/// Of all operators in all accounts; beyond it the one that was used longest ago is forgotten.
const MAX_READERS: usize = 256;
/// The longest that the service gives where one role is taken on with another's credentials.
const READING_S: u32 = 3_600;
/// The shortest that the service gives.
const CHANGING_S: u32 = 900;

/// The account of our own question whose credentials these are; no request of an agent is made for it.
pub(crate) const NOT_KNOWN_YET: &str = "unknown";

pub(crate) struct Rights {
    own: Arc<Cache>,
    account: OnceLock<Account>,
    sts: Sts,
    readers: Mutex<BTreeMap<AssumeRole, (Arc<Cache>, Timestamp)>>,
}

impl Rights {
    pub(crate) fn new(own: Cache, sts: Sts) -> Self {
        Self { own: Arc::new(own), account: OnceLock::new(), sts, readers: Mutex::default() }
    }

    /// The server's own credentials belong to `account`.
    pub(crate) fn belong_to(&self, account: &Account) {
        self.account.get_or_init(|| account.clone());
    }

    /// # Errors
    /// In words for the agent: there are no rights in the account.
    pub(crate) fn of(&self, permit: &Permit, now: Timestamp) -> Result<Arc<Cache>, String> {
        let parts = permit.action();
        if let Some(roles) = roles_for(permit.bundle(), parts)? {
            let change = permit.change().filter(|_| !parts.effects.is_plain_read());
            let asked = match change {
                Some(change) => AssumeRole {
                    policy: policy_of(&roles, parts),
                    ..to_change(&roles, change, permit.operator())
                },
                None => to_read(&roles, permit.operator()),
            };
            return Ok(match change {
                Some(_) => self.role(asked),
                None => self.reader(asked, now),
            });
        }
        if parts.account.0 == NOT_KNOWN_YET || self.account.get() == Some(&parts.account) {
            return Ok(Arc::clone(&self.own));
        }
        Err(format!(
            "it has no rights in account {0}; two people can put [accounts.{0}] with `read_role` and `write_role` into \
             accounts.toml of the bundle",
            parts.account
        ))
    }

    /// Takes on every role that the bundle gives and asks whom the cloud takes us for.
    ///
    /// # Errors
    /// With what was expected, what was found, and where it is to be put right.
    pub(crate) async fn check(
        &self,
        account: &Account,
        roles: &Roles,
        now: Timestamp,
    ) -> Result<(), UpstreamError> {
        for (setting, role) in [("read_role", &roles.read), ("write_role", &roles.write)] {
            let wrong = |found: String| UpstreamError::Role {
                setting,
                role: role.to_string(),
                account: account.clone(),
                found,
            };
            self.check_one(roles, role, now).await.map_err(wrong)?;
        }
        Ok(())
    }

    /// As [`Self::check`], of a role that agents may take on.
    ///
    /// # Errors
    /// Likewise.
    pub(crate) async fn check_assumable(
        &self,
        role: &RoleArn,
        assumable: &Assumable,
        now: Timestamp,
    ) -> Result<(), UpstreamError> {
        let roles = bound_to(role, assumable);
        let wrong = |found: String| UpstreamError::Role {
            setting: "assumable",
            role: role.to_string(),
            account: role.account().clone(),
            found,
        };
        self.check_one(&roles, role, now).await.map_err(wrong)
    }

    async fn check_one(&self, roles: &Roles, role: &RoleArn, now: Timestamp) -> Result<(), String> {
        let asked = AssumeRole { seconds: CHANGING_S, ..as_ours(roles, role) };
        let said = match self.role(asked).get(now).await {
            Ok(given) => self.sts.caller(&role.to_string(), &given, now).await,
            Err(err) => Err(err),
        };
        let caller = said.map_err(|err| format!("{err}; {}", err.hint()))?;
        if is_session_of(&caller, role) {
            return Ok(());
        }
        Err(format!("the cloud takes us for {}", model::sanitize(&caller.arn, 300)))
    }

    fn role(&self, asked: AssumeRole) -> Arc<Cache> {
        Arc::new(Cache::new(Role::new(Arc::clone(&self.own), self.sts.clone(), asked)))
    }

    fn reader(&self, asked: AssumeRole, now: Timestamp) -> Arc<Cache> {
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((cache, used)) = readers.get_mut(&asked) {
            *used = now;
            return Arc::clone(cache);
        }
        if readers.len() >= MAX_READERS {
            let oldest = readers.iter().min_by_key(|(_, (_, used))| *used).map(|(asked, _)| asked.clone());
            oldest.and_then(|oldest| readers.remove(&oldest));
        }
        let cache = self.role(asked.clone());
        readers.insert(asked, (Arc::clone(&cache), now));
        cache
    }
}

/// What the bundle gives for the action: the role that its session has taken on, or those of the account.
///
/// # Errors
/// In words for the agent: the bundle lets nobody take on the role any more.
fn roles_for(bundle: &Bundle, parts: &ActionParts) -> Result<Option<Roles>, String> {
    let Some(acting_as) = &parts.acting_as else { return Ok(bundle.roles_of(&parts.account).cloned()) };
    let found = bundle.assumable().find(|(role, _)| role.as_str() == acting_as);
    let (role, assumable) = found.ok_or_else(|| format!("no agent may act as {acting_as} any more"))?;
    let unlocked = bundle.roles_of(&parts.account).map(|roles| roles.unlocked.clone()).unwrap_or_default();
    Ok(Some(Roles { unlocked, ..bound_to(role, assumable) }))
}

/// One role for reads and changes: the one that was asked for.
fn bound_to(role: &RoleArn, assumable: &Assumable) -> Roles {
    Roles {
        read: role.clone(),
        write: role.clone(),
        external_id: assumable.external_id.clone(),
        unlocked: BTreeSet::new(),
    }
}

fn to_read(roles: &Roles, operator: &PersonId) -> AssumeRole {
    let source_identity = Some(source_identity(operator));
    AssumeRole { source_identity, seconds: READING_S, ..as_ours(roles, &roles.read) }
}

/// The change's id stands in every event of the cloud's own trail, beside whoever answers for it.
fn to_change(roles: &Roles, change: ChangeId, operator: &PersonId) -> AssumeRole {
    let source_identity = Some(source_identity(operator));
    let session_name = change.to_string();
    AssumeRole { session_name, source_identity, seconds: CHANGING_S, ..as_ours(roles, &roles.write) }
}

/// The second lock, where one fits and the bundle does not take the operation out of it.
fn policy_of(roles: &Roles, parts: &ActionParts) -> Option<String> {
    match &parts.second_lock {
        Some(SecondLock::Policy { text, .. }) if !roles.unlocked.contains(&parts.operation.to_string()) => {
            Some(text.clone())
        }
        Some(SecondLock::Policy { .. } | SecondLock::Unfit(_)) | None => None,
    }
}

fn as_ours(roles: &Roles, role: &RoleArn) -> AssumeRole {
    AssumeRole {
        role: role.to_string(),
        external_id: roles.external_id.clone(),
        session_name: OWN_NAME.to_owned(),
        source_identity: Some(OWN_NAME.to_owned()),
        policy: None,
        seconds: CHANGING_S,
    }
}

/// At least two characters (<https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>); no person's
/// name has an `@`, so `a` and what is written for it are not two people.
fn source_identity(operator: &PersonId) -> String {
    let name = operator.as_str();
    if name.len() < 2 { format!("{name}@") } else { name.to_owned() }
}

/// `arn:PARTITION:sts::ACCOUNT:assumed-role/NAME/SESSION`.
fn is_session_of(caller: &Caller, role: &RoleArn) -> bool {
    let name = role.as_str().rsplit('/').next().unwrap_or_default();
    let (partition, account) = (role.partition(), role.account());
    let expected = format!("arn:{}:sts::{}:assumed-role/{name}/{OWN_NAME}", partition.0, account.0);
    caller.account == account.0 && caller.arn == expected
}

#[cfg(test)]
mod tests {
    use credentials::Credentials;

    use super::*;

    fn roles() -> Roles {
        Roles {
            read: "arn:aws:iam::111122223333:role/cs/read".parse().unwrap(),
            write: "arn:aws:iam::111122223333:role/cs/write".parse().unwrap(),
            external_id: Some("ex-1".to_owned()),
            unlocked: BTreeSet::new(),
        }
    }

    #[test]
    fn a_change_is_the_write_role_under_its_id_and_a_read_the_read_role() {
        let roles = roles();
        let change: ChangeId = "chg-00000000000000000000000001".parse().unwrap();
        let asked = to_change(&roles, change, &"olga".parse().unwrap());
        assert_eq!(asked.role, roles.write.to_string());
        assert_eq!(asked.session_name, change.to_string());
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte);
        assert!(asked.session_name.len() <= 64 && asked.session_name.bytes().all(plain));
        assert_eq!((asked.source_identity.as_deref(), asked.seconds), (Some("olga"), 900));
        assert_eq!(asked.external_id.as_deref(), Some("ex-1"));
        let asked = to_read(&roles, &"o".parse().unwrap());
        assert_eq!((asked.role, asked.session_name), (roles.read.to_string(), "countersign".to_owned()));
        assert_eq!((asked.source_identity.as_deref(), asked.seconds), (Some("o@"), 3_600));
    }

    #[test]
    fn only_a_session_of_the_very_role_is_one() {
        for (account, arn, expected) in [
            ("111122223333", "arn:aws:sts::111122223333:assumed-role/read/countersign", true),
            ("444455556666", "arn:aws:sts::111122223333:assumed-role/read/countersign", false),
            ("111122223333", "arn:aws:sts::444455556666:assumed-role/read/countersign", false),
            ("111122223333", "arn:aws:sts::111122223333:assumed-role/write/countersign", false),
            ("111122223333", "arn:aws:iam::111122223333:user/read", false),
        ] {
            let caller = Caller { account: account.to_owned(), arn: arn.to_owned() };
            assert_eq!(is_session_of(&caller, &roles().read), expected, "{arn}");
        }
    }

    #[test]
    fn what_is_kept_for_reads_is_bounded_and_shared() {
        let sts = Sts::new(credentials::Http::new().unwrap(), "us-east-1", "aws", None);
        let rights = Rights::new(Cache::new(Credentials::lasting("A", "s")), sts);
        let at = |nth: i64| {
            let operator = format!("p{nth}").parse().unwrap();
            rights.reader(to_read(&roles(), &operator), Timestamp::from_seconds(nth))
        };
        assert!(Arc::ptr_eq(&at(0), &at(0)), "one operator, one session");
        for nth in 0..300 {
            at(nth);
        }
        let readers = rights.readers.lock().unwrap();
        assert_eq!(readers.len(), MAX_READERS);
        assert!(readers.values().all(|(_, used)| *used >= Timestamp::from_seconds(44)), "the oldest went");
    }
}
