//! Erasing bodies: a change of Countersign's own (see [`crate::own`]). Its action is an [`Erasure`], which can name nothing but
//! commitments to bodies.

use model::{
    Change, ChangeId, Effect, EntryKind, Erased, Erasure, Ground, Kind, Link, LinkKind, PersonId, Resource,
    Step, StepState,
};
use store::{Conflict, Fetched, Tx};

use crate::{
    Engine, SignError,
    decide::{Book, Drawn},
    own::{self, Answered, Deed, Draft, Told, Wish},
    record::about,
};

/// What a person asks for.
#[derive(Clone, Debug)]
pub struct Erase {
    pub of: ChangeId,
    /// Counted from 0; `None` is the only one.
    pub step: Option<usize>,
    pub ground: Ground,
    pub by: PersonId,
    /// The signed request itself, for the record.
    pub signed: (String, String),
}

impl Engine {
    /// Opens a change that erases all bodies of one action of another, or, asked again once it is approved, carries it
    /// out.
    ///
    /// # Errors
    /// [`SignError::NotErasable`] where nothing is kept or it is needed yet; [`SignError::Refused`] after a veto.
    pub async fn erase(&self, asked: Erase) -> Result<Change, SignError> {
        self.recordable()?;
        let mut drawn = self.draw()?;
        let answered = self.ruled(move |tx, book| ask(tx, book, &mut drawn, asked)).await?;
        self.moved();
        let (id, level) = match answered {
            Answered::Stands(change) => return Ok(*change),
            Answered::UnderWay(id) => {
                return Err(SignError::NotErasable(format!("{id} is under way already")));
            }
            Answered::Go(id, level) => (id, level),
        };
        self.permitted(id, level).await?;
        crate::crash::point("before-erasure");
        let mut drawn = self.draw_after_the_fact()?;
        let done = self.ruled(move |tx, book| carry_out(tx, book, &mut drawn, id)).await?;
        crate::crash::point("after-erasure");
        self.moved();
        Ok(done)
    }
}

fn ask(tx: &mut Tx<'_>, book: &Book, drawn: &mut Drawn, asked: Erase) -> Result<Answered, SignError> {
    let target = tx.change(asked.of)?.ok_or(SignError::UnknownChange(asked.of))?;
    let (nth, step) = asked_for(&target, asked.step)?;
    let intent = asked.ground.to_string();
    let erasure = Erasure { of: target.id, step: nth, bodies: step.commitments(), ground: asked.ground };
    let step = action(tx, drawn, &target, &erasure)?;
    let deed = Deed::Erase(erasure);
    own::ask(tx, book, drawn, Wish { deed, step, intent, by: asked.by, owner: None, signed: asked.signed })
}

/// The action whose bodies are to go.
fn asked_for(target: &Change, nth: Option<usize>) -> Result<(usize, &Step), SignError> {
    let not = |why: String| Err(SignError::NotErasable(why));
    let (id, count) = (target.id, target.steps.len());
    let (nth, step) = match (nth, target.steps.as_slice()) {
        (None, [only]) => (0, only),
        (None, _) => return not(format!("{id} has {count} actions; say which (--action N)")),
        (Some(nth), steps) => match steps.get(nth) {
            Some(step) => (nth, step),
            None => return not(format!("{id} has {count} actions, counted from 1")),
        },
    };
    if let Some(erased) = &step.erased {
        return not(format!("it was erased already, on {} by {}", erased.at, erased.by));
    }
    if !store::is_over(target, step) {
        let (action, change) = (step.state.name(), target.state);
        return not(format!(
            "{id} is {change} and this action {action}: its bodies are needed until it is over"
        ));
    }
    if step.commitments().is_empty() {
        return not(format!("of this action of {id} no body is kept"));
    }
    Ok((nth, step))
}

