//! One entry of `roster.toml`, made or added to in its text, so that what people wrote around it stays. Pure; and nobody's word:
//! whether the amended text says what was meant is asked of the roster that it is read as.

use std::collections::BTreeSet;

use model::{EnrolledKey, Identity, Person, PersonId, Role, Roster};

/// Who is to be enrolled, and with what.
#[derive(Clone, Debug)]
pub(super) struct Enrolment {
    pub(super) name: PersonId,
    pub(super) keys: BTreeSet<EnrolledKey>,
    pub(super) identities: BTreeSet<Identity>,
    /// The rest is of somebody who is new.
    pub(super) approver: bool,
    pub(super) operator: bool,
    pub(super) roles: BTreeSet<Role>,
}

impl Enrolment {
    /// Whether the roster has all of it.
    pub(super) fn is_in(&self, roster: &Roster) -> bool {
        roster.people.get(&self.name).is_some_and(|it| {
            self.keys.is_subset(&it.keys)
                && self.identities.is_subset(&it.identities)
                && (!self.approver || it.approver)
                && (!self.operator || it.operator)
                && self.roles.is_subset(&it.roles)
        })
    }

    /// The roster with it.
    pub(super) fn added_to(&self, roster: &Roster) -> Result<Roster, String> {
        let mut next = roster.clone();
        let Some(person) = next.people.get_mut(&self.name) else {
            if self.keys.is_empty() {
                return Err(format!(
                    "{} is new, and takes a key: an account alone approves nothing",
                    self.name
                ));
            }
            if !self.approver && !self.operator {
                return Err(format!("{} is new: say --approver, --operator or both", self.name));
            }
            let person = Person {
                keys: self.keys.clone(),
                identities: self.identities.clone(),
                operator: self.operator,
                approver: self.approver,
                roles: self.roles.clone(),
                recovery: false,
            };
            next.people.insert(self.name.clone(), person);
            return Ok(next);
        };
        let more = (self.approver && !person.approver)
            || (self.operator && !person.operator)
            || !self.roles.is_subset(&person.roles);
        if more || person.recovery {
            return Err(format!(
                "{} is enrolled: this adds keys and accounts, and what else they may is edited in roster.toml",
                self.name
            ));
        }
        person.keys.extend(self.keys.iter().cloned());
        person.identities.extend(self.identities.iter().cloned());
        Ok(next)
    }
}

/// The text with it.
pub(super) fn amended(text: &str, enrolment: &Enrolment) -> Result<String, String> {
    let heads = [format!("[people.{}]", enrolment.name), format!("[people.\"{}\"]", enrolment.name)];
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let Some(head) = lines.iter().position(|line| heads.iter().any(|head| line.trim() == head)) else {
        return Ok(format!("{}\n{}", text.trim_end_matches('\n'), new(enrolment)));
    };
    let after = head.saturating_add(1);
    let section = lines.iter().skip(after).position(|line| line.trim_start().starts_with('['));
    let end = section.map_or(lines.len(), |length| after.saturating_add(length));
    let keys: Vec<String> = enrolment.keys.iter().map(|it| quoted(&it.0)).collect();
    let accounts: Vec<String> = enrolment.identities.iter().map(|it| quoted(&it.to_string())).collect();
    for (name, values) in
        [("keys", keys), ("identities", accounts)].into_iter().filter(|(_, it)| !it.is_empty())
    {
        let values = values.join(", ");
        let opens = |line: &&mut String| {
            let rest = line.trim_start().strip_prefix(name);
            rest.is_some_and(|rest| rest.trim_start().strip_prefix('=').is_some())
        };
        let own = lines.iter_mut().take(end).skip(after).find(opens);
        match own {
            Some(line) => {
                let (before, rest) = line.split_once('[').ok_or_else(|| {
                    format!("`{name}` of {} does not begin its list on its own line", enrolment.name)
                })?;
                let comma = if rest.trim_start().starts_with(']') { "" } else { ", " };
                *line = format!("{before}[{values}{comma}{rest}");
            }
            None => lines.insert(after, format!("{name} = [{values}]")),
        }
    }
    Ok(format!("{}\n", lines.join("\n")))
}

