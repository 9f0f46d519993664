//! Adopting a bundle: a change of Countersign's own (see [`crate::own`]), by which the law is changed (promise 8). What is in
//! force changes in the very operation that records `bundle_adopted`, and in memory as soon as that is durable
//! ([`crate::in_force`]); nothing stops meanwhile.
//!
//! Everything slow is done before: the candidate is compiled ([`Candidate::read`]), its files lie on disk where the next
//! start finds them by their digest ([`crate::Library`]), and the gateways, and who reaches the witnesses, have looked whether they
//! could act under it.

use std::{
    ops::ControlFlow,
    sync::{Arc, Mutex, PoisonError},
};

use approval::passkey::{Elsewhere, elsewhere};
use model::{
    Adoption, Change, ChangeId, ChangeState, Digest, Effect, EntryKind, Kind, Operation, PersonId, Resource,
    Step, StepState,
};
use policy::{Bundle, Comparison, Difference, Way};
use store::{Filter, Tx};

use crate::{
    Candidate, Engine, Kept, Shown, SignError,
    decide::{self, Book, Drawn},
    own::{self, Answered, Deed, Told, Wish},
    proof,
    recover::{self, Recovered},
    start::roster_of,
    tally::Taken,
};

/// What a person asks for.
#[derive(Clone, Debug)]
pub struct Adopt {
    pub candidate: Arc<Candidate>,
    /// What its rules newly allow, as `countersign policy diff` writes it; of the bundle in force. `None` only where they are
    /// the same rules.
    pub comparison: Option<Vec<u8>>,
    pub by: PersonId,
    /// The signed request itself, for the record.
    pub signed: (String, String),
}

impl Engine {
    /// The text of an operation table that a bundle names. Reads the disk.
    ///
    /// # Errors
    /// That there is none with this digest.
    pub fn table(&self, table: Digest) -> Result<String, String> {
        self.library.table(table)
    }

    /// The files of a bundle that is, was or may come into force. Reads the disk.
    ///
    /// # Errors
    /// That there is none with this digest.
    pub fn kept(&self, bundle: Digest) -> Result<Kept, String> {
        self.library.find(bundle)
    }

    /// Opens a change that brings a bundle into force; or, asked again once it is approved, does so.
    ///
    /// # Errors
    /// [`SignError::NotAdoptable`] where it cannot be; [`SignError::NotCompared`] where what it newly allows is not shown;
    /// [`SignError::Refused`] after a veto.
    pub async fn adopt(self: &Arc<Self>, asked: Adopt) -> Result<Change, SignError> {
        self.recordable()?;
        let Adopt { candidate, comparison, by, signed } = asked;
        let (mut drawn, book) = (self.draw()?, self.book());
        if candidate.digest() == book.bundle.digest() {
            return Err(SignError::NotAdoptable(format!("{} is in force already", candidate.digest())));
        }
        let recovered = Recovered::of(&by, &book.bundle, &candidate.bundle)?;
        self.own_site_alone(&book.bundle, &candidate.bundle)?;
        if let Some(connector) = self.connector() {
            connector.fits(self, &candidate.bundle).await.map_err(SignError::NotAdoptable)?;
        }
        if let Some(reach) = self.witness_reach.get() {
            reach.fits(self, &candidate.bundle).await.map_err(SignError::NotAdoptable)?;
        }
        let told = {
            let (library, candidate, bundle) =
                (Arc::clone(&self.library), Arc::clone(&candidate), Arc::clone(&book.bundle));
            let now = drawn.now;
            let prepared = tokio::task::spawn_blocking(move || -> Result<Told, SignError> {
                let compared = compared(&bundle, &candidate.bundle, comparison.as_deref())?;
                let (old, new) = (bundle.tables(), candidate.bundle.tables());
                new.aws.map_or(Ok(()), |table| library.keep_table(table)).map_err(SignError::NotAdoptable)?;
                let shown = Shown { certificate: candidate.proof.clone(), comparison };
                library
                    .keep(candidate.digest(), &candidate.files, &shown)
                    .map_err(SignError::NotAdoptable)?;
                let listed = |operation: &Operation| library.listed(operation);
                let mut differences = bundle.differences(&candidate.bundle, now, &listed);
                differences.append(&mut library.between(old, new).map_err(SignError::NotAdoptable)?);
                differences.sort();
                let told =
                    told(&candidate, &differences, compared.as_ref(), bundle.digest(), recovered.is_some());
                told.map_err(SignError::NotAdoptable)
            });
            let broke = |_| SignError::NotAdoptable("comparing the bundles broke off".to_owned());
            prepared.await.map_err(broke)??
        };
        crate::crash::point("bundle-kept");
        let deed = Deed::Adopt(Adoption {
            from: book.bundle.digest(),
            to: candidate.digest(),
            roster: Digest::of(roster_of(&candidate.bundle).as_bytes()),
            table: candidate.bundle.tables().aws,
        });
        let wish = Wish {
            step: own::step(&deed, drawn.now, told),
            deed,
            intent: INTENT.to_owned(),
            by,
            owner: None,
            signed,
        };
        let answered = self.store.write(move |tx| -> Result<Answered, SignError> {
            // The differences that would be shown are from another bundle then.
            if !book.stands() {
                return Err(SignError::NotAdoptable(
                    "another bundle has just come into force; ask again".to_owned(),
                ));
            }
            own::ask(tx, &book, &mut drawn, wish)
        });
        let id = match self.permitted(answered.await?).await? {
            ControlFlow::Break(change) => return Ok(change),
            ControlFlow::Continue(id) => id,
        };
        crate::crash::point("before-adoption");
        // Whoever asked may go away at any moment; what is begun here is ended.
        let engine = Arc::clone(self);
        let turned = tokio::spawn(async move { engine.turn(id, &candidate).await }).await;
        self.moved();
        turned.map_err(|_| model::Fault::Storage("adopting the bundle broke off".to_owned()))?
    }

