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

use agent::{Bounds, Broke, ByGiven, Converse, drive, opened};
use engine::{Clock as _, Entropy as _, SystemClock, SystemEntropy};
use llm::{
    Backoff, Boxed, Budget, Conversation, FailedTurn, Fence, Key, Limits, Micros, Remote, Scrubber, Settings,
    Stopped, Watcher,
};
use model::sanitize;
use serde::Deserialize;

use super::{Desk, Outcome, by_catalogue, markdown::Renderer};
use crate::{
    cli::Format,
    command::findings::text_of,
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
}

const MOST_FILE: u64 = 1 << 16;

/// How long nothing may come.
const PATIENCE: Duration = Duration::from_secs(90);

impl Model {
    pub(super) fn read(file: &Path) -> Result<Self, Failure> {
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
        let conversation = opened(Fence::new(boundary)).map_err(Failure::unexpected)?;
        if most.money.is_some() && settings.price.is_none() {
            return Err(wrong("`budget.money` counts by `model.price`, which is not there".into()));
        }
        Ok(Self { settings, most, remote, scrubber, conversation })
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
        self.conversation.say(self.scrubber.scrub(question)).map_err(Failure::unexpected)?;
        let mut reader =
            Reader { renderer: Renderer::default(), shows: desk.format == Format::Human, shown: false };
        let came =
            drive(&at, &mut self.conversation, &mut budget, &mut talk, &mut chance, &mut reader, &mut ())
                .await;
        reader.end();
        let mut outcome = Outcome {
            question: sanitize(question, 2_000),
            by: self.settings.name.clone(),
            record: talk.record().events().to_vec(),
            claims: talk.record().claims().cloned().collect(),
            proposed: talk.proposed().to_vec(),
            ..Outcome::default()
        };
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
