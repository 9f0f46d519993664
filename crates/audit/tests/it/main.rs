//! Whole logs, made with real keys and signatures, then tampered with in every way we could think of: each convicted
//! by its code, and the untouched one acquitted. `cfg(test)` tells the lints that helpers, too, are tests.

#[cfg(test)]
mod bodies;
#[cfg(test)]
mod consent;
#[cfg(test)]
mod decisions;
#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod glass;
#[cfg(test)]
mod history;
#[cfg(test)]
mod lives;
#[cfg(test)]
mod passkey;
#[cfg(test)]
mod program;
#[cfg(test)]
mod receipts;
#[cfg(test)]
mod recovery;
#[cfg(test)]
mod rules;
#[cfg(test)]
mod sessions;
#[cfg(test)]
mod since;
#[cfg(test)]
mod story;
#[cfg(test)]
mod tampered;
#[cfg(test)]
mod turns;
