//! The JSON of the API and of `--output json`: one type for both, and for the description of the API ([`crate::openapi`]).
//! Contracts outside scripts rely on.

mod made;
mod requests;
mod summary;
mod views;

pub use requests::{
    AdoptRequest, BreakGlassRequest, EraseRequest, Proposal, ProposedAction, ReportLine, ReportRequest,
    SessionRequest, SignRequest, SimulateRequest, StopRequest, UndoRequest,
};
pub use summary::{
    ChangedSummary, ChangedView, Counted, EndedView, HeldSummary, HeldView, LapsedSummary, Line,
    OperationRead, ReadOften, ReadSummary, RefusedOften, RefusedSummary, RefusedView, ReportedOften,
    ReportedSummary, RoleView, ServiceRead, SessionSummary, VerdictCounts, times_of,
};
pub use views::{
    ActionView, ApprovalView, BundleView, ChangeList, ChangeView, ConsistencyView, ErasedView, EvidenceView,
    GenesisView, GoneView, LinkView, NonceView, ObservedView, PersonView, RejectionView, RejudgedView,
    Reported, RequirementView, SessionIssued, SessionList, SessionView, SignedView, SimulationView,
    StatementView, TableView, UnjudgedView, VerdictView,
};

pub const CHANGE_SCHEMA: &str = "countersign.change/v1";
