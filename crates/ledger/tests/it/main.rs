//! The ledger from outside: what it makes of crashes, failing disks, tampering and a second process. `cfg(test)` tells
//! the lints that helpers, too, are tests.

#[cfg(test)]
mod append;
#[cfg(test)]
mod copy;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod rig;
#[cfg(test)]
mod sim;
#[cfg(test)]
mod tamper;
