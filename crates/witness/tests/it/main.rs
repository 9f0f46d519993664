//! Both sides of the protocol against exchanges that neither of them wrote, and against each other.

#![cfg(test)]

mod client;
mod exchanges;
mod rig;
mod state;
