//! The pages of the log: its entries in a list, one entry with its way to the root, and its receipt to take along. Files of the log are
//! read beside the requests, one reader at a time.

use api::ApiError;
use axum::{
    http::header::{CONTENT_DISPOSITION, CONTENT_TYPE},
    response::{IntoResponse as _, Redirect, Response},
};
use engine::LogError;

use crate::{
    logged::{self, Row},
    pages::{
        audit::{Audit, EntryPage},
        render,
    },
    proof,
    routes::{Call, Refused},
    text::Shown,
};

/// Of one page.
const ROWS: u64 = 50;

pub(crate) async fn audit(call: Call) -> Result<Response, Refused> {
    let wanted = call.query.get("entry").map(|it| it.trim()).filter(|it| !it.is_empty());
    let mut wrong = None;
    match wanted.map(str::parse::<u64>) {
        Some(Ok(index)) => return Ok(Redirect::to(&format!("/audit/{index}")).into_response()),
        Some(Err(_)) => wrong = Some(Shown::of("The number of an entry is a whole number from 0 on.")),
        None => {}
    }
    let before = call.query.get("before").map(|it| it.parse::<u64>()).transpose();
    let before = before.map_err(|_| ApiError::usage("`before` is the number of an entry"))?;
    let (now, engine) = (call.now()?, call.shared_engine());
    let entries = match call.apart(move || engine.log_before(before, ROWS)).await? {
        Ok(page) => page.entries.iter().map(|it| Row::of(it, now)).collect(),
        Err(err) => {
            wrong = Some(Shown::of(err));
            Vec::new()
        }
    };
    let engine = call.engine();
    let witnesses = engine.witnesses();
    let seen = witnesses.names().into_iter().map(|name| {
        let size = witnesses
            .seen_of(&name)
            .map_or_else(|| "nothing yet".to_owned(), |size| format!("{size} entries"));
        (Shown::of(name), size)
    });
    let [_, size, _] = engine.checkpoint_parts();
    let page = Audit {
        size,
        checkpoint: crate::text::lines(&engine.checkpoint()),
        before,
        older: entries.last().map(|it: &Row| it.index).filter(|index| *index > 0),
        entries,
        wrong,
        witnesses: seen.collect(),
        quorum: witnesses.quorum(),
        genesis: engine.installation().to_string(),
        frame: call.frame("Audit").await?,
    };
    Ok(render(&page))
}

pub(crate) async fn entry(call: Call) -> Result<Response, Refused> {
    let (index, now, engine) = (index(&call)?, call.now()?, call.shared_engine());
    let (logged, size, path) = call.apart(move || engine.logged(index)).await?.map_err(told)?;
    let page = EntryPage {
        row: Row::of(&logged, now),
        members: logged::members(&logged.bytes),
        bytes: logged.bytes.len(),
        way: format!("{} hashes lead from entry {index} to the root over {size} entries", path.len()),
        picture: proof::drawn(index, size, &path),
        newer: index.checked_add(1).filter(|next| *next < size),
        older: index.checked_sub(1),
        file: logged::receipt_file(index),
        genesis: call.engine().installation().to_string(),
        frame: call.frame("Audit").await?,
    };
    Ok(render(&page))
}

/// As a file, which `audit check-receipt` takes on any machine.
pub(crate) async fn entry_receipt(call: Call) -> Result<Response, Refused> {
    let (index, engine) = (index(&call)?, call.shared_engine());
    let text = call.apart(move || engine.receipt(index)).await?.map_err(told)?;
    let named = format!("attachment; filename=\"{}\"", logged::receipt_file(index));
    let headers = [(CONTENT_TYPE, "text/plain; charset=utf-8".to_owned()), (CONTENT_DISPOSITION, named)];
    Ok((headers, text).into_response())
}

fn index(call: &Call) -> Result<u64, Refused> {
    let index = call.part("id").parse();
    Ok(index.map_err(|_| ApiError::not_found("the number of an entry is a whole number from 0 on"))?)
}

fn told(err: LogError) -> ApiError {
    match err {
        LogError::NoSuchEntry { .. } => ApiError::not_found(err.to_string()),
        LogError::Fault(fault) => fault.into(),
    }
}
