//! Bundles that load, the starter's first of all, and what they then say of themselves.

use expect_test::expect;
use model::{Account, Effect};
use policy::{Bundle, FileSignatures, Profile, starter};

use crate::world::{World, bundle, files, key, options, told};

#[test]
fn every_profile_loads_and_its_examples_pass() {
    for profile in Profile::ALL {
        let results = bundle(profile).run_examples();
        assert!(results.len() > 40 && results.iter().all(|result| result.passed));
        assert_eq!(bundle(profile).profile(), profile);
    }
}

#[test]
fn the_digest_covers_every_byte_of_every_file() {
    let files = files(Profile::Lab);
    let digest = Bundle::load(&files).unwrap().digest();
    assert_eq!(digest, bundle(Profile::Lab).digest());
    assert_ne!(digest, bundle(Profile::Standard).digest());
    let mut edited = files.clone();
    edited.get_mut("overrides.toml").unwrap().extend(b"# \n");
    assert_ne!(digest, Bundle::load(&edited).unwrap().digest());
    let mut fewer = files;
    fewer.remove("overrides.toml");
    assert_ne!(digest, Bundle::load(&fewer).unwrap().digest());
}

#[test]
fn unknown_accounts_are_production_and_names_only_raise() {
    let bundle = bundle(Profile::Standard);
    let place = |account: &str| bundle.environment_of(&Account(account.into())).to_string();
    assert_eq!(place("111122223333"), "production");
    assert_eq!(place("444455556666"), "staging");
    assert_eq!(place("777788889999"), "shop-prod-eu (production)");
    assert_eq!(place("999999999999"), "production");
    assert_eq!(place(""), "production");
}

#[test]
fn key_files_count_where_the_profile_says() {
    let staging = World::new(Effect::Read, "stack", "staging").environment;
    let production = World::new(Effect::Read, "stack", "production").environment;
    for (profile, in_staging, in_production) in [
        (Profile::Lab, FileSignatures::Count, FileSignatures::Count),
        (Profile::Standard, FileSignatures::Count, FileSignatures::DoNotCount),
        (Profile::Strict, FileSignatures::DoNotCount, FileSignatures::DoNotCount),
    ] {
        assert_eq!(bundle(profile).file_signatures(&staging), in_staging);
        assert_eq!(bundle(profile).file_signatures(&production), in_production);
    }
}

#[test]
fn one_name_in_two_flags_is_one_person_and_one_key_is_one_person() {
    let mut options = options(Profile::Lab);
    options.approvers.push(("ana".parse().unwrap(), vec!["owner".parse().unwrap()], vec![key("ana2")]));
    let bundle = Bundle::load(&starter(&options).unwrap()).unwrap();
    let ana = &bundle.roster().people["ana"];
    assert!(ana.operator && ana.approver && ana.keys.len() == 2 && ana.roles.len() == 1);
    options.approvers.push(("eve".parse().unwrap(), vec![], vec![key("ben")]));
    let err = starter(&options).unwrap_err().to_string();
    assert!(err.contains("ben and eve have the same key"), "{err}");
}

