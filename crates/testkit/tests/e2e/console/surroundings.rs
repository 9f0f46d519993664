//! The picture of what stands around a target, as the cloud describes it: who would miss the target, what it needs itself, and
//! nothing where nothing is named. Names that others chose stay names.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::Site;
use crate::lab::{Lab, OWNER, held};

/// What the account's owner has made, past Countersign: a database with copies, a target group behind a load balancer, and an alarm
/// that tells whoever somebody wrote down.
const MADE: &str = r##"
import boto3, json
rds, ec2, elb, watch = (boto3.client(it) for it in ("rds", "ec2", "elbv2", "cloudwatch"))
rds.create_db_instance(DBInstanceIdentifier="orders", DBInstanceClass="db.t3.micro", Engine="postgres", AllocatedStorage=20,
    MasterUsername="u", MasterUserPassword="password-1", VpcSecurityGroupIds=["sg-orders"])
for copy in ("orders-eu", "orders-us"):
    rds.create_db_instance_read_replica(DBInstanceIdentifier=copy, SourceDBInstanceIdentifier="orders")
vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
subnets = [it["SubnetId"] for it in ec2.describe_subnets()["Subnets"]][:2]
group = elb.create_target_group(Name="shop", Protocol="HTTP", Port=80, VpcId=vpc)["TargetGroups"][0]["TargetGroupArn"]
front = elb.create_load_balancer(Name="front", Subnets=subnets)["LoadBalancers"][0]["LoadBalancerArn"]
elb.create_listener(LoadBalancerArn=front, Protocol="HTTP", Port=80, DefaultActions=[{"Type": "forward", "TargetGroupArn": group}])
watch.put_metric_alarm(AlarmName="errors", MetricName="Errors", Namespace="shop", Statistic="Sum", Period=60, EvaluationPeriods=1,
    Threshold=1, ComparisonOperator="GreaterThanThreshold", AlarmActions=HOSTILE)
print(json.dumps({"group": group, "front": front, "vpc": vpc}))
"##;

/// Markup, script, what turns text around, and what never ends.
const HOSTILE: [&str; 4] = [
    r##"</text><script>window.ran=1</script>"##,
    r##"<image href=x onerror="window.ran=1"/>"##,
    "\u{202e}ydaer si gnihtyreve\u{2066}\u{200b}",
    "arn:aws:sns:us-east-1:123456789012:loooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooong",
];

/// What the picture on a change's page is; null where there is none.
const PICTURE: &str = r##"
  const picture = document.querySelector("svg.around");
  if (!picture) return null;
  const box = picture.getBoundingClientRect();
  const inside = [...picture.querySelectorAll("rect, text")].every((it) => {
    const own = it.getBoundingClientRect();
    return own.left >= box.left - 1 && own.right <= box.right + 1 && own.top >= box.top - 1 && own.bottom <= box.bottom + 1;
  });
  return {
    label: picture.getAttribute("aria-label"),
    dependents: picture.querySelectorAll("rect.dependent").length,
    boxes: picture.querySelectorAll("rect").length,
    kinds: [...new Set([...picture.querySelectorAll("*")].map((it) => it.tagName))].sort().join(" "),
    words: [...picture.querySelectorAll("text")].map((it) => it.textContent),
    inside: inside && box.right <= innerWidth,
    list: picture.parentElement.innerText,
    ran: window.ran !== undefined,
  };"##;

/// What the picture of this change shows, on a desk and on a phone.
fn picture(site: &mut Site, id: &str) -> Result<Value> {
    let mut seen = Vec::new();
    for width in [1280, 390] {
        let code = format!(
            r##"said.length = 0;
            await page.setViewportSize({{ width: {width}, height: 720 }});
            await page.goto("{{url}}/changes/{id}");
            const picture = await page.evaluate(() => {{ {PICTURE} }});
            return {{ picture, said }};"##
        );
        let found = site.run("ben", &code)?;
        ensure!(found["said"].as_array().is_some_and(Vec::is_empty), "{found:#}");
        seen.push(found["picture"].clone());
    }
    let [desk, phone] = seen.try_into().ok().context("two sizes")?;
    if desk.is_null() {
        ensure!(phone.is_null());
        return Ok(desk);
    }
    ensure!(desk["inside"] == true && phone["inside"] == true, "it stands out: {desk:#} {phone:#}");
    ensure!(desk["kinds"] == "path rect text" && desk["ran"] == false, "more than a picture: {desk:#}");
    ensure!(desk["words"] == phone["words"]);
    Ok(desk)
}

