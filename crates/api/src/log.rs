//! The log listener: the log's own files, as a reader of a transparency log asks for them (C2SP `tlog-tiles`). Off
//! unless it is given an address. It knows nobody: whoever reaches it reads the whole record, and can change nothing.
//!
//! ```text
//! GET /checkpoint                 the newest signed one
//! GET /witnessed                  the newest one that enough witnesses have cosigned, with their lines; perhaps older
//! GET /genesis.json               what the installation is
//! GET /tile/…                     hash tiles and entry bundles, full and partial
//! ```
//!
//! Nothing beyond the checkpoint is served: it was not signed for, and may yet be cut off.

use std::path::{Path, PathBuf};

use axum::{
    Router,
    extract::{Path as Tail, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use tlog::Resource;

/// Larger than any checkpoint with its cosignatures.
const MAX_NOTE: u64 = 64 * 1024;
const MAX_GENESIS: u64 = 64 * 1024;

/// `dir`: the log's folder.
pub fn router(dir: PathBuf) -> Router {
    Router::new()
        .route("/checkpoint", get(checkpoint))
        .route("/witnessed", get(witnessed))
        .route("/genesis.json", get(genesis))
        .route("/tile/{*path}", get(tile))
        .with_state(Log { dir })
}

#[derive(Clone, Debug)]
struct Log {
    dir: PathBuf,
}

/// Why there is no file to answer with.
#[derive(Debug, thiserror::Error)]
enum Unserved {
    #[error(
        "no such file: a log has checkpoint, genesis.json, tile/L/N and tile/entries/N, each also as ….p/W"
    )]
    NoFile,
    #[error("the log has no such file yet: its checkpoint says how large it is")]
    NotYet,
    #[error("the log's files cannot be read; see the server's own log")]
    Unreadable(String),
}

impl IntoResponse for Unserved {
    fn into_response(self) -> Response {
        let status = match &self {
            Self::NoFile | Self::NotYet => StatusCode::NOT_FOUND,
            Self::Unreadable(why) => {
                tracing::error!(%why, "the log could not be served");
                StatusCode::INTERNAL_SERVER_ERROR
            }
        };
        (status, format!("{self}\n")).into_response()
    }
}

async fn checkpoint(State(log): State<Log>) -> Result<Response, Unserved> {
    let note = apart(move || read(&log.dir.join("checkpoint"), MAX_NOTE)).await?;
    Ok(([(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::CACHE_CONTROL, "no-cache")], note)
        .into_response())
}

async fn witnessed(State(log): State<Log>) -> Result<Response, Unserved> {
    let note = apart(move || {
        let file = log.dir.join("witnessed");
        if file.exists() { read(&file, MAX_NOTE) } else { Err(Unserved::NotYet) }
    });
    let headers = [(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::CACHE_CONTROL, "no-cache")];
    Ok((headers, note.await?).into_response())
}

async fn genesis(State(log): State<Log>) -> Result<Response, Unserved> {
    let genesis = apart(move || read(&log.dir.join("genesis.json"), MAX_GENESIS)).await?;
    Ok(([(header::CONTENT_TYPE, "application/json")], genesis).into_response())
}

async fn tile(State(log): State<Log>, Tail(path): Tail<String>) -> Result<Response, Unserved> {
    let resource: Resource = format!("tile/{path}").parse().map_err(|_| Unserved::NoFile)?;
    let bytes = apart(move || {
        let size = size_of(&read(&log.dir.join("checkpoint"), MAX_NOTE)?);
        let found = ledger::read_resource(&log.dir, resource, size);
        found.map_err(|err| Unserved::Unreadable(err.to_string()))?.ok_or(Unserved::NotYet)
    })
    .await?;
    // What is full, and the beginning of what is not, never changes again.
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream"),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    Ok((headers, bytes).into_response())
}

/// Files are read where they hold nobody up.
async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Unserved> + Send + 'static,
) -> Result<T, Unserved> {
    let unreadable = |err: tokio::task::JoinError| Unserved::Unreadable(err.to_string());
    tokio::task::spawn_blocking(work).await.map_err(unreadable)?
}

fn read(path: &Path, most: u64) -> Result<Vec<u8>, Unserved> {
    let unreadable = |why: String| Unserved::Unreadable(format!("{}: {why}", path.display()));
    let len = std::fs::metadata(path).map_err(|err| unreadable(err.to_string()))?.len();
    if len > most {
        return Err(unreadable(format!("it has more than {most} bytes")));
    }
    std::fs::read(path).map_err(|err| unreadable(err.to_string()))
}