    /// That no passkey comes in which belongs to another site. One that is in is no reason: taking it out is such a change, too.
    fn own_site_alone(&self, old: &Bundle, new: &Bundle) -> Result<(), SignError> {
        let Some(site) = &self.genesis.site else { return Ok(()) };
        let is_new = |it: &Elsewhere| {
            old.roster().people.get(&it.person).is_none_or(|person| !person.keys.contains(&it.key))
        };
        let brought_in = elsewhere(new.roster(), site).into_iter().find(is_new);
        brought_in.map_or(Ok(()), |it| Err(SignError::NotAdoptable(it.to_string())))
    }

    /// The one place where another bundle comes into force.
    async fn turn(&self, id: ChangeId, candidate: &Candidate) -> Result<Change, SignError> {
        // What was read under the bundle before is on record before the next one is, or waits in here.
        let recording = self.tallies.recording().await;
        let (mut drawn, book) = (self.draw_after_the_fact()?, self.book());
        let (next, tallies) = (Arc::clone(&candidate.bundle), Arc::clone(&self.tallies));
        let certificate = candidate.certificate.digest;
        let taken = Arc::new(Mutex::new(None::<Taken>));
        let (out, coming) = (Arc::clone(&taken), Arc::clone(&next));
        let done = self.store.write(move |tx| -> Result<(Change, Option<()>), SignError> {
            let does = |tx: &mut Tx<'_>, drawn: &mut Drawn, change: &Change, adoption: Adoption| {
                let same = adoption.to == coming.digest() && book.stands();
                // That nothing but the roster is another was so when it was asked for, of these very bundles.
                let recovered = Recovered::of(&change.chain.operator, &book.bundle, &coming);
                let (true, Ok(recovered)) = (same, recovered) else { return Ok(Err(own::VOID.to_owned())) };
                book.in_force.begin();
                let reads = tallies.turn(adoption.to);
                let entries = reads.entries(drawn);
                *out.lock().unwrap_or_else(PoisonError::into_inner) = Some(reads);
                for entry in entries {
                    tx.record(entry)?;
                }
                let mut adopted = adopted_entry(drawn, change, &adoption, &coming, certificate);
                if let Some(recovered) = &recovered {
                    let details = recovered.details();
                    adopted.detail.extend(details.map(|(name, value)| (name.to_owned(), value)));
                    tx.record(recover::done(drawn, change))?;
                }
                tx.record(adopted)?;
                Ok(Ok(("adopted", adoption.to.to_string(), ())))
            };
            let done = own::carry_out(tx, &book, &mut drawn, id, |change| change.adopts, does)?;
            if done.1.is_some() {
                close_others(tx, &mut drawn, id)?;
            }
            Ok(done)
        });
        let done = done.await;
        crate::crash::point("after-adoption");
        match &done {
            Ok((_, Some(()))) => {
                self.witnesses.turn(&next);
                self.in_force.end(Some(next));
            }
            Ok((_, None)) | Err(_) => {
                if let Some(reads) = taken.lock().unwrap_or_else(PoisonError::into_inner).take() {
                    self.tallies.turn_back(reads);
                }
                self.in_force.end(None);
            }
        }
        drop(recording);
        let (change, adopted) = done?;
        if adopted.is_some() {
            tracing::info!(change = %change.id, bundle = %candidate.digest(), "another bundle is in force");
        }
        // Under a signed checkpoint before anybody is told.
        self.sequence().await?;
        Ok(change)
    }
}

