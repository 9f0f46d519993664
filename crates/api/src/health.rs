//! The metrics listener: whether the process lives, whether it can do its work, and its numbers, for the machinery that keeps
//! it running. Off unless it is given an address of its own: who scrapes has no person's key, and agents have no business
//! here. It knows nobody, changes nothing, and names no agent, no session, no person and no target.
//!
//! ```text
//! GET /livez      200 while the process answers
//! GET /readyz     200 while a request could pass, or 503; a line for each part either way
//! GET /metrics    Prometheus's text exposition format 0.0.4
//! ```

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use engine::{Engine, Friction, Part, Vitals};
use model::Timestamp;

use crate::metrics;

/// An installation, as those see it who keep it running.
#[derive(Debug)]
pub struct Health {
    engine: Arc<Engine>,
    /// Folders whose disks must not fill, by what lies there.
    folders: Vec<(&'static str, PathBuf)>,
    /// As it was a moment ago: it reads many documents.
    friction: Mutex<Option<(Timestamp, Friction)>>,
}

/// What there is to say at one moment.
#[derive(Debug)]
pub struct Report {
    pub parts: Vec<Part>,
    pub vitals: Vitals,
    pub friction: Option<Friction>,
    pub disks: Vec<Disk>,
}

/// The disk on which something lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disk {
    pub of: &'static str,
    /// That this process may still write, in bytes.
    pub free: u64,
    pub size: u64,
}

/// Prometheus asks every few seconds; the record of a day changes less.
const FRICTION_KEEPS_MS: i64 = 60_000;

impl Health {
    pub fn new(engine: Arc<Engine>, folders: Vec<(&'static str, PathBuf)>) -> Self {
        Self { engine, folders, friction: Mutex::default() }
    }

    pub async fn report(&self) -> Report {
        let vitals = self.engine.vitals().await;
        let friction = self.friction(vitals.now).await;
        let folders = self.folders.clone();
        let disks = tokio::task::spawn_blocking(move || folders.iter().filter_map(disk).collect()).await;
        Report { parts: self.engine.readiness(), vitals, friction, disks: disks.unwrap_or_default() }
    }

    async fn friction(&self, now: Timestamp) -> Option<Friction> {
        let kept = *self.friction.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, friction)) = kept
            && (0..FRICTION_KEEPS_MS).contains(&now.since(at))
        {
            return Some(friction);
        }
        let friction = self.engine.friction().await.ok()?;
        *self.friction.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, friction));
        Some(friction)
    }
}

fn disk((of, folder): &(&'static str, PathBuf)) -> Option<Disk> {
    let found = rustix::fs::statvfs(folder).ok()?;
    let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
    Some(Disk { of, free: bytes(found.f_bavail), size: bytes(found.f_blocks) })
}

/// The metrics listener's router.
pub fn router(health: Arc<Health>) -> Router {
    Router::new()
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/metrics", get(page))
        .with_state(health)
}

const TEXT: &str = "text/plain; charset=utf-8";

async fn livez() -> Response {
    text(StatusCode::OK, TEXT, "alive\n".to_owned())
}

async fn readyz(State(health): State<Arc<Health>>) -> Response {
    let parts = health.engine.readiness();
    let status = match parts.iter().all(|part| part.missing.is_none()) {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    text(status, TEXT, said(&parts))
}

async fn page(State(health): State<Arc<Health>>) -> Response {
    text(StatusCode::OK, metrics::CONTENT_TYPE, metrics::page(&health.report().await))
}

fn text(status: StatusCode, kind: &'static str, body: String) -> Response {
    let headers = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-store")];
    (status, headers, body).into_response()
}

fn said(parts: &[Part]) -> String {
    let ready = parts.iter().all(|part| part.missing.is_none());
    let mut said = String::from(if ready { "ready\n" } else { "not ready\n" });
    for part in parts {
        match &part.missing {
            None => said.push_str(&format!("  ok  {}\n", part.name)),
            Some(missing) => said.push_str(&format!("  NO  {}: {}\n", part.name, missing.why)),
        }
    }
    said
}

#[cfg(test)]
mod tests {
    use engine::Missing;

    use super::*;

    #[test]
    fn what_is_not_ready_is_named_without_what_only_people_may_know() {
        let missing = Missing { why: "the store cannot be written (CS104)", detail: "/srv/db: full".into() };
        let part = |name, missing| Part { name, missing };
        assert_eq!(said(&[part("clock", None)]), "ready\n  ok  clock\n");
        assert_eq!(
            said(&[part("clock", None), part("ledger", Some(missing))]),
            "not ready\n  ok  clock\n  NO  ledger: the store cannot be written (CS104)\n"
        );
    }

    #[test]
    fn a_disk_has_room_and_a_folder_that_is_gone_has_no_disk() {
        let here = disk(&("log", std::env::temp_dir())).unwrap();
        assert!(here.free > 0 && here.free <= here.size);
        assert_eq!(disk(&("log", PathBuf::from("/nowhere/at/all"))), None);
    }
}
