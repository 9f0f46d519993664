//! An installation whose clock, chance, upstream and people the tests hold in their hands. [`World::finish`] has the
//! auditor look at what a scenario left behind.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use approval::{Act, Statement};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use engine::{
    Admitted, Asked, Clock, Engine, Entropy, Gathered, Library, MasterKey, NewSession, Parts, Permit,
    Purpose, Refusal, RefusalKind, Settled, Shelf, SignError, Signed, Signer, StartError,
};
use ledger::{Genesis, Ledger, LogFiles, disk::Disk, disk::RealDisk};
use model::{
    Action, Answer, Autonomy, CapturedUndo, Change, ChangeId, ChangeState, Digest, Entry, EntryKind, Fault,
    KeptUndo, Presence, Session, Timestamp, Vouched,
};
use policy::{Bundle, Files};
use store::{Fetched, Store};
use tempfile::TempDir;
use tlog::SigningKey;

use crate::{
    actions::Target,
    cast::{ANA, BEN, CLEO, Person, bundle_files, name},
};

const ORIGIN: &str = "log.example/engine";
pub(crate) const START: Timestamp = Timestamp::from_seconds(1_795_228_800);

pub(crate) struct World {
    pub(crate) engine: Arc<Engine>,
    pub(crate) store: Store,
    pub(crate) clock: Arc<Hands>,
    /// What the gateway would find out about any action.
    pub(crate) target: Target,
    /// Of `kiro`, launched by `ana`, autonomous, unbounded.
    pub(crate) session: Arc<Session>,
    pub(crate) place: Place,
}

/// Everything that outlives a process.
pub(crate) struct Place {
    dir: TempDir,
    pub(crate) files: Files,
    pub(crate) genesis: Genesis,
    chance: Arc<Counted>,
    pub(crate) library: Arc<Shelf>,
}

/// How a world differs from the usual one.
#[derive(Default)]
pub(crate) struct Unusual {
    pub(crate) probe: Option<store::Probe>,
    pub(crate) disk: Option<Box<dyn Disk>>,
    /// Stands below `[environments.production]`.
    pub(crate) production: &'static str,
    pub(crate) budgets: &'static str,
    pub(crate) standing: &'static str,
    pub(crate) accounts: &'static str,
    /// Stands below `[levels]`.
    pub(crate) levels: &'static str,
    /// A rule of the constitution besides the usual ones, with its examples.
    pub(crate) rule: Option<[&'static str; 2]>,
    pub(crate) witnesses: &'static str,
}

impl World {
    pub(crate) async fn in_memory() -> Self {
        Self::built(Unusual::default(), Store::memory()).await
    }

    /// Over SQLite: what [`Kept::restart`] brings up again, and what a hand with a database client can reach.
    pub(crate) async fn on_disk() -> Self {
        Self::on_disk_with(Unusual::default()).await
    }

    pub(crate) async fn on_disk_with(unusual: Unusual) -> Self {
        let (place, probe) = Place::new(unusual);
        let store = Store::sqlite_probed(&place.0.database(), probe.unwrap_or_default()).unwrap();
        Self::begun(place, store).await
    }

    pub(crate) async fn built(unusual: Unusual, store: Store) -> Self {
        Self::begun(Place::new(unusual).0, store).await
    }

    async fn begun((place, ledger): (Place, Ledger), store: Store) -> Self {
        let clock = Arc::new(Hands(AtomicI64::new(START.millis())));
        let engine = place.start(ledger, store.clone(), &clock).await.unwrap();
        let session = issue(&engine, "", Autonomy::Autonomous).await;
        Self { engine, store, clock, target: Target::default(), session, place }
    }

    // What an agent does.

    pub(crate) async fn ask(&self, action: &Action) -> Admitted {
        self.ask_as(&self.session, action).await
    }

    pub(crate) async fn ask_as(&self, session: &Arc<Session>, action: &Action) -> Admitted {
        self.ask_signed(session, action, self.place.fresh()).await
    }

    /// `signature`: of the received request; the usual calls never repeat one.
    pub(crate) async fn ask_signed(
        &self,
        session: &Arc<Session>,
        action: &Action,
        signature: Digest,
    ) -> Admitted {
        let asked = Asked {
            session: Arc::clone(session),
            action: action.clone(),
            under: self.engine.bundle(),
            signature,
            purpose: Purpose::Agent,
        };
        self.engine.admit(asked, &self.target).await
    }

