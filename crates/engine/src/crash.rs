//! Points at which the crash tests kill the process: between every two steps of a held change's life. Without the
//! feature `crash-points` this is nothing at all.

/// Ends the process as a power cut would, where `COUNTERSIGN_CRASH_AT` names this point: `NAME`, or `NAME#n` for the
/// n-th time it is reached.
#[cfg(feature = "crash-points")]
pub fn point(name: &str) {
    use std::{
        process::{Command, id},
        sync::atomic::{AtomicU32, Ordering},
    };
    static REACHED: AtomicU32 = AtomicU32::new(0);
    #[expect(clippy::disallowed_methods, reason = "compiled into test binaries only")]
    let Ok(wanted) = std::env::var("COUNTERSIGN_CRASH_AT") else { return };
    let (wanted, nth) = match wanted.split_once('#') {
        Some((wanted, nth)) => (wanted, nth.parse().unwrap_or(1)),
        None => (wanted.as_str(), 1),
    };
    if wanted != name || REACHED.fetch_add(1, Ordering::SeqCst).saturating_add(1) != nth {
        return;
    }
    // A signal that cannot be caught: no destructor runs, no buffer is flushed, no connection is closed in good order.
    let sent = Command::new("kill").args(["-9", &id().to_string()]).status();
    if sent.is_err() {
        std::process::abort();
    }
    loop {
        std::thread::park();
    }
}

#[cfg(not(feature = "crash-points"))]
pub const fn point(_name: &str) {}