const INTENT: &str = "bring another bundle into force";

/// What the rules newly allow; `None` where they are the same.
fn compared(
    before: &Bundle,
    next: &Bundle,
    comparison: Option<&[u8]>,
) -> Result<Option<Comparison>, SignError> {
    let read =
        |text| Comparison::read(text, before, next).map_err(|err| SignError::NotCompared(err.to_string()));
    match comparison {
        Some(text) => read(text).map(Some),
        None if next.has_the_rules_of(before) => Ok(None),
        None => {
            let why = "rules are new, gone or say something else, and what that newly allows is not shown";
            Err(SignError::NotCompared(why.to_owned()))
        }
    }
}

/// What it would be from and to, and all that is laxer; of the rest as much as a person reads.
fn told(
    candidate: &Candidate,
    differences: &[Difference],
    compared: Option<&Comparison>,
    from: Digest,
    recovers: bool,
) -> Result<Told, String> {
    let to = candidate.digest();
    let count = |way| differences.iter().filter(|it| it.way == way).count();
    let (laxer, rules, stricter) = (count(Way::Laxer), count(Way::Rules), count(Way::Stricter));
    let certificate = &candidate.certificate;
    let sentences = match certificate.stricter.as_slice() {
        [] => format!("all of {} sentences are proved", certificate.proved),
        stricter => {
            let names: Vec<_> = stricter.iter().map(|id| id.as_str()).collect();
            format!(
                "{} sentences are proved, and that the rules are stricter than {}",
                certificate.proved,
                names.join(", ")
            )
        }
    };
    let table = candidate.bundle.tables().aws;
    let mut shown = vec![
        ("from".to_owned(), from.to_string()),
        ("to".to_owned(), to.to_string()),
        ("operation table".to_owned(), table.map_or_else(|| "none".to_owned(), |table| table.to_string())),
        (
            own::CERTIFICATE.to_owned(),
            format!(
                "{}: says that {sentences} ({}); nobody signed it: `countersign policy fetch` gets the files, \
                 `countersign policy prove` asks again",
                certificate.digest, certificate.made_with
            ),
        ),
    ];
    shown.push((own::COMPARISON.to_owned(), said_of(compared)));
    for it in compared.iter().flat_map(|it| &it.newly_allowed) {
        shown.push(("newly allowed".to_owned(), format!("{}; before: {}", it.told, it.stopped)));
    }
    let newly = compared.map_or(0, |it| it.newly_allowed.len());
    let lines: Vec<String> =
        differences.iter().map(|it| format!("{} {}: {}", it.way, it.file, it.what)).collect();
    let all = Digest::of(lines.join("\n").as_bytes());
    let (mut bytes, mut left) = (0usize, 0usize);
    for (_, example) in shown.iter().filter(|(name, _)| name == "newly allowed") {
        bytes = bytes.saturating_add(example.len()).saturating_add(ABOUT_A_LINE);
    }
    let laxer = laxer.saturating_add(newly);
    if bytes > MAX_TOLD {
        return Err(too_much(laxer));
    }
    for (difference, line) in differences.iter().zip(&lines) {
        bytes = bytes.saturating_add(line.len()).saturating_add(ABOUT_A_LINE);
        if bytes <= MAX_TOLD && shown.len() < MAX_LINES {
            let what = model::sanitize(&format!("{}: {}", difference.file, difference.what), 1000);
            shown.push((difference.way.to_string(), what));
        } else if difference.way == Way::Laxer {
            return Err(too_much(laxer));
        } else {
            left = left.saturating_add(1);
        }
    }
    if left > 0 {
        let what = format!(
            "{left} more that are rules or stricter; all {} lines have the digest {all}",
            lines.len()
        );
        shown.push(("not shown".to_owned(), what));
    }
    let operation = Adoption::operation();
    let resource =
        Resource { service: operation.service.clone(), kind: Kind::known("bundle"), name: to.to_string() };
    let why = if recovers { "Recover the roster by recovery keys: bring" } else { "Bring" };
    let summary = format!(
        "{why} the bundle {to} into force in place of {from}: {laxer} things become laxer, {rules} rules are new, gone or \
         read otherwise, {stricter} things become stricter. Going back is adopting the bundle before again."
    );
    let facts = vec![("in force".to_owned(), from.to_string())];
    Ok(Told { operation, effect: Effect::Privilege, resources: vec![resource], summary, shown, facts })
}

