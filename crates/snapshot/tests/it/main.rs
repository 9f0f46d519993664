//! Snapshots as whoever reads them meets them: what is refused and how it is told, and what comes back of what was written.

#![cfg(test)]

mod coverage;
mod refused;
mod round_trip;
