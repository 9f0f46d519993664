//! The console: pages on which people see what waits for them, what is known of it and what is not, and sign for it with a
//! passkey.
//!
//! Invariant: nothing here decides, and nobody's word is taken. What a person sees is derived from the record; what they
//! approve with is a signature over the statement, which the engine verifies as it does every other. Being signed in (a
//! cookie, [`logins`]) lets a person read, and stop what an agent does; it approves nothing, whether they came by a passkey or by
//! an account elsewhere ([`sign_on`]).
//!
//! Every string of an agent, an operator or a cloud is hostile: it becomes [`text::Shown`] before it reaches a template, and
//! templates escape. The content-security policy allows this server's own script and sheet, and no inline anything.
//!
//! What the browser has seen of the log it keeps itself (`assets/kept.js`), and signs with that; what does not continue it ends
//! approving there.
//!
//! The agent's faces ([`faces`]) show what a sentence would come to, the plan for a finding, and what the agent has done by its folders. They
//! start nothing: there is no agent's credential here, and no button that would be another way to production.
//!
//! What is *absent*: enrolling (a roster changes by an approved bundle; the page makes the line for it), and JSON for
//! programs ([`api`]).

mod around;
mod assets;
mod board;
mod changes;
mod enrolling;
mod estate;
mod events;
mod faces;
mod guard;
mod log;
mod logged;
mod logins;
mod pages;
mod pasted;
mod proof;
mod prose;
mod routes;
mod shelf;
mod sign_on;
mod text;
mod timeline;
mod what_if;
mod when;

pub use estate::{Analysed, Estate, Seen};
pub use routes::{Access, Entrance, ROUTES, Route, router};
pub use shelf::{Folder, Shelf, WANTED, most};
pub use sign_on::way_back;
