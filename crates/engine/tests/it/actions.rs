//! Actions as the gateway's classifier would hand them in, and what it would find out about their targets.

use std::sync::Mutex;

use engine::{Collector, Engine, Gathered, Later, Pinned};
use model::{
    Account, Action, ActionParts, CapturedUndo, Effect, EffectSet, Exposure, InnerAction, Observation,
    Operation, Partition, Quantity, Region, Request, Resource, Sought, Tags, Undo, Value,
};

pub(crate) const PRODUCTION: &str = "123456789012";
pub(crate) const STAGING: &str = "210987654321";

/// One call, as data.
#[derive(Clone, Copy)]
pub(crate) struct Call {
    pub(crate) operation: &'static str,
    pub(crate) effect: Effect,
    pub(crate) undo: Undo,
    pub(crate) kind: &'static str,
    pub(crate) name: &'static str,
    pub(crate) account: &'static str,
    pub(crate) exposure: Exposure,
    pub(crate) units: u64,
    /// A header that means nothing.
    pub(crate) date: &'static str,
    /// The role that it is called in.
    pub(crate) acting_as: Option<&'static str>,
}

const NOTHING_SHOWN: Exposure = Exposure { data: false, credentials: false };

/// What happened in December 2025.
pub(crate) const DELETE_STACK: Call = Call {
    operation: "cloudformation:DeleteStack",
    effect: Effect::Destroy,
    undo: Undo::Unlisted,
    kind: "stack",
    name: "app",
    account: PRODUCTION,
    exposure: NOTHING_SHOWN,
    units: 1,
    date: "20261121T000000Z",
    acting_as: None,
};

pub(crate) const CREATE_STACK: Call = Call {
    operation: "cloudformation:CreateStack",
    effect: Effect::Write,
    undo: Undo::Additive,
    ..DELETE_STACK
};

pub(crate) const PUT_PARAMETER: Call = Call {
    operation: "ssm:PutParameter",
    effect: Effect::Write,
    undo: Undo::Capturable,
    kind: "parameter",
    name: "/app/colour",
    ..DELETE_STACK
};

pub(crate) const DESCRIBE_STACKS: Call = Call {
    operation: "cloudformation:DescribeStacks",
    effect: Effect::Read,
    undo: Undo::NotNeeded,
    ..DELETE_STACK
};

pub(crate) const SCAN: Call = Call {
    operation: "dynamodb:Scan",
    kind: "table",
    name: "orders",
    exposure: Exposure { data: true, credentials: false },
    ..DESCRIBE_STACKS
};

impl Call {
    pub(crate) fn action(&self) -> Action {
        let (service, operation) = self.operation.split_once(':').unwrap();
        let parts = ActionParts {
            operation: Operation::new(service, operation),
            partition: Partition("aws".to_owned()),
            account: Account(self.account.to_owned()),
            region: Region("eu-west-1".to_owned()),
            effects: EffectSet::of(self.effect),
            exposure: self.exposure,
            resources: vec![Resource {
                service: service.to_owned(),
                kind: self.kind.parse().unwrap(),
                name: self.name.to_owned(),
            }],
            undo: self.undo,
            quantity: Quantity { units: Some(self.units), ..Quantity::one() },
            summary: format!("{operation} {}.", self.name),
            shown: vec![("Name".to_owned(), self.name.to_owned())],
            unknowns: Vec::new(),
            acting_as: self.acting_as.map(str::to_owned),
            second_lock: None,
        };
        let content = Value::map([("Name", Value::text(self.name))]);
        Action::new(parts, &content, self.request())
    }

    pub(crate) fn request(&self) -> Request {
        Request {
            method: "POST".to_owned(),
            path: "/".to_owned(),
            query: String::new(),
            headers: vec![("x-amz-date".to_owned(), self.date.to_owned())],
            body: format!("Action={}&Name={}", self.operation, self.name).into_bytes(),
        }
    }
}

/// The target as it is at present; every action has the same one.
#[derive(Default)]
pub(crate) struct Target(Mutex<Found>);

#[derive(Clone, Default)]
pub(crate) struct Found {
    /// `None`: it cannot be observed.
    pub(crate) state: Option<&'static str>,
    pub(crate) undo: Option<CapturedUndo>,
    pub(crate) inner: Vec<InnerAction>,
    pub(crate) effects: Option<EffectSet>,
    pub(crate) pinned: Pinned,
    pub(crate) tags: Tags,
    pub(crate) handed: Option<Result<Vec<ActionParts>, String>>,
    pub(crate) unknowns: Vec<String>,
}

impl Target {
    pub(crate) fn is(&self, found: Found) {
        *self.0.lock().unwrap() = found;
    }

    pub(crate) fn is_in(&self, state: &'static str) {
        self.0.lock().unwrap().state = Some(state);
    }
}

impl Collector for Target {
    fn gather<'a>(&'a self, engine: &'a Engine, action: &'a Action) -> Later<'a, Gathered> {
        let Found { state, undo, inner, effects, pinned, tags, handed, unknowns } =
            self.0.lock().unwrap().clone();
        Box::pin(async move {
            let observation = state.and_then(|state| {
                Some(Observation {
                    at: engine.now().ok()?,
                    facts: vec![("StackStatus".to_owned(), state.to_owned())],
                    fingerprint: Observation::fingerprint_of(&Value::text(state)),
                    inner,
                    inner_whole: true,
                    unknowns: Vec::new(),
                })
            });
            let named = action.parts().resources.first().map(|it| ("Name".to_owned(), it.name.clone()));
            let sought = observation.is_some().then(|| Sought(named.into_iter().collect()));
            Gathered { observation, sought, undo, effects, pinned, tags, handed, unknowns }
        })
    }
}

/// What puts the parameter back.
pub(crate) fn inverse() -> CapturedUndo {
    CapturedUndo {
        summary: "PutParameter /app/colour to what it was".to_owned(),
        service: "ssm".to_owned(),
        region: "eu-west-1".to_owned(),
        request: Call { date: "", ..PUT_PARAMETER }.request(),
        removes_created: false,
    }
}