/// How many entries the checkpoint says there are; none, where it says nothing readable.
fn size_of(note: &[u8]) -> u64 {
    let text = std::str::from_utf8(note).unwrap_or_default();
    text.lines().nth(1).and_then(|line| line.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use hyper::service::Service as _;
    use hyper_util::service::TowerToHyperService;
    use ledger::{Genesis, Ledger};
    use model::Timestamp;
    use tlog::SigningKey;

    use super::*;

    const ORIGIN: &str = "log.example/served";

    fn log(entries: usize) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let key = SigningKey::from_seed(ORIGIN, &[3; 32]).unwrap();
        let genesis = Genesis {
            origin: ORIGIN.to_owned(),
            vkey: key.verifier().to_string(),
            installation: "0123456789abcdef0123456789abcdef".to_owned(),
            created_at: Timestamp::from_seconds(1_795_228_800),
            site: None,
        };
        let mut ledger =
            Ledger::create(&dir.path().join("log"), &dir.path().join("lock"), key, genesis).unwrap();
        let all: Vec<Vec<u8>> = (0..entries).map(|nth| nth.to_string().into_bytes()).collect();
        ledger.append(&all).unwrap();
        dir
    }

    async fn check(router: &Router, path: &str, expected: Result<usize, u16>) {
        let request = axum::http::Request::get(path).body(Body::empty()).unwrap();
        let response = TowerToHyperService::new(router.clone()).call(request).await.unwrap();
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        let found = if status == 200 { Ok(body.len()) } else { Err(status) };
        assert_eq!(found, expected, "{path}: {}", String::from_utf8_lossy(&body));
    }

    #[tokio::test]
    async fn the_files_of_the_log_are_served_as_far_as_they_were_signed_for() {
        let dir = log(300);
        let served = router(dir.path().join("log"));
        let note = std::fs::read(dir.path().join("log/checkpoint")).unwrap();
        assert_eq!(size_of(&note), 300);
        check(&served, "/checkpoint", Ok(note.len())).await;
        check(&served, "/witnessed", Err(404)).await;
        std::fs::write(dir.path().join("log/witnessed"), "cosigned").unwrap();
        check(&served, "/witnessed", Ok(8)).await;
        for (path, expected) in [
            ("/tile/0/000", Ok(8192)),
            ("/tile/0/001.p/44", Ok(44 * 32)),
            ("/tile/0/001.p/1", Ok(32)),
            ("/tile/1/000.p/1", Ok(32)),
            ("/tile/entries/001.p/2", Ok(2 * (2 + 3))),
            ("/tile/0/001", Err(404)),
            ("/tile/0/001.p/45", Err(404)),
            ("/tile/entries/002.p/1", Err(404)),
            ("/tile/0/../../lock", Err(404)),
            ("/tile/0/%2e%2e/%2e%2e/lock", Err(404)),
            ("/tile/entries/..%2f..%2f..%2flock", Err(404)),
            ("/tile/0/0", Err(404)),
            ("/lock", Err(404)),
            ("/", Err(404)),
        ] {
            check(&served, path, expected).await;
        }
        // What lies there and was not signed for.
        let half = String::from_utf8(note).unwrap().replacen("\n300\n", "\n10\n", 1);
        std::fs::write(dir.path().join("log/checkpoint"), half).unwrap();
        check(&served, "/tile/0/000.p/10", Ok(320)).await;
        check(&served, "/tile/0/000.p/11", Err(404)).await;
        check(&served, "/tile/0/000", Err(404)).await;
        std::fs::remove_file(dir.path().join("log/checkpoint")).unwrap();
        check(&served, "/tile/0/000.p/10", Err(500)).await;
    }

    #[tokio::test]
    async fn nothing_but_reading_is_understood() {
        let dir = log(1);
        for method in ["POST", "PUT", "DELETE"] {
            let request =
                axum::http::Request::builder().method(method).uri("/checkpoint").body(Body::empty());
            let service = TowerToHyperService::new(router(dir.path().join("log")));
            let answer = service.call(request.unwrap()).await.unwrap();
            assert_eq!(answer.status().as_u16(), 405, "{method}");
        }
    }
}
