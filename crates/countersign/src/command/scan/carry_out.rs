//! Makes the calls of a scan: some at a time, no more a second than was asked for, however often one has to be repeated. What
//! nobody answers, or nobody may, is one read's own misfortune as long as the gateway still knows the session; where it does not,
//! the scan is over, and what it would have written would be a list of refusals.

use std::{sync::Arc, time::Duration};

use engine::{Clock as _, SystemClock};
use inventory::{Answered, Ask, Scan, Understood};
use model::Timestamp;
use snapshot::MOST_BYTES;
use tokio::{
    sync::Mutex,
    task::JoinSet,
    time::{Interval, MissedTickBehavior, interval},
};

use super::{
    cloud::{Cloud, Standing},
    journal::Journal,
    progress::Progressing,
};
use crate::failure::Failure;

const AT_ONCE: usize = 8;
/// How often a call is made that the cloud asks to make later, and how long is waited before the second time.
const TRIES: u32 = 6;
const FIRST_WAIT: Duration = Duration::from_millis(300);
/// How often one is made that got no answer at all.
const UNANSWERED_TRIES: u32 = 2;
/// So long the gateway's word that it knows the session is believed.
const BELIEVED_MS: i64 = 2_000;

pub(super) async fn carry_out(
    scan: &mut Scan,
    cloud: Cloud,
    journal: &mut Journal,
    rate: u32,
) -> Result<(), Failure> {
    let calls = Calls::at(cloud, rate);
    let mut under_way = JoinSet::new();
    let (mut shown, mut doubt) = (Progressing::new(), Doubt::default());
    loop {
        while under_way.len() < AT_ONCE
            && let Some(ask) = scan.next()
        {
            match journal.known(&ask.key) {
                Some((at, understood)) => scan.take(ask.id, at, understood),
                None => drop(under_way.spawn(calls.clone().make(ask, 1))),
            }
        }
        if scan.weight() > MOST_BYTES {
            let most = MOST_BYTES >> 20;
            return Err(Failure::usage(format!(
                "there is more than a snapshot holds: what was read so far takes {most} MiB"
            ))
            .hint("take one snapshot for each region: --region NAME --anew"));
        }
        let Some(made) = under_way.join_next().await else {
            if scan.is_done() {
                break;
            }
            continue;
        };
        let (ask, tries, reply) = made.map_err(Failure::unexpected)?;
        let unanswered = matches!(reply, Answered::Nothing(_));
        let understood = scan.read(ask.id, &reply);
        let again = match &understood {
            Understood::Later(_) => tries < TRIES,
            Understood::Failed(_) if unanswered => tries < UNANSWERED_TRIES,
            _ => false,
        };
        if again {
            under_way.spawn(calls.clone().make(ask, tries.saturating_add(1)));
            continue;
        }
        let refused = matches!(understood, Understood::Denied(_) | Understood::Later(_));
        if unanswered || refused {
            doubt.rises();
            doubt.settle(&calls, journal, When::NotLately).await?;
        }
        let at = SystemClock.now();
        journal.keep(&ask.key, at, &understood)?;
        scan.take(ask.id, at, understood);
        shown.show(scan);
    }
    shown.clear();
    doubt.settle(&calls, journal, When::AtTheEnd).await
}

/// The one way to the gateway, at its pace.
#[derive(Clone)]
struct Calls {
    cloud: Arc<Cloud>,
    pace: Arc<Mutex<Interval>>,
}

impl Calls {
    fn at(cloud: Cloud, rate: u32) -> Self {
        let mut pace = interval(Duration::from_secs(1) / rate);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { cloud: Arc::new(cloud), pace: Arc::new(Mutex::new(pace)) }
    }

    /// The `tries`th time; later ones wait before they take their turn.
    async fn make(self, ask: Ask, tries: u32) -> (Ask, u32, Answered) {
        wait_before(tries).await;
        self.turn().await;
        let reply = self.cloud.call(&ask.call).await;
        (ask, tries, reply)
    }

