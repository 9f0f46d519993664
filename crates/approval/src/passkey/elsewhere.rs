//! Passkeys of a roster that are good for another site than the installation's: nobody can use them on its pages.

use model::{EnrolledKey, PersonId, Roster, Site};

use super::{enrolled::Passkey, rp_id::RpId};

/// A passkey and whose it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a passkey of {person} belongs to `{belongs}`, and this installation's site is `{site}`: nobody could sign with it"
)]
pub struct Elsewhere {
    pub person: PersonId,
    pub key: EnrolledKey,
    belongs: RpId,
    site: Site,
}

/// All of them, by their people's names. What is no passkey is none of these, whatever else is wrong with it.
pub fn elsewhere(roster: &Roster, site: &Site) -> Vec<Elsewhere> {
    let keys = roster.people.iter().flat_map(|(name, it)| it.keys.iter().map(move |key| (name, key)));
    keys.filter_map(|(person, key)| {
        let belongs = Passkey::parse(&key.0).ok()?.rp_id().clone();
        let other = belongs != RpId::from(site);
        other.then(|| Elsewhere { person: person.clone(), key: key.clone(), belongs, site: site.clone() })
    })
    .collect()
}
