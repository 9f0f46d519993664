//! A flood becomes one message.

use crate::Message;

/// As many messages as are sent one by one; more are folded into one.
pub const FLOOD: usize = 8;

/// The first of them, with a few of the others in it and how many there are besides. The same messages fold to the same id.
/// `beyond`: how many more there were that nobody kept.
pub fn fold(messages: Vec<Message>, beyond: u64) -> Option<Message> {
    let mut messages = messages.into_iter();
    let first = messages.next()?;
    let others: Vec<Message> = messages.by_ref().take(FLOOD).collect();
    let more = (messages.count() as u64).saturating_add(beyond);
    if others.is_empty() && more == 0 {
        return Some(first);
    }
    let count = (others.len() as u64).saturating_add(more);
    Some(Message { id: format!("{}-and-{count}", first.id), others, more, ..first })
}
