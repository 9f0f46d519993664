//! Points at which the crash tests kill the process: between every two steps of a held change's life. Without the
//! feature `crash-points` this is nothing at all.

/// Ends the process as `kill -9` would where `COUNTERSIGN_CRASH_AT` names this point.
#[cfg(feature = "crash-points")]
pub fn point(name: &str) {
    #[expect(clippy::disallowed_methods, reason = "compiled into test binaries only")]
    let wanted = std::env::var("COUNTERSIGN_CRASH_AT");
    if wanted.is_ok_and(|wanted| wanted == name) {
        std::process::abort();
    }
}

#[cfg(not(feature = "crash-points"))]
pub const fn point(_name: &str) {}
