//! What analyzers name is in the operation table, and what they propose is classified, not guessed.

use std::collections::{BTreeMap, BTreeSet};

use classify_aws::table::Table;
use expect_test::expect;
use findings::{ANALYZERS, Parameters, Prices, analyse};
use snapshot::Snapshot;

#[test]
fn every_read_is_a_read_of_the_operation_table() {
    let mut names = BTreeSet::new();
    for analyzer in &ANALYZERS {
        assert!(names.insert(analyzer.name), "{} is there twice", analyzer.name);
        let reads =
            [analyzer.listing].into_iter().chain(analyzer.against.iter().chain(analyzer.each).copied());
        for read in reads {
            let (service, operation) = read.split_once(':').unwrap();
            let row = Table::shared().get(service, operation).unwrap_or_else(|| panic!("{read}"));
            assert!(classify_aws::classify::effects::of(row).effects.is_plain_read(), "{read}");
        }
    }
    assert!(names.len() >= 16);
}

/// Over many accounts: each operation that is proposed or would be in the end, with what the table says of it.
#[test]
fn what_is_proposed_does_what_the_table_says() {
    let mut told: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for seed in 0..10 {
        let account = synth::account(seed, 300);
        let snapshot = Snapshot::parse(&account.snapshot, synth::TAKEN).unwrap();
        let report = analyse(&snapshot, &Parameters::default(), &Prices::shipped(), synth::TAKEN);
        for step in
            report.findings.iter().flat_map(|finding| finding.way.iter().chain(finding.remedy.steps()))
        {
            let what = format!("{}{}", step.effects, if step.undoable { "" } else { ", not undoable" });
            told.entry(format!("{}:{}", step.service, step.operation)).or_default().insert(what);
        }
    }
    let lines: Vec<String> = told
        .iter()
        .map(|(operation, what)| {
            format!("{operation}: {}", what.iter().cloned().collect::<Vec<_>>().join(" | "))
        })
        .collect();
    expect![[r#"
        cloudformation:ContinueUpdateRollback: write, execute, destroy, not undoable
        dynamodb:UpdateContinuousBackups: write
        dynamodb:UpdateTable: spend, write, destroy, not undoable | write
        ec2:CreateSnapshot: write
        ec2:CreateTags: write
        ec2:DeleteNatGateway: destroy, not undoable
        ec2:DeleteSnapshot: destroy, not undoable
        ec2:DeleteTags: write
        ec2:DeleteVolume: destroy, not undoable
        ec2:DeregisterImage: destroy, not undoable
        ec2:ModifyInstanceAttribute: write, destroy, not undoable
        ec2:ModifyVolume: spend, write, destroy, not undoable
        ec2:ReleaseAddress: destroy, not undoable
        ec2:RevokeSecurityGroupIngress: destroy, not undoable
        ec2:StartInstances: spend, write
        ec2:StopInstances: destroy, not undoable
        elbv2:AddTags: write
        elbv2:DeleteLoadBalancer: destroy, not undoable
        elbv2:RemoveTags: write
        lambda:PutFunctionConcurrency: write, destroy, not undoable
        lambda:TagResource: write
        lambda:UntagResource: write
        rds:AddTagsToResource: write
        rds:CreateDBSnapshot: write
        rds:RemoveTagsFromResource: write
        rds:StopDBInstance: destroy, not undoable
        s3:PutBucketLifecycleConfiguration: write, destroy, not undoable"#]]
    .assert_eq(&lines.join("\n"));
}
