//! The crate from outside: signatures as others make them. `cfg(test)` tells the lints that helpers, too, are tests.

#[cfg(test)]
mod classify;
#[cfg(test)]
mod corpus;
#[cfg(test)]
mod credentials;
#[cfg(test)]
mod pinned;
#[cfg(test)]
mod refused;
#[cfg(test)]
mod requests;
#[cfg(test)]
mod second_lock;
#[cfg(test)]
mod settings;
#[cfg(test)]
mod severity;
#[cfg(test)]
mod sigv4;
#[cfg(test)]
mod terraform;
