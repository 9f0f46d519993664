//! Where a log is read: this installation's folder, a copy of one, or a copy made now of a log that is served.

use std::path::{Path, PathBuf};

use model::Digest;
use tempfile::TempDir;

use crate::{cli::LogArgs, config::Config, failure::Failure, mirror};

pub(super) struct Place {
    dir: PathBuf,
    /// The copy goes with this value.
    fetched: Option<(String, TempDir)>,
    /// The one installation whose log it may be.
    expected: Option<Digest>,
}

impl Place {
    pub(super) async fn of(args: &LogArgs) -> Result<Self, Failure> {
        match (&args.config, &args.log) {
            (Some(config), _) => Ok(Self { dir: Config::load(config)?.log(), fetched: None, expected: None }),
            (None, Some(log)) => Self::named(log, None).await,
            (None, None) => Err(Failure::usage("of which log? give --config FILE, --log DIR or --log URL")),
        }
    }

    pub(super) async fn named(log: &str, expected: Option<Digest>) -> Result<Self, Failure> {
        if !mirror::is_url(log) {
            return Ok(Self { dir: PathBuf::from(log), fetched: None, expected });
        }
        let folder = tempfile::tempdir()
            .map_err(|err| Failure::usage(format!("there is no place for a copy of the log: {err}")))?;
        mirror::fetch(log, folder.path(), None, expected).await?;
        Ok(Self { dir: folder.path().to_owned(), fetched: Some((log.to_owned(), folder)), expected })
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// What has come since.
    pub(super) async fn refresh(&self) -> Result<(), Failure> {
        match &self.fetched {
            Some((url, folder)) => mirror::fetch(url, folder.path(), None, self.expected).await,
            None => Ok(()),
        }
    }
}
