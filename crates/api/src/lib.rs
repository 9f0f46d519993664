//! The people listener and the agent listener: HTTP and its JSON.
