//! What an agent says of itself: what its own checks kept from its language model, what that claimed, and why it was asked no further. It is
//! the agent's word and nobody else's, kept beside what was decided here; nothing follows from it, for good or ill.

use model::{EntryId, EntryKind, Fault, ReportedAs, Session, sanitize};
use store::WriteError;

use crate::Engine;

/// Of one conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// What the agent was asked for.
    pub asked: String,
    pub lines: Vec<(ReportedAs, String)>,
}

impl Report {
    /// With [`Self::MAX_TEXT`], so that an entry holds them all however hostile each character is.
    pub const MAX_LINES: usize = 20;
    /// Characters of a line, and of what was asked for.
    pub const MAX_TEXT: usize = 240;
}

impl Engine {
    /// Puts it on record, in the agent's name; what is longer than a report may be is cut.
    ///
    /// # Errors
    /// Where nothing can be recorded.
    pub async fn report(&self, session: &Session, report: &Report) -> Result<EntryId, Fault> {
        self.recordable()?;
        let mut entry = self.draw()?.entry(EntryKind::AgentReported);
        entry.actors = model::Actors {
            agent: Some(session.chain.agent.clone()),
            operator: Some(session.chain.operator.clone()),
            session: Some(session.id),
            person: None,
        };
        entry.bundle = Some(self.bundle().digest());
        entry.detail.insert("asked".to_owned(), sanitize(&report.asked, Report::MAX_TEXT));
        for (nth, (reported, why)) in (1..).zip(report.lines.iter().take(Report::MAX_LINES)) {
            let line = format!("{}: {}", reported.name(), sanitize(why, Report::MAX_TEXT));
            entry.detail.insert(format!("line_{nth:02}"), line);
        }
        let left_out = report.lines.len().saturating_sub(Report::MAX_LINES);
        if left_out > 0 {
            entry.detail.insert("left_out".to_owned(), left_out.to_string());
        }
        let id = entry.id;
        let written = self.store.write(move |tx| tx.record(entry)).await;
        written.map_err(|err: WriteError<store::StorageError>| Fault::Storage(err.to_string()))?;
        Ok(id)
    }
}
