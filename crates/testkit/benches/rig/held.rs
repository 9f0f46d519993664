//! Ten thousand changes that wait for people.

use anyhow::{Context, Result};
use testkit::now;

use crate::rig::{
    load::{self, Latencies},
    place::Place,
};

pub(crate) const HELD: usize = 10_000;
const HELD_BY_SESSION: usize = 1_000;
const CONNECTIONS: usize = 32;

/// Of one session.
pub(crate) fn many_may_wait(settings: &str) -> String {
    let wide = format!("open_holds_per_session = {HELD_BY_SESSION}\n");
    settings.replace("open_holds_per_session = 10\n", &wide)
}

/// Deletes of objects in production, each in a bucket of its own: each is a change, and waits.
pub(crate) fn hold(place: &Place, count: usize) -> Result<()> {
    let [gateway, _, _] = place.serve.authorities();
    let hash = ("x-amz-content-sha256", "UNSIGNED-PAYLOAD");
    let mut buckets = 0..count;
    while !buckets.is_empty() {
        let agent = place.agent()?;
        let requests = buckets.by_ref().take(HELD_BY_SESSION).map(|nth| {
            let target = format!("/bucket-{nth}/key");
            load::bytes(&agent.sign_at(now(), "s3", gateway, "DELETE", &target, &[hash], Vec::new()))
        });
        load::through(gateway, CONNECTIONS, &requests.collect::<Vec<_>>(), "403", &Latencies::default())?;
    }
    Ok(())
}

/// Resident memory of `serve`, in millions of bytes.
pub(crate) fn resident(place: &Place) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", place.serve.pid()))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib * 1024.0 / 1e6)
}
