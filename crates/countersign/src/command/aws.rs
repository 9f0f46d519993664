//! `countersign aws bootstrap`: prints what an account needs, and touches nothing.

use std::process::ExitCode;

use crate::{
    bootstrap::Account,
    cli::{AwsCommand, BootstrapArgs, OutputArg},
    failure::Failure,
    output,
};

pub(super) fn run(command: AwsCommand, form: OutputArg) -> Result<ExitCode, Failure> {
    let AwsCommand::Bootstrap(args) = command;
    let BootstrapArgs { account, principal, external_id, prefix, agent } = args;
    let account = Account { id: account, principal, external_id, prefix, agents: agent };
    let document = match form {
        OutputArg::Cloudformation => account.cloudformation(),
        OutputArg::Terraform => account.terraform(),
        OutputArg::Human | OutputArg::Json | OutputArg::Env => {
            return Err(Failure::usage("`aws bootstrap` prints a template, and needs to know of which kind")
                .hint("--output cloudformation, or --output terraform (for main.tf.json)"));
        }
    };
    output::json(&document)?;
    output::note(format!(
        "To act as these roles, once they are there, the bundle's accounts.toml needs:\n\n{}",
        account.accounts()
    ));
    Ok(ExitCode::SUCCESS)
}