    /// Asks, and is held.
    pub(crate) async fn hold(&self, action: &Action) -> ChangeId {
        let refusal = refused(self.ask(action).await);
        assert_eq!(refusal.kind, RefusalKind::Held, "{}", refusal.message);
        refusal.change.unwrap()
    }

    /// Asks, is let through, and is answered by the upstream.
    pub(crate) async fn run(&self, action: &Action) -> ChangeId {
        let permit = permitted(self.ask(action).await);
        let change = permit.change().unwrap();
        self.answer(permit, 200).await;
        change
    }

    /// Asks for several actions at once.
    pub(crate) async fn propose(
        &self,
        actions: Vec<(Action, Gathered)>,
        intent: &str,
    ) -> Result<Change, Refusal> {
        let own = |(action, gathered)| (action, gathered, Vouched::ByAgent);
        self.propose_vouched(actions.into_iter().map(own).collect(), intent).await
    }

    /// Likewise, each with who vouches for it.
    pub(crate) async fn propose_vouched(
        &self,
        actions: Vec<(Action, Gathered, Vouched)>,
        intent: &str,
    ) -> Result<Change, Refusal> {
        let (session, under) = (Arc::clone(&self.session), self.engine.bundle());
        self.engine.propose(session, actions, intent.to_owned(), under).await
    }

    pub(crate) async fn answer(&self, permit: Permit, status: u16) {
        self.settle(permit, Settled::Answered(answer(status))).await;
    }

    pub(crate) async fn settle(&self, permit: Permit, settled: Settled) {
        let (_, receipt) = permit.redeem();
        self.engine.finish(receipt, settled).await.unwrap();
    }

    pub(crate) async fn session(&self, scope: &str, autonomy: Autonomy) -> Arc<Session> {
        issue(&self.engine, scope, autonomy).await
    }

    // What people do.

    pub(crate) async fn statement(
        &self,
        change: ChangeId,
        act: Act,
        who: &Person,
        reason: Option<&str>,
    ) -> Statement {
        let signer = Signer {
            act,
            person: name(who.name),
            presence: Presence::File,
            checkpoint: checkpoint_line(&self.engine),
            reason: reason.map(str::to_owned),
        };
        let opened = self.engine.open(change, None).await.unwrap();
        self.engine.statement(&opened, &signer)
    }

    pub(crate) async fn says(
        &self,
        change: ChangeId,
        act: Act,
        who: &Person,
        reason: Option<&str>,
    ) -> Result<Signed, SignError> {
        let text = self.statement(change, act, who, reason).await.to_text();
        self.engine.sign(change, text.clone(), who.sign(&text)).await
    }

    pub(crate) async fn approve(&self, change: ChangeId, who: &Person) -> Result<Signed, SignError> {
        self.says(change, Act::Approve, who, None).await
    }

    pub(crate) async fn approve_by_two(&self, change: ChangeId) {
        self.approve(change, &BEN).await.unwrap();
        let signed = self.approve(change, &CLEO).await.unwrap();
        assert_eq!(signed.change.state, ChangeState::Approved, "{}", signed.note);
    }

    // What is on record.

    pub(crate) async fn change(&self, id: ChangeId) -> Change {
        self.engine.read(move |view| view.change(id)).await.unwrap().unwrap()
    }

    pub(crate) async fn state(&self, id: ChangeId) -> ChangeState {
        self.change(id).await.state
    }

    /// What the first action of a change would be undone with.
    pub(crate) async fn inverse_of(&self, id: ChangeId) -> Option<CapturedUndo> {
        let undo = self.change(id).await.steps[0].undo.clone()?;
        let body = undo.request.commitment()?;
        let Fetched::Whole(blob) = self.engine.read(move |view| view.body(body)).await.unwrap() else {
            return None;
        };
        let KeptUndo { summary, service, region, removes_created, .. } = undo;
        let request = blob.content().unwrap();
        Some(CapturedUndo { summary, service, region, request, removes_created })
    }

    /// What stands in the log's folder under its signed checkpoint at this moment.
    pub(crate) fn logged(&self) -> Vec<Entry> {
        entries_of(&self.log_files().entries)
    }

    pub(crate) fn log_files(&self) -> LogFiles {
        ledger::read_log(&self.place.log()).unwrap()
    }

    /// Everything recorded so far.
    pub(crate) async fn entries(&self) -> Vec<Entry> {
        self.engine.sequence().await.unwrap();
        self.logged()
    }

    pub(crate) async fn count(&self, kind: EntryKind) -> usize {
        self.entries().await.iter().filter(|entry| entry.kind == kind).count()
    }

