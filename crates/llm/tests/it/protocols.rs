//! Each protocol: a whole conversation, and each way in which an answer can go wrong.

use std::time::Duration;

use expect_test::{Expect, expect};
use llm::{Exhausted, FailedTurn, Micros, Provider, Spent, Stopped};
use serde_json::json;

use crate::fixture::{KEY, PROVIDERS, Rig};

#[tokio::test]
async fn a_conversation_with_calls_goes_through_each_protocol() {
    for provider in PROVIDERS {
        let mut rig = Rig::new(provider, include_str!("../scenarios/look_up.toml"));
        let first = rig.ask().await.unwrap();
        assert_eq!(
            (first.text(), rig.reader.text.as_str()),
            ("I look it up.", "I look it up."),
            "{provider:?}"
        );
        let calls: Vec<_> = first.calls().iter().map(|call| (call.tool(), json!(call.arguments()))).collect();
        let expected = [("look_up", json!({"id": "vol-1", "days": 30})), ("list_all", json!({}))];
        assert_eq!(calls, expected, "{provider:?}");
        rig.tell(&first, "volume=vol-1\nstate=available");
        let second = rig.ask().await.unwrap();
        assert_eq!((second.text(), second.calls()), ("The volume is unattached.", &[][..]), "{provider:?}");
        rig.fake.finished().unwrap();
        let money = Micros(420 * 3 + 46 * 15);
        assert_eq!(rig.budget.spent(), Spent { turns: 2, input: 420, output: 46, money }, "{provider:?}");
        assert!(rig.reader.took_back.is_empty() && rig.clock.slept().is_empty(), "{provider:?}");
        if provider != Provider::Ollama {
            assert!(rig.fake.heard().iter().all(|heard| heard.key() == Some(KEY)), "{provider:?}");
        }
        assert!(rig.fake.heard().iter().all(|heard| !heard.says(KEY)), "{provider:?}");
    }
}

/// A server asks within tasks that may move from thread to thread.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_turn_can_be_asked_for_in_any_task() {
    let mut rig = Rig::new(Provider::Anthropic, "[[turns]]\nsay = ['here']\n");
    let asked = tokio::spawn(async move { rig.ask().await.map(|turn| turn.text().to_owned()) });
    assert_eq!(asked.await.unwrap(), Ok("here".to_owned()));
}

