//! The queue is kept tidy while `serve` runs: what waits for nothing any more leaves it ([`Engine::tidy`]).

use std::{sync::Weak, time::Duration};

use engine::{Engine, Rounds};

/// Between two pieces of a round; where none is due nothing is read.
const PIECE: Duration = Duration::from_secs(1);

/// Until the engine is gone.
pub(crate) async fn run(engine: Weak<Engine>) {
    let mut rounds = Rounds::default();
    let mut troubled = false;
    loop {
        tokio::time::sleep(PIECE).await;
        let Some(engine) = engine.upgrade() else { return };
        match engine.tidy(&mut rounds).await {
            Ok(()) => troubled = false,
            // Once: whatever it is, everything else says it too.
            Err(fault) if !troubled => {
                tracing::warn!(%fault, "nobody looks whether what waits still matters");
                troubled = true;
            }
            Err(_) => {}
        }
    }
}
