//! `countersign policy diff OLD NEW`: what an edit of the rules newly allows, or allows no more, each as a request that was
//! found by the solver and decided again under both bundles; and what is otherwise outside the rules. Whatever has no answer
//! is a failure.

use std::{fs, path::PathBuf, process::ExitCode};

use engine::{Clock as _, SystemClock};
use model::{Digest, Environment, EnvironmentName, Timestamp, sanitize};
use policy::{Bundle, Difference, Files, Tendency, Way};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::{bundle_files, draft};
use crate::{
    cli::{DiffArgs, Format},
    command::prove,
    config::Config,
    failure::{Failure, PROOF},
    library::{self, Library},
    output::{self, BAD, BOLD, DIM, GOOD, WARN, styled},
};

pub(super) async fn run(args: &DiffArgs, format: Format) -> Result<ExitCode, Failure> {
    let (before, files) = both(args)?;
    let (old, new) = (draft("before", &before)?, draft("after", &files)?);
    let now = SystemClock.now();
    let differences = old.differences(&new, now, &library::listed);
    let answer = prove::compared(&before, &files, args.solver.as_deref()).await?;
    if let Some(path) = &args.comparison {
        let text = serde_json::to_string(&answer).map_err(Failure::unexpected)?;
        let unwritable =
            |err| Failure::usage(format!("the comparison cannot be written to {}: {err}", path.display()));
        fs::write(path, text).map_err(unwritable)?;
    }
    let answer: Answer = serde_json::from_value(answer)
        .map_err(|err| Failure::unexpected(format!("the prover has answered with something else: {err}")))?;
    if [answer.before, answer.bundle] != [old.digest(), new.digest()] {
        return Err(Failure::unexpected("the prover has compared other bundles"));
    }
    let tendency = Tendency::of(&differences).join(answer.tendency());
    let told = Told {
        newly_allowed: answer.newly_allowed.iter().map(|it| it.told(&new, now)).collect(),
        no_longer_allowed: answer.no_longer_allowed.iter().map(|it| it.told(&old, now)).collect(),
        differences,
        tendency,
        answer,
    };
    match format {
        Format::Json => output::json(&told.json())?,
        Format::Human => told.show(),
    }
    let refused = tendency == Tendency::Unknown || args.deny_laxer && !tendency.loosens_nothing();
    Ok(ExitCode::from(if refused { PROOF } else { 0 }))
}

/// Two folders; or the bundle in force, and the folder that people edit or another one.
fn both(args: &DiffArgs) -> Result<(Files, Files), Failure> {
    match (args.bundles.as_slice(), &args.config) {
        ([old, new], None) => Ok((bundle_files(old)?, bundle_files(new)?)),
        (new @ ([] | [_]), Some(config)) => {
            let config = Config::load(config)?;
            let next = new.first().map_or_else(|| config.bundle(), PathBuf::clone);
            let library = Library::of(&config);
            let served = library::in_force(&config).ok_or_else(|| {
                Failure::usage("no bundle is in force yet")
                    .hint("the first `serve` brings the one in the folder into force; until then compare two folders")
            })?;
            let before = library.files(served).ok_or_else(|| library.missing(served))?;
            Ok((before, bundle_files(&next)?))
        }
        ([] | [_] | [_, _, _, ..], None) | ([_, _, ..], Some(_)) => Err(Failure::usage("which two bundles?")
            .hint("policy diff OLD NEW; with --config FILE the one in force is OLD, and NEW is its folder unless another is given")),
    }
}

/// What `countersign-prove` says.
#[derive(Debug, Deserialize)]
struct Answer {
    before: Digest,
    bundle: Digest,
    newly_allowed: Vec<Widening>,
    no_longer_allowed: Vec<Widening>,
    unanswered: Vec<String>,
    assumptions: Vec<String>,
    made_with: std::collections::BTreeMap<String, String>,
    took_ms: u64,
}

#[derive(Debug, Deserialize)]
struct Widening {
    effect: String,
    example: Example,
    stopped: String,
}

#[derive(Debug, Deserialize)]
struct Example {
    told: String,
    request: Json,
}

