//! People are told: of what waits for them, of what became of it, and of what is not as it should be; signed, once, and whatever
//! becomes of the receiver or the server meanwhile.

use std::{fs, path::Path, time::Duration};

use anyhow::{Context as _, Result, ensure};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::{Hmac, Mac as _};
use serde_json::Value;
use sha2::Sha256;
use testkit::{Received, Receiver, Serve, until};

use crate::{
    glass::by_night,
    lab::{Lab, OWNER, People, held},
    tamper::{BENS_AS_CARLAS, database, refuses_to_start},
};

const SECRET: [u8; 32] = [7; 32];

/// With these receivers; `{secret}` is the file of [`SECRET`].
fn lab(notify: &str, prepare: impl FnOnce(&Path) -> Result<()>) -> Result<Lab> {
    let people = People::enter()?;
    let flags = people.flags()?;
    Lab::over(people, &flags, |config| {
        let folder = config.parent().context("a file without a folder")?;
        let secret = folder.join("keys/hook.secret");
        fs::write(&secret, format!("whsec_{}\n", BASE64_STANDARD.encode(SECRET)))?;
        fs::set_permissions(&secret, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        let text = fs::read_to_string(config)?;
        fs::write(config, format!("{text}\n{}", notify.replace("{secret}", "keys/hook.secret")))?;
        prepare(folder)?;
        Serve::start_with(config, &OWNER)
    })
}

fn webhook(name: &str, receiver: &Receiver, more: &str) -> String {
    let url = receiver.url();
    format!(
        "[[notify]]\nname = \"{name}\"\nform = \"webhook\"\nsecret = \"{{secret}}\"\nurl = \"{url}/hook\"\n{more}\n"
    )
}

/// As a receiver would, by Standard Webhooks.
fn verify(received: &Received) -> Result<()> {
    let mut mac = Hmac::<Sha256>::new_from_slice(&SECRET)?;
    let (id, at) = (received.header("webhook-id")?, received.header("webhook-timestamp")?);
    mac.update(format!("{id}.{at}.").as_bytes());
    mac.update(&received.body);
    let expected = format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()));
    ensure!(received.header("webhook-signature")? == expected, "{received:?}");
    let age = i64::try_from(testkit::now())? - at.parse::<i64>()?;
    ensure!((-60..300).contains(&age), "signed {age} s ago");
    Ok(())
}

/// Where people's browsers have it.
fn console(lab: &Lab) -> String {
    lab.serve.people.replace("127.0.0.1", "localhost")
}

/// A held change that nothing joins any more, since somebody has opened it.
fn hold(lab: &Lab, stack: &str) -> Result<String> {
    let id = lab.hold(stack)?;
    lab.signs(&lab.people.ben, &["change", "show", &id])?.expect(0)?;
    Ok(id)
}

fn of(kind: &'static str, change: &str) -> impl Fn(&Received) -> bool {
    let change = change.to_owned();
    move |it| {
        it.json().is_ok_and(|body| {
            body["type"] == kind && (change.is_empty() || body["change"]["id"] == change.as_str())
        })
    }
}

