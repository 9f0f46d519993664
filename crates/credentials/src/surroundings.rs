//! What the process was started in, as data: variables, the home folder, the region. The binary's edge fills it in, so
//! that nothing here reads the environment behind a test's back.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use zeroize::Zeroizing;

use crate::CredentialError;

const MAX_FILE: u64 = 1024 * 1024;

type Variables = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

#[derive(Clone)]
pub struct Surroundings {
    variables: Variables,
    pub(crate) region: String,
    /// Instead of AWS's own security token service: an emulator.
    pub(crate) sts: Option<String>,
    /// Whether the addresses that only a cloud's machine has are asked.
    pub(crate) on_a_machine: bool,
}

impl std::fmt::Debug for Surroundings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Surroundings({})", self.region)
    }
}

impl Surroundings {
    pub fn new(
        region: impl Into<String>,
        variables: impl Fn(&str) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        Self { variables: Arc::new(variables), region: region.into(), sts: None, on_a_machine: true }
    }

    /// The security token service is there, and not where AWS has it.
    #[must_use]
    pub fn with_sts(mut self, base: impl Into<String>) -> Self {
        self.sts = Some(base.into());
        self
    }

    /// No address is asked that only a cloud's machine has.
    #[must_use]
    pub const fn off_machine(mut self) -> Self {
        self.on_a_machine = false;
        self
    }

    /// A variable that is set and not empty.
    pub(crate) fn variable(&self, name: &str) -> Option<String> {
        (self.variables)(name).filter(|value| !value.is_empty())
    }

    pub(crate) fn is_on(&self, name: &str) -> bool {
        self.variable(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// `~/` is the home folder, and no other user's.
    pub(crate) fn path(&self, text: &str) -> Option<PathBuf> {
        match text.strip_prefix("~/") {
            Some(rest) => Some(PathBuf::from(self.variable("HOME")?).join(rest)),
            None => Some(PathBuf::from(text)),
        }
    }
}

/// A file of ours, short enough to hold.
pub(crate) fn read(path: &Path) -> Result<Zeroizing<String>, CredentialError> {
    let wrong = |why: String| CredentialError::unusable(path.display().to_string(), why);
    let found = fs::metadata(path).map_err(|err| wrong(err.to_string()))?;
    if !found.is_file() || found.len() > MAX_FILE {
        return Err(wrong(format!("no plain file of at most {MAX_FILE} bytes")));
    }
    fs::read_to_string(path).map(Zeroizing::new).map_err(|err| wrong(err.to_string()))
}
