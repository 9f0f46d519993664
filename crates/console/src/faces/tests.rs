//! What the faces show of what others wrote, as pages: names stay names, and whatever cannot be read is told with its place.

use askama::Template as _;
use model::Digest;
use policy::{Profile, StarterOptions};
use spec::{Files, Intent, layout};
use testkit::Key;

use super::*;
use crate::{
    estate::tests::{HOSTILE, NOW, seen},
    pages::Frame,
    shelf::Folder,
};

fn bundle() -> Bundle {
    let folder = tempfile::tempdir().unwrap();
    let enrolled = |name: &str| {
        let key = Key::ed25519(folder.path(), name).unwrap();
        vec![approval::parse_public_key(&key.public_line().unwrap()).unwrap()]
    };
    let files = policy::starter(&StarterOptions {
        profile: Profile::Lab,
        operators: vec![("olga".parse().unwrap(), enrolled("olga"))],
        recovery: Vec::new(),
        approvers: vec![
            ("ben".parse().unwrap(), Vec::new(), enrolled("ben")),
            ("carla".parse().unwrap(), Vec::new(), enrolled("carla")),
        ],
        agents: vec!["fixer".parse().unwrap()],
        environments: Vec::new(),
        calendar: Some("timezone = \"UTC\"\npeak = []\nfreeze = []\n".to_owned()),
    });
    Bundle::load(&files.unwrap()).unwrap()
}

fn asked(seen: &Seen, sentence: &str) -> String {
    let Seen::Read(analysed) = seen else { panic!("{seen:?}") };
    let bundle = bundle();
    let asked = analysed.whole(NOW, |facts, given| agent::asked(sentence, facts, given));
    let asked = asked.map_err(|err| err.to_string());
    let rules = constitution(&bundle, NOW);
    AskPage::of(Frame::new(None, "Ask"), seen, sentence, asked, rules).render().unwrap()
}

fn planned(seen: &Seen, id: &str) -> String {
    let Seen::Read(analysed) = seen else { panic!("{seen:?}") };
    let bundle = bundle();
    let sought = analysed.whole(NOW, |_, given| Sought::of(id, given)).unwrap();
    let rules = constitution(&bundle, NOW);
    PlanPage::of(Frame::new(None, "Findings"), seen, id, &sought, rules).render().unwrap()
}

fn run(folder: Folder) -> String {
    let read = Read::of(folder);
    RunPage::of(Frame::new(None, "Runs"), &read, Some(&Shown::of("'/x y'"))).render().unwrap()
}

fn listed(folders: Vec<Folder>) -> String {
    let rows = folders.into_iter().map(|it| Row::of(&Read::of(it))).collect();
    let place = Some(Shown::of(HOSTILE));
    Runs { frame: Frame::new(None, "Runs"), place, wrong: None, rows, more: 1 }.render().unwrap()
}

fn is_harmless(page: &str) {
    assert!(
        !page.contains("<script>alert") && !page.contains('\u{202e}') && !page.contains('\u{1b}'),
        "{page}"
    );
    // The frame's own, which takes a log as it is, and the one that asks.
    assert!(page.matches("<button").count() <= 2, "nothing to press but to ask: {page}");
    assert!(!page.contains("method=\"post\""), "nothing is sent from here: {page}");
}

#[test]
fn a_sentence_becomes_plans_side_by_side_and_a_command_to_copy() {
    let seen = seen(NOW);
    let page = asked(&seen, "move volumes to gp3");
    is_harmless(&page);
    for told in [
        "I understand: make smaller",
        "Plan 1:",
        "Ways, side by side",
        "this plan",
        "leave it",
        "<pre class=\"copied\" tabindex=\"0\" aria-label=\"The command\">countersign agent run &#39;move volumes to gp3&#39;</pre>",
        "a button that started an agent would be a new way to production",
        "The command reads the environment anew",
    ] {
        assert!(page.contains(told), "{told}: {page}");
    }
    // Whom the rules in force would ask stands in each row, or that nothing would be called.
    assert!(page.contains("<th scope=\"col\">People</th>") && page.contains("<td>nobody</td>"), "{page}");
}

