//! A witness in memory, as the one on disk does it: judged, kept, answered.

use std::collections::BTreeMap;

use tlog::{WitnessKey, WitnessSigningKey};
use witness::{Logs, Record, Refusal, Step, Submission};

pub(crate) struct Witness {
    key: WitnessSigningKey,
    logs: Logs,
    pub(crate) kept: BTreeMap<String, Record>,
}

impl Witness {
    pub(crate) fn new(logs: Logs) -> Self {
        let key = WitnessSigningKey::from_seed("witness.example/w1", &[9; 32]).unwrap();
        Self { key, logs, kept: BTreeMap::new() }
    }

    pub(crate) fn vkey(&self) -> WitnessKey {
        self.key.verifier()
    }

    /// The cosignature, which was kept before.
    pub(crate) fn add_checkpoint(&mut self, body: &[u8], now: u64) -> Result<String, Refusal> {
        let submission = Submission::receive(body, &self.logs)?;
        let origin = submission.origin().to_owned();
        let last = self.kept.get(&origin);
        match (submission.step(last, now, &self.key)?, last) {
            (Step::Known, Some(last)) => Ok(last.cosignature().to_owned()),
            (Step::Known, None) => panic!("nothing was kept, and it is known"),
            (Step::Next(record), _) => {
                let line = record.cosignature().to_owned();
                // From disk and back.
                let again = Record::open(record.note(), &origin, &self.vkey()).unwrap();
                assert_eq!(again, record);
                self.kept.insert(origin, again);
                Ok(line)
            }
        }
    }
}
