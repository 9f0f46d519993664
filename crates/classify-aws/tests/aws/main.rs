//! Every entry of `data/inverse.toml` against the mock AWS: set up, read, do, undo, read again, compare. An entry
//! without a case fails, unless the mock is known to lack it, and that is asked of the mock too. And our reads against
//! AWS's own ReadOnlyAccess.

#[cfg(test)]
mod cases;
#[cfg(test)]
mod mock;
#[cfg(test)]
mod prove;
#[cfg(test)]
mod read_only;
#[cfg(test)]
mod table;
