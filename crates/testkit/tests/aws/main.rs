//! The rigs against the real mock and the real clients: what every other suite stands on.

use anyhow::Result;
use testkit::{Moto, Venv};

#[test]
fn the_mock_answers_both_clients_and_forgets_when_told() -> Result<()> {
    let venv = Venv::of_checkout()?;
    let moto = Moto::start(&venv)?;
    let url = moto.url();
    let env = [
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_DEFAULT_REGION", "eu-central-1"),
        ("AWS_ENDPOINT_URL", url.as_str()),
    ];
    let made = venv.python(
        "import boto3; boto3.client('ssm').put_parameter(Name='orders', Value='1', Type='String')",
        &env,
    )?;
    made.expect(0)?;
    let listed = venv.aws(["ssm", "describe-parameters", "--output", "json"], &env)?.expect(0)?;
    assert!(listed.stdout.contains("orders"), "{listed}");
    moto.reset()?;
    let listed = venv.aws(["ssm", "describe-parameters", "--output", "json"], &env)?.expect(0)?;
    assert!(!listed.stdout.contains("orders"), "{listed}");
    assert!(moto.log()?.contains("POST / HTTP/1.1"));

    moto.reset_auth()?;
    let refused = venv.aws(["sts", "get-caller-identity"], &env)?;
    assert_ne!(refused.code, 0, "a key that nobody made must be refused: {refused}");
    Ok(())
}
