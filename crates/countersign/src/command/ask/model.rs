//! The model's side of `ask`: where it is configured, how its answer is shown while it arrives, and what it may cost. Where it gives no
//! answer, the catalogue does, and says so.
//!
//! ```toml
//! [model]
//! provider = "anthropic"            # anthropic, openai, bedrock, ollama
//! name = "…"
//! key = { env = "ANTHROPIC_API_KEY" } # or { file = "…" }; never the key itself
//! [budget]
//! turns = 20
//! ```

use std::{path::Path, sync::Arc, time::Duration};

use agent::{Bounds, Broke, ByGiven, Converse, Look, Reach, drive, opened};
use api::types::ChangeView;
use engine::{Clock as _, Entropy as _, SystemClock, SystemEntropy};
use llm::{
    Backoff, Boxed, Budget, Conversation, FailedTurn, Fence, Key, Limits, Micros, Remote, Scrubber, Settings,
    Stopped, Watcher,
};
use model::{ChangeId, sanitize};
use serde::Deserialize;

use super::{Desk, Outcome, by_catalogue, markdown::Renderer};
use crate::{
    agent::Agent,
    cli::Format,
    command::{findings::text_of, steering},
    failure::Failure,
    identity::variable,
    output::{self, WARN, styled},
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Configured {
    model: Settings,
    #[serde(default)]
    budget: Most,
}

/// Of one question.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Most {
    turns: u32,
    tokens: u64,
    /// Millionths of the price's currency; needs a price.
    money: Option<Micros>,
    seconds: u64,
}

impl Default for Most {
    fn default() -> Self {
        Self { turns: 20, tokens: 400_000, money: None, seconds: 600 }
    }
}

pub(in crate::command) struct Model {
    settings: Settings,
    most: Most,
    remote: Remote,
    scrubber: Arc<Scrubber>,
    conversation: Conversation,
    /// What always applies in this repository, until it was said.
    steering: Option<String>,
}

/// Of the steering files' prose, in bytes.
const MOST_STEERING: usize = 16 * 1024;
const MOST_FILE: u64 = 1 << 16;

/// How long nothing may come.
const PATIENCE: Duration = Duration::from_secs(90);

impl Model {
    /// `top`: of the repository, whose steering files are put before the model.
    pub(super) fn read(file: &Path, top: &Path, reach: Reach) -> Result<Self, Failure> {
        let wrong = |why: String| Failure::usage(format!("{}: {}", file.display(), sanitize(&why, 400)));
        let Configured { model: settings, budget: most } =
            toml::from_str(&text_of(file, MOST_FILE)?).map_err(|err| wrong(err.message().to_owned()))?;
        let dir = file.parent().unwrap_or(Path::new("."));
        let key = settings.key.as_ref().map(|place| Key::read(place, dir, &variable)).transpose();
        let key = key.map_err(|err| wrong(model::causes(&err)))?;
        let scrubber = Arc::new(Scrubber::new().map_err(Failure::unexpected)?);
        let remote =
            Remote::new(&settings, key, Arc::clone(&scrubber)).map_err(|err| wrong(model::causes(&err)))?;
        let mut boundary = [0; 16];
        SystemEntropy.fill(&mut boundary).map_err(Failure::unexpected)?;
        let conversation = opened(Fence::new(boundary), reach).map_err(Failure::unexpected)?;
        let steered = steering::read(&top.join(::spec::layout::STEERING))?;
        for problem in &steered.problems {
            output::note(format!("it applies to nothing: {}", sanitize(&problem.to_string(), 400)));
        }
        let steering = Some(steered.prose(MOST_STEERING)).filter(|prose| !prose.is_empty());
        if most.money.is_some() && settings.price.is_none() {
            return Err(wrong("`budget.money` counts by `model.price`, which is not there".into()));
        }
        Ok(Self { settings, most, remote, scrubber, conversation, steering })
    }

