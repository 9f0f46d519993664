//! `countersign-prove`: a bundle's files as JSON on standard input, its certificate as JSON on standard output; or, where the
//! order has the files of a bundle `before`, what rules allow in the one and not in the other. Run by `countersign policy
//! prove` and `diff`, so that neither solver nor symbolic compiler is part of the program that serves.
//!
//! Input: `{"files": {"bundle.toml": "…", …}, "before": {…}, "solver": "cvc5", "seconds_per_question": 20, "processes": 2}`,
//! all but `files` optional. Output: the certificate or the comparison, or `{"error": {"message", "hint"}}`. Exit: 0 all
//! proved (compared: all answered), 21 something is not, 2 there is no answer.

#![expect(clippy::print_stdout, reason = "the answer goes to standard output")]

use std::{
    collections::BTreeMap,
    io::{Read as _, stdin},
    process::ExitCode,
    time::Duration,
};

use policy::Files;
use prover::{ProveError, SolverChoice, compare, prove};
use serde::Deserialize;
use serde_json::{Value as Json, json};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    files: BTreeMap<String, String>,
    before: Option<BTreeMap<String, String>>,
    solver: Option<String>,
    seconds_per_question: Option<u64>,
    processes: Option<usize>,
}

const UNUSABLE: u8 = 2;
const NOT_PROVED: u8 = 21;
/// Of the input: more than any bundle that loads has.
const MAX_INPUT: u64 = 64 * 1024 * 1024;
const MAX_SECONDS: u64 = 600;
const MAX_PROCESSES: usize = 64;

fn main() -> ExitCode {
    let (answer, code) = match ordered().map(|order| run(&order)) {
        Ok(result) => result,
        Err(message) => (refusal(&message, "`countersign policy prove` writes it"), UNUSABLE),
    };
    println!("{answer}");
    ExitCode::from(code)
}

fn ordered() -> Result<Order, String> {
    let mut text = String::new();
    let read = stdin().lock().take(MAX_INPUT).read_to_string(&mut text);
    read.map_err(|err| format!("the order cannot be read: {err}"))?;
    serde_json::from_str(&text).map_err(|err| format!("the order is not understood: {err}"))
}

fn run(order: &Order) -> (Json, u8) {
    let usual = SolverChoice::default();
    let choice = SolverChoice {
        program: order.solver.as_ref().map_or(usual.program, Into::into),
        per_question: order
            .seconds_per_question
            .map_or(usual.per_question, |seconds| Duration::from_secs(seconds.clamp(1, MAX_SECONDS))),
        processes: order.processes.unwrap_or(usual.processes).clamp(1, MAX_PROCESSES),
    };
    let files = files_of(&order.files);
    let answer = match &order.before {
        None => prove(&files, &choice).map(|it| (serde_json::to_value(&it), it.all_proved())),
        Some(before) => compare(&files_of(before), &files, &choice)
            .map(|it| (serde_json::to_value(&it), it.all_answered())),
    };
    match answer {
        Ok((Ok(answer), whole)) => (answer, if whole { 0 } else { NOT_PROVED }),
        Ok((Err(err), _)) => (refusal(&format!("the answer cannot be written: {err}"), ""), UNUSABLE),
        Err(err) => {
            let hint = match &err {
                ProveError::Solver(err) => err.hint(),
                ProveError::Load(_) | ProveError::LoadBefore(_) => {
                    "`countersign policy check` says the same".to_owned()
                }
                ProveError::Unprovable(_) => "write the rule with members of the context".to_owned(),
            };
            (refusal(&err.to_string(), &hint), UNUSABLE)
        }
    }
}

fn files_of(texts: &BTreeMap<String, String>) -> Files {
    texts.iter().map(|(path, text)| (path.clone(), text.clone().into_bytes())).collect()
}

fn refusal(message: &str, hint: &str) -> Json {
    json!({ "error": { "message": message, "hint": hint } })
}
