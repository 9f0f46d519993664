//! The conversation carried out: turns from the model's edge, results through its fence. Whoever calls it brings the model, the clock and the
//! money; nothing here can do more than the state machine says.

use llm::{
    Bound, Boxed, Budget, Conversation, ConversationError, Desk, FailedTurn, Fence, Stopped, Tool, ToolError,
    Tools, Untrusted, Watcher,
};

use crate::{
    Reach,
    converse::{CallOf, Converse, Ending, INSTRUCTIONS, Next, OF_A_SERVER, Returned, TOOLS, Told},
};

/// As much of one result as a model is shown.
const SHOWN: Bound = Bound::bytes(24 * 1024);

/// What a server knows.
pub trait Look: Send {
    /// How a change stands, or why that is not known.
    fn change<'a>(&'a mut self, id: &'a str) -> Boxed<'a, String>;
}

/// Nobody is asked.
impl Look for () {
    fn change<'a>(&'a mut self, _: &'a str) -> Boxed<'a, String> {
        Box::pin(async { "no server is asked here: the person can run `countersign change show`".to_owned() })
    }
}

/// Why a question got no further answer.
#[derive(Debug, thiserror::Error)]
pub enum Broke {
    #[error(transparent)]
    Stopped(#[from] Stopped),
    #[error(transparent)]
    Ended(Ending),
}

/// A conversation with our instructions and tools, and nothing said yet.
///
/// # Errors
/// Where a schema of ours is none.
pub fn opened(fence: Fence, reach: Reach) -> Result<Conversation, ToolError> {
    let offered = TOOLS.iter().filter(|it| reach == Reach::Server || it.name != OF_A_SERVER);
    let tools = offered.map(|it| Tool::new(it.name, it.about, it.schema)).collect::<Result<_, _>>()?;
    Ok(Conversation::new(INSTRUCTIONS, fence, Tools::new(tools)?))
}

/// The model's answer to what was said last, after as many turns as that takes.
///
/// # Errors
/// [`Broke`]; the record says so as well.
pub async fn drive(
    desk: &Desk<'_>,
    conversation: &mut Conversation,
    budget: &mut Budget,
    talk: &mut Converse<'_, '_>,
    chance: &mut (dyn FnMut() -> u64 + Send),
    watcher: &mut dyn Watcher,
    look: &mut dyn Look,
) -> Result<String, Broke> {
    loop {
        let mut noting = Noting { watcher: &mut *watcher, failed: Vec::new() };
        let came = desk.ask(conversation, budget, chance, &mut noting).await;
        noting.failed.iter().for_each(|why| talk.took_back(why));
        let turn = match came {
            Ok(turn) => turn,
            Err(stopped) => {
                talk.stopped(&model::causes(&stopped));
                return Err(stopped.into());
            }
        };
        let calls: Vec<CallOf<'_>> = turn
            .calls()
            .iter()
            .map(|it| CallOf { id: it.id(), tool: it.tool(), arguments: it.arguments() })
            .collect();
        match talk.turn(turn.text(), &calls) {
            Next::Said => return Ok(turn.text().to_owned()),
            Next::Tell(told) => tell(desk, conversation, told, look).await?,
            Next::End(ending, told) => {
                tell(desk, conversation, told, look).await?;
                return Err(Broke::Ended(ending));
            }
        }
    }
}

/// Keeps why turns were not taken, those that were asked for again included.
struct Noting<'w> {
    watcher: &'w mut dyn Watcher,
    failed: Vec<String>,
}

impl Watcher for Noting<'_> {
    fn text(&mut self, piece: &str) {
        self.watcher.text(piece);
    }

    fn took_back(&mut self, why: &FailedTurn) {
        self.failed.push(model::causes(why));
        self.watcher.took_back(why);
    }
}

async fn tell(
    desk: &Desk<'_>,
    conversation: &mut Conversation,
    told: Vec<Told>,
    look: &mut dyn Look,
) -> Result<(), Stopped> {
    let mut results = Vec::with_capacity(told.len());
    for Told { id, source, result } in told {
        let text = match result {
            Returned::Text(text) => text,
            Returned::Change(change) => look.change(&change).await,
        };
        results.push((id, Untrusted::new(desk.scrubber, source, &text, SHOWN)));
    }
    conversation.tell(results).map_err(|err: ConversationError| Stopped::Conversation(err))
}
