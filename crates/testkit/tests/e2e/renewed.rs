//! A given certificate that is renewed while everything is served.

use std::{fs, path::Path, process::Command, time::Duration};

use anyhow::{Context, Result, ensure};
use testkit::{Installation, Serve, run, until};

use crate::lab::{Lab, OWNER, People};

/// The certificate that the people listener shows, as a client of another make sees it.
fn shown(lab: &Lab) -> Result<String> {
    let [_, _, people] = lab.serve.authorities();
    let (host, port) = people.split_once(':').context("no port")?;
    let script = format!("import ssl; print(ssl.get_server_certificate(('{host}', {port})))");
    Ok(lab.venv.python(&script, &[])?.expect(0)?.stdout.trim().to_owned())
}

/// What `file` says, in the same form.
fn in_file(file: &Path) -> Result<String> {
    Ok(fs::read_to_string(file)?.replace('\r', "").trim().to_owned())
}

fn hang_up(lab: &Lab) -> Result<()> {
    let mut command = Command::new("kill");
    command.args(["-HUP", &lab.serve.pid().to_string()]);
    let sent = run(command, Duration::from_secs(10))?;
    ensure!(sent.code == 0, "{sent}");
    Ok(())
}

#[test]
fn a_renewed_certificate_is_shown_without_a_start() -> Result<()> {
    let people = People::enter()?;
    let flags = people.flags()?;
    // Certificates with their keys: the authorities of two installations, which nothing here believes.
    let others = [Installation::init(flags.clone())?, Installation::init(flags.clone())?];
    let [first, second] = others.each_ref().map(|it| it.folder().join("keys"));
    let lab = Lab::over(people, &flags, |config| {
        let folder = config.parent().context("no folder")?;
        fs::copy(first.join("ca.pem"), folder.join("tls.pem"))?;
        fs::copy(first.join("ca.key"), folder.join("tls.key"))?;
        let text = fs::read_to_string(config)?;
        let given = text.replace("# certificate = ", "certificate = ").replace("# key = ", "key = ");
        ensure!(text != given, "the configuration has another form");
        fs::write(config, given)?;
        Serve::start_with(config, &OWNER)
    })?;
    ensure!(shown(&lab)? == in_file(&first.join("ca.pem"))?);
    let folder = lab.installation.folder().to_owned();
    let said = |what: &str| {
        until(&format!("the log to say {what}"), Duration::from_secs(20), || {
            Ok(lab.serve.log()?.contains(what).then_some(()))
        })
    };
    // The certificate first, as it happens: the two do not fit yet.
    fs::copy(second.join("ca.pem"), folder.join("tls.pem"))?;
    hang_up(&lab)?;
    said("the certificate is not renewed")?;
    ensure!(shown(&lab)? == in_file(&first.join("ca.pem"))?, "the one before");
    fs::copy(second.join("ca.key"), folder.join("tls.key"))?;
    hang_up(&lab)?;
    said("another certificate is shown")?;
    ensure!(shown(&lab)? == in_file(&second.join("ca.pem"))?);
    ensure!(lab.delete_stack("nothing")?.status != 0, "and it serves");
    Ok(())
}