#[test]
fn whoever_could_approve_is_told_what_waits_where_and_how_long_and_what_became_of_it() -> Result<()> {
    let (hook, chat) = (Receiver::start()?, Receiver::start()?);
    let slack = format!(
        "[[notify]]\nname = \"chat\"\nform = \"slack\"\nurl = \"{}/services/T0/B0/hush\"\n",
        chat.url()
    );
    let lab = lab(&format!("{}{slack}", webhook("hook", &hook, "")), |_| Ok(()))?;
    let id = hold(&lab, "cost-explorer")?;

    let told = hook.until("the held change", of("change_held", &id))?;
    verify(&told)?;
    ensure!(told.method == "POST" && told.target == "/hook", "{told:?}");
    let body = told.json()?;
    ensure!(body["schema"] == "countersign.notification/v1", "{body}");
    ensure!(body["sentence"].as_str().is_some_and(|it| it.contains("cost-explorer")), "{body}");
    ensure!(body["link"] == format!("{}/changes/{id}", console(&lab)).as_str(), "{body}");
    ensure!(body["change"]["could_approve"] == serde_json::json!(["ben", "carla"]), "{body}");
    ensure!(body["change"]["environment"] == "production" && body["change"]["production"] == true);
    ensure!(body["change"]["seconds_left"].as_i64().is_some_and(|left| left > 86_000), "{body}");
    ensure!(!String::from_utf8_lossy(&told.body).contains("look around"), "its agent's task is in it");

    // In the chat it is a name, whatever it is called.
    let vetoed = held(&lab.delete_stack("prod-<!channel>`*x*")?)?;
    let told = chat.until("it in the chat", |it| String::from_utf8_lossy(&it.body).contains("channel"))?;
    let text = told.json()?["text"].as_str().context("no text")?.to_owned();
    ensure!(text.contains("prod-&lt;!channel&gt;'*x*") && !text.contains("<!"), "{text}");
    ensure!(text.contains(&format!("<{}/changes/chg-", console(&lab))), "{text}");

    for key in [&lab.people.ben, &lab.people.carla] {
        lab.approve(&id, key)?.expect(0)?;
    }
    verify(&hook.until("its approval", of("change_approved", &id))?)?;
    ensure!(lab.delete_stack("cost-explorer")?.status == 200);
    let done = hook.until("its outcome", of("change_executed", &id))?.json()?;
    ensure!(done["change"]["approved_by"] == serde_json::json!(["ben", "carla"]), "{done}");
    lab.signs(&lab.people.ben, &["change", "reject", &vetoed, "--reason", "no"])?.expect(0)?;
    let rejected = hook.until("its veto", of("change_rejected", &vetoed))?.json()?;
    ensure!(rejected["person"] == "ben", "{rejected}");
    let logged = lab.serve.log()?;
    ensure!(!logged.contains("hush") && !logged.contains("whsec_"), "a secret is in the log: {logged}");
    Ok(())
}

/// Each id, how often it was taken.
fn taken(receiver: &Receiver, id: &str) -> usize {
    let named = |it: &Received| it.header("webhook-id").is_ok_and(|found| found == id);
    receiver.received().iter().filter(|it| it.status == 200 && named(it)).count()
}

#[test]
fn a_receiver_that_was_away_and_a_server_that_was_killed_lose_nothing_and_tell_it_once() -> Result<()> {
    let (hook, other) = (Receiver::start()?, Receiver::start()?);
    let both = [webhook("hook", &hook, ""), webhook("other", &other, "events = [\"change_held\"]")].concat();
    let mut lab = lab(&both, |_| Ok(()))?;
    let first = hold(&lab, "first")?;
    let told = hook.until("the first", of("change_held", &first))?;
    let first_id = told.header("webhook-id")?.to_owned();

    hook.answer(503);
    let second = hold(&lab, "second")?;
    let refused = hook.until("the second", of("change_held", &second))?;
    let second_id = refused.header("webhook-id")?.to_owned();
    let tries = |at_least| {
        until("another try", Duration::from_secs(30), || {
            let all = hook
                .received()
                .into_iter()
                .filter(|it| it.header("webhook-id").is_ok_and(|it| it == second_id));
            Ok((all.count() >= at_least).then_some(()))
        })
    };
    tries(2)?;
    // It holds nobody else up.
    other.until("the second elsewhere", of("change_held", &second))?;

    // Killed between sending and being taken, and something happens before anybody is told again.
    lab.restart()?;
    let third = hold(&lab, "third")?;
    tries(4)?;
    hook.answer(200);
    let third_told = hook.until("the third", |it| it.status == 200 && of("change_held", &third)(it))?;
    ensure!(taken(&hook, &second_id) == 1, "{:?}", hook.bodies());
    // Killed before that is on disk, the server would rightly tell it again.
    until("the third to be known as taken", Duration::from_secs(30), || {
        let known = fs::read_to_string(lab.installation.folder().join("data/notify/hook.json"))?;
        let known: Value = serde_json::from_str(&known)?;
        Ok(known["trying"].is_null().then_some(()))
    })?;
    lab.restart()?;
    let fourth = hold(&lab, "fourth")?;
    hook.until("the fourth", of("change_held", &fourth))?;
    for id in [first_id.as_str(), &second_id, third_told.header("webhook-id")?] {
        ensure!(taken(&hook, id) == 1, "{id} was taken {} times", taken(&hook, id));
    }
    hook.received().iter().try_for_each(verify)?;
    let of_second: Vec<_> = hook.received().into_iter().filter(|it| of("change_held", &second)(it)).collect();
    ensure!(
        of_second.iter().all(|it| it.header("webhook-id").is_ok_and(|it| it == second_id)),
        "{of_second:?}"
    );
    lab.verify()?.expect(0).map(drop)
}

