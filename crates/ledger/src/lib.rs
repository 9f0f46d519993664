//! The ledger on disk: entry bundles, append, the checkpoint's compare-and-swap file.