/// The failed answer is thrown away whole, and the request is made once more as it was.
#[tokio::test]
async fn each_fault_is_the_failure_that_it_is() {
    let call = "say = ['I look.']\ncalls = [{ id = 'c1', tool = 'look_up', arguments = ['{\"id\": ', '\"vol-1\"}'] }]\n";
    let check = async |turn: &str, expected: Expect| {
        let script = format!("[[turns]]\n{turn}\n[[turns]]\nsay = ['better']\n");
        let mut shown = String::new();
        for provider in PROVIDERS {
            let mut rig = Rig::new(provider, &script);
            let turn = rig.ask().await.unwrap();
            assert_eq!((turn.text(), rig.reader.text.as_str()), ("better", "better"), "{provider:?}");
            rig.fake.finished().unwrap();
            let heard = rig.fake.heard();
            assert_eq!(heard[0].body["messages"], heard[1].body["messages"], "{provider:?}");
            let [failure] = rig.reader.took_back.as_slice() else { panic!("{:?}", rig.reader.took_back) };
            let [slept] = rig.clock.slept()[..] else { panic!("{:?}", rig.clock.slept()) };
            shown += &format!("{provider:?}: {failure} ({} ms)\n", slept.as_millis());
        }
        expected.assert_eq(&shown);
    };
    check(
        &format!("{call}fault = 'cut'"),
        expect![[r#"
        Anthropic: the answer ended early, without saying that it ended (500 ms)
        Openai: the answer ended early, without saying that it ended (500 ms)
        Bedrock: the answer ended early, without saying that it ended (500 ms)
        Ollama: the answer ended early, without saying that it ended (500 ms)
    "#]],
    )
    .await;
    check(&format!("{call}fault = 'break'"), expect![[r#"
        Anthropic: the answer broke off: error decoding response body: error reading a body from connection: unexpected EOF during chunk size line (500 ms)
        Openai: the answer broke off: error decoding response body: error reading a body from connection: unexpected EOF during chunk size line (500 ms)
        Bedrock: the answer broke off: error decoding response body: error reading a body from connection: unexpected EOF during chunk size line (500 ms)
        Ollama: the answer broke off: error decoding response body: error reading a body from connection: unexpected EOF during chunk size line (500 ms)
    "#]]).await;
    check(
        &format!("{call}stop = 'length'"),
        expect![[r#"
        Anthropic: the answer was cut off for its length (500 ms)
        Openai: the answer was cut off for its length (500 ms)
        Bedrock: the answer was cut off for its length (500 ms)
        Ollama: the answer was cut off for its length (500 ms)
    "#]],
    )
    .await;
    check(
        &format!("{call}fault = {{ error = 'overloaded_error' }}"),
        expect![[r#"
        Anthropic: the answer broke off: overloaded_error: Overloaded (500 ms)
        Openai: the answer broke off: overloaded_error: Overloaded (500 ms)
        Bedrock: the answer broke off: overloaded_error (500 ms)
        Ollama: the answer ended early, without saying that it ended (500 ms)
    "#]],
    )
    .await;
    check(
        &format!("{call}fault = {{ status = {{ code = 529, retry_after = 2 }} }}"),
        expect![[r#"
        Anthropic: the model is overloaded (529) (2000 ms)
        Openai: the model is overloaded (529) (2000 ms)
        Bedrock: the model is overloaded (529) (2000 ms)
        Ollama: the model is overloaded (529) (2000 ms)
    "#]],
    )
    .await;
    check(
        &format!("{call}fault = {{ status = {{ code = 503 }} }}"),
        expect![[r#"
        Anthropic: the model is overloaded (503) (500 ms)
        Openai: the model is overloaded (503) (500 ms)
        Bedrock: the model is overloaded (503) (500 ms)
        Ollama: the model is overloaded (503) (500 ms)
    "#]],
    )
    .await;
    check(
        "calls = [{ id = 'c1', tool = 'look_up', arguments = ['{\"id\": 7}'] }]",
        expect![[r#"
        Anthropic: the arguments for `look_up` do not fit: `/id` is a string (500 ms)
        Openai: the arguments for `look_up` do not fit: `/id` is a string (500 ms)
        Bedrock: the arguments for `look_up` do not fit: `/id` is a string (500 ms)
        Ollama: the arguments for `look_up` do not fit: `/id` is a string (500 ms)
    "#]],
    )
    .await;
    check(
        "calls = [{ id = 'c1', tool = 'look_up', arguments = ['{\"id\": \"vol'] }]",
        expect![[r#"
        Anthropic: the arguments for `look_up` are no JSON, or were cut off (500 ms)
        Openai: the arguments for `look_up` are no JSON, or were cut off (500 ms)
        Bedrock: the arguments for `look_up` are no JSON, or were cut off (500 ms)
        Ollama: the arguments for `look_up` are no JSON, or were cut off (500 ms)
    "#]],
    )
    .await;
    check(
        "calls = [{ id = 'c1', tool = 'list_all', arguments = ['{\"force\": tr'] }]",
        expect![[r#"
        Anthropic: the arguments for `list_all` are no JSON, or were cut off (500 ms)
        Openai: the arguments for `list_all` are no JSON, or were cut off (500 ms)
        Bedrock: the arguments for `list_all` are no JSON, or were cut off (500 ms)
        Ollama: the arguments for `list_all` are no JSON, or were cut off (500 ms)
    "#]],
    )
    .await;
    check(
        "calls = [{ id = 'c1', tool = 'approve', arguments = ['{}'] }]",
        expect![[r#"
            Anthropic: the answer calls `approve`, a tool that was not offered (500 ms)
            Openai: the answer calls `approve`, a tool that was not offered (500 ms)
            Bedrock: the answer calls `approve`, a tool that was not offered (500 ms)
            Ollama: the answer calls `approve`, a tool that was not offered (500 ms)
        "#]],
    )
    .await;
    check(
        "say = ['']",
        expect![[r#"
        Anthropic: the answer is empty (500 ms)
        Openai: the answer is empty (500 ms)
        Bedrock: the answer is empty (500 ms)
        Ollama: the answer is empty (500 ms)
    "#]],
    )
    .await;
}

#[tokio::test]
async fn a_frame_with_a_wrong_checksum_is_none() {
    let mut rig =
        Rig::new(Provider::Bedrock, "[[turns]]\nsay = ['a']\nfault = 'corrupt'\n[[turns]]\nsay = ['b']\n");
    assert_eq!(rig.ask().await.unwrap().text(), "b");
    assert!(matches!(rig.reader.took_back[..], [FailedTurn::Broken { .. }]), "{:?}", rig.reader.took_back);
}

#[tokio::test]
async fn nobody_waits_for_ever() {
    for provider in PROVIDERS {
        let mut rig =
            Rig::new(provider, "[[turns]]\nsay = ['a', 'b']\nfault = 'stall'\n[[turns]]\nsay = ['b']\n");
        rig.patience = Duration::from_secs(20);
        let turn = rig.ask().await;
        let [FailedTurn::Stalled { .. }, ..] = rig.reader.took_back[..] else {
            panic!("{provider:?} {turn:?} {:?}", rig.reader.took_back)
        };
    }
}

#[tokio::test]
async fn what_a_server_refuses_it_is_not_asked_again() {
    for provider in PROVIDERS {
        let mut rig = Rig::new(provider, "[[turns]]\nfault = { status = { code = 401 } }\n");
        let stopped = rig.ask().await.unwrap_err();
        let Stopped::Failed { before, last: FailedTurn::Refused { status: 401, why } } = &stopped else {
            panic!("{provider:?} {stopped:?}")
        };
        assert_eq!((before.len(), why.as_str()), (0, "refused: overloaded"), "{provider:?}");
        assert_eq!(rig.budget.spent(), Spent { turns: 1, ..Spent::default() }, "it cost nothing");
    }
}

#[tokio::test]
async fn a_server_that_only_fails_is_left_alone_after_some_tries() {
    let script = "[[turns]]\nfault = { status = { code = 529 } }\n".repeat(3);
    let mut rig = Rig::new(Provider::Anthropic, &script);
    let stopped = rig.ask().await.unwrap_err();
    expect!["no usable answer after 3 tries: the model is overloaded (529)"].assert_eq(&stopped.to_string());
    assert_eq!(rig.clock.slept(), [500, 1000].map(Duration::from_millis));
    rig.fake.finished().unwrap();

    let mut patient =
        Rig::new(Provider::Anthropic, "[[turns]]\nfault = { status = { code = 529, retry_after = 3600 } }\n");
    let stopped = patient.ask().await.unwrap_err();
    assert!(matches!(stopped, Stopped::Failed { last: FailedTurn::Overloaded { .. }, .. }), "{stopped:?}");
    assert!(patient.clock.slept().is_empty(), "an hour is longer than anybody waits");
}

#[tokio::test]
async fn budgets_are_hard() {
    let script = include_str!("../scenarios/look_up.toml");
    for provider in PROVIDERS {
        let mut turns = Rig::new(provider, script).limited(|limits| limits.turns = 1);
        let first = turns.ask().await.unwrap();
        turns.tell(&first, "state=available");
        let stopped = turns.ask().await.unwrap_err();
        assert_eq!(stopped, Stopped::Exhausted { limit: Exhausted::Turns(1), text: None }, "{provider:?}");
        assert_eq!(turns.fake.heard().len(), 1, "nothing was sent");

        let mut money = Rig::new(provider, script).limited(|limits| limits.money = Some(Micros(870)));
        let stopped = money.ask().await.unwrap_err();
        let Stopped::Exhausted { limit: Exhausted::Money { .. }, .. } = stopped else {
            panic!("{provider:?} {stopped:?}")
        };
        let mut time = Rig::new(provider, script).limited(|limits| limits.time = Duration::ZERO);
        let stopped = time.ask().await.unwrap_err();
        let limit = Exhausted::Time { of: Duration::ZERO };
        assert_eq!(stopped, Stopped::Exhausted { limit, text: None }, "{provider:?}");
        assert!(time.fake.heard().is_empty(), "nothing was sent");
    }
}

/// The words were paid for and may be shown; the calls are gone.
#[tokio::test]
async fn an_answer_that_passes_the_limit_calls_nothing() {
    let script = include_str!("../scenarios/look_up.toml").replace("output = 34", "output = 90000");
    for provider in PROVIDERS {
        let mut rig = Rig::new(provider, &script).limited(|limits| limits.tokens = 50_000);
        let limit = Exhausted::Tokens { used: 90_120, of: 50_000 };
        let expected = Stopped::Exhausted { limit, text: Some("I look it up.".to_owned()) };
        assert_eq!(rig.ask().await.unwrap_err(), expected, "{provider:?}");
        assert!(rig.conversation.request(1).is_ok(), "it is as it was");
    }
}

#[tokio::test]
async fn what_may_be_said_is_bounded_by_what_is_left() {
    for (provider, place) in [
        (Provider::Anthropic, "/max_tokens"),
        (Provider::Openai, "/max_tokens"),
        (Provider::Bedrock, "/inferenceConfig/maxTokens"),
        (Provider::Ollama, "/options/num_predict"),
    ] {
        let script = "[[turns]]\nsay = ['a']\nusage = { input = 1, output = 1 }\n";
        let mut whole = Rig::new(provider, script);
        whole.ask().await.unwrap();
        assert_eq!(whole.fake.heard()[0].body.pointer(place), Some(&json!(1000)), "{provider:?}");
        let mut little = Rig::new(provider, script).limited(|limits| limits.tokens = 500);
        little.ask().await.unwrap();
        let told = little.fake.heard()[0].body.pointer(place).and_then(serde_json::Value::as_u64);
        assert!(told.is_some_and(|told| (16..500).contains(&told)), "{provider:?} {told:?}");
    }
}