#[test]
fn what_nobody_decides_is_brought_to_mind_and_then_to_others() -> Result<()> {
    let (hook, chief) = (Receiver::start()?, Receiver::start()?);
    let both = [webhook("hook", &hook, ""), webhook("chief", &chief, "escalate = true")].concat();
    let lab = lab(&both, |folder| {
        // Its example says that something may wait for its end, and that is longer than a minute away.
        for file in ["examples.toml", "cedar"] {
            fs::remove_file(folder.join(format!("bundle/constitution/nothing-in-a-freeze.{file}")))?;
        }
        let file = folder.join("bundle/bundle.toml");
        let text = fs::read_to_string(&file)?;
        let (head, rest) = text.split_once("hold_expiry_s = ").context("no expiry in the bundle")?;
        let (_, tail) = rest.split_once('\n').context("no line after it")?;
        Ok(fs::write(&file, format!("{head}hold_expiry_s = 60\n{tail}"))?)
    })?;
    let id = lab.hold("slept-on")?;
    let half = hook.until("the reminder", of("change_reminder", &id))?.json()?;
    ensure!(half["change"]["seconds_left"].as_i64().is_some_and(|left| (20..=30).contains(&left)), "{half}");
    let last = chief.until("the escalation", of("change_escalated", &id))?.json()?;
    ensure!(last["change"]["seconds_left"].as_i64().is_some_and(|left| left <= 6), "{last}");
    hook.until("the escalation", of("change_escalated", &id))?;
    ensure!(chief.received().len() == 1, "the chief hears of nothing else: {:?}", chief.bodies());
    for kind in ["change_reminder", "change_escalated"] {
        let count = hook.received().iter().filter(|it| of(kind, &id)(it)).count();
        ensure!(count == 1, "{kind} was told {count} times");
    }
    Ok(())
}

