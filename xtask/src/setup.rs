//! What the suites need beside cargo: installed by name where we may, named exactly where we may not.

use std::path::Path;

use anyhow::{Result, bail};

use crate::run::{answers, succeed, tool};

/// A program or file that a suite uses, and the Debian package that has it.
pub(crate) struct Need {
    package: &'static str,
    there: fn() -> bool,
    /// Without it some tests are skipped, loudly; without the others nothing runs.
    optional: bool,
}

const BUILD: [Need; 3] = [
    Need { package: "gcc", there: || answers("cc", &["--version"]), optional: false },
    Need { package: "openssh-client", there: || on_path("ssh-keygen"), optional: false },
    Need {
        package: "openssh-tests",
        there: || Path::new("/usr/lib/openssh/regress/misc/sk-dummy/sk-dummy.so").exists(),
        optional: true,
    },
];

const CLOCK: Need = Need {
    package: "faketime",
    there: || Path::new("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1").exists(),
    optional: true,
};

const SOLVER: Need = Need { package: "cvc5", there: || answers("cvc5", &["--version"]), optional: true };

/// Its driver comes with npm, where Node.js is.
pub(crate) const BROWSER: Need =
    Need { package: "chromium", there: || Path::new("/usr/bin/chromium").exists(), optional: true };

const PYTHON: Need = Need {
    package: "python3-venv",
    there: || answers("python3", &["-c", "import venv, ensurepip"]),
    optional: false,
};

/// What benches are compared with, and what keeps both on their processors.
const PEERS: [Need; 2] = [
    Need { package: "nginx-light", there: || answers("nginx", &["-v"]), optional: false },
    Need { package: "util-linux", there: || answers("taskset", &["--version"]), optional: false },
];

pub(crate) fn peers() -> Result<()> {
    base()?;
    provide(&PEERS)
}

/// For building and for keys.
pub(crate) fn base() -> Result<()> {
    provide(&BUILD)
}

/// For proofs.
pub(crate) fn solver() -> Result<()> {
    base()?;
    provide(&[SOLVER])
}

/// For the console's pages. Whoever may install it and could not, in a run that nobody watches, has not tested them.
pub(crate) fn browser() -> Result<()> {
    if is_ci() && may_install() { needed(&[BROWSER]) } else { provide(&[BROWSER]) }
}

/// For the mock AWS and the real clients as well.
pub(crate) fn clients() -> Result<testkit::Venv> {
    base()?;
    provide(&[PYTHON, CLOCK])?;
    testkit::Venv::of_checkout()
}

/// What is not there when it could be is no reason to skip.
pub(crate) fn needed(needs: &[Need]) -> Result<()> {
    provide(needs)?;
    match needs.iter().find(|need| !(need.there)()) {
        Some(need) => bail!(advice(need)),
        None => Ok(()),
    }
}

fn advice(need: &Need) -> String {
    format!("not installed: {0}; on Debian: apt-get install {0}", need.package)
}

fn provide(needs: &[Need]) -> Result<()> {
    let missing = || needs.iter().filter(|need| !(need.there)());
    let packages: Vec<_> = missing().map(|need| need.package).collect();
    if packages.is_empty() {
        return Ok(());
    }
    if may_install() {
        succeed(&mut tool("apt-get", &["-qq", "update"]))?;
        let mut install = tool("apt-get", &["-qq", "-y", "--no-install-recommends", "install"]);
        succeed(install.args(&packages).env("DEBIAN_FRONTEND", "noninteractive"))?;
    }
    for need in missing() {
        let advice = advice(need);
        if need.optional {
            eprintln!("SKIPPED: the tests that need it, as it is {advice}");
        } else {
            bail!(advice);
        }
    }
    Ok(())
}

fn is_ci() -> bool {
    std::env::var_os("CI").is_some_and(|it| it == "true")
}

/// Root on a Debian: nobody else is asked for a password.
fn may_install() -> bool {
    on_path("apt-get") && answers("sh", &["-c", "test \"$(id -u)\" = 0"])
}

fn on_path(program: &str) -> bool {
    answers("sh", &["-c", "command -v \"$0\"", program])
}