fn new(enrolment: &Enrolment) -> String {
    let name = enrolment.name.as_str();
    let table = if name.contains('.') { format!("\"{name}\"") } else { name.to_owned() };
    let list = |values: Vec<String>| values.join(", ");
    let keys = list(enrolment.keys.iter().map(|it| quoted(&it.0)).collect());
    let accounts = list(enrolment.identities.iter().map(|it| quoted(&it.to_string())).collect());
    let accounts = if accounts.is_empty() { String::new() } else { format!("identities = [{accounts}]\n") };
    let roles = list(enrolment.roles.iter().map(|it| quoted(it.as_str())).collect());
    format!(
        "\n[people.{table}]\nkeys = [{keys}]\n{accounts}operator = {}\napprover = {}\nroles = [{roles}]\n",
        enrolment.operator, enrolment.approver
    )
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    const ROSTER: &str = "# Who is who.\n[people.ben]\n# His own.\nkeys = [\"ssh-ed25519 BEN\"]\napprover = true\n\n[agents.fixer]\n";

    fn enrolment(name: &str, keys: &[&str], accounts: &[&str]) -> Enrolment {
        Enrolment {
            name: name.parse().unwrap(),
            keys: keys.iter().map(|it| EnrolledKey((*it).to_owned())).collect(),
            identities: accounts.iter().map(|it| it.parse().unwrap()).collect(),
            approver: true,
            operator: false,
            roles: BTreeSet::new(),
        }
    }

    fn check(text: &str, enrolment: &Enrolment, expected: Expect) {
        expected.assert_eq(&amended(text, enrolment).unwrap_or_else(|why| format!("no: {why}\n")));
    }

    #[test]
    fn what_people_wrote_around_it_stays() {
        let roles = BTreeSet::from(["sre".parse().unwrap()]);
        let dora = Enrolment { roles, ..enrolment("dora", &["passkey localhost A B"], &[]) };
        check(
            ROSTER,
            &dora,
            expect![[r#"
                # Who is who.
                [people.ben]
                # His own.
                keys = ["ssh-ed25519 BEN"]
                approver = true

                [agents.fixer]

                [people.dora]
                keys = ["passkey localhost A B"]
                operator = false
                approver = true
                roles = ["sre"]
            "#]],
        );
        let ben = enrolment("ben", &["passkey localhost A B"], &["https://idp.example sub 1"]);
        check(
            ROSTER,
            &ben,
            expect![[r#"
                # Who is who.
                [people.ben]
                identities = ["https://idp.example sub 1"]
                # His own.
                keys = ["passkey localhost A B", "ssh-ed25519 BEN"]
                approver = true

                [agents.fixer]
            "#]],
        );
        check(
            "[people.\"b.en\"]\nkeys = []\nidentities = [\n\"x\",\n]\n",
            &enrolment("b.en", &["k"], &["https://idp.example sub 1"]),
            expect![[r#"
                [people."b.en"]
                keys = ["k"]
                identities = ["https://idp.example sub 1", 
                "x",
                ]
            "#]],
        );
        check(
            "[people.ben]\nkeys =\n[\"x\"]\n",
            &enrolment("ben", &["k"], &[]),
            expect![[r#"
                no: `keys` of ben does not begin its list on its own line
            "#]],
        );
    }

    #[test]
    fn who_is_new_takes_a_key_and_something_to_do() {
        let roster = Roster::default();
        let check = |enrolment: &Enrolment, why: &str| {
            let err = enrolment.added_to(&roster).unwrap_err();
            assert!(err.contains(why), "{err}");
        };
        check(&enrolment("dora", &[], &["https://idp.example sub 1"]), "takes a key");
        check(&Enrolment { approver: false, ..enrolment("dora", &["k"], &[]) }, "--approver");
        let dora = enrolment("dora", &["k"], &[]);
        let with = dora.added_to(&roster).unwrap();
        assert!(dora.is_in(&with) && !dora.is_in(&roster));
        let more = Enrolment { operator: true, ..enrolment("dora", &["l"], &[]) };
        let err = more.added_to(&with).unwrap_err();
        assert!(err.contains("dora is enrolled") && !more.is_in(&with), "{err}");
        let another = enrolment("dora", &["l"], &[]).added_to(&with).unwrap();
        assert_eq!(another.people["dora"].keys.len(), 2);
    }
}
