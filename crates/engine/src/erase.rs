//! Erasing bodies: a change of Countersign's own (see [`crate::own`]). Its action is an [`Erasure`], which can name nothing but
//! commitments to bodies.

use model::{Change, ChangeId, Effect, EntryKind, Erased, Erasure, Ground, Kind, PersonId, Resource, Step};
use store::{Conflict, Fetched, Tx};

use crate::{
    Engine, SignError,
    decide::{Book, Drawn},
    own::{self, Answered, Deed, Done, Told, Wish},
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
        let asks = move |tx: &mut Tx<'_>, book: &Book, drawn: &mut Drawn| ask(tx, book, drawn, asked);
        let points = ["before-erasure", "after-erasure"];
        let deed = |change: &Change| change.erases.clone();
        let (change, _) = self.carried_out(points, asks, deed, carry_out).await?;
        Ok(change)
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

/// What a vetoed erasure would do now; the ground stays what it was.
pub(crate) fn anew(tx: &Tx<'_>, drawn: &Drawn, erasure: &Erasure) -> Result<Step, SignError> {
    let target = tx.change(erasure.of)?.ok_or(SignError::UnknownChange(erasure.of))?;
    asked_for(&target, Some(erasure.step))?;
    action(tx, drawn, &target, erasure)
}

fn carry_out(
    tx: &mut Tx<'_>,
    drawn: &mut Drawn,
    change: &Change,
    erasure: Erasure,
) -> Result<Done<()>, SignError> {
    let asked_by = change.chain.operator.clone();
    let erased = Erased { at: drawn.now, by: change.id, asked_by, ground: erasure.ground.clone() };
    let entry = erased_entry(drawn, change, &erasure);
    match tx.erase(&erasure, erased, entry) {
        Ok(()) => Ok(Ok(("erased", erasure.bodies.len().to_string(), ()))),
        Err(Conflict::Storage(err)) => Err(err.into()),
        Err(other) => Ok(Err(other.to_string())),
    }
}

/// Whose, which, on what ground; by which change says the entry itself.
fn erased_entry(drawn: &mut Drawn, change: &Change, erasure: &Erasure) -> model::Entry {
    let bodies: Vec<String> = erasure.bodies.iter().map(ToString::to_string).collect();
    let details = [
        ("of", erasure.of.to_string()),
        ("step", erasure.step.to_string()),
        ("bodies", bodies.join(" ")),
        ("ground", erasure.ground.to_string()),
    ];
    own::entry(drawn, EntryKind::BodyErased, change, details)
}
