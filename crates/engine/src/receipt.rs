//! A receipt of an entry, out of the log as it is open here: what somebody takes along who looks at a page. The same text as the
//! auditor's program gives out of the log's files, and checked by it.

use std::sync::PoisonError;

use audit::NoReceipt;

use crate::Engine;

impl Engine {
    /// Of the entry at `index`, under the newest checkpoint. Reads the disk.
    ///
    /// # Errors
    /// [`NoReceipt`]: where the log has no such entry yet, or not as it was signed for.
    pub fn receipt(&self, index: u64) -> Result<String, NoReceipt> {
        let (checkpoint, size, entry, proof) = {
            let ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
            (ledger.checkpoint().to_owned(), ledger.size(), ledger.entry(index), ledger.inclusion(index))
        };
        let proof = proof.ok_or(NoReceipt::NotCovered { index, size })?;
        let entry = entry.map_err(|err| NoReceipt::Log(err.to_string()))?;
        let genesis = self.genesis.to_json();
        let receipt = audit::receipt_by_proof(&genesis, checkpoint.as_bytes(), (index, &entry), proof)?;
        Ok(receipt.to_text())
    }
}