fn asks(lab: &Lab, service: &str, fields: &[(&str, &str)]) -> Result<String> {
    held(&lab.agent.form(service, lab.gateway(), fields).send(lab.gateway())?)
}

fn shows(picture: &Value, dependents: u64, words: &[&str], list: &[&str]) -> Result<()> {
    ensure!(picture["dependents"] == dependents, "{picture:#}");
    let told = picture["words"].as_array().context("no words")?;
    for word in words {
        ensure!(told.iter().any(|it| it == word), "no `{word}` in the picture: {picture:#}");
    }
    let below = picture["list"].as_str().unwrap_or_default();
    for part in list {
        ensure!(below.contains(part), "no `{part}` below the picture: {picture:#}");
    }
    Ok(())
}

#[test]
fn the_page_draws_what_stands_around_a_target() -> Result<()> {
    let Some(mut site) = Site::open()? else { return Ok(()) };
    site.sign_in("ben")?;
    let here = [("AWS_ENDPOINT_URL", site.lab.moto.url())];
    let env: Vec<_> = OWNER.into_iter().chain(here.iter().map(|(name, url)| (*name, url.as_str()))).collect();
    let script = MADE.replace("HOSTILE", &serde_json::to_string(&HOSTILE)?);
    let made = site.lab.venv.python(&script, &env)?.expect(0)?.json()?;
    let name = |of: &str| made[of].as_str().map(str::to_owned).with_context(|| made.to_string());
    let (group, front, vpc) = (name("group")?, name("front")?, name("vpc")?);

    // A stack's description names nothing else: no picture.
    let id = site.lab.hold("alone")?;
    ensure!(picture(&mut site, &id)?.is_null());

    let fields = [
        ("Action", "DeleteDBInstance"),
        ("DBInstanceIdentifier", "orders"),
        ("SkipFinalSnapshot", "true"),
        ("Version", "2014-10-31"),
    ];
    let id = asks(&site.lab, "rds", &fields)?;
    let seen = picture(&mut site, &id)?;
    shows(
        &seen,
        2,
        &["copy from it", "orders-eu", "orders-us", "security group"],
        &["Depends on it", "orders-eu", "orders-us", "sg-orders"],
    )?;
    ensure!(seen["label"].as_str().is_some_and(|it| it.starts_with("2 depend on it; ")), "{seen:#}");

    let fields =
        [("Action", "DeleteTargetGroup"), ("TargetGroupArn", group.as_str()), ("Version", "2015-12-01")];
    let id = asks(&site.lab, "elasticloadbalancing", &fields)?;
    let seen = picture(&mut site, &id)?;
    shows(&seen, 1, &["send traffic to it", "network", &vpc], &[&front, &vpc])?;

    let fields = [("Action", "DeleteAlarms"), ("AlarmNames.member.1", "errors"), ("Version", "2010-08-01")];
    let id = asks(&site.lab, "monitoring", &fields)?;
    let seen = picture(&mut site, &id)?;
    shows(&seen, 4, &["are told by it"], &["<script>window.ran=1</script>", "onerror", "oooong"])?;
    let told = seen.to_string();
    ensure!(!told.contains('\u{202e}') && !told.contains('\u{200b}'), "it turns text around: {seen:#}");
    let longest = seen["words"].as_array().into_iter().flatten().filter_map(Value::as_str);
    ensure!(longest.map(|it| it.chars().count()).max().unwrap_or_default() <= 26, "{seen:#}");
    Ok(())
}
