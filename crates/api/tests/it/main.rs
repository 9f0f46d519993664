//! The two listeners over real sockets, in front of a real engine.

#![cfg(test)]

mod house;
mod openapi;
mod passkey;
mod routes;
mod sessions;