#[test]
fn alarms_and_stopped_sessions_are_told_and_doctor_says_who_answers() -> Result<()> {
    let hook = Receiver::start()?;
    let lab = lab(&webhook("hook", &hook, ""), |_| Ok(()))?;
    let key = lab.people.olga.private.to_str().context("path")?;
    lab.installation.run(["session", "stop", &lab.session.id, "--key", key])?.expect(0)?;
    let stopped = hook.until("the stopped session", of("session_stopped", ""))?.json()?;
    ensure!(
        stopped["person"] == "olga"
            && stopped["sentence"].as_str().is_some_and(|it| it.contains(&lab.session.id))
    );

    let edited = lab.installation.folder().join("bundle/overrides.toml");
    fs::write(&edited, format!("{}# edited\n", fs::read_to_string(&edited)?))?;
    let alarm = hook.until("the edited bundle", of("alarm", ""))?.json()?;
    ensure!(
        alarm["sentence"].as_str().is_some_and(|it| it.contains("are not the bundle in force")),
        "{alarm}"
    );

    let tested = lab.installation.run(["notify", "test"])?.expect(0)?.json()?;
    ensure!(tested["ok"] == true && tested["receivers"][0]["name"] == "hook", "{tested}");
    verify(&hook.until("the test", of("test", ""))?)?;
    let looked = lab.installation.run(["doctor"])?;
    ensure!(looked.stdout.contains("the receiver hook answers"), "{looked}");
    hook.answer(500);
    let tested = lab.installation.run(["notify", "test"])?.expect(1)?.json()?;
    ensure!(tested["receivers"][0]["why"] == "it answers 500", "{tested}");

    // What is no receiver is said before anything is served.
    let config = lab.installation.config();
    let text = fs::read_to_string(config)?;
    for (from, to, says) in [
        (hook.url(), "http://hooks.example".to_owned(), "is not https"),
        ("form = \"webhook\"".to_owned(), "form = \"slack\"".to_owned(), "knows no secret"),
        ("secret = \"keys/hook.secret\"\n".to_owned(), String::new(), "takes `secret"),
    ] {
        fs::write(config, text.replace(&from, &to))?;
        let refused = lab.installation.run(["notify", "test"])?.expect(2)?;
        ensure!(refused.stderr.contains(says) && refused.stderr.contains("hook"), "{refused}");
    }
    Ok(())
}

/// What a receiver was told of this kind, once as many have come.
fn told(hook: &Receiver, kind: &'static str, count: usize) -> Result<Vec<serde_json::Value>> {
    let found = until(&format!("{count} of {kind}"), Duration::from_secs(60), || {
        let all = hook.received().into_iter().filter(of(kind, ""));
        let all = all.map(|it| it.json()).collect::<Result<Vec<_>>>()?;
        Ok(Some(all).filter(|it| it.len() >= count))
    });
    found.with_context(|| format!("received: {:#?}", hook.bodies()))
}

fn says(message: &serde_json::Value, words: &str) -> Result<()> {
    let said = message["sentence"].as_str().unwrap_or_default();
    ensure!(said.contains(words), "nothing of `{words}`: {message:#}");
    Ok(())
}

#[test]
fn another_bundle_and_a_broken_glass_reach_people() -> Result<()> {
    let (hook, chat) = (Receiver::start()?, Receiver::start()?);
    let slack = format!(
        "[[notify]]\nname = \"chat\"\nform = \"slack\"\nurl = \"{}/services/T0/B0/C0\"\n",
        chat.url()
    );
    let lab = lab(&format!("{}{slack}", webhook("hook", &hook, "")), |_| Ok(()))?;
    by_night(&lab)?;
    let adopted = told(&hook, "bundle_adopted", 1)?;
    says(&adopted[0], &crate::adopt::in_force(&lab)?)?;

    let session = lab.session.id.as_str();
    let night = ["session", "break-glass", session, "--ground", "the shop is down", "--grant", "night"];
    let asked = lab.signs(&lab.people.olga, &night)?.expect(10)?.json()?;
    let id = asked["id"].as_str().context("no id")?.to_owned();
    says(&told(&hook, "break_glass", 1)?[0], "asks for the glass")?;
    lab.approve(&id, &lab.people.ben)?.expect(0)?;
    lab.approve(&id, &lab.people.carla)?.expect(0)?;
    lab.signs(&lab.people.olga, &night)?.expect(0)?;
    let loud = told(&hook, "break_glass", 2)?;
    says(&loud[1], "is broken until")?;
    ensure!(loud.iter().all(|it| it["link"].as_str().is_some_and(|it| it.starts_with(&console(&lab)))));
    for words in ["asks for the glass", "is broken until"] {
        chat.until(words, |it| String::from_utf8_lossy(&it.body).contains(words))?;
    }
    hook.received().iter().try_for_each(verify)?;
    lab.verify()?.expect(0).map(drop)
}

