//! The analyzers by what they look at. Each is a constant with its reads and a function from one resource to a judgement.

pub(crate) mod buckets;
pub(crate) mod compute;
pub(crate) mod containers;
pub(crate) mod data;
pub(crate) mod faults;
pub(crate) mod network;
pub(crate) mod storage;
pub(crate) mod zones;

use crate::{
    draft::{Judgement, NotKnown},
    rhythm::{Rhythm, Use},
    subject::Subject,
};

/// Whether something is in use, now or after pauses: `Some` is the judgement that then stands, `None` that it is idle.
fn in_use(subject: &Subject<'_, '_>, rhythm: &Rhythm) -> Result<Option<Judgement>, NotKnown> {
    Ok(match rhythm.says(subject.parameters)? {
        Use::Now => Some(Judgement::Fine),
        Use::Rare(why) => Some(Judgement::Spared(why)),
        Use::Idle => None,
    })
}
