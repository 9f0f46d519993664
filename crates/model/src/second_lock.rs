//! The second lock: the rights under which an action goes out are narrowed to it, so that a misread request cannot do
//! anything else.

use serde::{Deserialize, Serialize};

/// What a gateway can narrow its rights to for one action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecondLock {
    Policy {
        /// In the form that the cloud takes with the credentials it gives.
        text: String,
        /// What the action is bound to, as the cloud names it; empty: the operation alone is.
        on: Vec<String>,
    },
    /// Nothing fits, and why.
    Unfit(String),
}
