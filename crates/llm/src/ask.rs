//! One turn of a conversation: asked for, taken whole or not at all, asked for again where that may help, within a budget.

use std::time::Duration;

use crate::{
    backoff::Backoff,
    budget::{Allowance, Budget, Exhausted},
    chat::{ChatModel, Clock, Events, Watcher},
    conversation::{Conversation, ConversationError, Request},
    event::Event,
    failure::{Cost, FailedTurn},
    scrub::Scrubber,
    turn::{Assembly, Step, Turn},
};

/// What every turn of a task is asked for with.
#[derive(Debug)]
pub struct Desk<'a> {
    pub model: &'a dyn ChatModel,
    pub clock: &'a dyn Clock,
    pub scrubber: &'a Scrubber,
    pub backoff: Backoff,
    /// How long nothing may come before an answer counts as broken off.
    pub patience: Duration,
    /// The most that one answer may say, in tokens.
    pub max_output: u32,
}

/// Why there is no turn.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stopped {
    /// `text`: what the last answer said, where it was paid for and passed the limit. What it called for is not carried out.
    #[error("the budget is used up: {limit}")]
    Exhausted { limit: Exhausted, text: Option<String> },
    /// All of them, the last being the one that counts.
    #[error("no usable answer after {} tries: {last}", before.len() + 1)]
    Failed { before: Vec<FailedTurn>, last: FailedTurn },
    #[error(transparent)]
    Conversation(#[from] ConversationError),
}

impl Desk<'_> {
    /// The next turn, which is then part of the conversation. `chance` is drawn anew for each wait.
    ///
    /// # Errors
    /// Where there is none; the conversation is as it was.
    pub async fn ask(
        &self,
        conversation: &mut Conversation,
        budget: &mut Budget,
        chance: &mut (dyn FnMut() -> u64 + Send),
        watcher: &mut dyn Watcher,
    ) -> Result<Turn, Stopped> {
        let mut before = Vec::new();
        loop {
            let exhausted = |limit| Stopped::Exhausted { limit, text: None };
            let prompt = conversation.request(self.max_output)?.bytes();
            let allowance = budget.allow(prompt, self.max_output, self.clock.now()).map_err(exhausted)?;
            let request = conversation.request(allowance.output)?;
            budget.turn();
            let failure = match self.attempt(request, allowance, budget, watcher).await {
                Ok(turn) => {
                    // Turns are counted before: the last that is allowed is one that may be used.
                    if let Err(limit) = budget.check(self.clock.now())
                        && !matches!(limit, Exhausted::Turns(_))
                    {
                        return Err(Stopped::Exhausted { limit, text: Some(turn.text) });
                    }
                    conversation.accept(&turn, self.scrubber);
                    return Ok(turn);
                }
                Err(failure) => failure,
            };
            watcher.took_back(&failure);
            budget.check(self.clock.now()).map_err(exhausted)?;
            let failed = u32::try_from(before.len() + 1).unwrap_or(u32::MAX);
            let Some(wait) = self.backoff.wait(failed, &failure, chance()) else {
                return Err(Stopped::Failed { before, last: failure });
            };
            // Nobody waits for what there is no time for.
            budget.check(self.clock.now().saturating_add(wait)).map_err(exhausted)?;
            before.push(failure);
            self.clock.sleep(wait).await;
        }
    }

    /// One request, charged whatever becomes of it.
    async fn attempt(
        &self,
        request: Request<'_>,
        allowance: Allowance,
        budget: &mut Budget,
        watcher: &mut dyn Watcher,
    ) -> Result<Turn, FailedTurn> {
        let mut assembly = Assembly::new(request.tools());
        let until = self.clock.now().saturating_add(allowance.time);
        let result = self.receive(request, until, &mut assembly, watcher).await;
        match &result {
            Ok(turn) => budget.charge(turn.usage, request),
            Err(failure) => match failure.cost() {
                Cost::Nothing => {}
                Cost::Unknown => budget.charge(None, request),
            },
        }
        result
    }

    async fn receive(
        &self,
        request: Request<'_>,
        until: Duration,
        assembly: &mut Assembly<'_>,
        watcher: &mut dyn Watcher,
    ) -> Result<Turn, FailedTurn> {
        let mut events = self.soon(until, self.model.open(request)).await??;
        loop {
            let event = self.next(events.as_mut(), until).await?;
            if let Event::Text(text) = &event {
                watcher.text(text);
            }
            if let Step::Whole(turn) = assembly.take(event)? {
                return Ok(turn);
            }
        }
    }

    async fn next(&self, events: &mut dyn Events, until: Duration) -> Result<Event, FailedTurn> {
        self.soon(until, events.next()).await?.unwrap_or(Err(FailedTurn::EndedEarly))
    }

    /// Within the patience for one piece, and within what is left of the task's time.
    async fn soon<T>(&self, until: Duration, coming: impl Future<Output = T>) -> Result<T, FailedTurn> {
        let patience = self.patience.min(until.saturating_sub(self.clock.now()));
        if patience.is_zero() {
            return Err(FailedTurn::Stalled { after: patience });
        }
        tokio::select! {
            // What is there is taken, whatever the clock says.
            biased;
            came = coming => Ok(came),
            () = self.clock.sleep(patience) => Err(FailedTurn::Stalled { after: patience }),
        }
    }
}
