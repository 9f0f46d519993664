//! The store from outside: one behaviour on both backends, and what survives a crash, a full disk and an editor.

mod conformance;
mod crash;
mod disk;
mod fixture;
mod history;
mod open;
mod oracle;
mod race;
