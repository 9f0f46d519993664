//! Where a service of the real cloud listens, from our own table and nothing a request says: the service's endpoint
//! prefix comes from the operation table, region and partition from the session's scope.
//!
//! Most services stand at `{prefix}.{region}.{suffix}`. The exceptions (global services, those that have only the
//! newer `api.aws` names, a few odd ones) are below; checked against botocore's rule sets for eight regions.
//! What is not here: FIPS and dual-stack variants, S3 virtual hosts (we forward path style), access points.

/// A host to connect to, and the region to sign for (a global service has one, whatever region was asked for).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    pub host: String,
    pub signing_region: String,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    #[error("{0:?} is not the name of an AWS partition we know; expected aws, aws-cn or aws-us-gov")]
    Partition(String),
    #[error("{region:?} is not a region of the partition {partition}")]
    Region { region: String, partition: &'static str },
    #[error("{0:?} cannot begin a host name")]
    Prefix(String),
}

/// The host of the service with this endpoint prefix. `host_prefix` is what the operation puts before it, with its
/// labels filled in (`api.`, `123456789012.`).
pub fn host(
    endpoint_prefix: &str,
    region: &str,
    partition: &str,
    host_prefix: Option<&str>,
) -> Result<Endpoint, EndpointError> {
    let partition = Partition::named(partition).ok_or_else(|| EndpointError::Partition(shown(partition)))?;
    if !partition.has(region) {
        return Err(EndpointError::Region { region: shown(region), partition: partition.name() });
    }
    if !is_host_start(endpoint_prefix) {
        return Err(EndpointError::Prefix(shown(endpoint_prefix)));
    }
    let (host, signing_region) = place(endpoint_prefix, partition).at(endpoint_prefix, region, partition);
    let host = match host_prefix {
        None | Some("") => host,
        Some(before) => format!("{before}{host}"),
    };
    if host.len() > 253 || !is_host_start(&host) {
        return Err(EndpointError::Prefix(shown(&host)));
    }
    Ok(Endpoint { host, signing_region: signing_region.to_owned() })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Partition {
    Aws,
    China,
    UsGov,
}

impl Partition {
    fn named(name: &str) -> Option<Self> {
        match name {
            "aws" => Some(Self::Aws),
            "aws-cn" => Some(Self::China),
            "aws-us-gov" => Some(Self::UsGov),
            _ => None,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::China => "aws-cn",
            Self::UsGov => "aws-us-gov",
        }
    }

    const fn suffix(self) -> &'static str {
        match self {
            Self::Aws | Self::UsGov => "amazonaws.com",
            Self::China => "amazonaws.com.cn",
        }
    }

    const fn api_suffix(self) -> &'static str {
        match self {
            Self::Aws | Self::UsGov => "api.aws",
            Self::China => "api.amazonwebservices.com.cn",
        }
    }

    /// The label in place of a region in the newer names of global services.
    const fn globe(self) -> &'static str {
        match self {
            Self::Aws | Self::China => "global",
            Self::UsGov => "us-gov",
        }
    }

    /// Where a global service is signed for.
    const fn home(self) -> &'static str {
        match self {
            Self::Aws => "us-east-1",
            Self::China => "cn-northwest-1",
            Self::UsGov => "us-gov-west-1",
        }
    }

    /// `area-place-number`, the area being this partition's.
    fn has(self, region: &str) -> bool {
        let mut parts = region.rsplitn(2, '-');
        let number = parts.next().unwrap_or_default();
        let words = parts.next().unwrap_or_default();
        let shaped = region.len() <= 32
            && (1..=2).contains(&number.len())
            && number.bytes().all(|byte| byte.is_ascii_digit())
            && words.contains('-')
            && words
                .split('-')
                .all(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase()));
        let isolated =
            region.starts_with("us-iso") || region.starts_with("eu-isoe-") || region.starts_with("eusc-");
        shaped
            && match self {
                Self::Aws => !region.starts_with("cn-") && !region.starts_with("us-gov-") && !isolated,
                Self::China => region.starts_with("cn-"),
                Self::UsGov => region.starts_with("us-gov-"),
            }
    }
}

