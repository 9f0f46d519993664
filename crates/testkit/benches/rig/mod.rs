//! What the benches of the whole program share.

pub(crate) mod load;
pub(crate) mod place;
pub(crate) mod slow;
pub(crate) mod stub;
