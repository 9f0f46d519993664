//! From a row of the table to effects, exposure and undo: class and level first, then the hand-written overrides.
//! Parameters play no part here.

use model::{Effect, EffectSet, Exposure};

use crate::{
    overrides::{Overrides, Shows, worst},
    table::{Class, Level, Row},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judged {
    pub effects: EffectSet,
    pub exposure: Exposure,
    /// Listed by hand as needing no inverse.
    pub additive: bool,
}

/// What the operation of `row` does, as far as its name tells.
pub fn of(row: &Row) -> Judged {
    match Overrides::shared() {
        Some(overrides) => judge(row, overrides),
        None => {
            Judged { effects: worst(), exposure: Exposure { data: true, credentials: true }, additive: false }
        }
    }
}

fn judge(row: &Row, overrides: &Overrides) -> Judged {
    let mut judged = generated(row);
    if !judged.effects.is_plain_read()
        && let Some(added) = overrides.added_by_service(row.service)
    {
        judged.effects = judged.effects.union(added);
    }
    for judgement in overrides.of(row.service, row.operation) {
        if let Some(effects) = judgement.effects {
            judged.effects = effects;
        }
        if let Some(added) = judgement.add {
            judged.effects = judged.effects.union(added);
        }
        for shows in &judgement.exposure {
            match shows {
                Shows::None => judged.exposure = Exposure::default(),
                Shows::Data => judged.exposure.data = true,
                Shows::Credentials => judged.exposure.credentials = true,
            }
        }
        judged.additive |= judgement.additive;
    }
    // Whatever class and level said of it.
    judged.effects = judged.effects.showing(judged.exposure);
    judged
}

fn generated(row: &Row) -> Judged {
    let mut effects = EffectSet::of(match row.class {
        Class::Read => Effect::Read,
        Class::Tag | Class::Create | Class::Modify => Effect::Write,
        Class::Disrupt | Class::Delete => Effect::Destroy,
    });
    match row.level {
        Level::Permissions => effects = effects.with(Effect::Privilege),
        Level::Read
        | Level::List
        | Level::Write
        | Level::Tagging
        | Level::GuessedRead
        | Level::GuessedWrite => {}
    }
    let exposure = Exposure { data: row.flagged('d'), credentials: row.flagged('c') };
    Judged { effects, exposure, additive: false }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use expect_test::expect;

    use super::*;
    use crate::table::Table;

    #[test]
    fn the_operations_that_matter_are_judged_as_people_would() {
        let mut out = String::new();
        for name in [
            "ec2:DescribeInstances",
            "ec2:StartInstances",
            "ec2:StopInstances",
            "ec2:RunInstances",
            "ec2:CreateTags",
            "rds:DescribeDBInstances",
            "rds:CreateDBSnapshot",
            "rds:ModifyDBInstance",
            "rds:DeleteDBInstance",
            "rds-data:ExecuteStatement",
            "cloudformation:DescribeStacks",
            "cloudformation:CreateStack",
            "cloudformation:CreateChangeSet",
            "cloudformation:ExecuteChangeSet",
            "cloudformation:DeleteStack",
            "cloudcontrol:CreateResource",
            "iam:ListRoles",
            "iam:AttachRolePolicy",
            "iam:CreateAccessKey",
            "iam:DeleteRole",
            "sts:GetCallerIdentity",
            "sts:AssumeRole",
            "secretsmanager:GetSecretValue",
            "ssm:GetParameter",
            "ssm:PutParameter",
            "ssm:SendCommand",
            "s3:GetObject",
            "s3:PutObject",
            "s3:DeleteBucket",
            "s3:PutBucketPolicy",
            "dynamodb:CreateTable",
            "dynamodb:DeleteTable",
            "lambda:Invoke",
            "kms:ScheduleKeyDeletion",
            "sns:Publish",
            "cloudwatch:PutMetricData",
            "elasticbeanstalk:TerminateEnvironment",
            "route53:ChangeResourceRecordSets",
            "ce:GetCostAndUsage",
            "ecr:GetAuthorizationToken",
        ] {
            let (service, operation) = name.split_once(':').unwrap();
            let judged = of(Table::shared().get(service, operation).unwrap());
            let shows = match judged.exposure {
                Exposure { data: false, credentials: false } => "",
                Exposure { data: true, credentials: false } => " +data",
                Exposure { data: false, credentials: true } => " +credentials",
                Exposure { data: true, credentials: true } => " +data +credentials",
            };
            let undo = if judged.additive { " (additive)" } else { "" };
            writeln!(out, "{name}: {}{shows}{undo}", judged.effects).unwrap();
        }
        expect![[r#"
            ec2:DescribeInstances: read
            ec2:StartInstances: spend, write
            ec2:StopInstances: destroy
            ec2:RunInstances: spend, write, execute
            ec2:CreateTags: write
            rds:DescribeDBInstances: read
            rds:CreateDBSnapshot: write (additive)
            rds:ModifyDBInstance: write
            rds:DeleteDBInstance: destroy
            rds-data:ExecuteStatement: execute, destroy +data
            cloudformation:DescribeStacks: read
            cloudformation:CreateStack: write, execute
            cloudformation:CreateChangeSet: write (additive)
            cloudformation:ExecuteChangeSet: write, execute
            cloudformation:DeleteStack: destroy
            cloudcontrol:CreateResource: write, execute
            iam:ListRoles: read
            iam:AttachRolePolicy: write, privilege
            iam:CreateAccessKey: write, privilege +credentials
            iam:DeleteRole: privilege, destroy
            sts:GetCallerIdentity: read
            sts:AssumeRole: write, privilege +credentials
            secretsmanager:GetSecretValue: read, privilege +data +credentials
            ssm:GetParameter: read +data
            ssm:PutParameter: write
            ssm:SendCommand: write, execute, destroy
            s3:GetObject: read +data
            s3:PutObject: write
            s3:DeleteBucket: destroy
            s3:PutBucketPolicy: write, privilege
            dynamodb:CreateTable: write (additive)
            dynamodb:DeleteTable: destroy
            lambda:Invoke: write, execute +data
            kms:ScheduleKeyDeletion: destroy
            sns:Publish: emit (additive)
            cloudwatch:PutMetricData: write (additive)
            elasticbeanstalk:TerminateEnvironment: destroy
            route53:ChangeResourceRecordSets: write, destroy
            ce:GetCostAndUsage: read
            ecr:GetAuthorizationToken: read, privilege +credentials
        "#]]
        .assert_eq(&out);
    }
}
