//! How many files the process may have open: each connection is one. A process is usually given 1024 at first and may take more;
//! programs that wait with `select` are why it is not given them at once, and this is none.

use listener::Limits;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// All listeners full, each request of a gateway with a connection of its own to the upstream, the log and the database.
const WANTED: u64 = 4096;
/// With fewer, people's listener keeps to what the others do.
const NEEDED: u64 = 2048;

/// Takes as many as are wanted and may be had; what is refused is what [`limits_of_people`] then goes by.
pub(super) fn raise() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = maximum.map_or(WANTED, |maximum| maximum.min(WANTED));
    if current.is_some_and(|current| current < wanted)
        && let Err(err) = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum })
    {
        tracing::warn!(%err, "the limit of open files cannot be raised");
    }
}

pub(super) fn limits_of_people() -> Limits {
    match getrlimit(Resource::Nofile).current {
        Some(few) if few < NEEDED => {
            tracing::warn!(
                files = few,
                "few files may be open: no more than {} pages are kept up to date",
                Limits::API.connections
            );
            Limits::API
        }
        Some(_) | None => Limits::PEOPLE,
    }
}
