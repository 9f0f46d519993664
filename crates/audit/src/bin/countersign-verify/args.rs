//! The command line. Nothing is abbreviated and nothing is guessed.

use std::{ffi::OsString, path::PathBuf};

use model::Digest;

pub(crate) const USAGE: &str = "\
countersign-verify LOG [--genesis FINGERPRINT] [--since FILE] [--checkpoint FILE]... [--policy FILE [--unwitnessed N]]
                   [--json]

  LOG                     a log's folder, or a copy of one (countersign audit mirror URL DIR)
  --genesis FINGERPRINT   what `countersign init` printed; without it, approvers are not authenticated
  --since FILE            verify only what came after this checkpoint, up to which the log was verified before
  --checkpoint FILE       a checkpoint that left the building: the log must contain it
  --policy FILE           whose signatures the newest checkpoint must carry (C2SP tlog-policy)
  --unwitnessed N         as many of the newest entries may lack their witnesses yet (else none)
  --json                  the report as JSON

Exit code 0: it holds. 20: it does not. 2: it could not be looked at.";

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Args {
    pub(crate) log: PathBuf,
    pub(crate) genesis: Option<Digest>,
    pub(crate) since: Option<PathBuf>,
    pub(crate) checkpoints: Vec<PathBuf>,
    pub(crate) policy: Option<PathBuf>,
    pub(crate) unwitnessed: u64,
    pub(crate) json: bool,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Help,
    Verify(Args),
}

pub(crate) fn parse(given: impl Iterator<Item = OsString>) -> Result<Asked, String> {
    let (mut given, mut args, mut log) = (given, Args::default(), None);
    while let Some(arg) = given.next() {
        let mut value = || given.next().ok_or_else(|| format!("{} needs a value", arg.display()));
        match arg.to_str() {
            Some("--genesis") => {
                let text = value()?;
                let digest = text.to_str().and_then(|text| text.parse().ok());
                args.genesis = Some(digest.ok_or("--genesis: no fingerprint (64 hexadecimal digits)")?);
            }
            Some("--since") => args.since = Some(value()?.into()),
            Some("--checkpoint") => args.checkpoints.push(value()?.into()),
            Some("--policy") => args.policy = Some(value()?.into()),
            Some("--unwitnessed") => {
                let text = value()?;
                let count = text.to_str().and_then(|text| text.parse().ok());
                args.unwitnessed = count.ok_or("--unwitnessed: no number of entries")?;
            }
            Some("--json") => args.json = true,
            Some("--help" | "-h") => return Ok(Asked::Help),
            Some(other) if other.starts_with('-') => return Err(format!("{other} is no option")),
            Some(_) | None if log.is_none() => log = Some(PathBuf::from(&arg)),
            Some(_) | None => return Err(format!("one log at a time, not {} too", arg.display())),
        }
    }
    args.log = log.ok_or("which log?")?;
    Ok(Asked::Verify(args))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(given: &[&str], expected: Result<Asked, &str>) {
        let found = parse(given.iter().map(OsString::from));
        match (found, expected) {
            (Err(why), Err(part)) => assert!(why.contains(part), "{given:?}: {why}"),
            (found, expected) => assert_eq!(found, expected.map_err(str::to_owned), "{given:?}"),
        }
    }

    #[test]
    fn what_is_not_understood_is_said() {
        let fingerprint = "ab".repeat(32);
        let log = || Args { log: "log".into(), ..Args::default() };
        check(&["log"], Ok(Asked::Verify(log())));
        check(&["--json", "log"], Ok(Asked::Verify(Args { json: true, ..log() })));
        let checkpoints = vec!["a".into(), "b".into()];
        check(
            &["--checkpoint", "a", "log", "--checkpoint", "b"],
            Ok(Asked::Verify(Args { checkpoints, ..log() })),
        );
        check(&["--since", "c", "log"], Ok(Asked::Verify(Args { since: Some("c".into()), ..log() })));
        let genesis = fingerprint.parse().ok();
        check(&["log", "--genesis", &fingerprint], Ok(Asked::Verify(Args { genesis, ..log() })));
        check(&["log", "--policy", "p"], Ok(Asked::Verify(Args { policy: Some("p".into()), ..log() })));
        check(&["--help"], Ok(Asked::Help));
        check(&["log", "-h"], Ok(Asked::Help));
        for (given, why) in [
            (&[][..], "which log"),
            (&["a", "b"], "one log"),
            (&["a", "--quiet"], "no option"),
            (&["a", "--genesis"], "needs a value"),
            (&["a", "--genesis", "x"], "no fingerprint"),
            (&["a", "--unwitnessed", "-1"], "no number"),
        ] {
            check(given, Err(why));
        }
    }
}
