//! The one binary: commands and wiring, nothing else.

fn main() {}
