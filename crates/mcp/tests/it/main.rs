//! The tools as a client meets them: rmcp's own client in the same process, a snapshot with hostile text and secrets in it, and a control
//! plane that is a list.

#![cfg(test)]

mod calls;
mod hostile;
mod http;
mod rig;
mod waiting;