#[test]
fn what_is_not_planned_says_why_and_gives_no_command() {
    let seen = seen(NOW);
    for (sentence, told) in [
        ("sing me a song about volumes", "I do not understand that, and nothing is guessed."),
        ("sing me a song about volumes", "Nearest to it:"),
        ("sing me a song about volumes", "href=\"/ask?sentence=clean%20up%20unused%20volumes\""),
        ("delete everything and create it again", "I do not plan to delete something and make it anew"),
        ("approve the change", "Only people approve, sign"),
        ("fix stack nowhere", "What is not there is not made up."),
        ("what costs most", "by service"),
        (HOSTILE, "What can be said"),
        ("list volumes", "script"),
        ("explain </td><script>alert(1)</script>", "&#60;/td&#62;"),
    ] {
        let page = asked(&seen, sentence);
        is_harmless(&page);
        assert!(page.contains(told), "{sentence}: {told}: {page}");
        assert!(!page.contains("countersign agent run &#39;"), "{sentence}: {page}");
    }
}

#[test]
fn an_old_snapshot_and_none_plan_nothing() {
    let old = seen(NOW.plus_seconds(-8 * 86_400));
    let page = asked(&old, "move volumes to gp3");
    assert!(
        page.contains("There is no plan: the snapshot is 8 days old") && !page.contains("Plan 1:"),
        "{page}"
    );
    let none = Seen::Nothing { folder: HOSTILE.to_owned() };
    let page = AskPage::empty(Frame::new(None, "Ask"), &none, HOSTILE, None, NOW).render().unwrap();
    is_harmless(&page);
    assert!(page.contains("There is no snapshot in"), "{page}");
}

#[test]
fn each_finding_that_the_planner_can_act_on_leads_to_its_plan() {
    let seen = seen(NOW);
    let findings = crate::pages::findings::FindingsPage::of(Frame::new(None, "Findings"), &seen, NOW);
    let page = findings.render().unwrap();
    let links: Vec<_> =
        page.split("href=\"/plan?finding=").skip(1).map(|it| it.split('"').next().unwrap()).collect();
    assert!(!links.is_empty(), "{page}");
    let Seen::Read(analysed) = &seen else { panic!("{seen:?}") };
    for (finding, can) in analysed.report.findings.iter().zip(&analysed.planned) {
        let page = planned(&seen, &finding.id);
        is_harmless(&page);
        assert_eq!(page.contains("Plan 1:"), *can, "{}: {page}", finding.id);
        assert_eq!(links.contains(&crate::text::encoded(&finding.id).as_str()), *can, "{}", finding.id);
    }
    let nth = analysed.planned.iter().position(|can| *can).unwrap();
    let page = planned(&seen, &analysed.report.findings[nth].id);
    assert!(page.contains("countersign agent run --finding "), "{page}");
    for other in [HOSTILE, "volume-unattached:nowhere", "'; rm -rf /"] {
        let page = planned(&seen, other);
        is_harmless(&page);
        assert!(
            page.contains("There is no plan: there is no finding") && !page.contains("class=\"copied\""),
            "{page}"
        );
    }
}

fn folder(files: &[(&str, &str)]) -> Folder {
    let files: Files =
        files.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect();
    Folder { name: HOSTILE.to_owned(), files, unread: Vec::new() }
}

const BUGFIX: &str = "# Bugfix Requirements Document\n\n## Bug Analysis\n\n### Current Behavior (Defect)\n\n1.1 WHEN it is slow THEN it waits\n\n\
    ### Expected Behavior (Correct)\n\n2.1 WHEN it is asked THE Search SHALL answer within 300 ms\n\n### Unchanged Behavior (Regression Prevention)\n\n\
    3.1 WHILE it runs THE Search SHALL CONTINUE TO answer\n";

#[test]
fn a_specification_is_shown_with_its_tasks_and_its_change() {
    let tasks = "# Implementation Plan\n\n- [x] 1. Make <script>alert(1)</script> fast\n  - _Check search-is-short: it is short (2.1)_\n  - _Requirements: 2.1_\n\n- [ ] 2. Other\n";
    let change = format!(
        "{{\"schema\":\"countersign.run-change/v1\",\"plan\":\"{}\",\"change\":\"chg-01m8na0tq630pm18pd9z5y9evj\"}}",
        Digest::of(b"x")
    );
    let intent = Intent::new(&format!("{HOSTILE}\nsecond").replace('\u{202e}', "")).unwrap().file();
    let good = || {
        folder(&[
            (layout::BUGFIX, BUGFIX),
            (layout::TASKS, tasks),
            (layout::CHANGE, &change),
            (layout::INTENT, &intent),
        ])
    };
    let page = run(good());
    is_harmless(&page);
    for told in [
        "ticked and not proved",
        "href=\"/changes/chg-01m8na0tq630pm18pd9z5y9evj\"",
        "bugfix: 2 criteria",
        "task 2 is for no criterion",
        "Nothing is on record",
        "search-is-short",
        "second",
    ] {
        assert!(page.contains(told), "{told}: {page}");
    }
    let page = listed(vec![good()]);
    is_harmless(&page);
    for told in ["<b>1</b> ticked, 1 open", "0 of 2", "href=\"/runs?spec=%3C%2Ftd%3E", "And 1 older ones"] {
        assert!(page.contains(told), "{told}: {page}");
    }
}

