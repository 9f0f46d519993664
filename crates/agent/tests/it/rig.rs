//! A conversation over a scripted model that speaks a real wire protocol on loopback.

use std::{
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use agent::{Bounds, Broke, ByGiven, Converse, Facts, Look, Proposed, Reach, Record, drive, opened};
use findings::Prices;
use llm::{
    Backoff, Boxed, Budget, Clock, Desk, FailedTurn, Fence, Key, KeyPlace, Limits, Micros, Price, Provider,
    Remote, Scrubber, Settings, Watcher,
};
use snapshot::Snapshot;
use testkit::{FakeLlm, Scenario};

use crate::world::{NOW, given, report_of};

pub(crate) const PROTOCOLS: [Provider; 3] = [Provider::Anthropic, Provider::Openai, Provider::Bedrock];

/// A second of it is a fiftieth of one.
#[derive(Debug)]
struct Fast {
    started: tokio::time::Instant,
}

impl Clock for Fast {
    fn now(&self) -> Duration {
        self.started.elapsed() * 50
    }

    fn sleep(&self, time: Duration) -> Boxed<'_, ()> {
        Box::pin(tokio::time::sleep(time / 50))
    }
}

#[derive(Default)]
struct Reader(Arc<Mutex<Vec<FailedTurn>>>);

impl Watcher for Reader {
    fn text(&mut self, _: &str) {}

    fn took_back(&mut self, why: &FailedTurn) {
        self.0.lock().unwrap().push(why.clone());
    }
}

/// A server whose answer is written by somebody else.
struct Server(String);

impl Look for Server {
    fn change<'a>(&'a mut self, _: &'a str) -> Boxed<'a, String> {
        let answer = self.0.clone();
        Box::pin(async move { answer })
    }
}

pub(crate) struct Asked<'q> {
    pub(crate) provider: Provider,
    pub(crate) script: &'q str,
    pub(crate) says: &'q str,
    pub(crate) limits: Limits,
    /// What a server says of any change.
    pub(crate) status: &'q str,
    pub(crate) account: &'q str,
}

pub(crate) struct Came {
    pub(crate) answer: Result<String, Broke>,
    pub(crate) record: Record,
    pub(crate) proposed: Vec<Proposed>,
    pub(crate) fake: FakeLlm,
    pub(crate) broken: Vec<FailedTurn>,
}

pub(crate) fn limits() -> Limits {
    Limits { turns: 20, tokens: 400_000, money: Some(Micros(5_000_000)), time: Duration::from_secs(100_000) }
}

pub(crate) fn scrubber() -> Arc<Scrubber> {
    static SCRUBBER: OnceLock<Arc<Scrubber>> = OnceLock::new();
    Arc::clone(SCRUBBER.get_or_init(|| Arc::new(Scrubber::new().unwrap())))
}

pub(crate) async fn asked(asked: Asked<'_>) -> Came {
    let Asked { provider, script, says, limits, status, account } = asked;
    let fake = FakeLlm::start(Scenario::parse(script).unwrap()).unwrap();
    let url = fake.url();
    let price = Price { input: Micros(3_000_000), output: Micros(15_000_000) };
    let settings = Settings {
        provider,
        name: "fake-model-1:0".to_owned(),
        base_url: Some(if provider == Provider::Openai { format!("{url}/v1") } else { url }),
        key: Some(KeyPlace::Env("MODEL_KEY".to_owned())),
        max_output: 1000,
        price: Some(price),
    };
    let variable = |name: &str| (name == "MODEL_KEY").then(|| "local-key-of-this-test".to_owned());
    let key = settings.key.as_ref().map(|place| Key::read(place, ".".as_ref(), &variable).unwrap());
    let scrubber = scrubber();
    let remote = Remote::new(&settings, key, Arc::clone(&scrubber)).unwrap();
    let clock = Fast { started: tokio::time::Instant::now() };
    let mut budget = Budget::new(limits, Some(price), clock.now()).unwrap();
    let snapshot = Snapshot::parse(account, NOW).unwrap();
    let report = report_of(&snapshot);
    let prices = Prices::shipped();
    let given = given(&snapshot, &report, account);
    let planner = ByGiven::new(&given);
    let facts = Facts { snapshot: &snapshot, report: &report, prices: &prices };
    let mut talk = Converse::new(facts, &planner, Bounds::default());
    let mut conversation = opened(Fence::new([7; 16]), Reach::Server).unwrap();
    conversation.say(scrubber.scrub(says)).unwrap();
    let desk = Desk {
        model: &remote,
        clock: &clock,
        scrubber: &scrubber,
        backoff: Backoff { attempts: 2, ..Backoff::USUAL },
        patience: Duration::from_secs(1500),
        max_output: 1000,
    };
    let broken = Arc::default();
    let mut reader = Reader(Arc::clone(&broken));
    let mut server = Server(status.to_owned());
    let answer =
        drive(&desk, &mut conversation, &mut budget, &mut talk, &mut || 0, &mut reader, &mut server).await;
    let (record, proposed) = (talk.record().clone(), talk.proposed().to_vec());
    let broken = broken.lock().unwrap().clone();
    Came { answer, record, proposed, fake, broken }
}
