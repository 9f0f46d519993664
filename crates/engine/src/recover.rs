//! Recovery from lost keys: an adoption that a recovery key asks for. Two such keys sign for it, nothing but the roster may be
//! another, and it waits until whoever is left could have objected: any approver vetoes it like any other change. Who asks,
//! what for and until when an objection counts goes into the log as an alarm, and to every client with every answer.

use std::sync::PoisonError;

use approval::Ineligible;
use model::{
    Adoption, Alternative, BundleParts, Change, ChangeId, ChangeState, Denial, Glass, PersonId, Requirement,
    Roster, Timestamp,
};
use policy::Bundle;
use store::{Filter, StorageError};

use crate::{Engine, SignError, decide::Drawn, glass, own};

impl Engine {
    /// What everybody must hear, whatever they asked: the recoveries that wait, and the glass that is broken or is to be.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub async fn notices(&self) -> Result<Vec<String>, StorageError> {
        let (bundle, now) = (self.bundle(), self.clock.now());
        let filter = Filter {
            states: vec![ChangeState::Held, ChangeState::Approved],
            agent: model::OWN_NAME.parse().ok(),
            session: None,
            before: None,
            limit: usize::MAX,
        };
        let broken: Vec<Glass> = {
            let sessions = self.sessions.read().unwrap_or_else(PoisonError::into_inner);
            let broken = sessions.all().filter(|session| session.closed(now).is_none());
            broken.filter_map(|session| session.glass).filter(|glass| now < glass.until).collect()
        };
        let (open, broken) = self
            .read(move |view| {
                let broken = broken.into_iter().map(|glass| Ok((view.change(glass.change)?, glass.until)));
                Ok((view.changes(&filter)?, broken.collect::<Result<Vec<_>, StorageError>>()?))
            })
            .await?;
        let roster = bundle.roster();
        let waiting = open.iter().filter_map(|change| match &change.breaks {
            Some(glass) => Some(glass::notice(change, glass, None)),
            None => is_recovery(change, roster).then(|| notice(change, roster)),
        });
        let broken = broken.iter().filter_map(|(change, until)| {
            let change = change.as_ref()?;
            Some(glass::notice(change, change.breaks.as_ref()?, Some(*until)))
        });
        Ok(waiting.chain(broken).collect())
    }

    /// That this is a person, and no recovery key.
    ///
    /// # Errors
    /// What such a key is for.
    pub fn is_person(&self, name: &PersonId) -> Result<(), Ineligible> {
        if is_key(self.bundle().roster(), name) { Err(Ineligible::RecoveryKey(name.clone())) } else { Ok(()) }
    }
}

/// Whether `person` is no person, but a key for recoveries.
pub(crate) fn is_key(roster: &Roster, person: &PersonId) -> bool {
    roster.people.get(person).is_some_and(|it| it.recovery)
}

/// Whether two recovery keys carry it, in the place of two people.
pub(crate) fn is_recovery(change: &Change, roster: &Roster) -> bool {
    change.adopts.is_some() && is_key(roster, &change.chain.operator)
}

/// When a recovery may come into force that was asked for under this id: people sign for that, and for no other time that
/// may stand in its row.
pub(crate) fn not_before(roster: &Roster, change: ChangeId) -> Timestamp {
    change.made_at().plus_seconds(i64::from(roster.recovery_delay_s()))
}

pub(crate) fn requirement(roster: &Roster, change: ChangeId) -> Requirement {
    let window = format!(
        "{} recovery keys sign, and no approver has vetoed it by {}",
        Adoption::RECOVERY_KEYS,
        not_before(roster, change)
    );
    Requirement { window: Some(window), ..Requirement::default() }
}

/// Whether these have signed enough, and it has waited long enough.
pub(crate) fn agreed<'p>(
    roster: &Roster,
    change: ChangeId,
    signers: impl Iterator<Item = &'p PersonId>,
    now: Timestamp,
) -> bool {
    approval::recovering(roster, signers).len() >= Adoption::RECOVERY_KEYS
        && now >= not_before(roster, change)
}

/// Why nobody could ever sign enough for it.
pub(crate) fn hopeless(roster: &Roster) -> Option<Denial> {
    let there = approval::recovering(roster, roster.people.keys()).len();
    (there < Adoption::RECOVERY_KEYS).then(|| Denial {
        fault: None,
        rules: Vec::new(),
        alternatives: vec![Alternative("two people besides whoever asks adopt another roster".to_owned())],
    })
}

/// What the adoption's entry says, so that an auditor who has no bundle can tell that only the roster is another.
#[derive(Clone, Debug)]
pub(crate) struct Recovered {
    by: PersonId,
    before: BundleParts,
    after: BundleParts,
}

impl Recovered {
    /// `None` where it is no recovery.
    ///
    /// # Errors
    /// [`SignError::NotAdoptable`] where more than the roster would be another.
    pub(crate) fn of(by: &PersonId, in_force: &Bundle, next: &Bundle) -> Result<Option<Self>, SignError> {
        if !is_key(in_force.roster(), by) {
            return Ok(None);
        }
        let (before, after) = (in_force.made_of(), next.made_of());
        if before.rest != after.rest {
            return Err(SignError::NotAdoptable(format!(
                "{by} is a recovery key, and a recovery changes roster.toml alone: other files of this bundle differ from \
                 those in force; get these with `countersign policy fetch {}`, and edit roster.toml",
                in_force.digest()
            )));
        }
        Ok(Some(Self { by: by.clone(), before, after }))
    }

    pub(crate) fn details(&self) -> [(&'static str, String); 4] {
        [
            ("recovery", self.by.to_string()),
            ("rest", self.before.rest.to_string()),
            ("roster_before", self.before.roster.to_string()),
            ("roster_after", self.after.roster.to_string()),
        ]
    }
}

/// In the log, where everybody sees it; and in the server's own.
pub(crate) fn asked(drawn: &mut Drawn, change: &Change, roster: &Roster) -> model::Entry {
    let said = notice(change, roster);
    tracing::warn!(change = %change.id, key = %change.chain.operator, "{said}");
    own::alarm(drawn, change, said)
}

pub(crate) fn done(drawn: &mut Drawn, change: &Change) -> model::Entry {
    let said = format!(
        "{}: recovery keys have given the installation another roster; see who may sign now, and tell everybody who could \
         before",
        change.id
    );
    tracing::warn!(change = %change.id, key = %change.chain.operator, "{said}");
    own::alarm(drawn, change, said)
}

/// For everybody, for as long as it can be vetoed.
pub(crate) fn notice(change: &Change, roster: &Roster) -> String {
    format!(
        "{}: the recovery key {} asks for another roster; it comes into force no sooner than {}, unless an approver vetoes it \
         (countersign change reject)",
        change.id,
        change.chain.operator,
        not_before(roster, change.id)
    )
}
