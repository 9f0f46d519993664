//! The one pipeline: judge, hold, permit, record; owns clocks, ids, the store and the ledger writer.