    async fn turn(&self) {
        self.pace.lock().await.tick().await;
    }
}

async fn wait_before(tries: u32) {
    if let Some(doublings) = tries.checked_sub(2) {
        tokio::time::sleep(FIRST_WAIT.saturating_mul(2_u32.saturating_pow(doublings))).await;
    }
}

/// Whether the gateway still knows who asks.
#[derive(Default)]
struct Doubt {
    risen: bool,
    settled: Option<Timestamp>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum When {
    /// Where that was asked a moment ago, the answer still holds.
    NotLately,
    AtTheEnd,
}

impl Doubt {
    const fn rises(&mut self) {
        self.risen = true;
    }

    /// # Errors
    /// That the session is over, or the gateway gone.
    async fn settle(&mut self, calls: &Calls, journal: &Journal, when: When) -> Result<(), Failure> {
        let lately = |at: Timestamp| SystemClock.now().since(at) < BELIEVED_MS;
        if !self.risen || (when == When::NotLately && self.settled.is_some_and(lately)) {
            return Ok(());
        }
        for tries in 1..=TRIES {
            wait_before(tries).await;
            calls.turn().await;
            match calls.cloud.standing().await {
                Standing::Known => {
                    *self = Self { risen: false, settled: Some(SystemClock.now()) };
                    return Ok(());
                }
                Standing::Refused(why) => return Err(over(journal, &why)),
                Standing::Unanswered(why) if tries == TRIES => return Err(gone(journal, &why)),
                Standing::Unanswered(_) => {}
            }
        }
        Ok(())
    }
}

fn over(journal: &Journal, why: &str) -> Failure {
    Failure::not_authenticated(format!("the scan's session is over: {why}")).hint(how_to_go_on(journal))
}

fn gone(journal: &Journal, why: &str) -> Failure {
    Failure::unexpected(format!("no answer comes from the gateway any more: {why}"))
        .hint(how_to_go_on(journal))
}

pub(super) fn how_to_go_on(journal: &Journal) -> String {
    format!(
        "no snapshot was written, and one that is there stays as it is; what was read is kept in {}: the same command, with a \
         session that is open, goes on from there within twelve hours",
        journal.path().display()
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use inventory::Place;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::*;

    /// A gateway that asks everybody to come again.
    async fn busy() -> String {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = socket.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut caller, _)) = socket.accept().await {
                tokio::spawn(async move {
                    let mut asked = [0; 4096];
                    while caller.read(&mut asked).await.is_ok_and(|read| read > 0) {
                        let answer = "HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n";
                        caller.write_all(answer.as_bytes()).await.unwrap();
                    }
                });
            }
        });
        format!("http://{at}")
    }

    #[tokio::test]
    async fn what_is_asked_again_keeps_the_pace() {
        let env = [
            ("AWS_ENDPOINT_URL", busy().await),
            ("AWS_ACCESS_KEY_ID", "a".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "s".to_owned()),
        ];
        let env: BTreeMap<_, _> = env.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let place = Place {
            partition: "aws".to_owned(),
            account: "1".to_owned(),
            regions: vec!["us-east-1".to_owned()],
        };
        let mut scan = Scan::begin(place, SystemClock.now(), 1);
        let calls = Calls::at(Cloud::from(&env, "us-east-1").unwrap(), 20);
        // Eight that come back at once, for the second time.
        let begun = SystemClock.now();
        let mut again = JoinSet::new();
        for _ in 0..AT_ONCE {
            again.spawn(calls.clone().make(scan.next().unwrap(), 2));
        }
        for (_, tries, reply) in again.join_all().await {
            assert!(matches!(&reply, Answered::Answer(answer) if answer.status == 503), "{reply:?}");
            assert_eq!(tries, 2);
        }
        let took = SystemClock.now().since(begun);
        assert!(took >= 300 + 7 * 50 - 20, "eight calls at twenty a second took {took} ms");
    }
}