/// What would be done, as it is shown to those who sign.
fn action(tx: &Tx<'_>, drawn: &Drawn, target: &Change, erasure: &Erasure) -> Result<Step, SignError> {
    let step = target.steps.get(erasure.step).ok_or(SignError::UnknownChange(target.id))?;
    let inverse = step.undo.as_ref().and_then(|undo| undo.request.commitment());
    let (mut facts, mut bodies) = (Vec::new(), Vec::new());
    for body in &erasure.bodies {
        let what = if inverse == Some(*body) { "the request that would undo it" } else { "the answer to it" };
        let lies = match tx.body(*body)? {
            Fetched::Whole(_) => "kept",
            Fetched::Altered => "kept, but not as it was recorded",
            Fetched::Absent => "gone, and nobody erased it",
        };
        bodies.push(("body".to_owned(), format!("{body}: {what}")));
        facts.push((body.to_string(), lies.to_owned()));
    }
    let undo = if inverse.is_some() { " It cannot be undone by Countersign any more." } else { "" };
    let summary = format!(
        "Erase for good what is kept of action {nth} of {of} ({bodies} in all), which was: {what}{undo}",
        nth = erasure.step.saturating_add(1),
        of = erasure.of,
        bodies = erasure.bodies.len(),
        what = model::sanitize(&step.action.summary, 600),
    );
    let mut shown = vec![
        ("change".to_owned(), erasure.of.to_string()),
        ("action".to_owned(), erasure.step.saturating_add(1).to_string()),
        ("ground".to_owned(), erasure.ground.to_string()),
    ];
    shown.append(&mut bodies);
    let operation = Erasure::operation();
    let resources = erasure.bodies.iter().map(|body| Resource {
        service: operation.service.clone(),
        kind: Kind::known("body"),
        name: body.to_string(),
    });
    let resources = resources.collect();
    let told = Told { operation, effect: Effect::Destroy, resources, summary, shown, facts };
    Ok(own::step(&Deed::Erase(erasure.clone()), drawn.now, told))
}

/// The operator of a vetoed erasure asks anew, in other words; the ground stays what it was.
pub(crate) fn reopened(
    tx: &Tx<'_>,
    book: &Book,
    drawn: &mut Drawn,
    vetoed: &Change,
    erasure: &Erasure,
    intent: String,
) -> Result<Change, SignError> {
    let target = tx.change(erasure.of)?.ok_or(SignError::UnknownChange(erasure.of))?;
    asked_for(&target, Some(erasure.step))?;
    let steps = vec![action(tx, drawn, &target, erasure)?];
    let links = vec![Link::to(LinkKind::Reopens, vetoed.id)];
    let deed = Deed::Erase(erasure.clone());
    Ok(own::draft(book, drawn, Draft { chain: vetoed.chain.clone(), deed, steps, links, intent }))
}

/// Its permit is sequenced.
fn carry_out(tx: &mut Tx<'_>, book: &Book, drawn: &mut Drawn, id: ChangeId) -> Result<Change, SignError> {
    let change = tx.change(id)?.ok_or(SignError::UnknownChange(id))?;
    let state = change.steps.first().map(|step| step.state);
    let (Some(erasure), Some(StepState::Executing)) = (change.erases.clone(), state) else {
        return Ok(change);
    };
    let done = if own::stands(tx, book, drawn, &change)? {
        let asked_by = change.chain.operator.clone();
        let erased = Erased { at: drawn.now, by: change.id, asked_by, ground: erasure.ground.clone() };
        let entry = erased_entry(drawn, &change, &erasure);
        match tx.erase(&erasure, erased, entry) {
            Ok(()) => Ok(("erased", erasure.bodies.len().to_string())),
            Err(Conflict::Storage(err)) => return Err(err.into()),
            Err(other) => Err(other.to_string()),
        }
    } else {
        Err(own::VOID.to_owned())
    };
    own::settle(tx, drawn, change, done)
}

/// Whose, which, on what ground; by which change says the entry itself.
fn erased_entry(drawn: &mut Drawn, change: &Change, erasure: &Erasure) -> model::Entry {
    let mut entry = about(drawn, EntryKind::BodyErased, change);
    let bodies: Vec<String> = erasure.bodies.iter().map(ToString::to_string).collect();
    entry.actors.person = Some(change.chain.operator.clone());
    for (key, value) in [
        ("of", erasure.of.to_string()),
        ("step", erasure.step.to_string()),
        ("bodies", bodies.join(" ")),
        ("ground", erasure.ground.to_string()),
    ] {
        entry.detail.insert(key.to_owned(), value);
    }
    entry
}
