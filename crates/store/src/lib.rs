//! What must survive, at the level of domain operations; in-memory and SQLite.