/// One of them, as people read it.
#[derive(Debug, Serialize)]
struct Story {
    effect: String,
    told: String,
    /// How the other bundle stops it.
    stopped: String,
    /// When such an hour is next, where it takes a peak or a freeze.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<Hour>,
    request: Json,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Hour {
    Next(Timestamp),
    /// The calendar has none that far ahead.
    NotInSight,
}

struct Told {
    newly_allowed: Vec<Story>,
    no_longer_allowed: Vec<Story>,
    differences: Vec<Difference>,
    tendency: Tendency,
    answer: Answer,
}

impl Answer {
    fn tendency(&self) -> Tendency {
        let of = |there: bool, tendency| if there { tendency } else { Tendency::Neutral };
        of(!self.newly_allowed.is_empty(), Tendency::Loosening)
            .join(of(!self.no_longer_allowed.is_empty(), Tendency::Tightening))
            .join(of(!self.unanswered.is_empty(), Tendency::Unknown))
    }
}

impl Widening {
    /// `under`: the bundle that allows it.
    fn told(&self, under: &Bundle, now: Timestamp) -> Story {
        Story {
            effect: sanitize(&self.effect, 40),
            told: sanitize(&self.example.told, 800),
            stopped: sanitize(&self.stopped, 400),
            at: hour(&self.example.request, under, now),
            request: self.example.request.clone(),
        }
    }
}

fn hour(request: &Json, under: &Bundle, now: Timestamp) -> Option<Hour> {
    let flag = |name: &str| request.pointer(&format!("/context/time/{name}")).and_then(Json::as_bool);
    let (peak, frozen) = (flag("peak")?, flag("frozen")?);
    if !peak && !frozen {
        return None;
    }
    let like = |facts: &policy::TimeFacts| facts.peak == peak && facts.frozen == frozen;
    let next =
        places(request, under).into_iter().filter_map(|it| under.next_time_like(now, &it, &like)).min();
    Some(next.map_or(Hour::NotInSight, Hour::Next))
}

/// Where the request lands: the environment that it names, or all that it could be.
fn places(request: &Json, under: &Bundle) -> Vec<Environment> {
    let lies_in = request.get("lies_in").and_then(Json::as_array).into_iter().flatten();
    let names: Vec<EnvironmentName> = lies_in
        .filter(|it| it.get("type").and_then(Json::as_str) == Some("Environment"))
        .filter_map(|it| it.get("id").and_then(Json::as_str)?.parse().ok())
        .collect();
    let production = names.iter().any(EnvironmentName::is_production);
    let named: Vec<_> = names
        .iter()
        .filter(|name| !name.is_production() || names.len() == 1)
        .map(|name| Environment { name: name.clone(), production })
        .collect();
    if named.is_empty() { under.environments().filter(|it| !it.production).collect() } else { named }
}

impl Told {
    fn json(&self) -> Json {
        let difference =
            |it: &Difference| json!({ "way": it.way.to_string(), "file": it.file, "what": it.what });
        json!({
            "schema": "countersign.diff/v1",
            "before": self.answer.before,
            "bundle": self.answer.bundle,
            "tendency": self.tendency.name(),
            "newly_allowed": self.newly_allowed,
            "no_longer_allowed": self.no_longer_allowed,
            "unanswered": self.answer.unanswered,
            "differences": self.differences.iter().map(difference).collect::<Vec<_>>(),
            "assumptions": self.answer.assumptions,
            "made_with": self.answer.made_with,
            "took_ms": self.answer.took_ms,
        })
    }

    fn show(&self) {
        stories("It would newly allow, for example:", &self.newly_allowed, WARN, "before");
        stories("It would allow no longer, for example:", &self.no_longer_allowed, BOLD, "now");
        for (way, head, style) in [
            (Way::Laxer, "Laxer, outside the rules:", WARN),
            (Way::Stricter, "Stricter, outside the rules:", BOLD),
            (Way::Rules, "Rules and invariants:", BOLD),
        ] {
            let mut lines = self.differences.iter().filter(|it| it.way == way).peekable();
            if lines.peek().is_some() {
                output::line(styled(style, head));
            }
            for it in lines {
                output::line(format!("  {}: {}", it.file, sanitize(&it.what, 1000)));
            }
        }
        if !self.answer.unanswered.is_empty() {
            output::line(styled(BAD, "No answer was found to:"));
        }
        for it in &self.answer.unanswered {
            output::line(format!("  {}", sanitize(it, 400)));
        }
        let Answer { before, bundle, made_with, took_ms, .. } = &self.answer;
        let style = if self.tendency.loosens_nothing() { GOOD } else { WARN };
        output::line(format!(
            "{} from {} to {}",
            styled(style, sentence(self.tendency)),
            before.short(),
            bundle.short()
        ));
        let solver = made_with.get("cvc5").map_or("?", String::as_str);
        output::line(styled(DIM, format!("compared in {took_ms} ms (cvc5 {})", sanitize(solver, 32))));
    }
}

fn stories(head: &str, stories: &[Story], style: anstyle::Style, when: &str) {
    if !stories.is_empty() {
        output::line(styled(style, head));
    }
    for story in stories {
        let at = match story.at {
            None => String::new(),
            Some(Hour::Next(at)) => format!(" (next {})", minute(at)),
            Some(Hour::NotInSight) => " (which the calendar has not in sight)".to_owned(),
        };
        output::line(format!("  {}{at}", story.told));
        output::line(styled(DIM, format!("    {when}: {}", story.stopped)));
    }
}

const fn sentence(tendency: Tendency) -> &'static str {
    match tendency {
        Tendency::Neutral => "neutral: nothing becomes laxer or stricter",
        Tendency::Tightening => "tightening: nothing becomes laxer",
        Tendency::Loosening => "loosening",
        Tendency::Both => "both: laxer in one thing, stricter in another",
        Tendency::Unknown => "unknown: what has no answer is not the same",
    }
}

fn minute(at: Timestamp) -> String {
    let text = at.to_string();
    text.get(..16).map_or_else(|| text.clone(), |minute| format!("{} UTC", minute.replace('T', " ")))
}
