//! `countersign policy prove`: hands a bundle's files to `countersign-prove`, which is a program of its own so that
//! neither solver nor symbolic compiler is part of what serves, and tells what it proved. `policy diff` hands it two.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{ExitCode, Stdio},
    time::Duration,
};

use policy::{Bundle, Certificate, Files};
use serde_json::{Value as Json, json};
use tokio::{io::AsyncWriteExt as _, process::Command, time::timeout};

use crate::{
    cli::{Format, ProveArgs},
    config::Config,
    failure::{Failure, PROOF, USAGE},
    library::{self, Library, Unkept},
    loaded::loaded,
    output::{self, BAD, DIM, GOOD, WARN, styled},
};

/// Its name, beside this program or on the path.
const PROVER: &str = "countersign-prove";
/// It bounds each question itself; this bounds whatever else could keep it.
const LONGEST: Duration = Duration::from_secs(900);

pub(super) async fn run(args: &ProveArgs, files: &Files, format: Format) -> Result<ExitCode, Failure> {
    let answer = answered(files, args.solver.as_deref()).await?;
    let (passed, failed) = sums(&answer)?;
    if let Some(path) = &args.certificate {
        let unwritable =
            |err| Failure::usage(format!("the certificate cannot be written to {}: {err}", path.display()));
        fs::write(path, written(&answer)?).map_err(unwritable)?;
    }
    match format {
        Format::Json => output::json(&answer)?,
        Format::Human => show(&answer, passed, failed),
    }
    let proved = failed == 0 && passed > 0;
    if let Some(config) = args.bundle.config.as_ref().filter(|_| proved) {
        output::note(match keep(&Config::load(config)?, files, &answer)? {
            Ok(place) => format!("kept as {}", place.display()),
            Err(why) => format!("not kept beside the bundle: {why}"),
        });
    }
    Ok(ExitCode::from(if proved { 0 } else { PROOF }))
}

/// Beside the bundle of the installation, where whoever looks for it finds it.
pub(super) fn keep(
    config: &Config,
    files: &Files,
    answer: &Json,
) -> Result<Result<PathBuf, Unkept>, Failure> {
    let bundle = Bundle::load(files).map_err(|err| Failure::new(USAGE, "CS004", err))?;
    let text = written(answer)?;
    Certificate::read(text.as_bytes(), &bundle, files).map_err(|err| {
        Failure::new(PROOF, "CS214", format!("`{PROVER}` has answered with something else: {err}"))
    })?;
    Ok(Library::of(config).keep_certificate(&bundle, text.as_bytes(), library::in_force(config)))
}

/// The certificate of a bundle that is not in force yet: made, kept, and held against it.
pub(super) async fn first(config: &Config, files: &Files, bundle: &Bundle) -> Result<Certificate, Failure> {
    let answer = certificate(files, None).await?;
    keep(config, files, &answer)?.map_err(Failure::usage)?;
    engine::proof_of(&Library::of(config), bundle).map_err(Failure::unexpected)
}

fn written(answer: &Json) -> Result<String, Failure> {
    Ok(serde_json::to_string_pretty(answer).map_err(Failure::unexpected)? + "\n")
}

/// The certificate of a bundle of which everything is proved; what is not is shown.
pub(super) async fn certificate(files: &Files, solver: Option<&Path>) -> Result<Json, Failure> {
    let answer = answered(files, solver).await?;
    let (passed, failed) = sums(&answer)?;
    if failed == 0 && passed > 0 {
        return Ok(answer);
    }
    let results = answer.get("results").and_then(Json::as_array).into_iter().flatten();
    let told = |result: &Json, key: &str| {
        model::sanitize(result.get(key).and_then(Json::as_str).unwrap_or_default(), 800)
    };
    let open = results.filter(|it| !["proved", "stricter"].contains(&told(it, "judgement").as_str()));
    let open: Vec<_> =
        open.map(|it| format!("{}: {} ({})", told(it, "id"), told(it, "says"), told(it, "detail"))).collect();
    Err(Failure::new(PROOF, "CS215", format!("not everything is proved:\n{}", open.join("\n")))
        .hint("`countersign policy prove --bundle DIR` tells all of it"))
}

async fn answered(files: &Files, solver: Option<&Path>) -> Result<Json, Failure> {
    loaded(files)?;
    told(json!({ "files": texts(files) }), solver).await
}

/// What rules allow under `files` and not under `before`, and the other way round. Both load.
pub(super) async fn compared(before: &Files, files: &Files, solver: Option<&Path>) -> Result<Json, Failure> {
    told(json!({ "before": texts(before), "files": texts(files) }), solver).await
}

