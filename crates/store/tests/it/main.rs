//! The store from outside: one behaviour on both backends, and what survives a crash, a full disk and an editor.
//! `cfg(test)` tells the lints that helpers, too, are tests.

/// Each case is a conversation with a fresh store; it runs on both backends.
#[cfg(test)]
macro_rules! on_both {
    ($($case:ident),* $(,)?) => {
        mod memory {
            $(#[tokio::test] async fn $case() { super::$case(&store::Store::memory()).await; })*
        }
        mod sqlite {
            $(#[tokio::test] async fn $case() {
                let folder = tempfile::tempdir().unwrap();
                super::$case(&store::Store::sqlite(&folder.path().join("db")).unwrap()).await;
            })*
        }
    };
}

#[cfg(test)]
mod activity;
#[cfg(test)]
mod anew;
#[cfg(test)]
mod bodies;
#[cfg(test)]
mod conformance;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod disk;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod history;
#[cfg(test)]
mod lazy;
#[cfg(test)]
mod open;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod power;
#[cfg(test)]
mod race;