/// Where a service stands; `{p}` its prefix.
#[derive(Clone, Copy)]
enum Place {
    /// `{p}.{region}.amazonaws.com`
    Regional,
    /// `{p}.{region}.api.aws`
    Api,
    /// `{p}.{home}.amazonaws.com`, signed for home.
    Home,
    /// `{p}.{home}.api.aws`, signed for home.
    HomeApi,
    /// `{p}.amazonaws.com`, signed for home.
    Bare,
    /// `{p}.global.api.aws`, signed for the region asked for.
    GlobalApi,
    /// `{p}.us-west-2.amazonaws.com`, signed for it.
    Oregon,
    /// Another name in the region: `{0}.{region}.amazonaws.com`.
    Named(&'static str),
    /// The same under `api.aws`.
    NamedApi(&'static str),
    /// One host, and the region it is signed for.
    Fixed(&'static str, &'static str),
}

impl Place {
    fn at<'r>(self, prefix: &str, region: &'r str, partition: Partition) -> (String, &'r str) {
        let (suffix, api, home) = (partition.suffix(), partition.api_suffix(), partition.home());
        match self {
            Self::Regional => (format!("{prefix}.{region}.{suffix}"), region),
            Self::Api => (format!("{prefix}.{region}.{api}"), region),
            Self::Home => (format!("{prefix}.{home}.{suffix}"), home),
            Self::HomeApi => (format!("{prefix}.{home}.{api}"), home),
            Self::Bare => (format!("{prefix}.{suffix}"), home),
            Self::GlobalApi => (format!("{prefix}.{}.{api}", partition.globe()), region),
            Self::Oregon => (format!("{prefix}.us-west-2.{suffix}"), "us-west-2"),
            Self::Named(name) => (format!("{name}.{region}.{suffix}"), region),
            Self::NamedApi(name) => (format!("{name}.{region}.{api}"), region),
            Self::Fixed(host, signing_region) => (host.to_owned(), signing_region),
        }
    }
}

fn place(prefix: &str, partition: Partition) -> Place {
    use Partition::{Aws, China, UsGov};
    use Place::{Api, Bare, Fixed, GlobalApi, Home, HomeApi, Named, NamedApi, Oregon, Regional};
    match (prefix, partition) {
        ("iam", China) => Fixed("iam.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        ("support", China) => Fixed("support.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        ("iam", UsGov) => Fixed("iam.us-gov.amazonaws.com", "us-gov-west-1"),
        ("route53", UsGov) => Fixed("route53.us-gov.amazonaws.com", "us-gov-west-1"),
        ("cloudfront", China) => Home,
        ("budgets" | "cloudfront" | "iam" | "route53", Aws | China | UsGov)
        | ("importexport" | "savingsplans" | "waf", Aws) => Bare,

        ("billing", Aws) => HomeApi,
        ("billing", China | UsGov)
        | ("account" | "artifact" | "ce" | "organizations" | "tax", Aws | China | UsGov)
        | ("support", Aws | UsGov)
        | ("billingconductor" | "chime" | "shield", Aws) => Home,
        ("networkmanager" | "route53-recovery-control-config", Aws) => Oregon,
        ("networkmanager" | "route53-recovery-control-config", China | UsGov) => Home,
        (
            "bcm-dashboards"
            | "bcm-data-exports"
            | "bcm-pricing-calculator"
            | "bcm-recommended-actions"
            | "invoicing"
            | "notifications-contacts",
            Aws | China | UsGov,
        )
        | ("freetier", Aws) => HomeApi,
        ("pricingplanmanager", Aws | China | UsGov) => {
            Fixed("pricingplanmanager.us-east-1.api.aws", "us-east-1")
        }

        ("codecatalyst" | "partnercentral-channel" | "partnercentral-prm", Aws | China | UsGov)
        | ("sustainability", China | UsGov) => GlobalApi,
        ("sustainability", Aws) => NamedApi("api.sustainability"),

        ("geo-maps", Aws | UsGov) => Named("maps.geo"),
        ("geo-places", Aws | UsGov) => Named("places.geo"),
        ("geo-routes", Aws) => Named("routes.geo"),
        ("entitlement.marketplace", China) => Named("entitlement-marketplace"),
        ("transcribe", China) => Named("cn.transcribe"),

        (
            "account-access"
            | "account-access-runtime"
            | "agent-registry"
            | "agent-registry-control"
            | "aidevops"
            | "airflow-serverless"
            | "api.iotmanagedintegrations"
            | "application-signals"
            | "arc-region-switch"
            | "backup-search"
            | "cassandra-streams"
            | "cloudwatch-omni"
            | "continuum"
            | "datazone"
            | "discovery-marketplace"
            | "dsql"
            | "eks-auth"
            | "freetier"
            | "gameliftstreams"
            | "health-agent"
            | "interconnect"
            | "job-runtime.sagemaker"
            | "kendra-ranking"
            | "mpa"
            | "network-security-manager"
            | "networkflowmonitor"
            | "notifications"
            | "osm"
            | "partnercentral-account"
            | "partnercentral-benefits"
            | "partnercentral-selling"
            | "qbusiness"
            | "route53globalresolver"
            | "s3files"
            | "s3vectors"
            | "security-ir"
            | "securityagent"
            | "supportauthz"
            | "training-session-runtime.sagemaker"
            | "uxc"
            | "workspaces-instances",
            Aws | China | UsGov,
        ) => Api,
        (_, Aws | China | UsGov) => Regional,
    }
}

/// Letters, digits, hyphens and dots, no label empty or longer than 63 (a trailing dot or hyphen may follow).
fn is_host_start(text: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
    !text.is_empty()
        && text.bytes().all(good)
        && text.split('.').all(|label| (1..=63).contains(&label.len()) && !label.starts_with('-'))
}

fn shown(text: &str) -> String {
    model::sanitize(text, 64)
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(prefix: &str, region: &str, partition: &str, host_prefix: Option<&str>, expected: &Expect) {
        expected.assert_eq(&match host(prefix, region, partition, host_prefix) {
            Ok(endpoint) => format!("{} signed for {}", endpoint.host, endpoint.signing_region),
            Err(error) => error.to_string(),
        });
    }

    #[test]
    fn hosts() {
        let c = check;
        c("ec2", "eu-west-1", "aws", None, &expect![[r#"ec2.eu-west-1.amazonaws.com signed for eu-west-1"#]]);
        c("sts", "us-east-1", "aws", None, &expect![[r#"sts.us-east-1.amazonaws.com signed for us-east-1"#]]);
        c(
            "api.ecr",
            "cn-north-1",
            "aws-cn",
            None,
            &expect![[r#"api.ecr.cn-north-1.amazonaws.com.cn signed for cn-north-1"#]],
        );
        c("iam", "eu-west-1", "aws", None, &expect![[r#"iam.amazonaws.com signed for us-east-1"#]]);
        c(
            "iam",
            "us-gov-east-1",
            "aws-us-gov",
            None,
            &expect![[r#"iam.us-gov.amazonaws.com signed for us-gov-west-1"#]],
        );
        c(
            "route53",
            "eu-central-1",
            "aws",
            None,
            &expect![[r#"route53.amazonaws.com signed for us-east-1"#]],
        );
        c(
            "organizations",
            "eu-west-1",
            "aws",
            None,
            &expect![[r#"organizations.us-east-1.amazonaws.com signed for us-east-1"#]],
        );
        c(
            "ce",
            "cn-north-1",
            "aws-cn",
            None,
            &expect![[r#"ce.cn-northwest-1.amazonaws.com.cn signed for cn-northwest-1"#]],
        );
        c(
            "networkmanager",
            "eu-west-1",
            "aws",
            None,
            &expect![[r#"networkmanager.us-west-2.amazonaws.com signed for us-west-2"#]],
        );
        c("dsql", "eu-west-1", "aws", None, &expect![[r#"dsql.eu-west-1.api.aws signed for eu-west-1"#]]);
        c(
            "s3-control",
            "us-east-1",
            "aws",
            Some("123456789012."),
            &expect![[r#"123456789012.s3-control.us-east-1.amazonaws.com signed for us-east-1"#]],
        );
        c(
            "logs",
            "us-east-1",
            "aws",
            Some("stream-"),
            &expect![[r#"stream-logs.us-east-1.amazonaws.com signed for us-east-1"#]],
        );
    }

    #[test]
    fn nothing_leads_elsewhere() {
        let c = check;
        c(
            "ec2",
            "cn-north-1",
            "aws",
            None,
            &expect![[r#""cn-north-1" is not a region of the partition aws"#]],
        );
        c(
            "ec2",
            "us-gov-west-1",
            "aws",
            None,
            &expect![[r#""us-gov-west-1" is not a region of the partition aws"#]],
        );
        c(
            "ec2",
            "us-east-1",
            "aws-cn",
            None,
            &expect![[r#""us-east-1" is not a region of the partition aws-cn"#]],
        );
        c(
            "ec2",
            "us-iso-east-1",
            "aws",
            None,
            &expect![[r#""us-iso-east-1" is not a region of the partition aws"#]],
        );
        c(
            "ec2",
            "us-east-1.evil.example/x",
            "aws",
            None,
            &expect![[r#""us-east-1.evil.example/x" is not a region of the partition aws"#]],
        );
        c("ec2", "", "aws", None, &expect![[r#""" is not a region of the partition aws"#]]);
        c(
            "ec2",
            "us-east-1",
            "mars",
            None,
            &expect![[
                r#""mars" is not the name of an AWS partition we know; expected aws, aws-cn or aws-us-gov"#
            ]],
        );
        c(
            "evil.example/",
            "us-east-1",
            "aws",
            None,
            &expect![[r#""evil.example/" cannot begin a host name"#]],
        );
        c("", "us-east-1", "aws", None, &expect![[r#""" cannot begin a host name"#]]);
        c(
            "ec2",
            "us-east-1",
            "aws",
            Some("evil.example/"),
            &expect![[r#""evil.example/ec2.us-east-1.amazonaws.com" cannot begin a host name"#]],
        );
        c(
            "ec2",
            "us-east-1",
            "aws",
            Some("a@b."),
            &expect![[r#""a@b.ec2.us-east-1.amazonaws.com" cannot begin a host name"#]],
        );
        c(
            "ec2",
            "us-east-1",
            "aws",
            Some(".."),
            &expect![[r#""..ec2.us-east-1.amazonaws.com" cannot begin a host name"#]],
        );
    }
}