#[test]
fn what_is_malformed_is_told_with_its_place_and_never_hidden() {
    let unread = Folder {
        unread: vec![(String::new(), "it is a link, which is not followed".to_owned())],
        ..folder(&[])
    };
    let two = "- [ ] 1. One\n- [ ] 1. One\n";
    for (folder, told) in [
        (folder(&[(layout::BUGFIX, BUGFIX), (layout::TASKS, two)]), "tasks.md:2:"),
        (folder(&[(layout::BUGFIX, BUGFIX), (layout::TASKS, two)]), "task 1 is there twice [SP022]"),
        (folder(&[(layout::BUGFIX, BUGFIX), (layout::RUN, "{\"a\":\n")]), "run.jsonl:1:1"),
        (folder(&[]), "there is neither requirements.md nor bugfix.md"),
        (folder(&[(layout::BUGFIX, "\u{1b}[2J")]), "a control character"),
        (folder(&[(layout::BUGFIX, BUGFIX), (layout::CHANGE, HOSTILE)]), "change.json"),
        (folder(&[(layout::BUGFIX, BUGFIX), (layout::PLAN, "{}")]), "plan.json: plan"),
        (unread, "it is a link, which is not followed"),
    ] {
        let name = folder.name.clone();
        let files = folder.files.clone();
        let again = Folder { name, files, unread: folder.unread.clone() };
        for page in [listed(vec![folder]), run(again)] {
            is_harmless(&page);
            assert!(page.contains("malformed") && page.contains(told), "{told}: {page}");
        }
    }
}

#[test]
fn nothing_is_looked_at_where_nobody_has_said_where() {
    let none = Runs { frame: Frame::new(None, "Runs"), place: None, wrong: None, rows: Vec::new(), more: 0 };
    let page = none.render().unwrap();
    assert!(page.contains("[paths]\nspecifications = "), "{page}");
    let place = Some(Shown::of("/x"));
    let wrong = Some(Shown::of("No such file or directory"));
    let gone = Runs { frame: Frame::new(None, "Runs"), place, wrong, rows: Vec::new(), more: 0 };
    assert!(gone.render().unwrap().contains("/x cannot be looked at: No such file"));
}

/// A call by itself, as a plan's only step.
fn step(service: &str, operation: &str, parameters: serde_json::Value) -> ::plan::Step {
    let (service, operation, region) = (service.to_owned(), operation.to_owned(), "us-east-1".to_owned());
    let call = ::plan::Call { service, operation, region, parameters };
    let judged = findings::Judge::new("111122223333").call(
        &call.service,
        &call.operation,
        &call.region,
        &call.parameters,
    );
    ::plan::Step {
        id: "1".to_owned(),
        effects: judged.as_ref().map_or(model::EffectSet::of(model::Effect::Destroy), |it| it.effects),
        undoable: judged.is_ok_and(|it| it.undoable()),
        call,
        why: String::new(),
        about: Vec::new(),
        interrupts: None,
        before: Vec::new(),
        after: Vec::new(),
        undo: ::plan::Undo::Captured,
        origin: ::plan::Origin::Derived { findings: Vec::new() },
    }
}

/// Every account is production where nobody has said otherwise, and no hour is one of peak or freeze.
#[test]
fn whom_a_way_would_need_is_what_the_rules_in_force_say() {
    let bundle = bundle();
    let needed =
        |steps: &[::plan::Step]| constitution(&bundle, NOW).people("111122223333", steps).to_string();
    let delete = || step("ec2", "DeleteVolume", serde_json::json!({ "VolumeId": "vol-0abc1" }));
    let tag = || {
        let tags = serde_json::json!([{ "Key": "a", "Value": "b" }]);
        step("ec2", "CreateTags", serde_json::json!({ "Resources": ["vol-0abc1"], "Tags": tags }))
    };
    let read = || step("ec2", "DescribeVolumes", serde_json::json!({}));
    for steps in [vec![], vec![read()], vec![tag()]] {
        assert_eq!(needed(&steps), "nobody");
    }
    for steps in [vec![delete()], vec![tag(), delete(), read()]] {
        assert_eq!(needed(&steps), "2: two-people-to-destroy");
    }
    // What is in no table is not judged to need less.
    let unknown = needed(&[read(), step("ec2", "NoSuchThing", serde_json::json!({}))]);
    assert!(unknown.starts_with("denied: "), "{unknown}");
}
