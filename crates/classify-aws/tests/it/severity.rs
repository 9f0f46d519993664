//! Requests that look harmless by their names and that a careful engineer would not let an agent make alone in
//! production: none of them is a plain read or a plain write.

use classify_aws::{
    call::{Call, build},
    classify::classify,
    params::json,
    table::Table,
};
use model::Effect;

use crate::requests::target;

/// `service:Operation`, its parameters, and the effect for which it must not pass unseen.
const DANGEROUS: &[(&str, &str, Effect)] = &[
    ("rds:ModifyDBInstance", r#"{"DBInstanceIdentifier":"d","DeletionProtection":false}"#, Effect::Destroy),
    ("rds:ModifyDBInstance", r#"{"DBInstanceIdentifier":"d","BackupRetentionPeriod":0}"#, Effect::Destroy),
    ("rds:ModifyDBInstance", r#"{"DBInstanceIdentifier":"d","EngineVersion":"16.1"}"#, Effect::Destroy),
    (
        "rds:ModifyDBInstance",
        r#"{"DBInstanceIdentifier":"d","DBInstanceClass":"db.t3.micro"}"#,
        Effect::Destroy,
    ),
    ("rds:ModifyDBInstance", r#"{"DBInstanceIdentifier":"d","MasterUserPassword":"x"}"#, Effect::Privilege),
    ("rds:ModifyDBInstance", r#"{"DBInstanceIdentifier":"d","PubliclyAccessible":true}"#, Effect::Privilege),
    (
        "rds:ModifyDBCluster",
        r#"{"DBClusterIdentifier":"d","ApplyImmediately":true,"Port":1}"#,
        Effect::Destroy,
    ),
    ("rds:ModifyDBCluster", r#"{"DBClusterIdentifier":"d","DeletionProtection":false}"#, Effect::Destroy),
    (
        "ec2:ModifyInstanceAttribute",
        r#"{"InstanceId":"i","DisableApiTermination":{"Value":false}}"#,
        Effect::Destroy,
    ),
    ("ec2:ModifyInstanceAttribute", r#"{"InstanceId":"i","UserData":{"Value":"eA=="}}"#, Effect::Execute),
    (
        "ec2:ModifyInstanceAttribute",
        r#"{"InstanceId":"i","InstanceInitiatedShutdownBehavior":{"Value":"terminate"}}"#,
        Effect::Destroy,
    ),
    ("ec2:ModifyInstanceMetadataOptions", r#"{"InstanceId":"i","HttpTokens":"optional"}"#, Effect::Privilege),
    (
        "ec2:ModifySubnetAttribute",
        r#"{"SubnetId":"s","MapPublicIpOnLaunch":{"Value":true}}"#,
        Effect::Privilege,
    ),
    ("ec2:ModifyVpcAttribute", r#"{"VpcId":"v","EnableDnsSupport":{"Value":false}}"#, Effect::Destroy),
    (
        "ec2:CreateRoute",
        r#"{"RouteTableId":"r","DestinationCidrBlock":"0.0.0.0/0","NetworkInterfaceId":"e"}"#,
        Effect::Destroy,
    ),
    (
        "ec2:ReplaceRoute",
        r#"{"RouteTableId":"r","DestinationCidrBlock":"0.0.0.0/0","GatewayId":"g"}"#,
        Effect::Destroy,
    ),
    ("ec2:AssociateRouteTable", r#"{"RouteTableId":"r","SubnetId":"s"}"#, Effect::Destroy),
    ("ec2:ModifyVpcEndpoint", r#"{"VpcEndpointId":"v","ResetPolicy":true}"#, Effect::Destroy),
    ("ec2:ModifyLaunchTemplate", r#"{"LaunchTemplateId":"l","SetDefaultVersion":"3"}"#, Effect::Execute),
    ("ec2:RunInstances", r#"{"ImageId":"a","IamInstanceProfile":{"Name":"admin"}}"#, Effect::Privilege),
    ("ec2:ModifySnapshotAttribute", r#"{"SnapshotId":"s","CreateVolumePermission":{}}"#, Effect::Privilege),
    (
        "ec2:PurchaseReservedInstancesOffering",
        r#"{"ReservedInstancesOfferingId":"r","InstanceCount":9}"#,
        Effect::Spend,
    ),
    (
        "autoscaling:SetDesiredCapacity",
        r#"{"AutoScalingGroupName":"g","DesiredCapacity":0}"#,
        Effect::Destroy,
    ),
    ("autoscaling:UpdateAutoScalingGroup", r#"{"AutoScalingGroupName":"g","MaxSize":0}"#, Effect::Destroy),
    ("autoscaling:SuspendProcesses", r#"{"AutoScalingGroupName":"g"}"#, Effect::Destroy),
    ("ecs:UpdateService", r#"{"service":"s","desiredCount":0}"#, Effect::Destroy),
    ("ecs:UpdateService", r#"{"service":"s","taskDefinition":"evil:1"}"#, Effect::Execute),
    ("ecs:UpdateService", r#"{"service":"s","enableExecuteCommand":true}"#, Effect::Privilege),
    (
        "ecs:RegisterTaskDefinition",
        r#"{"family":"f","taskRoleArn":"arn:aws:iam::1:role/admin","containerDefinitions":[]}"#,
        Effect::Privilege,
    ),
    (
        "lambda:PutFunctionConcurrency",
        r#"{"FunctionName":"f","ReservedConcurrentExecutions":0}"#,
        Effect::Destroy,
    ),
    (
        "lambda:UpdateFunctionConfiguration",
        r#"{"FunctionName":"f","Layers":["arn:aws:lambda:x"]}"#,
        Effect::Execute,
    ),
    ("lambda:UpdateFunctionCode", r#"{"FunctionName":"f","S3Bucket":"b","S3Key":"k"}"#, Effect::Execute),
    ("lambda:UpdateAlias", r#"{"FunctionName":"f","Name":"live","FunctionVersion":"7"}"#, Effect::Execute),
    ("lambda:CreateFunctionUrlConfig", r#"{"FunctionName":"f","AuthType":"NONE"}"#, Effect::Privilege),
    ("lambda:UpdateEventSourceMapping", r#"{"UUID":"u","Enabled":false}"#, Effect::Destroy),
    (
        "s3:PutBucketVersioning",
        r#"{"Bucket":"b","VersioningConfiguration":{"Status":"Suspended"}}"#,
        Effect::Destroy,
    ),
    (
        "s3:PutBucketLifecycleConfiguration",
        r#"{"Bucket":"b","LifecycleConfiguration":{"Rule":[{"Status":"Enabled","Expiration":{"Days":1}}]}}"#,
        Effect::Destroy,
    ),
    ("s3:PutObject", r#"{"Bucket":"b","Key":"k","x-amz-acl":"public-read"}"#, Effect::Privilege),
    (
        "s3:DeleteObject",
        r#"{"Bucket":"b","Key":"k","x-amz-bypass-governance-retention":"true"}"#,
        Effect::Privilege,
    ),
    ("s3:PutBucketReplication", r#"{"Bucket":"b","ReplicationConfiguration":{}}"#, Effect::Destroy),
    (
        "dynamodb:UpdateContinuousBackups",
        r#"{"TableName":"t","PointInTimeRecoverySpecification":{"PointInTimeRecoveryEnabled":false}}"#,
        Effect::Destroy,
    ),
    ("dynamodb:UpdateTable", r#"{"TableName":"t","DeletionProtectionEnabled":false}"#, Effect::Destroy),
    ("dynamodb:ExecuteStatement", r#"{"Statement":"DELETE FROM t WHERE a=1"}"#, Effect::Destroy),
    (
        "dynamodb:UpdateTimeToLive",
        r#"{"TableName":"t","TimeToLiveSpecification":{"Enabled":true}}"#,
        Effect::Destroy,
    ),
    (
        "kinesis:DecreaseStreamRetentionPeriod",
        r#"{"StreamName":"s","RetentionPeriodHours":24}"#,
        Effect::Destroy,
    ),
    (
        "sqs:SetQueueAttributes",
        r#"{"QueueUrl":"q","Attributes":{"MessageRetentionPeriod":"60"}}"#,
        Effect::Destroy,
    ),
    ("sqs:SetQueueAttributes", r#"{"QueueUrl":"q","Attributes":{"Policy":"{}"}}"#, Effect::Privilege),
    ("sns:Subscribe", r#"{"TopicArn":"t","Protocol":"https","Endpoint":"https://x"}"#, Effect::Execute),
    (
        "kms:CreateGrant",
        r#"{"KeyId":"k","GranteePrincipal":"p","Operations":["Decrypt"]}"#,
        Effect::Privilege,
    ),
    ("ssm:GetParameter", r#"{"Name":"n","WithDecryption":true}"#, Effect::Privilege),
    ("ssm:UpdateDocumentDefaultVersion", r#"{"Name":"n","DocumentVersion":"2"}"#, Effect::Execute),
    (
        "cloudformation:UpdateTerminationProtection",
        r#"{"StackName":"s","EnableTerminationProtection":false}"#,
        Effect::Destroy,
    ),
    (
        "cloudformation:UpdateStack",
        r#"{"StackName":"s","UsePreviousTemplate":true,"StackPolicyDuringUpdateBody":"{}"}"#,
        Effect::Destroy,
    ),
    (
        "cloudformation:CreateStack",
        r#"{"StackName":"s","RoleARN":"arn:aws:iam::1:role/admin"}"#,
        Effect::Privilege,
    ),
    (
        "scheduler:CreateSchedule",
        r#"{"Name":"n","ScheduleExpression":"rate(1 day)","Target":{"Arn":"a","RoleArn":"r"}}"#,
        Effect::Execute,
    ),
    ("events:PutRule", r#"{"Name":"r","State":"DISABLED"}"#, Effect::Destroy),
    ("ecr:PutLifecyclePolicy", r#"{"repositoryName":"r","lifecyclePolicyText":"{}"}"#, Effect::Destroy),
    ("efs:PutBackupPolicy", r#"{"FileSystemId":"f","BackupPolicy":{"Status":"DISABLED"}}"#, Effect::Destroy),
    (
        "elasticbeanstalk:UpdateEnvironment",
        r#"{"EnvironmentName":"e","SolutionStackName":"s"}"#,
        Effect::Destroy,
    ),
    (
        "emr:ModifyInstanceGroups",
        r#"{"InstanceGroups":[{"InstanceGroupId":"g","EC2InstanceIdsToTerminate":["i"]}]}"#,
        Effect::Destroy,
    ),
    ("cognito-idp:AdminCreateUser", r#"{"UserPoolId":"p","Username":"u"}"#, Effect::Emit),
    ("savingsplans:CreateSavingsPlan", r#"{"savingsPlanOfferingId":"o","commitment":"9"}"#, Effect::Spend),
    (
        "timestream-write:UpdateTable",
        r#"{"DatabaseName":"d","TableName":"t","RetentionProperties":{"MemoryStoreRetentionPeriodInHours":1}}"#,
        Effect::Destroy,
    ),
];

#[test]
fn what_a_careful_engineer_would_call_dangerous_is_no_plain_write() {
    let mut wrong = Vec::new();
    for (name, parameters, wanted) in DANGEROUS {
        let (service, operation) = name.split_once(':').unwrap();
        let call = Call {
            service: service.to_owned(),
            operation: operation.to_owned(),
            region: "us-east-1".to_owned(),
            parameters: json::parse(parameters.as_bytes()).unwrap(),
        };
        let request = build(&call).unwrap_or_else(|err| panic!("{name}: {err}"));
        let signing = Table::shared().service(service).unwrap().signing;
        let found = classify(request, signing, "us-east-1", &target(), &Default::default()).unwrap();
        let effects = found.action.parts().effects;
        if !effects.contains(*wanted) {
            wrong.push(format!("{name} {parameters}: {effects}, without {wanted:?}"));
        }
    }
    assert!(DANGEROUS.len() >= 50 && wrong.is_empty(), "{}", wrong.join("\n"));
}
