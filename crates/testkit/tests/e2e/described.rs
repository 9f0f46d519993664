//! The description of the API, taken at its word by somebody else's program: schemathesis sends what it permits and what it does
//! not, and holds every answer against it. Nothing may break, and nothing may be answered otherwise than described.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testkit::send;

use crate::{adopt::in_force, lab::Lab};

const HOOKS: &str = include_str!("described.py");

/// What is looked at of every answer. Not among them: that wrong data is refused (whether a text is a bundle, a statement or a
/// ground is not in its schema), and that nobody gets in without a signature, of which `routes.txt` is the test (after so many
/// who do not sign, the answer is 429).
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
                      response_schema_conformance,unsupported_method,allow_header_conformance";

/// Each of two, nobody and an approver; the routes are tried one after the other, the same in every run.
const SECONDS: &str = "40";
const LIMIT: Duration = Duration::from_secs(240);

#[test]
fn answers_are_as_described() -> Result<()> {
    let lab = Lab::open()?;
    let [_, _, people] = lab.serve.authorities();
    let base = format!("http://{people}");
    // Each is looked at before the next is asked for, so that they are three.
    let decided = lab.hold("decided")?;
    let reject = ["change", "reject", &decided, "--reason", "so that there is a rejected one"];
    lab.signs(&lab.people.carla, &reject)?.expect(0)?;
    let approved = lab.hold("approved")?;
    lab.approve(&approved, &lab.people.ben)?.expect(0)?;
    let mut changes = vec![decided, approved, lab.hold("described")?];
    let parameter = json!({ "Name": "/described", "Value": "1", "Type": "String", "Overwrite": true });
    ensure!(lab.call("ssm", "AmazonSSM.PutParameter", &parameter)?.status == 200);
    let listed = lab.installation.run(["change", "list"])?.expect(0)?.json()?;
    let listed = listed["changes"].as_array().context("no changes")?;
    changes.extend(listed.iter().filter_map(|change| change["id"].as_str().map(str::to_owned)));
    let bundle = in_force(&lab)?;
    let other = lab.installation.session("fixer", "olga", &lab.people.olga.private, "be stopped", &[])?;
    let ids = json!({
        "ChangeId": changes,
        "SessionId": [&lab.session.id, &other.id],
        "Digest": [bundle],
    });
    let described = send(people, "GET", "/v1/openapi.json", &[], b"")?;
    let described: Value = serde_json::from_slice(&described.body)?;
    let paths = described["paths"].as_object().context("no paths")?.values();
    let routes: usize = paths.map(|item| item.as_object().map_or(0, serde_json::Map::len)).sum();
    // But for the description's own, which is where it comes from.
    let tested = format!("Tested: {}", routes - 1);

    let folder = tempfile::tempdir()?;
    let hooks = folder.path().join("hooks.py");
    std::fs::write(&hooks, HOOKS)?;
    let text = |path: &std::path::Path| path.to_str().map(str::to_owned).context("a path that is not text");
    let (hooks, ids) = (text(&hooks)?, ids.to_string());
    let common = [("SCHEMATHESIS_HOOKS", hooks.as_str()), ("CS_BASE", &base), ("CS_IDS", &ids)];
    let key = text(&lab.people.ben.private)?;
    let ben = [("CS_PERSON", "ben"), ("CS_KEY", &key), ("CS_GENESIS", lab.installation.genesis())];
    for (who, env) in [("nobody", &[][..]), ("an approver", &ben[..])] {
        let location = format!("{base}/v1/openapi.json");
        let report = folder.path().join("report.json");
        let report = text(&report)?;
        let args = [
            "run",
            &location,
            "--no-color",
            "--seed",
            "20251201",
            "--generation-deterministic",
            "--generation-with-security-parameters",
            "false",
            "--max-time",
            SECONDS,
            "--continue-on-failure",
            "--suppress-health-check",
            "all",
            "--warnings",
            "off",
            "--checks",
            CHECKS,
            "--report-json-path",
            &report,
        ];
        let env = [common.as_slice(), env].concat();
        let found = lab.venv.program("st", args, &env, (folder.path(), LIMIT))?;
        ensure!(found.code == 0, "{who}: {found}");
        ensure!(found.stdout.contains(&tested), "{who}: not all of {tested}: {found}");
    }
    // It got as far as doing something.
    ensure!(!lab.entries("session_stopped")?.is_empty(), "no session was stopped by the approver");
    lab.verify()?.expect(0).map(drop)
}
