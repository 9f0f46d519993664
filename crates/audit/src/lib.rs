//! The offline verifier of a ledger: entries, checkpoints, approvals; pure.
