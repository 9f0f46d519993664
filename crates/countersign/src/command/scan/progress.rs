//! A line on the terminal that says how far a scan is; nothing where nobody watches.

use std::io::IsTerminal as _;

use engine::{Clock as _, SystemClock};
use inventory::Scan;
use model::Timestamp;

use crate::output;

pub(super) struct Progressing {
    watched: bool,
    last: Option<Timestamp>,
}

impl Progressing {
    pub(super) fn new() -> Self {
        Self { watched: std::io::stderr().is_terminal(), last: None }
    }

    pub(super) fn show(&mut self, scan: &Scan) {
        let now = SystemClock.now();
        if self.watched && self.last.is_none_or(|last| now.since(last) >= 200) {
            let progress = scan.progress();
            output::passing(format!(
                "{} read, {} to read, {} resources",
                progress.answered, progress.left, progress.resources
            ));
            self.last = Some(now);
        }
    }

    pub(super) fn clear(&self) {
        if self.last.is_some() {
            output::passing("");
        }
    }
}