/// While it is served, and when the start is refused for it: no log can take that.
#[test]
fn a_row_made_by_hand_and_a_disk_that_contradicts_the_log_reach_people() -> Result<()> {
    let hook = Receiver::start()?;
    let mut lab = lab(&webhook("hook", &hook, ""), |_| Ok(()))?;
    let id = hold(&lab, "forged")?;
    lab.approve(&id, &lab.people.ben)?.expect(0)?;
    hook.until("the held change", of("change_held", &id))?;
    ensure!(hook.received().iter().all(|it| !of("alarm", "")(it)), "{:?}", hook.bodies());
    database(&lab, BENS_AS_CARLAS)?;
    ensure!(lab.delete_stack("forged")?.status != 200);
    says(&told(&hook, "alarm", 1)?[0], "is not one that anybody who may approve has signed")?;

    ensure!(lab.serve.stop()? == 0);
    ensure!(hook.received().iter().all(|it| !of("verification_failed", "")(it)), "{:?}", hook.bodies());
    refuses_to_start(&lab)?.expect(20)?;
    let last = told(&hook, "verification_failed", 1)?;
    says(&last[0], "contradict")?;
    hook.received().iter().try_for_each(verify)
}

/// The day is over by the time from which on the server's own file says that it tries.
#[test]
fn a_receiver_that_is_down_for_a_day_is_given_up_and_that_is_said() -> Result<()> {
    let (hook, other) = (Receiver::start()?, Receiver::start()?);
    let both = [webhook("hook", &hook, ""), webhook("other", &other, "events = [\"alarm\"]")].concat();
    let mut lab = lab(&both, |_| Ok(()))?;
    hook.answer(503);
    let lost = hold(&lab, "lost")?;
    let refused = hook.until("the held change", of("change_held", &lost))?;
    let lost_id = refused.header("webhook-id")?.to_owned();
    let doctor = lab.installation.run(["doctor"])?;
    ensure!(doctor.stdout.contains("the receiver hook has not taken a message"), "{doctor}");

    // Not yet: some minutes are missing.
    ensure!(lab.serve.stop()? == 0);
    let file = fs::canonicalize(lab.installation.folder().join("data/notify/hook.json"))?;
    let earlier = |by: &str| -> Result<()> {
        let mut place: serde_json::Value = serde_json::from_slice(&fs::read(&file)?)?;
        ensure!(place["trying"]["id"] == lost_id.as_str(), "{place:#}");
        let since = place["trying"]["since"].as_str().context("no time")?.to_owned();
        // The same hour further east is an earlier one.
        place["trying"]["since"] = since.replace('Z', by).into();
        Ok(fs::write(&file, serde_json::to_vec(&place)?)?)
    };
    earlier("+23:50")?;
    lab.restart()?;
    let again = hook.received().len();
    until("another try", Duration::from_secs(30), || Ok((hook.received().len() > again).then_some(())))?;
    ensure!(lab.entries("alarm")?.is_empty(), "{}", lab.serve.log()?);
    ensure!(lab.serve.stop()? == 0);

    earlier("+00:10")?;
    lab.restart()?;
    let alarm = told(&other, "alarm", 1)?;
    says(
        &alarm[0],
        &format!("the receiver hook took nothing for a day (it answers 503): it is not told of {lost_id}"),
    )?;
    let on_record = lab.entries_of("alarm", 1)?;
    ensure!(on_record[0]["detail"]["alarm"] == alarm[0]["sentence"], "{on_record:#?}");
    ensure!(lab.serve.log()?.contains("the receiver hook took nothing for a day"));

    // It comes back, and hears what came after; what was given up is not sent again.
    hook.answer(200);
    says(&told(&hook, "alarm", 1)?[0], "the receiver hook took nothing for a day")?;
    let next = hold(&lab, "next")?;
    hook.until("the next", of("change_held", &next))?;
    ensure!(taken(&hook, &lost_id) == 0, "{:?}", hook.bodies());
    lab.verify()?.expect(0).map(drop)
}