fn too_much(laxer: usize) -> String {
    format!("{laxer} things would be laxer, more than one statement can show; adopt it in smaller parts")
}

fn said_of(compared: Option<&Comparison>) -> String {
    let Some(it) = compared else {
        return "every rule says what it said, so none newly allows anything".to_owned();
    };
    let newly = match it.newly_allowed.len() {
        0 => "nothing".to_owned(),
        some => format!("{some} example(s)"),
    };
    format!(
        "{}: what the rules newly allow: {newly} ({}); each example was decided again under both bundles; that none is missing nobody signed: \
         `countersign policy diff` asks again",
        it.digest, it.made_with
    )
}

/// Of the differences in a statement, which has room for little more than 28,000 bytes of text.
const MAX_TOLD: usize = 16_000;
const MAX_LINES: usize = 300;
const ABOUT_A_LINE: usize = 24;

fn adopted_entry(
    drawn: &mut Drawn,
    change: &Change,
    adoption: &Adoption,
    bundle: &Bundle,
    certificate: Digest,
) -> model::Entry {
    let details = [
        ("from", adoption.from.to_string()),
        ("roster", roster_of(bundle)),
        ("profile", bundle.profile().to_string()),
    ];
    let mut entry = own::entry(drawn, EntryKind::BundleAdopted, change, details);
    entry.bundle = Some(adoption.to);
    entry.detail.extend([proof::on_record(Some(certificate))]);
    entry.detail.extend(adoption.table.map(|table| ("table".to_owned(), table.to_string())));
    entry
}

/// What others asked to adopt in the place of the bundle that was in force cannot be carried out any more.
fn close_others(tx: &mut Tx<'_>, drawn: &mut Drawn, done: ChangeId) -> Result<(), SignError> {
    let filter = Filter {
        states: vec![ChangeState::Held, ChangeState::Approved],
        agent: model::OWN_NAME.parse().ok(),
        session: None,
        before: None,
        limit: usize::MAX,
    };
    for other in tx.changes(&filter)? {
        if other.adopts.is_some() && other.id != done {
            decide::expire(tx, drawn, &other)?;
        }
    }
    Ok(())
}

/// What a vetoed adoption would do now.
pub(crate) fn anew(book: &Book, vetoed: &Change, adoption: &Adoption) -> Result<Vec<Step>, SignError> {
    if adoption.from != book.bundle.digest() {
        let why = "another bundle came into force since; ask for the adoption anew";
        return Err(SignError::NotAdoptable(why.to_owned()));
    }
    Ok(vetoed.steps.iter().map(|step| Step { state: StepState::Pending, ..step.clone() }).collect())
}
