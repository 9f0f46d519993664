//! A person signs in to the console: on the record before they see anything.

use model::{Digest, EntryKind, Identity, PersonId};
use store::WriteError;

use crate::{Engine, SignError, record::cloned};

impl Engine {
    /// Puts on record that `person` signed in, by the request that they `signed` for it (its text and the signature).
    ///
    /// # Errors
    /// Where that is no person but a recovery key, the passkey's counter did not go up, or nothing can be recorded.
    pub async fn sign_in(&self, person: PersonId, signed: (String, String)) -> Result<(), SignError> {
        self.recordable()?;
        self.is_person(&person).map_err(SignError::MayNot)?;
        let mut drawn = self.draw()?;
        let (request, signature) = signed;
        let taken = self.counters.take(&signature);
        let mut entry = match &taken {
            Ok(()) => {
                let mut entry = drawn.entry(EntryKind::SignedIn);
                entry.detail.insert("request".to_owned(), request);
                entry.detail.insert("signature".to_owned(), signature);
                entry
            }
            Err(behind) => cloned(drawn.entry(EntryKind::Alarm), *behind, "signing in"),
        };
        entry.bundle = Some(self.bundle().digest());
        entry.actors.person = Some(person);
        let written = self.store.write(move |tx| tx.record(entry)).await;
        written.map_err(|err: WriteError<store::StorageError>| model::Fault::Storage(err.to_string()))?;
        taken.map_err(SignError::Cloned)
    }

    /// Puts on record that `person` signed in as `identity`, by the provider's ID token of this digest. The roster says that the
    /// account is theirs; it approves nothing.
    ///
    /// # Errors
    /// Where the roster does not say so, that is no person but a recovery key, or nothing can be recorded.
    pub async fn sign_in_as(
        &self,
        person: PersonId,
        identity: Identity,
        token: Digest,
    ) -> Result<(), SignError> {
        self.recordable()?;
        self.is_person(&person).map_err(SignError::MayNot)?;
        let bundle = self.bundle();
        let theirs = bundle.roster().people.get(&person).is_some_and(|it| it.identities.contains(&identity));
        if !theirs {
            return Err(SignError::MayNot(approval::Ineligible::NotEnrolled(person)));
        }
        let mut drawn = self.draw()?;
        let mut entry = drawn.entry(EntryKind::SignedIn);
        entry.detail.insert("identity".to_owned(), identity.to_string());
        entry.detail.insert("id_token".to_owned(), token.to_string());
        entry.bundle = Some(bundle.digest());
        entry.actors.person = Some(person);
        let written = self.store.write(move |tx| tx.record(entry)).await;
        written.map_err(|err: WriteError<store::StorageError>| model::Fault::Storage(err.to_string()))?;
        Ok(())
    }
}
