//! One case after the other: the state before, the action, the undo that the tables capture, and the state after.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail, ensure};
use classify_aws::{
    call::{Call, build},
    classify::{Target, classify},
    gather::{Gathered, Progress, ReadAnswer, start},
    table::Table,
};
use model::{Account, CapturedUndo, Partition, Timestamp};
use testkit::{Moto, Venv};

use crate::{
    cases::{self, Case, Lack, Look, REGION},
    mock::{Mock, good, leaves, state, text},
    table::{Way, promised},
};

/// The mock's account.
const ACCOUNT: &str = "123456789012";

#[test]
fn every_inverse_puts_back_what_was_there() -> Result<()> {
    let moto = Moto::start(&Venv::of_checkout()?)?;
    let mock = Mock(&moto);
    let cases::File { case: cases, lack: lacks, .. } = cases::all();
    let mut problems = Vec::new();
    let mut seen: BTreeMap<String, BTreeSet<Way>> = BTreeMap::new();
    for case in &cases {
        let name = cases::named(&case.action);
        moto.reset()?;
        match proved(&mock, case) {
            Ok(way) => seen.entry(name.to_owned()).or_default().extend(way),
            Err(error) => problems.push(format!("{name}: {error:#}")),
        }
    }
    let mut lacking: BTreeSet<(&str, Option<&str>)> = BTreeSet::new();
    for lack in &lacks {
        moto.reset()?;
        if let Err(error) = lacks_it(&mock, lack) {
            problems.push(format!("{}, which the mock is said to lack: {error:#}", lack.entry));
        }
        lacking.insert((&lack.entry, lack.undo.as_deref()));
    }
    let promised = promised();
    for (entry, ways) in &promised {
        let proved = seen.get(entry).cloned().unwrap_or_default();
        let lacks =
            |undo: &str| [None, Some(undo)].iter().any(|way| lacking.contains(&(entry.as_str(), *way)));
        for (undo, removes) in ways.difference(&proved).filter(|(undo, _)| !lacks(undo)) {
            let purpose = if *removes { "removing what was made" } else { "putting back" };
            problems.push(format!("{entry}: no case proves its undo by {undo}, {purpose}"));
        }
    }
    for stray in seen.keys().filter(|name| !promised.contains_key(*name)) {
        problems.push(format!("{stray} has a case and no entry"));
    }
    ensure!(problems.is_empty(), "{} of {}:\n{}", problems.len(), cases.len(), problems.join("\n"));
    Ok(())
}

#[test]
fn what_would_be_lost_is_read_and_shown() -> Result<()> {
    let moto = Moto::start(&Venv::of_checkout()?)?;
    let mock = Mock(&moto);
    let mut problems = Vec::new();
    for look in cases::all().look {
        moto.reset()?;
        if let Err(error) = shown(&mock, &look) {
            problems.push(format!("{}: {error:#}", cases::named(&look.call)));
        }
    }
    ensure!(problems.is_empty(), "{}", problems.join("\n"));
    Ok(())
}

fn shown(mock: &Mock<'_>, look: &Look) -> Result<()> {
    let kept = set_up(mock, &look.setup)?;
    let (found, _) = gathered(mock, &cases::call(&look.call, &kept))?;
    let observed = found.observation.with_context(|| format!("nothing is observed: {:?}", found.unknowns))?;
    let facts: Vec<_> = observed.facts.iter().map(|(name, value)| format!("{name} {value}")).collect();
    ensure!(observed.unknowns.is_empty(), "{:?}", observed.unknowns);
    ensure!(!facts.is_empty() && !facts.iter().any(|fact| fact.ends_with(" absent")), "{facts:?}");
    Ok(())
}

