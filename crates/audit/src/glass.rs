//! Broken glass: two people, neither of whom asked for it or owns the agent, and what went through it: in that session, and
//! until then.

use model::{AgentId, BreakGlass, ChangeId, Entry, SessionId, Timestamp, change_digest};

use crate::{Code, auditor::Verdicts, entries::Placed, permits::Life, signatures::Signatures};

/// Of which session, and until when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Broken {
    session: SessionId,
    until: Timestamp,
}

/// Whatever its permit says, it takes two people, who were told of this very one.
pub(crate) fn broken(
    placed: &Placed,
    change: ChangeId,
    life: &mut Life,
    signatures: &Signatures,
    verdicts: &mut Verdicts,
) {
    let index = placed.index;
    let message = |why: String| format!("entry {index} breaks the glass {why}");
    let mut wrong = |why: String| verdicts.add(Code::GlassUnapproved, index, &message(why));
    let (Some(glass), Some(until)) = (glass_of(placed), time_of(placed, "until")) else {
        return wrong("and does not say whose, with what and until when".to_owned());
    };
    life.carried_out(change, index, "broken glass").into_iter().for_each(&mut wrong);
    let told = life.chain.as_ref().map(|chain| change_digest(chain, [glass.digest()]));
    if told.is_none() || told != placed.entry.change_digest {
        wrong(format!("of {}, which is not what {change} asked for", glass.session));
    }
    if glass.minutes > BreakGlass::MAX_MINUTES || placed.entry.at.plus_seconds(glass.seconds()) < until {
        wrong(format!("of {} for longer than was agreed to, or than an hour", glass.session));
    }
    life.of_people().glass = Some(Broken { session: glass.session, until });
    verdicts.judge(|sound, findings| {
        let stood = life.standing(&placed.entry, signatures, sound);
        let owner = owner_of(signatures, &glass.agent);
        let people = stood.people.iter().filter(|person| Some(*person) != owner.as_ref()).count();
        if people < BreakGlass::PEOPLE as usize {
            let why = format!(
                "of {}, which takes {} people besides whoever asked and whoever owns the agent; before it the log has \
                 approvals of {people}",
                glass.session,
                BreakGlass::PEOPLE
            );
            findings.add(Code::GlassUnapproved, Some(index), message(why));
        }
    });
}

/// Why a permit may not go through this glass. `named`: as the permit names it.
pub(crate) fn through(named: &str, broken: Option<Broken>, permit: &Entry) -> Option<String> {
    let Some(Broken { session, until }) = broken else {
        return Some(format!(
            "through the glass of {}, which nothing has broken",
            model::sanitize(named, 60)
        ));
    };
    if permit.actors.session != Some(session) {
        return Some(format!("through the glass of {session}, which is another session"));
    }
    (permit.at >= until).then(|| format!("through the glass of {session}, which was broken until {until}"))
}

fn glass_of(placed: &Placed) -> Option<BreakGlass> {
    let waives = placed.detail("waives")?.split(' ').filter(|rule| !rule.is_empty());
    Some(BreakGlass {
        session: placed.detail("session")?.parse().ok()?,
        agent: placed.detail("for_agent")?.parse::<AgentId>().ok()?,
        grant: match placed.detail("grant")? {
            "" => None,
            grant => Some(grant.parse().ok()?),
        },
        waives: waives.map(str::parse).collect::<Result<_, _>>().ok()?,
        minutes: placed.detail("minutes")?.parse().ok()?,
        ground: placed.detail("ground")?.parse().ok()?,
    })
}

fn time_of(placed: &Placed, key: &str) -> Option<Timestamp> {
    placed.detail(key)?.parse().ok()
}

fn owner_of(signatures: &Signatures, agent: &AgentId) -> Option<model::PersonId> {
    signatures.roster()?.agents.get(agent)?.owner.clone()
}
