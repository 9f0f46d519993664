//! Every place of the chain with the real thing in it: files in a home folder, a process, and a server that answers
//! as a container's agent, a machine's metadata service or the security token service do.

#![cfg(test)]

mod providers;
mod server;
