//! Developer entry points: demo, test, bench, gen.

fn main() {}
