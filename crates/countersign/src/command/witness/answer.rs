//! One request to the witness: `POST /add-checkpoint`, `GET /HASH/checkpoint`, and nothing else.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Method, Request, Response, StatusCode, body::Incoming, header};
use listener::BodyError;
use witness::{ADD_CHECKPOINT, Answer, MAX_BODY};

use super::kept::Kept;

const TEXT: &str = "text/plain; charset=utf-8";

pub(super) async fn answer(kept: Arc<Kept>, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let answer = match (request.uri().path(), request.method().clone()) {
        (ADD_CHECKPOINT, Method::POST) => add_checkpoint(kept, request.into_body()).await,
        (ADD_CHECKPOINT, _) => text(405, "checkpoints are handed in by POST"),
        (path, Method::GET) => shown(kept, path).await,
        (_, _) => text(404, "POST /add-checkpoint or GET /HASH/checkpoint\n"),
    };
    let mut response = Response::new(Full::from(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let kind = header::HeaderValue::from_static(answer.content_type);
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    if answer.status == 405 {
        response.headers_mut().insert(header::ALLOW, header::HeaderValue::from_static("POST"));
    }
    response
}

async fn add_checkpoint(kept: Arc<Kept>, body: Incoming) -> Answer {
    let body = match listener::collect(body, MAX_BODY).await {
        Ok(body) => body,
        Err(err) => {
            let status = match err {
                BodyError::TooLarge { .. } => 413,
                BodyError::TooSlow => 408,
                BodyError::Broken(_) | BodyError::MadeRoom => 400,
            };
            return text(status, &format!("{err}\n"));
        }
    };
    blocking(move || kept.add_checkpoint(&body)).await
}

async fn shown(kept: Arc<Kept>, path: &str) -> Answer {
    let nothing = || text(404, "nothing has been cosigned here under this name\n");
    let Some(hash) = hash_in(path).map(str::to_owned) else { return nothing() };
    blocking(move || kept.shown_by_hash(&hash).map_or_else(nothing, |record| text(200, record.note()))).await
}

/// What may have to wait for the disk.
async fn blocking(work: impl FnOnce() -> Answer + Send + 'static) -> Answer {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|err| {
        tracing::error!(%err, "a request broke");
        text(500, "the request broke\n")
    })
}

fn hash_in(path: &str) -> Option<&str> {
    let hash = path.strip_prefix('/')?.strip_suffix("/checkpoint")?;
    let hexadecimal = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    (hash.len() == 64 && hash.bytes().all(hexadecimal)).then_some(hash)
}

fn text(status: u16, body: &str) -> Answer {
    Answer { status, content_type: TEXT, body: body.to_owned() }
}