    pub(super) async fn asked(&mut self, desk: &Desk<'_>, question: &str) -> Result<Outcome, Failure> {
        let limits = Limits {
            turns: self.most.turns,
            tokens: self.most.tokens,
            money: self.most.money,
            time: Duration::from_secs(self.most.seconds),
        };
        let clock = Ticking;
        let mut budget =
            Budget::new(limits, self.settings.price, llm::Clock::now(&clock)).map_err(Failure::unexpected)?;
        let at = llm::Desk {
            model: &self.remote,
            clock: &clock,
            scrubber: &self.scrubber,
            backoff: Backoff::USUAL,
            patience: PATIENCE,
            max_output: self.settings.max_output,
        };
        let planner = ByGiven::new(desk.given);
        let mut talk = Converse::new(desk.facts, &planner, Bounds::default());
        let before = self.conversation.clone();
        let said = match &self.steering {
            Some(prose) => {
                format!("What always applies in this repository, in its steering files:\n\n{prose}{question}")
            }
            None => question.to_owned(),
        };
        self.conversation.say(self.scrubber.scrub(&said)).map_err(Failure::unexpected)?;
        let mut reader =
            Reader { renderer: Renderer::default(), shows: desk.format == Format::Human, shown: false };
        let mut nobody = ();
        let mut server = desk.agent.map(Listener);
        let look: &mut dyn Look = match &mut server {
            Some(server) => server,
            None => &mut nobody,
        };
        let came =
            drive(&at, &mut self.conversation, &mut budget, &mut talk, &mut chance, &mut reader, look).await;
        reader.end();
        let mut outcome = Outcome {
            question: sanitize(question, 2_000),
            by: self.settings.name.clone(),
            record: talk.record().events().to_vec(),
            claims: talk.record().claims().cloned().collect(),
            proposed: talk.proposed().to_vec(),
            ..Outcome::default()
        };
        outcome.said = came.as_ref().ok().cloned();
        if came.is_ok() {
            // From now on it stands in the conversation.
            self.steering = None;
        }
        match came {
            // On a terminal it was shown while it arrived.
            Ok(answer) if reader.shown => drop(answer),
            Ok(answer) => {
                outcome.answer = answer.lines().map(|it| sanitize(it, 4_000)).collect::<Vec<_>>().join("\n")
            }
            Err(broke) => {
                // What a broken conversation was about is not asked again with the next question.
                self.conversation = before;
                let why = match &broke {
                    Broke::Stopped(Stopped::Failed { last, .. }) => format!("{broke}; {}", last.hint()),
                    Broke::Stopped(_) | Broke::Ended(_) => broke.to_string(),
                };
                let mut own = by_catalogue(desk, question);
                own.model_failed = Some(sanitize(&why, 600));
                own.record = outcome.record;
                own.claims = outcome.claims;
                own.proposed.extend(outcome.proposed.into_iter().filter(|it| it.goal.is_some()));
                own.proposed.dedup_by_key(|it| it.plan.id);
                return Ok(own);
            }
        }
        Ok(outcome)
    }
}

/// The agent listener, by the session's own credentials.
struct Listener<'a>(&'a Agent);

impl Look for Listener<'_> {
    fn change<'a>(&'a mut self, id: &'a str) -> Boxed<'a, String> {
        Box::pin(async move {
            let Ok(id) = id.parse::<ChangeId>() else { return "this is no id of a change".to_owned() };
            match self.0.send::<ChangeView>("GET", &format!("/v1/changes/{id}"), Vec::new()).await {
                Ok(view) => {
                    let why: Vec<&str> = view.verdict.rules.iter().map(|it| it.reason.as_str()).collect();
                    serde_json::json!({ "id": view.id, "state": view.state, "summary": view.summary,
                        "intent": view.intent, "why": why, "approvals": view.approvals.len() })
                    .to_string()
                }
                Err(failure) => format!("the server does not say: {}", sanitize(&failure.message, 300)),
            }
        })
    }
}

fn chance() -> u64 {
    let mut bytes = [0; 8];
    SystemEntropy.fill(&mut bytes).map_or(0, |()| u64::from_le_bytes(bytes))
}

#[derive(Debug)]
struct Ticking;

impl llm::Clock for Ticking {
    fn now(&self) -> Duration {
        Duration::from_millis(u64::try_from(SystemClock.now().millis()).unwrap_or(0))
    }

    fn sleep(&self, time: Duration) -> Boxed<'_, ()> {
        Box::pin(tokio::time::sleep(time))
    }
}

/// Shows whole lines while they arrive.
struct Reader {
    renderer: Renderer,
    shows: bool,
    shown: bool,
}

impl Reader {
    fn end(&mut self) {
        if self.shows {
            self.renderer.rest().into_iter().for_each(output::line);
        }
    }
}

impl Watcher for Reader {
    fn text(&mut self, piece: &str) {
        if self.shows {
            self.shown = true;
            self.renderer.push(piece).into_iter().for_each(output::line);
        }
    }

    fn took_back(&mut self, why: &FailedTurn) {
        if self.shows && self.shown {
            self.renderer = Renderer::default();
            let why = sanitize(&why.to_string(), 300);
            output::line(format!(
                "{} what stands above broke off and does not count: {why}",
                styled(WARN, "!")
            ));
        }
    }
}
