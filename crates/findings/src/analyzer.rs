//! What an analyzer is: a name, the kind it looks at, the reads it cannot do without, and a function over one resource.

use serde::Serialize;

use crate::{
    analyzers::{buckets, compute, containers, data, faults, network, storage, zones},
    draft::Judged,
    signs::Signs,
    subject::Subject,
};

#[derive(Debug)]
pub struct Analyzer {
    pub name: &'static str,
    pub class: Class,
    /// What it claims and by which rule, for people.
    pub about: &'static str,
    pub kind: &'static str,
    /// What lists the kind: without it, whether there are any is not known.
    pub listing: &'static str,
    /// What would show that something is in use. Where one of these was not answered whole, nothing is claimed in that region.
    pub against: &'static [&'static str],
    /// Asked of each resource; without an answer, that resource is not judged.
    pub each: &'static [&'static str],
    pub(crate) spared_by: Signs,
    pub(crate) judge: fn(&Subject<'_, '_>) -> Judged,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    Fault,
    Waste,
}

impl Analyzer {
    /// What is written on a resource that holds against the claim: of waste at least the tag that keeps, whatever the analyzer says.
    pub(crate) fn signs(&self) -> Signs {
        match self.class {
            Class::Fault => self.spared_by,
            Class::Waste => self.spared_by.max(Signs::Keep),
        }
    }
}

/// All of them, faults first.
pub const ANALYZERS: [Analyzer; 34] = [
    faults::TARGET_UNHEALTHY,
    faults::ALARM_ON,
    faults::STACK_STUCK,
    faults::STACK_DRIFTED,
    faults::CERTIFICATE_ENDING,
    faults::PORT_OPEN,
    data::DATABASE_ONE_ZONE,
    data::DATABASE_UNPROTECTED,
    data::TABLE_UNPROTECTED,
    zones::CLUSTER_ONE_ZONE,
    zones::CLUSTER_UNPROTECTED,
    network::LOAD_BALANCER_ONE_ZONE,
    zones::NAT_GATEWAY_ONE_ZONE,
    zones::GROUP_ONE_ZONE,
    containers::SERVICE_OF_ONE_TASK,
    storage::VOLUME_UNATTACHED,
    storage::VOLUME_OLD_GENERATION,
    storage::SNAPSHOT_ORPHANED,
    storage::IMAGE_UNUSED,
    buckets::BUCKET_UPLOADS,
    buckets::BUCKET_WITHOUT_LIFECYCLE,
    storage::LOGS_FOR_EVER,
    storage::REPOSITORY_GROWS,
    network::ADDRESS_IDLE,
    network::NAT_GATEWAY_IDLE,
    network::LOAD_BALANCER_IDLE,
    compute::INSTANCE_IDLE,
    compute::INSTANCE_OVERSIZED,
    compute::INSTANCE_STOPPED,
    compute::FUNCTION_IDLE,
    compute::SERVICE_OVERSIZED,
    containers::SERVICE_IDLE,
    data::DATABASE_IDLE,
    data::TABLE_OVERSIZED,
];
