//! What shows a credential is `privilege`, by whatever way it came to be judged; and no operation whose name speaks of
//! credentials is left without somebody having said what its answer holds.

use std::collections::BTreeSet;

use classify_aws::{
    call::{Call, build},
    classify::{Override, Terms, classify, effects, objection},
    params::json,
    table::{Class, Row, Table},
};
use expect_test::expect;
use model::{Effect, EffectSet, Exposure, Operation};
use serde::Deserialize;

use crate::requests::target;

fn showing() -> impl Iterator<Item = &'static Row> {
    Table::shared().rows().iter().filter(|row| effects::of(row).exposure.credentials)
}

#[test]
fn whatever_shows_credentials_is_privilege() {
    let found = showing().count();
    assert!(found > 320, "{found} operations show credentials");
    for row in showing() {
        assert!(effects::of(row).effects.contains(Effect::Privilege), "{}:{}", row.service, row.operation);
    }
}

/// Of every protocol, and of each way that rights get out: a key, a password, a session, a token, a link, a signature.
const CASES: &[(&str, &str)] = &[
    ("sts:AssumeRole", r#"{"RoleArn":"arn:aws:iam::1:role/r","RoleSessionName":"s"}"#),
    ("sts:GetSessionToken", "{}"),
    ("sts:GetFederationToken", r#"{"Name":"n"}"#),
    ("iam:CreateAccessKey", r#"{"UserName":"u"}"#),
    ("iam:CreateVirtualMFADevice", r#"{"VirtualMFADeviceName":"m"}"#),
    ("secretsmanager:GetSecretValue", r#"{"SecretId":"s"}"#),
    ("secretsmanager:BatchGetSecretValue", r#"{"SecretIdList":["s"]}"#),
    ("ssm:GetParameter", r#"{"Name":"n","WithDecryption":true}"#),
    ("ssm:GetParametersByPath", r#"{"Path":"/","WithDecryption":true}"#),
    ("ssm:StartSession", r#"{"Target":"i-1"}"#),
    ("ssm:CreateActivation", r#"{"IamRole":"r"}"#),
    ("ecs:ExecuteCommand", r#"{"task":"t","command":"sh","interactive":true}"#),
    ("kms:Decrypt", r#"{"CiphertextBlob":"eA=="}"#),
    ("kms:GenerateDataKey", r#"{"KeyId":"k"}"#),
    ("kms:Sign", r#"{"KeyId":"k","Message":"eA==","SigningAlgorithm":"ECDSA_SHA_256"}"#),
    ("ecr:GetAuthorizationToken", "{}"),
    ("codeartifact:GetAuthorizationToken", r#"{"domain":"d"}"#),
    ("redshift:GetClusterCredentials", r#"{"DbUser":"u","ClusterIdentifier":"c"}"#),
    ("ec2:GetPasswordData", r#"{"InstanceId":"i-1"}"#),
    ("ec2:DescribeVpnConnections", "{}"),
    ("ec2:CreateVpnConnection", r#"{"CustomerGatewayId":"c","Type":"ipsec.1"}"#),
    ("lightsail:GetInstanceAccessDetails", r#"{"instanceName":"i"}"#),
    ("route53domains:RetrieveDomainAuthCode", r#"{"DomainName":"d.example"}"#),
    ("ivs:GetStreamKey", r#"{"arn":"a"}"#),
    ("mwaa:CreateCliToken", r#"{"Name":"n"}"#),
    ("emr:GetPersistentAppUIPresignedURL", r#"{"PersistentAppUIId":"p"}"#),
    ("cognito-idp:UpdateUserPoolClient", r#"{"UserPoolId":"p","ClientId":"c"}"#),
    ("amplify:UpdateApp", r#"{"appId":"a"}"#),
    ("dms:DescribeCertificates", "{}"),
];

fn classified(name: &str, parameters: &str, own: Option<Override>) -> model::ActionParts {
    let (service, operation) = name.split_once(':').unwrap();
    let call = Call {
        service: service.to_owned(),
        operation: operation.to_owned(),
        region: "us-east-1".to_owned(),
        parameters: json::parse(parameters.as_bytes()).unwrap(),
    };
    let request = build(&call).unwrap_or_else(|err| panic!("{name}: {err}"));
    let signing = Table::shared().service(service).unwrap().signing;
    let own = own.map(|own| (Operation::new(service, operation), own));
    let terms = Terms { overrides: own.into_iter().collect(), ..Terms::default() };
    classify(request, signing, "us-east-1", &target(), &terms).unwrap().action.parts().clone()
}

#[test]
fn no_override_takes_privilege_from_what_shows_credentials() {
    let own = Override {
        effects: EffectSet::of(Effect::Read),
        kind: Some("queue".parse().unwrap()),
        additive: true,
        exposure: Some(Exposure::default()),
    };
    for (name, parameters) in CASES {
        let plain = classified(name, parameters, None);
        let overridden = classified(name, parameters, Some(own.clone()));
        for parts in [&plain, &overridden] {
            let Exposure { credentials, .. } = parts.exposure;
            assert!(credentials && parts.effects.contains(Effect::Privilege), "{name}: {}", parts.effects);
        }
        assert_eq!(overridden.resources, plain.resources, "{name}");
    }
}

#[test]
fn an_override_that_would_hide_a_credential_is_objected_to() {
    let check = |name: &str, effects: &[Effect], kind: Option<&str>, exposure: Option<Exposure>| {
        let (service, operation) = name.split_once(':').unwrap();
        let own = Override {
            effects: effects.iter().copied().fold(EffectSet::of(effects[0]), EffectSet::with),
            kind: kind.map(|kind| kind.parse().unwrap()),
            additive: false,
            exposure,
        };
        let told = objection(&Operation::new(service, operation), &own);
        told.map_or_else(|| "fine".to_owned(), |it| format!("{it}: {}", it.hint))
    };
    let nothing = Some(Exposure::default());
    let told = [
        check("sts:AssumeRole", &[Effect::Read], None, None),
        check("kms:Decrypt", &[Effect::Read, Effect::Privilege], Some("queue"), None),
        check("kms:Decrypt", &[Effect::Read, Effect::Privilege], None, nothing),
        check("s3:GetObject", &[Effect::Read], Some("queue"), None),
        check("ec2:BrandNew", &[Effect::Write], None, None),
        check("ec2:BrandNew", &[Effect::Write], Some("queue"), nothing),
    ];
    expect![[r#"
        the override of `sts:AssumeRole` leaves out `privilege`, and an answer to it is a credential: add "privilege" to effects: who gets to hold a credential is a question of rights, whatever else it is
        the override of `kms:Decrypt` says that it is about something else, and an answer to it is a credential: leave out kind: what a credential is to cannot be renamed
        fine
        fine
        the override of `ec2:BrandNew` does not say what an answer shows, and no table knows it either, so it counts as showing credentials: add exposes = [] where an answer shows neither data nor credentials, or name what it shows
        fine"#]]
    .assert_eq(&told.join("\n"));
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    shows_none: Vec<Group>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    reason: String,
    operations: String,
}

/// In names of operations; lower case.
const WORDS: [&str; 22] = [
    "token",
    "credential",
    "password",
    "secret",
    "presign",
    "signedurl",
    "embedurl",
    "loginurl",
    "accesskey",
    "apikey",
    "assumerole",
    "federat",
    "decrypt",
    "datakey",
    "privatekey",
    "otp",
    "accessdetails",
    "uploadurl",
    "downloadurl",
    "authcode",
    "streamkey",
    "sessionurl",
];

#[test]
fn no_name_that_speaks_of_credentials_is_left_unsaid() {
    let listed: Listed = toml::from_str(include_str!("credentials.toml")).unwrap();
    assert!(listed.shows_none.iter().all(|group| group.reason.len() > 20));
    let excused: BTreeSet<&str> =
        listed.shows_none.iter().flat_map(|group| group.operations.split_whitespace()).collect();
    let speaks = |row: &&Row| {
        let name = row.operation.to_ascii_lowercase();
        // `OTP` alone, and not the end of another word.
        WORDS
            .iter()
            .any(|word| if *word == "otp" { row.operation.contains("OTP") } else { name.contains(word) })
    };
    let makes = |row: &&Row| matches!(row.class, Class::Read | Class::Create | Class::Modify);
    let silent: BTreeSet<String> = Table::shared()
        .rows()
        .iter()
        .filter(|row| !effects::of(row).exposure.credentials)
        .filter(makes)
        .filter(speaks)
        .map(|row| format!("{}:{}", row.service, row.operation))
        .collect();
    let unsaid: Vec<_> = silent.iter().filter(|name| !excused.contains(name.as_str())).collect();
    let stale: Vec<_> = excused.iter().filter(|name| !silent.contains(**name)).collect();
    assert!(
        unsaid.is_empty(),
        "does an answer to these show credentials? overrides.toml, or credentials.toml: {unsaid:?}"
    );
    assert!(stale.is_empty(), "credentials.toml excuses what needs no excuse: {stale:?}");
}
