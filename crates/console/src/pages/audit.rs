//! The log: its entries, how far it is signed, who witnessed that, and how to check all of it without this server.

use askama::Template;

use super::Frame;
use crate::{
    logged::{Member, Row},
    text::Shown,
};

#[derive(Debug, Template)]
#[template(path = "audit.html")]
pub(crate) struct Audit {
    pub(crate) frame: Frame,
    pub(crate) size: String,
    /// Its lines.
    pub(crate) checkpoint: Vec<Shown>,
    /// The newest first.
    pub(crate) entries: Vec<Row>,
    /// Those shown come before this one; the newest, where there is none.
    pub(crate) before: Option<u64>,
    /// Where the next page begins.
    pub(crate) older: Option<u64>,
    /// Why something is not shown.
    pub(crate) wrong: Option<Shown>,
    /// How far each has cosigned.
    pub(crate) witnesses: Vec<(Shown, String)>,
    pub(crate) quorum: usize,
    pub(crate) genesis: String,
}

/// One entry, all that it says, and its way to the root.
#[derive(Debug, Template)]
#[template(path = "entry.html")]
pub(crate) struct EntryPage {
    pub(crate) frame: Frame,
    pub(crate) row: Row,
    pub(crate) members: Vec<Member>,
    pub(crate) bytes: usize,
    pub(crate) way: String,
    /// Made here, of numbers and hexadecimal digits alone.
    pub(crate) picture: String,
    pub(crate) newer: Option<u64>,
    pub(crate) older: Option<u64>,
    /// As what its receipt is kept.
    pub(crate) file: String,
    pub(crate) genesis: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said of those who cosign, of each by its name.
    #[test]
    fn witnesses_are_named_with_how_far_they_are() {
        let page = |witnesses: &[(&str, &str)]| {
            let witnesses = witnesses.iter().map(|(name, seen)| (Shown::of(name), (*seen).to_owned()));
            let page = Audit {
                frame: Frame::new(None, "Audit"),
                size: "12".to_owned(),
                checkpoint: Vec::new(),
                entries: Vec::new(),
                before: None,
                older: None,
                wrong: None,
                witnesses: witnesses.collect(),
                quorum: 2,
                genesis: "0".repeat(64),
            };
            page.render().unwrap()
        };
        let named = page(&[("north<", "12 entries"), ("south", "nothing yet")]);
        assert!(named.contains("<td>north&#60;</td><td>12 entries</td>"), "{named}");
        assert!(
            named.contains("<td>south</td><td>nothing yet</td>") && named.contains("witnessed with 2"),
            "{named}"
        );
        assert!(page(&[]).contains("The bundle names none"));
    }
}