async fn told(mut order: Json, solver: Option<&Path>) -> Result<Json, Failure> {
    if let (Some(solver), Some(order)) = (solver, order.as_object_mut()) {
        order.insert("solver".to_owned(), Json::from(solver.to_string_lossy().into_owned()));
    }
    let answer = ask(serde_json::to_vec(&order).map_err(Failure::unexpected)?).await?;
    if let Some(refused) = answer.get("error") {
        let text =
            |key: &str| model::sanitize(refused.get(key).and_then(Json::as_str).unwrap_or_default(), 600);
        return Err(Failure::new(USAGE, "CS214", text("message")).hint(text("hint")));
    }
    Ok(answer)
}

fn sums(answer: &Json) -> Result<(u64, u64), Failure> {
    let count = |key: &str| answer.get(key).and_then(Json::as_u64);
    count("passed")
        .zip(count("failed"))
        .ok_or_else(|| Failure::unexpected(format!("`{PROVER}` has answered with something else")))
}

fn texts(files: &Files) -> serde_json::Map<String, Json> {
    let text = |content: &Vec<u8>| Json::from(String::from_utf8_lossy(content).into_owned());
    files.iter().map(|(path, content)| (path.clone(), text(content))).collect()
}

async fn ask(order: Vec<u8>) -> Result<Json, Failure> {
    let program = prover();
    let missing = |err: std::io::Error| {
        Failure::new(USAGE, "CS214", format!("`{}` cannot be run: {err}", program.display()))
            .hint(format!("install `{PROVER}` beside `countersign` or on the path: cargo build -p prover"))
    };
    let mut child = Command::new(&program)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(missing)?;
    let mut input = child.stdin.take();
    let told = async {
        if let Some(input) = &mut input {
            input.write_all(&order).await?;
        }
        drop(input);
        child.wait_with_output().await
    };
    let output = match timeout(LONGEST, told).await {
        Ok(output) => output.map_err(missing)?,
        Err(_) => {
            let message = format!("no answer within {} s; it was stopped", LONGEST.as_secs());
            return Err(Failure::new(PROOF, "CS214", message));
        }
    };
    serde_json::from_slice(&output.stdout).map_err(|err| {
        Failure::new(
            PROOF,
            "CS214",
            format!("`{PROVER}` ended with {} and no certificate: {err}", output.status),
        )
    })
}

fn prover() -> PathBuf {
    let beside = env::current_exe().ok().and_then(|this| Some(this.parent()?.join(PROVER)));
    beside.filter(|path| path.is_file()).unwrap_or_else(|| PathBuf::from(PROVER))
}

fn show(certificate: &Json, passed: u64, failed: u64) {
    let results = certificate.get("results").and_then(Json::as_array).into_iter().flatten();
    for result in results {
        let text =
            |key: &str| model::sanitize(result.get(key).and_then(Json::as_str).unwrap_or_default(), 800);
        let took = result.get("took_ms").and_then(Json::as_u64).unwrap_or(0);
        let judgement = text("judgement");
        let (mark, proved) = match judgement.as_str() {
            "proved" => (styled(GOOD, "✓"), true),
            "stricter" => (styled(WARN, "!"), false),
            _ => (styled(BAD, "✗"), false),
        };
        output::line(format!("{mark} {} {}", text("says"), styled(DIM, format!("{} {took} ms", text("id")))));
        if !proved {
            output::line(format!("    {judgement}: {}", text("detail")));
        }
    }
    for (key, word) in [("assumptions", "Taken for granted"), ("not_claimed", "Not claimed")] {
        let sentences =
            certificate.get(key).and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str);
        for sentence in sentences {
            output::line(styled(DIM, format!("{word}: {}", model::sanitize(sentence, 400))));
        }
    }
    let with = certificate.get("made_with").and_then(Json::as_object).into_iter().flatten();
    let with: Vec<_> =
        with.map(|(name, version)| format!("{name} {}", version.as_str().unwrap_or("?"))).collect();
    let took = certificate.get("took_ms").and_then(Json::as_u64).unwrap_or(0);
    let warned = certificate.get("warned").and_then(Json::as_u64).unwrap_or(0);
    let warned = if warned == 0 { String::new() } else { format!("{warned} stricter than said, ") };
    output::line(format!(
        "{passed} proved, {warned}{failed} failed, in {took} ms ({})",
        model::sanitize(&with.join(", "), 300)
    ));
}
