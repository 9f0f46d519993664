//! The agent's thinking over synthetic accounts and made-up sentences.

mod catalogue;
mod plans;
mod specify;
