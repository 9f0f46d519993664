//! What no signature, no login and no page gets past. Each first shows the same way going well with one condition changed.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    sync::Barrier,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testkit::{Authenticator, Ceremony, Cli, Response, certificate, until};

use super::by_hand::{Desk, OF_REQUESTS, OF_STATEMENTS, told};
use crate::adopt::{copied, text};

/// Ben approves; carla's way in is refused; carla approves. The agent is served, and no longer held.
fn between(
    desk: &Desk,
    [bens, carlas]: [&str; 2],
    name: &str,
    refused: impl FnOnce(&str) -> Result<()>,
) -> Result<()> {
    let id = desk.lab.hold(name)?;
    told(&desk.approves(&desk.ben, bens, &id)?, 200, "recorded")?;
    refused(&id)?;
    ensure!(desk.lab.state(&id)? == "held" && desk.approvals(&id)? == 1, "it was counted");
    told(&desk.approves(&desk.carla, carlas, &id)?, 200, "approved")?;
    ensure!(desk.lab.delete_stack(name)?.status == 200);
    Ok(())
}

#[test]
fn an_assertion_that_no_page_of_ours_made_is_refused() -> Result<()> {
    let desk = Desk::open()?;
    let cookies = [desk.sign_in(&desk.ben)?, desk.sign_in(&desk.carla)?];
    let [bens, carlas] = [cookies[0].as_str(), cookies[1].as_str()];
    let said = |it: &mut Ceremony, from: &str, to: &str| it.client_data = it.client_data.replace(from, to);
    type Alter<'a> = &'a dyn Fn(&mut Ceremony);
    let cases: [(&str, Alter<'_>, &str); 11] = [
        ("another site's page", &|it| said(it, "://localhost", "://evil.example"), "was made on a page of"),
        (
            "a page of a host below",
            &|it| said(it, "://localhost", "://old.localhost"),
            "was made on a page of",
        ),
        (
            "a page of no host",
            &|it| said(it, "http://localhost", "file://localhost"),
            "was made on a page of",
        ),
        (
            "an authenticator's other site",
            &|it| it.rp_id = "evil.example".to_owned(),
            "signed for another site",
        ),
        ("nobody verified", &|it| it.flags = 0x01, "did not verify who was present"),
        ("nobody there", &|it| it.flags = 0x04, "does not say that anybody was present"),
        ("inside another page", &|it| said(it, "false}", "true}"), "inside another site's page"),
        ("a credential being made", &|it| said(it, "webauthn.get", "webauthn.create"), "it is no assertion"),
        ("a payment", &|it| said(it, "webauthn.get", "payment.get"), "it is no assertion"),
        ("extensions", &|it| it.flags = 0x85, "extensions"),
        ("something behind", &|it| it.more = vec![0], "belong to nothing"),
    ];
    for (nth, (what, alter, why)) in cases.into_iter().enumerate() {
        let refused = |id: &str| {
            let statement = desk.statement(carlas, id)?;
            let mut ceremony = desk.ceremony(&desk.carla, OF_STATEMENTS, &statement);
            alter(&mut ceremony);
            let signature = desk.carla.key.sign(&ceremony).text();
            told(&desk.hands_in(carlas, id, (&statement, &signature))?, 400, why)
        };
        between(&desk, [bens, carlas], &format!("page{nth}"), refused).with_context(|| what.to_owned())?;
    }
    // Passkeys know of no ports: another one is the same site (`RpId::is_home_of`).
    let id = desk.lab.hold("port")?;
    let statement = desk.statement(carlas, &id)?;
    let mut ceremony = desk.ceremony(&desk.carla, OF_STATEMENTS, &statement);
    said(&mut ceremony, &desk.host, "localhost:1");
    let signature = desk.carla.key.sign(&ceremony).text();
    told(&desk.hands_in(carlas, &id, (&statement, &signature))?, 200, "recorded")?;
    desk.lab.verify()?.expect(0).map(drop)
}

#[test]
fn an_assertion_counts_for_its_person_its_text_and_its_change() -> Result<()> {
    let desk = Desk::open()?;
    let cookies = [desk.sign_in(&desk.ben)?, desk.sign_in(&desk.carla)?];
    let [bens, carlas] = [cookies[0].as_str(), cookies[1].as_str()];
    let other = desk.lab.hold("other")?;
    let others = desk.statement(carlas, &other)?;
    let touch = |text: &str| desk.touched(&desk.carla, OF_STATEMENTS, text);
    let stranger = Authenticator::p256(9, "localhost");
    type Make<'a> = &'a dyn Fn(String) -> (String, String);
    let cases: [(&str, Make<'_>, u16, &str); 8] = [
        ("another change's assertion", &|it| (it, touch(&others)), 400, "over another text"),
        ("another change's statement", &|_| (others.clone(), touch(&others)), 409, "another change"),
        (
            "another person's",
            &|it| {
                let signature = desk.touched(&desk.ben, OF_STATEMENTS, &it);
                (it, signature)
            },
            401,
            "everyone signs their own",
        ),
        (
            "nobody's",
            &|it| {
                let ceremony = desk.ceremony(&desk.carla, OF_STATEMENTS, &it);
                (it, stranger.sign(&ceremony).text())
            },
            401,
            "not enrolled",
        ),
        (
            "another key's under the name of hers",
            &|it| {
                let ceremony = desk.ceremony(&desk.carla, OF_STATEMENTS, &it);
                (it, stranger.clone().called(&desk.carla.key.credential_id).sign(&ceremony).text())
            },
            400,
            "does not match",
        ),
        (
            "a request's",
            &|it| {
                let signature = desk.touched(&desk.carla, OF_REQUESTS, &it);
                (it, signature)
            },
            400,
            "over another text",
        ),
        (
            "words that she altered",
            &|it| {
                let altered = it.replace("look around", "look away");
                let signature = touch(&altered);
                (altered, signature)
            },
            409,
            "differs in",
        ),
        ("nothing", &|it| (it, String::new()), 400, ""),
    ];
    for (nth, (what, make, status, why)) in cases.into_iter().enumerate() {
        let refused = |id: &str| {
            let (statement, signature) = make(desk.statement(carlas, id)?);
            told(&desk.hands_in(carlas, id, (&statement, &signature))?, status, why)
        };
        between(&desk, [bens, carlas], &format!("text{nth}"), refused).with_context(|| what.to_owned())?;
    }
    ensure!(desk.lab.state(&other)? == "held" && desk.approvals(&other)? == 0);
    desk.lab.verify()?.expect(0).map(drop)
}

#[test]
fn an_assertion_handed_in_again_counts_once() -> Result<()> {
    let desk = Desk::open()?;
    let (bens, carlas) = (desk.sign_in(&desk.ben)?, desk.sign_in(&desk.carla)?);
    let id = desk.lab.hold("again")?;
    let statement = desk.statement(&bens, &id)?;
    let signature = desk.touched(&desk.ben, OF_STATEMENTS, &statement);
    let hand_in = || desk.hands_in(&bens, &id, (&statement, &signature));
    told(&hand_in()?, 200, "recorded")?;
    told(&hand_in()?, 200, "counts once")?;
    // Nor does it for whoever else hands it in.
    told(&desk.hands_in(&carlas, &id, (&statement, &signature))?, 200, "counts once")?;
    ensure!(desk.lab.state(&id)? == "held" && desk.approvals(&id)? == 1);
    told(&desk.approves(&desk.carla, &carlas, &id)?, 200, "approved")?;
    ensure!(desk.lab.delete_stack("again")?.status == 200);

    // The change is decided: neither the old one nor a new one is taken.
    told(&hand_in()?, 409, "nothing can be signed on it any more")?;
    let statement = desk.statement(&bens, &id)?;
    let signature = desk.touched(&desk.ben, OF_STATEMENTS, &statement);
    told(&desk.hands_in(&bens, &id, (&statement, &signature))?, 409, "nothing can be signed on it any more")?;
    // Nor is it worth anything on another change.
    let next = desk.lab.hold("next")?;
    told(&desk.hands_in(&bens, &next, (&statement, &signature))?, 409, "another change")?;
    ensure!(desk.approvals(&next)? == 0);
    desk.lab.entries_of("approval_given", 2)?;
    ensure!(desk.lab.entries("alarm")?.is_empty(), "sent twice is no copy of a key");
    desk.lab.verify()?.expect(0).map(drop)
}

#[test]
fn what_moved_since_it_was_read_is_read_anew() -> Result<()> {
    let desk = Desk::open()?;
    let bens = desk.sign_in(&desk.ben)?;
    let id = desk.lab.hold("moving")?;
    let statement = desk.statement(&bens, &id)?;
    let signature = desk.touched(&desk.ben, OF_STATEMENTS, &statement);
    let fields = [
        ("Action", "UpdateStack"),
        ("Version", "2010-05-15"),
        ("StackName", "moving"),
        ("TemplateBody", r#"{"Resources":{"Q":{"Type":"AWS::SQS::Queue"},"R":{"Type":"AWS::SQS::Queue"}}}"#),
    ];
    let owner = testkit::Signer::owner();
    let moto = desk.lab.moto.authority();
    ensure!(owner.form("cloudformation", moto, &fields).send(moto)?.status == 200);
    crate::lab::held(&desk.lab.delete_stack("moving")?)?;
    told(&desk.hands_in(&bens, &id, (&statement, &signature))?, 409, "it differs in: actions, observed")?;
    ensure!(desk.approvals(&id)? == 0);
    told(&desk.approves(&desk.ben, &bens, &id)?, 200, "recorded")?;
    desk.lab.verify()?.expect(0).map(drop)
}

#[test]
fn nobody_approves_their_own_agent_by_any_door() -> Result<()> {
    let desk = Desk::open()?;
    let id = desk.lab.hold("own")?;
    let (olgas, bens) = (desk.sign_in(&desk.olga)?, desk.sign_in(&desk.ben)?);
    let target = format!("/v1/changes/{id}/signatures");
    let by_api = |hand, cookie: &str| -> Result<Response> {
        let statement = desk.statement(cookie, &id)?;
        let signature = desk.touched(hand, OF_STATEMENTS, &statement);
        let body = json!({ "statement": statement, "signature": signature }).to_string();
        let headers = desk.signed_request(hand, ("POST", &target, &body))?;
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        desk.send("POST", &target, &headers, &body)
    };
    let refused = |count: usize| -> Result<()> {
        let refused = desk.lab.entries_of("approval_refused", count)?;
        ensure!(refused.iter().all(|it| it["actors"]["person"] == "olga"), "{refused:#?}");
        ensure!(desk.lab.state(&id)? == "held");
        Ok(())
    };
    let page = |cookie: &str| -> Result<String> { Ok(desk.get(cookie, &format!("/changes/{id}"))?.text()) };

    // In the console, by her passkey.
    ensure!(!page(&bens)?.contains("You cannot approve it"));
    ensure!(page(&olgas)?.contains("You cannot approve it"));
    told(&desk.approves(&desk.ben, &bens, &id)?, 200, "recorded")?;
    told(&desk.approves(&desk.olga, &olgas, &id)?, 403, "olga")?;
    refused(1)?;
    // By the API, with the same, and at the command line, with her other key.
    told(&by_api(&desk.olga, &olgas)?, 403, "olga")?;
    refused(2)?;
    desk.lab.approve(&id, &desk.lab.people.olga)?.expect(11)?;
    refused(3)?;
    // Under another name, there is no bundle in which she could: one key is one person's.
    let next = copied(&desk.lab, "olive")?;
    let file = next.join("roster.toml");
    let roster = fs::read_to_string(&file)?;
    let check = || Cli::run(["policy", "check", "--bundle", text(&next)?]);
    check()?.expect(0)?;
    for key in [desk.olga.key.roster_line(), desk.lab.people.olga.public_line()?] {
        let key =
            key.split(' ').take(if key.starts_with("ssh") { 2 } else { 9 }).collect::<Vec<_>>().join(" ");
        fs::write(&file, format!("{roster}\n[people.olive]\napprover = true\nkeys = [\"{key}\"]\n"))?;
        let found = check()?;
        ensure!(
            found.code != 0 && format!("{}{}", found.stdout, found.stderr).contains("same key"),
            "{found}"
        );
    }
    // She may stop it, as everybody may who answers for it; and carla may approve by the API.
    told(&by_api(&desk.carla, &desk.sign_in(&desk.carla)?)?, 200, "approved")?;
    ensure!(desk.lab.delete_stack("own")?.status == 200);
    desk.lab.verify()?.expect(0).map(drop)
}

#[test]
fn two_signatures_at_one_instant_are_as_many_as_people() -> Result<()> {
    let desk = Desk::open()?;
    let [first, second, carlas] =
        [desk.sign_in(&desk.ben)?, desk.sign_in(&desk.ben)?, desk.sign_in(&desk.carla)?];
    let both = |id: &str, ways: [(&super::by_hand::Hand, &str); 2]| -> Result<Vec<Response>> {
        let made = ways.map(|(hand, cookie)| -> Result<_> {
            let statement = desk.statement(cookie, id)?;
            let signature = desk.touched(hand, OF_STATEMENTS, &statement);
            Ok((cookie, statement, signature))
        });
        let start = Barrier::new(2);
        std::thread::scope(|scope| {
            let (desk, start) = (&desk, &start);
            let threads: Vec<_> = made
                .into_iter()
                .map(|made| {
                    scope.spawn(move || -> Result<Response> {
                        let (cookie, statement, signature) = made?;
                        start.wait();
                        desk.hands_in(cookie, id, (&statement, &signature))
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
        })
    };
    for nth in 0..5 {
        let name = format!("instant{nth}");
        let id = desk.lab.hold(&name)?;
        for answer in both(&id, [(&desk.ben, &first), (&desk.ben, &second)])? {
            told(&answer, 200, "\"state\":\"held\"")?;
        }
        ensure!(desk.lab.state(&id)? == "held" && desk.approvals(&id)? == 1, "one person is one");
        let id_of_two = desk.lab.hold(&format!("{name}-two"))?;
        let answers = both(&id_of_two, [(&desk.ben, &first), (&desk.carla, &carlas)])?;
        ensure!(answers.iter().all(|it| it.status == 200), "{answers:?}");
        ensure!(desk.lab.state(&id_of_two)? == "approved" && desk.approvals(&id_of_two)? == 2);
        ensure!(desk.lab.delete_stack(&format!("{name}-two"))?.status == 200);
        told(&desk.approves(&desk.carla, &carlas, &id)?, 200, "approved")?;
        ensure!(desk.lab.delete_stack(&name)?.status == 200);
    }
    ensure!(desk.lab.entries("alarm")?.is_empty());
    desk.lab.verify()?.expect(0).map(drop)
}

#[test]
fn no_other_sites_page_acts_for_whoever_is_signed_in() -> Result<()> {
    let desk = Desk::open()?;
    let cookie = desk.sign_in(&desk.ben)?;
    let id = desk.lab.hold("foreign")?;
    let statement = desk.statement(&cookie, &id)?;
    let signature = desk.touched(&desk.ben, OF_STATEMENTS, &statement);
    let signed = json!({ "statement": statement, "signature": signature }).to_string();
    let ours = format!("http://{}", desk.host);
    let ways: [(&str, &[(&str, &str)]); 7] = [
        ("no origin", &[]),
        ("no origin, whatever the browser says", &[("sec-fetch-site", "same-origin")]),
        ("another origin", &[("origin", "https://evil.example")]),
        ("another port", &[("origin", "http://localhost:1")]),
        ("an origin that is kept secret", &[("origin", "null")]),
        ("another site, by what the browser says", &[("origin", &ours), ("sec-fetch-site", "cross-site")]),
        ("a host beside, by what the browser says", &[("origin", &ours), ("sec-fetch-site", "same-site")]),
    ];
    let stop = format!("/sessions/{}/stop", desk.lab.session.id);
    let sign = format!("/changes/{id}/sign");
    for (target, body, status) in [
        ("/enrol", r#"{"person":"dora","client_data":"","authenticator_data":"","site":"localhost"}"#, 400),
        ("/signin", "", 401),
        (&sign, &signed, 200),
        (&stop, "", 303),
        ("/signout", "", 303),
    ] {
        let ask = |headers: &[(&str, &str)]| {
            desk.send("POST", target, &[&[("cookie", cookie.as_str())], headers].concat(), body)
        };
        for (what, headers) in ways {
            let answer = ask(headers)?;
            told(&answer, 403, "not sent from a page of this site")
                .with_context(|| format!("{target}: {what}"))?;
        }
        let answer = ask(&[("origin", &ours), ("sec-fetch-site", "same-origin")])?;
        ensure!(answer.status == status, "{target}: {} {}", answer.status, answer.text());
    }
    ensure!(desk.approvals(&id)? == 1);
    desk.lab.entries_of("session_stopped", 1)?;
    // What reads is no other page's either, unless it is gone to as a whole.
    let cookie = desk.sign_in(&desk.ben)?;
    for (mode, status) in [("navigate", 200), ("no-cors", 403), ("cors", 403)] {
        let headers =
            [("cookie", cookie.as_str()), ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", mode)];
        ensure!(desk.send("GET", "/inbox", &headers, "")?.status == status, "{mode}");
    }
    Ok(())
}

/// A stream of events, open.
fn listening(desk: &Desk, cookie: &str) -> Result<TcpStream> {
    let [_, _, people] = desk.lab.serve.authorities();
    let mut socket = TcpStream::connect(people)?;
    socket.set_read_timeout(Some(Duration::from_secs(30)))?;
    write!(socket, "GET /events HTTP/1.1\r\nhost: {}\r\ncookie: {cookie}\r\n\r\n", desk.host)?;
    Ok(socket)
}

/// Reads on until `part` has come.
fn heard(socket: &mut TcpStream, part: &str) -> Result<String> {
    let mut all = Vec::new();
    let mut some = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&all).into_owned();
        if text.contains(part) {
            return Ok(text);
        }
        let count = socket.read(&mut some).with_context(|| format!("waiting for `{part}`, after: {text}"))?;
        ensure!(count > 0, "ended before `{part}`: {text}");
        all.extend_from_slice(some.get(..count).unwrap_or_default());
    }
}

#[test]
fn a_login_ends_everywhere_at_once_and_with_its_person() -> Result<()> {
    let desk = Desk::open()?;
    let is_in = |cookie: &str| -> Result<bool> {
        let answer = desk.get(cookie, "/inbox")?;
        ensure!(matches!(answer.status, 200 | 401), "{}", answer.text());
        // Whoever asks for a page is shown where to sign in.
        let headers = [("cookie", cookie), ("accept", "text/html")];
        let page = desk.send("GET", "/inbox", &headers, "")?;
        ensure!(answer.status == page.status || page.header("location") == Some("/signin"));
        Ok(answer.status == 200)
    };
    let [desk_top, phone, carlas] =
        [desk.sign_in(&desk.ben)?, desk.sign_in(&desk.ben)?, desk.sign_in(&desk.carla)?];
    desk.lab.entries_of("signed_in", 3).context("who signs in is on the record")?;
    ensure!(is_in(&desk_top)? && is_in(&phone)? && is_in(&carlas)?);
    ensure!(!is_in("__Host-countersign=00")? && !is_in(&desk_top.replace("__Host-", ""))?);
    let mut stream = listening(&desk, &phone)?;
    heard(&mut stream, ": here")?;
    let out = desk.post(&desk_top, "/signout?everywhere=1", &Value::Null)?;
    ensure!(out.status == 303 && out.header("set-cookie").is_some_and(|it| it.contains("Max-Age=0")));
    ensure!(!is_in(&desk_top)? && !is_in(&phone)? && is_in(&carlas)?);
    // What moves after that is told to whoever is still there.
    desk.lab.hold("after")?;
    let last = heard(&mut stream, "event: reload")?;
    ensure!(!last.contains("event: row"), "{last}");

    // Out of the roster, out of the console; what was signed under the roster before is read anew.
    let doras = desk.sign_in(&desk.dora)?;
    let id = desk.lab.hold("before")?;
    told(&desk.approves(&desk.dora, &doras, &id)?, 200, "recorded")?;
    let statement = desk.statement(&carlas, &id)?;
    let next = copied(&desk.lab, "without-dora")?;
    let file = next.join("roster.toml");
    let roster = fs::read_to_string(&file)?;
    let (before, after) = roster.split_once("[people.dora]").context("no dora")?;
    let rest = after.split_once("\n[").map_or(String::new(), |(_, rest)| format!("\n[{rest}"));
    fs::write(&file, format!("{before}{rest}"))?;
    let proof = certificate(&next)?;
    let ask = ["policy", "adopt", "--bundle", text(&next)?, "--certificate", text(&proof)?];
    let people = &desk.lab.people;
    let held = desk.lab.signs(&people.olga, &ask)?.expect(10)?.json()?;
    let adoption = held["id"].as_str().context("no id")?;
    desk.lab.approve(adoption, &people.ben)?.expect(0)?;
    desk.lab.approve(adoption, &people.carla)?.expect(0)?;
    ensure!(is_in(&doras)?, "approved is not in force");
    desk.lab.signs(&people.olga, &ask)?.expect(0)?;
    ensure!(!is_in(&doras)? && is_in(&carlas)?);
    told(&desk.signs_in(&desk.dora)?, 401, "no such person")?;
    let signature = desk.touched(&desk.carla, OF_STATEMENTS, &statement);
    told(&desk.hands_in(&carlas, &id, (&statement, &signature))?, 409, "another bundle is in force")?;
    desk.lab.verify()?.expect(0).map(drop)
}

#[test]
fn a_stream_that_nobody_reads_delays_nobody() -> Result<()> {
    let mut desk = Desk::open()?;
    let (bens, carlas) = (desk.sign_in(&desk.ben)?, desk.sign_in(&desk.carla)?);
    let unread = (0..60).map(|_| listening(&desk, &bens)).collect::<Result<Vec<_>>>()?;
    let mut read = listening(&desk, &carlas)?;
    heard(&mut read, ": here")?;
    for nth in 0..20 {
        let id = desk.lab.hold(&format!("unread{nth}"))?;
        heard(&mut read, &id)?;
        desk.lab.signs(&desk.lab.people.ben, &["change", "reject", &id, "--reason", "enough"])?.expect(0)?;
    }
    ensure!(desk.get(&carlas, "/inbox")?.status == 200 && desk.lab.serve.is_alive()?);
    drop(unread);
    until("another stream", Duration::from_secs(20), || {
        Ok(heard(&mut listening(&desk, &carlas)?, ": here").is_ok().then_some(()))
    })
}

#[test]
fn a_passkey_that_exists_twice_is_noticed_and_approves_nothing() -> Result<()> {
    let mut desk = Desk::open()?;
    let (bens, carlas) = (desk.sign_in(&desk.ben)?, desk.sign_in(&desk.carla)?);
    let counted = |desk: &Desk, text: &str, counter: u32| {
        let ceremony = desk.ceremony(&desk.ben, OF_STATEMENTS, text);
        desk.ben.key.sign(&Ceremony { counter, ..ceremony }).text()
    };
    let first = desk.lab.hold("first")?;
    let statement = desk.statement(&bens, &first)?;
    let signature = counted(&desk, &statement, 100);
    told(&desk.hands_in(&bens, &first, (&statement, &signature))?, 200, "recorded")?;
    // The copy has signed a hundred times; the original's next is its third, and still so after a restart.
    let next = desk.lab.hold("next")?;
    for (nth, counter) in [3, 100].into_iter().enumerate() {
        let statement = desk.statement(&bens, &next)?;
        let signature = counted(&desk, &statement, counter);
        told(&desk.hands_in(&bens, &next, (&statement, &signature))?, 403, "may exist twice")?;
        let alarms = desk.lab.entries_of("alarm", nth + 1)?;
        ensure!(alarms.iter().all(|it| it["actors"]["person"] == "ben" && it["change"] == next.as_str()));
    }
    desk.restart()?;
    told(&desk.signs_in(&desk.ben)?, 403, "may exist twice")?;
    desk.lab.entries_of("alarm", 3)?;
    ensure!(desk.approvals(&next)? == 0);
    // A veto gets through, and is told of. Anybody's login hands it in: the signature says whose it is.
    let _ = carlas;
    let carlas = desk.sign_in(&desk.carla)?;
    let told_by_page = desk.get(&carlas, &format!("/changes/{next}/statement?act=reject&reason=wait"))?;
    let statement: Value = serde_json::from_slice(&told_by_page.body)?;
    let statement = statement["statement"].as_str().context("no statement")?.replace("carla", "ben");
    let signature = counted(&desk, &statement, 50);
    told(&desk.hands_in(&carlas, &next, (&statement, &signature))?, 200, "rejected")?;
    desk.lab.entries_of("alarm", 4)?;
    ensure!(desk.lab.state(&next)? == "rejected");
    // One that goes up is taken.
    let third = desk.lab.hold("third")?;
    let statement = desk.statement(&carlas, &third)?.replace("carla", "ben");
    let signature = counted(&desk, &statement, 101);
    told(&desk.hands_in(&carlas, &third, (&statement, &signature))?, 200, "recorded")?;
    desk.lab.verify()?.expect(0).map(drop)
}