    /// The auditor's problems, by their codes.
    pub(crate) async fn problems(&self) -> Vec<String> {
        self.engine.close().await.unwrap();
        let log = self.log_files();
        assert_eq!(log.problems, [], "the log's files");
        let projection = self.store.read(|view| view.projection()).await.unwrap();
        let report = audited(&self.place.genesis, &log, projection);
        assert!(report.authenticated, "the genesis is ours");
        report.problems.iter().map(|it| format!("{}: {}", it.code.name(), it.message)).collect()
    }

    /// Every scenario ends here: the log, the checkpoint and the rows tell one story that keeps the rules.
    pub(crate) async fn finish(self) {
        assert_eq!(self.problems().await, Vec::<String>::new(), "the auditor's word");
    }

    /// Ends the process.
    pub(crate) async fn end(self) -> Place {
        self.engine.close().await.unwrap();
        self.place
    }
}

impl Place {
    fn new(unusual: Unusual) -> ((Self, Ledger), Option<store::Probe>) {
        let Unusual { probe, disk, production, budgets, standing, accounts, levels, rule, witnesses } =
            unusual;
        let dir = TempDir::new().unwrap();
        let genesis = Genesis {
            origin: ORIGIN.to_owned(),
            vkey: log_key().verifier().to_string(),
            installation: "0123456789abcdef0123456789abcdef".to_owned(),
            created_at: START,
            site: None,
        };
        let disk = disk.unwrap_or_else(|| Box::new(RealDisk));
        let mut files = bundle_files(production);
        for (file, text) in [
            ("budgets.toml", budgets),
            ("standing.toml", standing),
            ("accounts.toml", accounts),
            ("witnesses.toml", witnesses),
        ] {
            files.insert(file.to_owned(), text.into());
        }
        let settings = String::from_utf8(files["bundle.toml"].clone()).unwrap();
        let (before, _) = settings.split_once("[levels.production]").unwrap();
        if !levels.is_empty() {
            files.insert("bundle.toml".to_owned(), format!("{before}[levels]\n{levels}\n").into());
        }
        if let Some([text, examples]) = rule {
            files.insert("constitution/unusual.cedar".to_owned(), text.into());
            files.insert("constitution/unusual.examples.toml".to_owned(), examples.into());
        }
        let place = Self { dir, files, genesis, chance: Arc::default(), library: Arc::default() };
        let ledger =
            Ledger::create_on(disk, &place.log(), &place.lock(), log_key(), place.genesis.clone()).unwrap();
        ((place, ledger), probe)
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.dir.path().join("log")
    }

    pub(crate) fn lock(&self) -> PathBuf {
        self.dir.path().join("run").join("checkpoint")
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.dir.path().join("countersign.db")
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// The ledger, once the process that had it has let go of it.
    pub(crate) async fn ledger(&self) -> Ledger {
        for _ in 0..1000 {
            match Ledger::open(&self.log(), &self.lock(), log_key()) {
                Ok((ledger, _)) => return ledger,
                Err(ledger::OpenError::InUse(_)) => tokio::time::sleep(Duration::from_millis(10)).await,
                Err(other) => panic!("{other}"),
            }
        }
        panic!("the ledger is never let go of");
    }

    /// The database, once the process that had it has let go of it.
    pub(crate) async fn reopened(&self) -> Store {
        for _ in 0..1000 {
            match Store::sqlite(&self.database()) {
                Ok(store) => return store,
                Err(store::OpenError::InUse { .. }) => tokio::time::sleep(Duration::from_millis(10)).await,
                Err(other) => panic!("{other}"),
            }
        }
        panic!("the database is never let go of");
    }

    /// Another process on the same folder, at `now`.
    pub(crate) async fn restart(
        self,
        session: Arc<Session>,
        now: Timestamp,
    ) -> Result<World, (StartError, Self)> {
        let ledger = self.ledger().await;
        let store = self.reopened().await;
        let clock = Arc::new(Hands(AtomicI64::new(now.millis())));
        match self.start(ledger, store.clone(), &clock).await {
            Ok(engine) => Ok(World { engine, store, clock, target: Target::default(), session, place: self }),
            Err(err) => Err((err, self)),
        }
    }

    async fn start(
        &self,
        ledger: Ledger,
        store: Store,
        clock: &Arc<Hands>,
    ) -> Result<Arc<Engine>, StartError> {
        let parts = Parts {
            store,
            ledger,
            genesis: self.genesis.clone(),
            bundle: Bundle::load(&self.files).unwrap(),
            library: Arc::clone(&self.library) as Arc<dyn Library>,
            master: MasterKey::new([9; 32]),
            clock: Arc::clone(clock) as Arc<dyn Clock>,
            entropy: Arc::clone(&self.chance) as Arc<dyn Entropy>,
        };
        Engine::start(parts).await
    }

    /// A digest that was never seen before.
    pub(crate) fn fresh(&self) -> Digest {
        let mut bytes = [0; 8];
        self.chance.fill(&mut bytes).unwrap();
        Digest::of(&bytes)
    }
}

pub(crate) async fn issue(engine: &Arc<Engine>, scope: &str, autonomy: Autonomy) -> Arc<Session> {
    let asked = NewSession {
        agent: "kiro".parse().unwrap(),
        operator: name(ANA.name),
        launcher: name(ANA.name),
        task: "fix the stale figures".to_owned(),
        scope: scope.parse().unwrap(),
        autonomy,
        ttl_s: 8 * 3600,
        signed: ("POST /sessions".to_owned(), "signed".to_owned()),
    };
    Arc::new(engine.issue(asked).await.unwrap().0)
}

/// A clock with hands that can be moved, and which no two looks find at the same millisecond.
pub(crate) struct Hands(AtomicI64);

impl Hands {
    pub(crate) fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds * 1000, Ordering::SeqCst);
    }
}

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.fetch_add(1, Ordering::SeqCst))
    }
}

