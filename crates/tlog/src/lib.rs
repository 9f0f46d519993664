//! Merkle log, checkpoints, proofs, offline verifier; pure.
