//! The agent's thinking over synthetic accounts and made-up sentences.

mod plans;
mod specify;
