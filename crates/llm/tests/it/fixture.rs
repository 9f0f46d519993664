//! A desk with a scripted model: a clock that runs fast, a conversation with two tools, and somebody who reads along.

use std::{
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use llm::{
    Backoff, Bound, Boxed, Budget, Clock, Conversation, Desk, FailedTurn, Fence, Key, KeyPlace, Limits,
    Micros, Price, Provider, Remote, Scrubbed, Scrubber, Settings, Stopped, Tool, Tools, Turn, Untrusted,
    Watcher,
};
use testkit::{FakeLlm, Scenario};

pub(crate) const PROVIDERS: [Provider; 4] =
    [Provider::Anthropic, Provider::Openai, Provider::Bedrock, Provider::Ollama];

pub(crate) const KEY: &str = "local-key-of-this-test";

pub(crate) const PRICE: Price = Price { input: Micros(3_000_000), output: Micros(15_000_000) };

/// A second of it is a fiftieth of one.
#[derive(Debug)]
pub(crate) struct Fast {
    started: tokio::time::Instant,
    slept: Mutex<Vec<Duration>>,
}

const FASTER: u32 = 50;

impl Fast {
    /// Sleeps that came to their end.
    pub(crate) fn slept(&self) -> Vec<Duration> {
        self.slept.lock().unwrap().clone()
    }
}

impl Clock for Fast {
    fn now(&self) -> Duration {
        self.started.elapsed() * FASTER
    }

    fn sleep(&self, time: Duration) -> Boxed<'_, ()> {
        Box::pin(async move {
            tokio::time::sleep(time / FASTER).await;
            self.slept.lock().unwrap().push(time);
        })
    }
}

#[derive(Debug, Default)]
pub(crate) struct Reader {
    pub(crate) text: String,
    pub(crate) took_back: Vec<FailedTurn>,
}

impl Watcher for Reader {
    fn text(&mut self, piece: &str) {
        self.text.push_str(piece);
    }

    fn took_back(&mut self, why: &FailedTurn) {
        self.text.clear();
        self.took_back.push(why.clone());
    }
}

/// One task.
pub(crate) struct Rig {
    pub(crate) fake: FakeLlm,
    pub(crate) scrubber: Arc<Scrubber>,
    pub(crate) clock: Fast,
    pub(crate) conversation: Conversation,
    pub(crate) budget: Budget,
    pub(crate) reader: Reader,
    pub(crate) patience: Duration,
    remote: Remote,
}

impl Rig {
    pub(crate) fn new(provider: Provider, script: &str) -> Self {
        let fake = FakeLlm::start(Scenario::parse(script).unwrap()).unwrap();
        let url = fake.url();
        Self::towards(provider, fake, &url)
    }

    /// `url` may lead elsewhere than to the fake.
    pub(crate) fn towards(provider: Provider, fake: FakeLlm, url: &str) -> Self {
        let scrubber = scrubber();
        let base_url = if provider == Provider::Openai { format!("{url}/v1") } else { url.to_owned() };
        let settings = Settings {
            provider,
            name: "fake-model-1:0".to_owned(),
            base_url: Some(base_url),
            key: (provider != Provider::Ollama).then(|| KeyPlace::Env("MODEL_KEY".to_owned())),
            max_output: 1000,
            price: Some(PRICE),
        };
        let variable = |name: &str| (name == "MODEL_KEY").then(|| KEY.to_owned());
        let key = settings.key.as_ref().map(|place| Key::read(place, ".".as_ref(), &variable).unwrap());
        let remote = Remote::new(&settings, key, Arc::clone(&scrubber)).unwrap();
        let clock = Fast { started: tokio::time::Instant::now(), slept: Mutex::default() };
        let mut conversation =
            Conversation::new("You help with an environment.", Fence::new([7; 16]), tools());
        conversation.say(Scrubbed::ours("Why does the shop cost so much?")).unwrap();
        let limits = Limits {
            turns: 20,
            tokens: 100_000,
            money: Some(Micros(1_000_000)),
            time: Duration::from_secs(100_000),
        };
        let budget = Budget::new(limits, Some(PRICE), clock.now()).unwrap();
        let (reader, patience) = (Reader::default(), Duration::from_secs(1500));
        Self { fake, scrubber, clock, conversation, budget, reader, patience, remote }
    }

    pub(crate) fn limited(mut self, change: impl FnOnce(&mut Limits)) -> Self {
        let mut limits = Limits {
            turns: 20,
            tokens: 100_000,
            money: Some(Micros(1_000_000)),
            time: Duration::from_secs(100_000),
        };
        change(&mut limits);
        self.budget = Budget::new(limits, Some(PRICE), self.clock.now()).unwrap();
        self
    }

    pub(crate) async fn ask(&mut self) -> Result<Turn, Stopped> {
        let desk = Desk {
            model: &self.remote,
            clock: &self.clock,
            scrubber: &self.scrubber,
            backoff: Backoff { attempts: 3, ..Backoff::USUAL },
            patience: self.patience,
            max_output: 1000,
        };
        desk.ask(&mut self.conversation, &mut self.budget, &mut || 0, &mut self.reader).await
    }

    /// The same answer to every call of a turn.
    pub(crate) fn tell(&mut self, turn: &Turn, text: &str) {
        let quoted = || Untrusted::new(&self.scrubber, "ec2:DescribeVolumes", text, Bound::bytes(4000));
        let results = turn.calls().iter().map(|call| (call.id().to_owned(), quoted())).collect();
        self.conversation.tell(results).unwrap();
    }
}

pub(crate) fn scrubber() -> Arc<Scrubber> {
    static SCRUBBER: OnceLock<Arc<Scrubber>> = OnceLock::new();
    Arc::clone(SCRUBBER.get_or_init(|| Arc::new(Scrubber::new().unwrap())))
}

pub(crate) fn tools() -> Tools {
    let looks = r#"{"type": "object", "additionalProperties": false, "required": ["id"], "properties": {
        "id": {"type": "string", "description": "its id"}, "days": {"type": "integer", "minimum": 1, "maximum": 90}}}"#;
    let lists = r#"{"type": "object", "additionalProperties": false, "properties": {}}"#;
    let look_up = Tool::new("look_up", "Looks up a resource", looks).unwrap();
    Tools::new(vec![look_up, Tool::new("list_all", "Lists all resources", lists).unwrap()]).unwrap()
}