#[test]
fn without_a_calendar_every_hour_is_peak_and_frozen() {
    let mut files = files(Profile::Lab);
    files.remove("calendar.toml");
    let bundle = Bundle::load(&files).unwrap();
    let told = |effect, kind, environment| {
        let world = World::new(effect, kind, environment);
        told(&bundle.decide(&world.ask()))
    };
    expect!["allow"].assert_eq(&told(Effect::Read, "stack", "production"));
    expect![[r#"
        deny
          nothing-in-a-freeze (constitution/nothing-in-a-freeze.cedar:1)
          instead: prepare it now, and run it when the freeze is over
          instead: the bundle has no calendar.toml, so every hour counts as peak and as frozen"#]]
    .assert_eq(&told(Effect::Write, "stack", "production"));
    expect![[r#"
        deny
          nothing-in-a-freeze (constitution/nothing-in-a-freeze.cedar:1)
          instead: prepare it now, and run it when the freeze is over
          instead: the bundle has no calendar.toml, so every hour counts as peak and as frozen"#]]
    .assert_eq(&told(Effect::Write, "stack", "staging"));
    expect![[r#"
        deny
          no-database-loss-in-peak (constitution/no-database-loss-in-peak.cedar:2)
          instead: take a backup now, and ask again outside peak hours
          instead: the bundle has no calendar.toml, so every hour counts as peak and as frozen"#]]
    .assert_eq(&told(Effect::Destroy, "database", "production"));
}

#[test]
fn the_starter_grants_are_for_reading() {
    let files = files(Profile::Standard);
    let text = |path: &str| String::from_utf8(files[path].clone()).unwrap();
    expect![[r#"
        // What the agent kiro may do, at most: a session is narrower still where its scope or its operator's own grant is.
        // What a grant permits, the constitution may yet hold for people, or forbid.

        @id("agent-kiro-reads")
        @reason("look at anything, anywhere, that shows neither data nor credentials")
        permit (
            principal == Agent::"kiro",
            action == Action::"read",
            resource
        )
        when { !context.exposes.data && !context.exposes.credentials };

        @id("agent-kiro-changes")
        @reason("ask for any change in production, shop-prod-eu, staging; what cannot be undone then waits for people")
        permit (
            principal == Agent::"kiro",
            action in Action::"change",
            resource
        )
        when { !context.exposes.data && !context.exposes.credentials }
        when {
            resource in Environment::"production" ||
            resource in Environment::"shop-prod-eu" ||
            resource in Environment::"staging"
        };

        // To let it read data, name where. A permit that names no service does not count for data, and one that names no
        // resource does not count for credentials:
        //
        // @id("agent-kiro-reads-reports")
        // @reason("read the reports in the bucket shop-reports")
        // permit (
        //     principal == Agent::"kiro",
        //     action == Action::"read",
        //     resource in Service::"s3"
        // )
        // when { resource.name like "arn:aws:s3:::shop-reports/*" };
    "#]].assert_eq(&text("grants/agent-kiro.cedar"));
    expect![[r#"
        [[example]]
        name = "it looks at production"
        agent = "kiro"
        operator = "ana"
        effects = ["read"]
        kind = "stack"
        environment = "production"
        time = ["peak"]
        exposes = []
        expect = "allow"

        [[example]]
        name = "it does not see data"
        agent = "kiro"
        operator = "ana"
        effects = ["read"]
        kind = "stack"
        environment = "production"
        time = ["peak"]
        exposes = ["data"]
        expect = "deny"
        rules = ["no-grant"]

        [[example]]
        name = "nor credentials, which nobody could grant it"
        agent = "kiro"
        operator = "ana"
        effects = ["read"]
        kind = "stack"
        environment = "production"
        time = ["peak"]
        exposes = ["credentials"]
        expect = "deny"
        rules = ["no-grant", "no-minting-credentials"]

        [[example]]
        name = "it changes what can be undone"
        agent = "kiro"
        operator = "ana"
        effects = ["write"]
        kind = "stack"
        environment = "production"
        time = ["peak"]
        exposes = []
        expect = "allow"

        [[example]]
        name = "what cannot be undone waits for two people"
        agent = "kiro"
        operator = "ana"
        effects = ["destroy"]
        kind = "stack"
        environment = "production"
        time = ["peak"]
        exposes = []
        expect = "hold"
        people = 2
        rules = ["two-people-to-destroy"]
    "#]]
    .assert_eq(&text("grants/agent-kiro.examples.toml"));
    expect![[r#"
        // What ana may do, and so what an agent launched by ana may do at most.

        @id("operator-ana-reads")
        @reason("look at anything, anywhere")
        permit (
            principal == Person::"ana",
            action == Action::"read",
            resource
        );

        @id("operator-ana-changes")
        @reason("change anything in production, shop-prod-eu, staging")
        permit (
            principal == Person::"ana",
            action in Action::"change",
            resource
        )
        when {
            resource in Environment::"production" ||
            resource in Environment::"shop-prod-eu" ||
            resource in Environment::"staging"
        };
    "#]]
    .assert_eq(&text("grants/operator-ana.cedar"));
    expect![[r##"
        # Who there is. One key is one person; nobody who launched an agent, or owns it, counts for its changes.

        [people.ana]
        keys = [
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5ana",
        ]
        operator = true
        approver = false
        roles = []

        [people.ben]
        keys = [
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5ben",
        ]
        operator = false
        approver = true
        roles = ["sre"]

        [people.cem]
        keys = [
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5cem",
        ]
        operator = false
        approver = true
        roles = []

        [people.dot]
        keys = [
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5dot",
        ]
        operator = false
        approver = true
        roles = ["dba"]

        [agents.kiro]
        # owner = "NAME": the person who answers for it as software
    "##]].assert_eq(&text("roster.toml"));
    expect![[r##"
        # Which account is which environment. An account that is not here is production.
        # names = ["*prod*"] and tags = ["env=prod*"] make production of what lies elsewhere; they never lower anything,
        # and whoever changes such a name or tag needs what a change of rights needs.
        # own_roles: what Countersign itself acts with; no agent can change it, whoever agrees.

        [environments.production]
        production = true
        accounts = ["111122223333"]
        own_roles = []

        [environments.shop-prod-eu]
        production = true
        accounts = ["777788889999"]
        own_roles = []

        [environments.staging]
        production = false
        accounts = ["444455556666"]
        own_roles = []
    "##]]
    .assert_eq(&text("environments.toml"));
    expect![[r##"
        # What can change a verdict and is not a rule. A change of any file here takes two people.
        schema = "countersign.bundle/v1"
        # lab, standard or strict
        profile = "standard"

        [keys]
        # Where a signature by a key file (nobody had to touch anything) counts: everywhere, outside-production or
        # nowhere. May be stricter than the profile, never laxer.
        file_signatures = "outside-production"

        [limits]
        session_ttl_max_s = 43200
        hold_expiry_s = 86400
        max_body_bytes = 6291456
        open_holds_per_session = 10
        history_window_s = 3600
        # An identical call within this time after a held change has run gets the recorded outcome.
        retry_window_s = 900
        clock_skew_s = 300

        # How far a decision's record must have got before the effect is carried out: recorded (in the database), sequenced
        # (in the log, under a signed checkpoint) or witnessed(K) (cosigned by K of the witnesses). What stands here is the
        # least; [levels.elsewhere] is for outside production.
        [levels.production]
        destroy = "sequenced"
        privilege = "sequenced"
        execute = "sequenced"
    "##]].assert_eq(&text("bundle.toml"));
}

#[test]
fn a_passkeys_line_is_taken_as_it_stands_or_not_at_all() {
    let (id, key) = ("Gx7B_-3h5Vb0Qz2mT9s1Kw", "pQECAyYgASFYIDMAqV_ceu7i7Gw9sutq4PjEPKbbjqmToYzZWR03vPwC");
    let good = format!("passkey countersign.example.com {id} {key}");
    let with = |line: &str| {
        let mut files = files(Profile::Lab);
        let roster = String::from_utf8(files["roster.toml"].clone()).unwrap();
        let (before, after) = roster.split_once("ssh-ed25519").unwrap();
        let (_, after) = after.split_once('"').unwrap();
        files.insert("roster.toml".into(), format!("{before}{line}\"{after}").into_bytes());
        Bundle::load(&files)
    };
    let bundle = with(&good).unwrap();
    assert!(bundle.roster().person_of(&model::EnrolledKey(good.clone())).is_some());
    for line in [
        format!("{good} a comment"),
        format!(" {good}"),
        format!("{good} "),
        good.replace(' ', "  "),
        good.replace("passkey ", "passkey\\t"),
        format!("{good}="),
        format!("passkey {id} {key}"),
        format!("passkey example.com {id} {}", "A".repeat(2048)),
        "passkey".to_owned(),
    ] {
        let refused = with(&line).map(|_| ()).unwrap_err().to_string();
        assert!(refused.contains("not a passkey as it is enrolled"), "{line}: {refused}");
    }
}
