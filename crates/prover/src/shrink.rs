//! Cuts a solver's request down to what matters: every fact that can be ordinary without spoiling the example is made
//! ordinary. A model is full of what a solver happened to choose; a person should read only the reason.

use serde_json::{Map, Value as Json};

use policy::{
    Scene,
    ordinary::{at, flag, leaves, numbers},
};

/// Names that a reader knows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Familiar {
    pub(crate) agents: Vec<String>,
    pub(crate) operators: Vec<String>,
}

const ROUNDS: usize = 4;
const AGAIN: &str = " again";

/// The scene with as little in it as `still` holds of.
pub(crate) fn shrink(scene: Scene, familiar: &Familiar, still: &dyn Fn(&Scene) -> bool) -> Scene {
    let mut best = scene;
    for _ in 0..ROUNDS {
        let before = best.clone();
        names(&mut best, familiar, still);
        for parent in before.lies_in.iter().rev() {
            attempt(&mut best, still, |scene| scene.lies_in.remove(parent));
        }
        for path in leaves(&before.context) {
            lower(&mut best, &path, familiar, still);
        }
        if best == before {
            break;
        }
    }
    best
}

fn names(best: &mut Scene, familiar: &Familiar, still: &dyn Fn(&Scene) -> bool) {
    let known = if best.principal.kind == "Agent" { &familiar.agents } else { &familiar.operators };
    for name in known {
        if attempt(best, still, |scene| replace(&mut scene.principal.id, name)) {
            break;
        }
    }
    // Otherwise by the one of its names that matters.
    for name in ["orders".to_owned(), best.id.clone(), best.name.clone(), best.resource.clone()] {
        let renamed = attempt(best, still, |scene| {
            let changed =
                [&mut scene.resource, &mut scene.name, &mut scene.id].map(|text| replace(text, &name));
            changed.contains(&true)
        });
        if renamed {
            break;
        }
    }
}

fn replace(text: &mut String, by: &str) -> bool {
    let differs = text != by;
    by.clone_into(text);
    differs
}

/// Keeps the change if it changes something and `still` holds.
fn attempt(
    best: &mut Scene,
    still: &dyn Fn(&Scene) -> bool,
    change: impl FnOnce(&mut Scene) -> bool,
) -> bool {
    let mut candidate = best.clone();
    let kept = change(&mut candidate) && still(&candidate);
    if kept {
        *best = candidate;
    }
    kept
}

fn lower(best: &mut Scene, path: &[String], familiar: &Familiar, still: &dyn Fn(&Scene) -> bool) {
    let Some(now) = at(&best.context, path).cloned() else { return };
    for ordinary in candidates(&best.context, path, &now, familiar) {
        if ordinary == now {
            break;
        }
        let kept = attempt(best, still, |scene| match at_mut(&mut scene.context, path) {
            Some(place) => {
                *place = ordinary.clone();
                true
            }
            None => false,
        });
        if kept {
            break;
        }
    }
}

/// What would be more ordinary than `now`, the most ordinary first.
fn candidates(context: &Json, path: &[String], now: &Json, familiar: &Familiar) -> Vec<Json> {
    let mut found = Vec::new();
    // The copy of a fact is best the same as the fact.
    if let Some(name) = path.first().and_then(|name| name.strip_suffix(AGAIN)) {
        let mut original = path.to_vec();
        if let Some(first) = original.first_mut() {
            name.clone_into(first);
        }
        found.extend(at(context, &original).cloned());
    }
    found.extend(match now {
        Json::Bool(_) => vec![Json::Bool(flag(path))],
        Json::Number(number) => {
            let most = number.as_i64().unwrap_or(0);
            numbers(path).into_iter().take_while(|value| *value != most).map(Json::from).collect()
        }
        Json::String(_) => match path.last().map(String::as_str) {
            Some("operator") => familiar.operators.iter().cloned().map(Json::String).collect(),
            _ => vec![Json::from("example:Operation")],
        },
        Json::Array(items) => {
            let mut fewer = vec![Json::Array(Vec::new())];
            fewer.extend(items.iter().map(|item| Json::Array(vec![item.clone()])));
            fewer
        }
        Json::Null | Json::Object(_) => Vec::new(),
    });
    found
}

fn at_mut<'j>(context: &'j mut Json, path: &[String]) -> Option<&'j mut Json> {
    path.iter().try_fold(context, |json, name| json.get_mut(name))
}

/// The two requests of a scene that has some members twice.
pub(crate) fn split(scene: &Scene, doubled: &[&str]) -> Result<(Scene, Option<Scene>), String> {
    let members = scene.context.as_object().ok_or("the context is no record")?;
    let (copies, plain): (Vec<_>, Vec<_>) = members
        .iter()
        .map(|(name, value)| (name.clone(), value.clone()))
        .partition(|(name, _)| name.ends_with(AGAIN));
    let first = Map::from_iter(plain);
    if doubled.is_empty() {
        return Ok((Scene { context: Json::Object(first), ..scene.clone() }, None));
    }
    let mut second = first.clone();
    for (name, value) in copies {
        if let Some(name) = name.strip_suffix(AGAIN).filter(|name| doubled.contains(name)) {
            second.insert(name.to_owned(), value);
        }
    }
    let scene = |context| Scene { context: Json::Object(context), ..scene.clone() };
    Ok((scene(first), Some(scene(second))))
}