/// The undo that was captured and did put back what was there.
fn proved(mock: &Mock<'_>, case: &Case) -> Result<Option<Way>> {
    let kept = set_up(mock, &case.setup)?;
    let action = cases::call(&case.action, &kept);
    let (found, mut looks) = gathered(mock, &action)?;
    if case.look_only {
        looks.clear();
    }
    for look in &case.look {
        let call = cases::call(look, &kept);
        let answer = mock.call(&call)?;
        looks.push((call, answer));
    }
    let Some(undo) = found.undo else {
        ensure!(case.none, "{:?}", found.unknowns);
        return Ok(None);
    };
    ensure!(!case.none, "an undo was captured: {}", undo.summary);
    let look = || -> Result<Vec<Vec<String>>> {
        looks.iter().map(|(call, _)| Ok(state(&mock.call(call)?, &case.except))).collect()
    };
    let before: Vec<_> = looks.iter().map(|(_, answer)| state(answer, &case.except)).collect();
    let done = mock.call(&action)?;
    ensure!(good(&done), "doing it: {} {}", done.status, text(&done));
    ensure!(look()? != before, "it changes nothing that is read");
    let undone = mock.send(&undo.service, &undo.request)?;
    ensure!(good(&undone), "{}: {} {}", undo.summary, undone.status, text(&undone));
    let after = look()?;
    for (((call, _), before), after) in looks.iter().zip(&before).zip(&after) {
        let gone: Vec<_> = before.iter().filter(|line| !after.contains(line)).collect();
        let new: Vec<_> = after.iter().filter(|line| !before.contains(line)).collect();
        let left = case.leaves.as_ref().is_some_and(|piece| new.iter().any(|line| line.contains(piece)));
        ensure!(
            before == after || left,
            "{}: {} is not as it was\n  before: {gone:?}\n  after:  {new:?}",
            undo.summary,
            call.operation
        );
    }
    Ok(Some((operation_of(&undo)?, undo.removes_created)))
}

fn set_up(mock: &Mock<'_>, calls: &[toml::Table]) -> Result<BTreeMap<String, String>> {
    let mut kept = BTreeMap::from([("account".to_owned(), ACCOUNT.to_owned())]);
    for written in calls {
        let call = cases::call(written, &kept);
        let answer = mock.call(&call)?;
        let name = cases::named(written);
        ensure!(good(&answer), "setting up {name}: {} {}", answer.status, text(&answer));
        for (save, leaf) in cases::saves(written) {
            let plain = leaf.trim_end_matches('/');
            let is_it = |path: &str| path == plain || path.ends_with(&format!(".{plain}"));
            let found = leaves(&answer).into_iter().find(|(path, _)| is_it(path));
            let (_, value) = found.with_context(|| format!("{name} answers no {leaf}: {}", text(&answer)))?;
            let last = value.rsplit('/').next().filter(|_| leaf != plain);
            kept.insert(save, last.unwrap_or(&value).to_owned());
        }
    }
    Ok(kept)
}

/// What the tables find out of the mock, and the reads that they made for it.
fn gathered(mock: &Mock<'_>, action: &Call) -> Result<(Gathered, Vec<(Call, ReadAnswer)>)> {
    let request = build(action)?;
    let signing = Table::shared().service(&action.service).map_or("", |service| service.signing);
    let target = Target::new(Partition("aws".into()), Account(ACCOUNT.into()));
    let classified = classify(request, signing, REGION, &target, &Default::default())
        .map_err(|error| anyhow::anyhow!("{error}"))?;
    let parts = classified.action.parts();
    let named = format!("{}:{}", action.service, action.operation);
    ensure!(parts.operation.to_string() == named, "it is taken for {}", parts.operation);
    let mut gathering =
        start(parts, classified.action.marks(), &classified.params, Timestamp::from_millis(0))
            .context("no table has an entry for it")?;
    let mut looks = Vec::new();
    let mut answers = Vec::new();
    loop {
        match gathering.step(std::mem::take(&mut answers)) {
            Progress::Read(calls) => {
                answers = calls.iter().map(|call| mock.call(call)).collect::<Result<Vec<_>>>()?;
                looks.extend(calls.into_iter().zip(answers.clone()));
            }
            Progress::Done(found) => return Ok((*found, looks)),
        }
    }
}

fn operation_of(undo: &CapturedUndo) -> Result<String> {
    let target = Target::new(Partition("aws".into()), Account(ACCOUNT.into()));
    match classify(undo.request.clone(), &undo.service, REGION, &target, &Default::default()) {
        Ok(classified) => Ok(classified.action.parts().operation.name.clone()),
        Err(error) => bail!("the undo is not understood: {error}"),
    }
}

fn lacks_it(mock: &Mock<'_>, lack: &Lack) -> Result<()> {
    let kept = set_up(mock, &lack.setup)?;
    let answer = mock.call(&cases::call(&lack.call, &kept))?;
    let said = String::from_utf8_lossy(&answer.body);
    ensure!(
        answer.status == lack.status && said.contains(&lack.says),
        "it answers {} {}",
        answer.status,
        text(&answer)
    );
    Ok(())
}
