//! What went before, as rules read it: counted in the decision's own transaction, in-flight actions included,
//! because agents act in parallel.

use serde::{Deserialize, Serialize};

/// Counts over the window that the bundle names, for one session unless a member says otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct History {
    /// Actions with effect `destroy` that ran or are running.
    pub destroys: u32,
    /// The same for all sessions of the agent.
    pub agent_destroys: u32,
    /// Actions that lowered a protection.
    pub protections_lowered: u32,
    /// Destroyed or altered backups, snapshots, recovery points.
    pub backups_touched: u32,
    /// Destroyed data stores.
    pub data_destroyed: u32,
    /// Every target of the action was created by this session.
    pub created_by_session: bool,
}