/// Unpredictable to nobody, and never the same twice.
#[derive(Default)]
struct Counted(AtomicU64);

impl Entropy for Counted {
    fn fill(&self, out: &mut [u8]) -> Result<(), Fault> {
        for chunk in out.chunks_mut(32) {
            let next = Digest::of(&self.0.fetch_add(1, Ordering::SeqCst).to_be_bytes());
            let bytes = hex::decode(next.to_string()).unwrap();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
        Ok(())
    }
}

pub(crate) fn log_key() -> SigningKey {
    SigningKey::from_seed(ORIGIN, &[5; 32]).unwrap()
}

pub(crate) fn answer(status: u16) -> Answer {
    Answer {
        status,
        headers: vec![("content-type".to_owned(), "text/xml".to_owned())],
        body: Some("<Done/>".to_owned()),
        body_digest: Digest::of(b"<Done/>"),
        content: None,
    }
}

/// `origin size root` as a client writes down what it has verified.
pub(crate) fn checkpoint_line(engine: &Engine) -> String {
    let note = engine.checkpoint();
    let mut lines = note.lines();
    let (origin, size, root) = (lines.next().unwrap(), lines.next().unwrap(), lines.next().unwrap());
    format!("{origin} {size} {}", hex::encode(BASE64_STANDARD.decode(root).unwrap()))
}

pub(crate) fn entries_of(bytes: &[Vec<u8>]) -> Vec<Entry> {
    bytes.iter().map(|entry| serde_json::from_slice(entry).unwrap()).collect()
}

pub(crate) fn permitted(admitted: Admitted) -> Permit {
    match admitted {
        Admitted::Permit(permit) => permit,
        Admitted::Recorded { change, .. } => panic!("answered from the record of {change}"),
        Admitted::Refused(refusal) => panic!("{:?}: {}", refusal.kind, refusal.message),
        Admitted::Turned(_) => panic!("another bundle came into force"),
    }
}

pub(crate) fn refused(admitted: Admitted) -> Refusal {
    match admitted {
        Admitted::Refused(refusal) => refusal,
        other => panic!("let through: {other:?}"),
    }
}

fn audited(genesis: &Genesis, log: &LogFiles, projection: store::Projection) -> audit::Report {
    audit::verify(&audit::AuditInput {
        genesis: genesis.to_json(),
        expected_genesis: Some(genesis.fingerprint()),
        checkpoint: log.checkpoint_note.clone(),
        held_checkpoints: Vec::new(),
        entries: &log.entries,
        database: Some(engine::database_of(projection)),
    })
}

/// Refused so, in words that hold `says`.
#[track_caller]
pub(crate) fn expect_refusal(admitted: Admitted, kind: RefusalKind, says: &str) -> Refusal {
    let refusal = refused(admitted);
    assert_eq!(refusal.kind, kind, "{}", refusal.message);
    assert!(refusal.message.contains(says), "`{says}` is not in: {}", refusal.message);
    refusal
}
