//! The command line as data. Doc comments are the help text.

pub(crate) mod agent;
pub(crate) mod ask;
pub(crate) mod findings;
pub(crate) mod mcp;
pub(crate) mod people;
pub(crate) mod plan;
pub(crate) mod scan;
pub(crate) mod session;
pub(crate) mod spec;

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::bootstrap::{AccountId, Arn, ExternalId, Prefix};

#[derive(Debug, Parser)]
#[command(name = "countersign", version, about = "Change control for AI agents", propagate_version = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// How results are printed.
    #[arg(long, global = true, value_enum, default_value_t = OutputArg::Human)]
    pub(crate) output: OutputArg,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputArg {
    Human,
    Json,
    /// `session new` only: lines for `eval`.
    Env,
    /// `aws bootstrap` only: a template, as JSON.
    Cloudformation,
    /// `aws bootstrap` only: a main.tf.json.
    Terraform,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Human,
    Json,
}

impl Cli {
    pub(crate) fn output_format(&self) -> Format {
        match self.output {
            OutputArg::Json => Format::Json,
            OutputArg::Human | OutputArg::Env | OutputArg::Cloudformation | OutputArg::Terraform => {
                Format::Human
            }
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a new installation in DIR.
    Init(InitArgs),
    /// Run the gateways and listeners of an installation.
    Serve(ServeArgs),
    /// Copy the database and the log, in one state that goes together, beside a running server.
    Backup(BackupArgs),
    /// Put a backup back, or begin a new log under it where the old one cannot go on.
    Restore(RestoreArgs),
    /// Begin a new log under a new key, because the old key is to sign no more. The old key vouches for it; sessions and open
    /// changes end, and everybody learns the new fingerprint
    Rotate(RotateArgs),
    /// Run a witness: it cosigns the checkpoints of logs, each only if it continues the one before.
    Witness(WitnessArgs),
    /// Sessions: virtual credentials for one agent, one task.
    #[command(subcommand)]
    Session(session::SessionCommand),
    /// Changes: what agents asked for, and people's answers.
    #[command(subcommand)]
    Change(ChangeCommand),
    /// Carry out the captured inverse of a change.
    Undo(UndoArgs),
    /// Ask for several actions at once (agent side; uses the session's credentials).
    Propose(ProposeArgs),
    /// Wait until a change is no longer held (agent side; uses the session's credentials).
    Wait(WaitArgs),
    /// Our own agent: finds, plans, and carries out what it may, by the same doors as every other.
    #[command(subcommand)]
    Agent(agent::AgentCommand),
    /// Read an environment into a snapshot, through the gateway like any other agent, and changing nothing.
    Scan(scan::ScanArgs),
    /// The record.
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Watch first: what would have been held or denied of what CloudTrail recorded. Forwards nothing.
    Observe(ObserveArgs),
    /// What is faulty or wasteful in a snapshot. Needs no server, reads nothing else, changes nothing.
    Findings(findings::FindingsArgs),
    /// Where the money goes, by a snapshot and a price table.
    Costs(findings::CostsArgs),
    /// Ask in plain words what a snapshot shows, or what is to be done; a plan is what comes of it, never a change.
    Ask(Box<ask::AskArgs>),
    /// An MCP server for somebody else's agent: inventory, findings, plans, proposals. Nothing in it approves.
    Mcp(mcp::McpArgs),
    /// What would be done for a goal, step by step, with its checks, its undo and the other ways. Changes nothing.
    Plan(Box<plan::PlanArgs>),
    /// Who is enrolled, and with what.
    #[command(subcommand)]
    People(people::PeopleCommand),
    /// The bundle's rules.
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Specifications: what is wanted, how it holds together, what is done for it. No server needed.
    #[command(subcommand)]
    Spec(spec::SpecCommand),
    /// AWS accounts.
    #[command(subcommand)]
    Aws(AwsCommand),
    /// Explain an error code.
    Explain {
        /// A code such as CS106; without one, all are listed.
        code: Option<String>,
    },
    /// Who is told of what happens.
    #[command(subcommand)]
    Notify(NotifyCommand),
    /// Look for what is set up badly.
    Doctor(DoctorArgs),
    /// Completions for a shell, on standard output.
    Completions { shell: clap_complete::Shell },
    /// Man pages, one for each command, written to DIR.
    Man {
        /// Made where it is not there.
        dir: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum NotifyCommand {
    /// Send a test message to every receiver of countersign.toml, and say who took it.
    Test {
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
    /// Print a new secret to sign messages with, for a file that nobody else can read.
    Secret,
}

#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    pub(crate) dir: PathBuf,
    /// A person who may launch agents, and their public key.
    #[arg(long, value_name = "NAME=PUBKEY_FILE")]
    pub(crate) operator: Vec<String>,
    /// A person who may approve, perhaps in a role, and their public key.
    #[arg(long, value_name = "NAME[:ROLE]=PUBKEY_FILE")]
    pub(crate) approver: Vec<String>,
    /// A key that lies in a safe (at least three, or none): two of them give the installation another roster when too few
    /// people are left, after a delay in which any approver may object.
    #[arg(long, value_name = "NAME=PUBKEY_FILE")]
    pub(crate) recovery_key: Vec<String>,
    /// An agent that sessions can be opened for.
    #[arg(long, value_name = "NAME")]
    pub(crate) agent: Vec<String>,
    /// Which account is which environment; an account not named is production.
    #[arg(long, value_name = "NAME=ACCOUNT")]
    pub(crate) environment: Vec<String>,
    /// A calendar to put into the bundle in place of the profile's own.
    #[arg(long, value_name = "FILE")]
    pub(crate) calendar: Option<PathBuf>,
    /// Send everything here instead of to AWS (an emulator).
    #[arg(long, value_name = "URL")]
    pub(crate) aws_upstream: Option<String>,
    /// The host name by which people's browsers open the console, for good: passkeys are bound to it, and it is of the genesis.
    /// localhost is for a console that is used on the machine itself.
    #[arg(long, value_name = "NAME", default_value = model::Site::LOCALHOST)]
    pub(crate) site: model::Site,
    /// lab: signatures by key files count. standard: only outside production. strict: nowhere.
    #[arg(long, value_name = "PROFILE")]
    pub(crate) profile: Option<String>,
    /// Leave the proof of what the constitution keeps for later (`policy prove`, before the first `serve`).
    #[arg(long)]
    pub(crate) unproved: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// A checkpoint of this log that somebody kept: nothing is served where the log does not contain it.
    #[arg(long, value_name = "FILE")]
    pub(crate) checkpoint: Vec<PathBuf>,
    /// Written, whole, once every listener accepts.
    #[arg(long, value_name = "FILE")]
    pub(crate) ready_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Neither the keys nor the lock file are in a backup. Keep the keys elsewhere; never set the lock file back: it says how\nfar the log was signed, and `restore` goes by it."
)]
pub(crate) struct BackupArgs {
    /// A new folder for it.
    pub(crate) dir: PathBuf,
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct RotateArgs {
    /// A new folder for a backup of what is here; it is made and verified first.
    pub(crate) dir: PathBuf,
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// Why; it stands in the log.
    #[arg(long, value_name = "TEXT")]
    pub(crate) ground: String,
    /// Another site from then on, by which browsers open the console. Every passkey is bound to the one before, and signs
    /// nothing any more: have SSH keys of enough people enrolled first.
    #[arg(long, value_name = "NAME")]
    pub(crate) site: Option<model::Site>,
}

#[derive(Debug, Args)]
#[command(
    after_help = "A backup is put back where nothing was signed since it was made: the log goes on. Otherwise what was signed since is lost,\nand going on would fork the log; with --new-origin a new log begins instead, with a new key and a new fingerprint, and its\nentry 1 says which log it continues and why. Every session is stopped then, and every open change is closed. Nothing that\nis there is written over: it is put aside."
)]
pub(crate) struct RestoreArgs {
    /// The folder that `countersign backup` made.
    pub(crate) dir: PathBuf,
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// Begin a new log, because what was signed since the backup was made is lost for good.
    #[arg(long, requires = "ground")]
    pub(crate) new_origin: bool,
    /// A checkpoint of the old log that a client or a witness kept: it was signed for, whatever is here.
    #[arg(long, value_name = "FILE")]
    pub(crate) checkpoint: Vec<PathBuf>,
    /// Why; it stands in the log.
    #[arg(long, value_name = "TEXT", requires = "new_origin")]
    pub(crate) ground: Option<String>,
    /// Go on though the log that is here does not hold: a bundle that was adopted after the backup was made is undone, and
    /// bodies that were erased since come back. It stands in the log, too.
    #[arg(long, requires = "new_origin")]
    pub(crate) forget_since: bool,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Example, on a machine of somebody else than who runs the log:\n  countersign witness /var/lib/witness --log \"$VKEY\" --name witness.example/w1\n\nThe log's key is `vkey` in its log/genesis.json. The witness's own, which is printed, belongs into witnesses.toml of\nthe log's bundle, and its address into [witness] of its countersign.toml."
)]
pub(crate) struct WitnessArgs {
    /// Its own folder, made at the first start: its key, and what it has cosigned. Never put back an older copy of it.
    pub(crate) dir: PathBuf,
    /// A log to witness, by its verifier key; DIR/logs may list more, one on a line.
    #[arg(long, value_name = "VKEY")]
    pub(crate) log: Vec<String>,
    /// The name it signs under, best an address without a scheme; for the first start, and for good.
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Where to listen; off loopback it speaks TLS only.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:7391")]
    pub(crate) listen: SocketAddr,
    /// A certificate that logs believe already; without one, an authority of its own (DIR/ca.pem) signs.
    #[arg(long, value_name = "PEM_FILE", requires = "certificate_key")]
    pub(crate) certificate: Option<PathBuf>,
    /// The key of that certificate.
    #[arg(long, value_name = "PEM_FILE", requires = "certificate")]
    pub(crate) certificate_key: Option<PathBuf>,
    /// A DNS name by which logs reach it, for a certificate of its own.
    #[arg(long, value_name = "NAME")]
    pub(crate) host: Vec<String>,
    /// Written, whole, once it accepts.
    #[arg(long, value_name = "FILE")]
    pub(crate) ready_file: Option<PathBuf>,
}

/// Which server, and as whom.
#[derive(Clone, Debug, Args)]
pub(crate) struct ServerArgs {
    /// The installation's countersign.toml (same machine).
    #[arg(long, value_name = "FILE", conflicts_with = "server")]
    pub(crate) config: Option<PathBuf>,
    /// The people listener's address.
    #[arg(long, value_name = "URL", requires = "genesis")]
    pub(crate) server: Option<String>,
    /// The genesis fingerprint that this server must have.
    #[arg(long, value_name = "FINGERPRINT")]
    pub(crate) genesis: Option<String>,
    /// Your private key; otherwise $COUNTERSIGN_KEY, otherwise the ssh-agent.
    #[arg(long, value_name = "PRIVATE_KEY")]
    pub(crate) key: Option<PathBuf>,
    /// The certificate of the server's authority, where TLS is spoken; otherwise $COUNTERSIGN_CA.
    #[arg(long, value_name = "PEM_FILE")]
    pub(crate) ca: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ChangeCommand {
    /// All changes, newest first.
    List {
        /// Only these states, comma-separated.
        #[arg(long)]
        state: Option<String>,
        #[command(flatten)]
        server: ServerArgs,
    },
    Show {
        id: String,
        #[command(flatten)]
        server: ServerArgs,
    },
    /// Wait until it is no longer in the state it is in.
    Watch {
        /// Without an id: print every change as it moves.
        id: Option<String>,
        #[command(flatten)]
        server: ServerArgs,
    },
    /// Read the statement, and sign it. It is written out before it is signed, and you are asked; where there is no terminal to ask
    /// at, --words says what you have read.
    Approve(SignArgs),
    /// Veto; one is enough.
    Reject(SignArgs),
    /// As the operator: ask again for a vetoed change, with a new intent.
    Reopen(SignArgs),
    /// Erase what is kept of one of its actions: the upstream's answer and the captured inverse. It opens a change that two
    /// others must approve; once they have, the same command carries it out.
    Erase(EraseArgs),
}

#[derive(Debug, Args)]
pub(crate) struct EraseArgs {
    pub(crate) id: String,
    /// Which of its actions, counted from 1; needed where it has several.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) action: Option<u16>,
    /// Why: it is signed, and stays on the record.
    #[arg(long, value_name = "TEXT")]
    pub(crate) ground: String,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

#[derive(Debug, Args)]
pub(crate) struct SignArgs {
    pub(crate) id: String,
    /// Why: what a veto says.
    #[arg(long)]
    pub(crate) reason: Option<String>,
    /// The new intent of a reopening.
    #[arg(long)]
    pub(crate) intent: Option<String>,
    /// Sign only what `change show` showed under this digest (its first 12 digits or more).
    #[arg(long, value_name = "DIGEST", value_parser = seen)]
    pub(crate) seen: Option<String>,
    /// The eight words under which `change show` showed on your own machine what you sign: you are not asked then.
    #[arg(long, value_name = "EIGHT WORDS", value_parser = words)]
    pub(crate) words: Option<String>,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

/// Fewer digits could be met by a change that was made to meet them.
fn seen(text: &str) -> Result<String, String> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    if digits && (12..=64).contains(&text.len()) {
        Ok(text.to_owned())
    } else {
        Err("it is 12 to 64 lower-case hexadecimal digits, as `change show` prints them".to_owned())
    }
}

/// As people type them, in one spelling.
fn words(text: &str) -> Result<String, String> {
    let words: Vec<String> = text.split_whitespace().map(str::to_ascii_lowercase).collect();
    let whole = words.len() == 8
        && words.iter().all(|it| it.len() == 5 && it.bytes().all(|byte| byte.is_ascii_lowercase()));
    if whole {
        Ok(words.join(" "))
    } else {
        Err("they are eight words of five letters, as `change show` prints them".to_owned())
    }
}

#[derive(Debug, Args)]
pub(crate) struct UndoArgs {
    pub(crate) id: String,
    /// Which of its actions, counted from 1; needed where it has several.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) action: Option<u16>,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ProposeArgs {
    /// What it is for, in the agent's words.
    #[arg(long)]
    pub(crate) intent: String,
    /// JSON: a list of {service, operation, region?, parameters}; `-` is standard input.
    #[arg(long, value_name = "FILE")]
    pub(crate) actions: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct WaitArgs {
    pub(crate) id: String,
    /// Give up after so long: 90s, 30m, 8h.
    #[arg(long, default_value = "8h")]
    pub(crate) timeout: String,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// A copy of a log folder, on its own, or where a log is served.
    #[arg(long, value_name = "DIR|URL", conflicts_with = "config")]
    pub(crate) log: Option<String>,
    /// The fingerprint this log must have; without it the report is not authenticated.
    #[arg(long, value_name = "FINGERPRINT")]
    pub(crate) genesis: Option<String>,
    /// A checkpoint that left the building: the log must contain it.
    #[arg(long, value_name = "FILE")]
    pub(crate) checkpoint: Vec<PathBuf>,
    /// Verify only what came after this checkpoint, up to which the log was verified before.
    #[arg(long, value_name = "FILE")]
    pub(crate) since: Option<PathBuf>,
    /// Whose signatures the checkpoint must carry (C2SP tlog-policy): the log's, and those of a quorum of witnesses.
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    /// As many of the newest entries may lack their witnesses yet: a log is always a little ahead of them.
    #[arg(long, value_name = "N", default_value_t = 0, requires = "policy")]
    pub(crate) unwitnessed: u64,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Verify the log, and with --config also that the database says the same.
    Verify(VerifyArgs),
    /// Copy a served log into a folder, or bring such a copy up to date.
    Mirror {
        /// Where the log is served.
        url: String,
        dir: PathBuf,
    },
    /// One entry of the log, as a text that anybody can check without the log.
    Receipt(ReceiptArgs),
    /// Check such a text: offline, and without the log.
    CheckReceipt {
        file: PathBuf,
        /// The fingerprint of the installation it must be of; without it the answer is not authenticated.
        #[arg(long, value_name = "FINGERPRINT")]
        genesis: Option<String>,
        /// Whose signatures its checkpoint must bear: the log, witnesses and a quorum (C2SP tlog-policy).
        #[arg(long, value_name = "FILE")]
        policy: Option<PathBuf>,
    },
    /// Every entry of the log, a line each, for other tools.
    Export(ExportArgs),
    /// The newest entries, and with --follow those that come.
    Tail {
        #[command(flatten)]
        log: LogArgs,
        /// How many of those that are there.
        #[arg(short = 'n', long, default_value_t = 10)]
        lines: usize,
        /// Go on as the log grows.
        #[arg(short, long)]
        follow: bool,
    },
    /// Compare the log with CloudTrail: each event of ours has its permit, each forwarded permit its event.
    Reconcile(ReconcileArgs),
}

#[derive(Debug, Args)]
#[command(
    after_help = "Example, what let a change through:\n  countersign audit receipt CHANGE --kind permit_issued --log log > permit.tlog-proof"
)]
pub(crate) struct ReceiptArgs {
    /// An entry's number or id, or a change of which one entry is meant.
    pub(crate) id: String,
    /// Of a change's entries those of this kind, such as approval_given or permit_issued; the last one is taken.
    #[arg(long, value_name = "KIND")]
    pub(crate) kind: Option<String>,
    #[command(flatten)]
    pub(crate) log: LogArgs,
}

/// Which log is read.
#[derive(Debug, Args)]
pub(crate) struct LogArgs {
    #[arg(long, value_name = "FILE", required_unless_present = "log")]
    pub(crate) config: Option<PathBuf>,
    /// A copy of a log folder, on its own, or where a log is served.
    #[arg(long, value_name = "DIR|URL", conflicts_with = "config")]
    pub(crate) log: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    #[command(flatten)]
    pub(crate) log: LogArgs,
    /// jsonl: {"index": N, "entry": {…}} on a line each, the entry as it was signed for.
    #[arg(long, value_name = "FORMAT", default_value = "jsonl", value_parser = ["jsonl"])]
    pub(crate) format: String,
    /// Begin at this entry.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) from: u64,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Example, on a day one without a bundle:\n  countersign observe --cloudtrail trail/ --write proposed/"
)]
pub(crate) struct ObserveArgs {
    /// A log file of CloudTrail, or a folder of them: .json and .json.gz.
    #[arg(long, value_name = "FILE|DIR")]
    pub(crate) cloudtrail: PathBuf,
    /// The bundle to judge under; without it, the one that `init` writes, in which every account is production.
    #[arg(long, value_name = "DIR")]
    pub(crate) bundle: Option<PathBuf>,
    /// The agent of the bundle whose grant everybody is judged by; needed where there are several.
    #[arg(long = "as", value_name = "AGENT", requires = "bundle")]
    pub(crate) agent: Option<String>,
    /// The operator of the bundle who would answer for it; needed where there are several.
    #[arg(long, value_name = "NAME", requires = "bundle")]
    pub(crate) operator: Option<String>,
    /// Write the proposed environments and grants into this folder; nothing that is there is overwritten.
    #[arg(long, value_name = "DIR")]
    pub(crate) write: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ReconcileArgs {
    /// A log file of CloudTrail, or a folder of them: .json and .json.gz.
    #[arg(long, value_name = "FILE|DIR")]
    pub(crate) cloudtrail: PathBuf,
    /// Whom `serve` acts as: the ARN of a role or user, or an access key's id; several may be given.
    #[arg(long, value_name = "ARN|KEY_ID", required = true)]
    pub(crate) ours: Vec<String>,
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// A copy of a log folder, on its own.
    #[arg(long, value_name = "DIR", conflicts_with = "config")]
    pub(crate) log: Option<PathBuf>,
    /// The fingerprint this log must have.
    #[arg(long, value_name = "FINGERPRINT")]
    pub(crate) genesis: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Load the bundle as `serve` would.
    Check(BundleArgs),
    /// Run the examples of every rule.
    Test(BundleArgs),
    /// Prove what the constitution cannot allow, whatever the grants: every invariant, for every request there can be.
    /// Needs `countersign-prove` and the solver cvc5. Exit code 21 where anything is not proved.
    Prove(ProveArgs),
    /// What an edit newly allows and what it allows no more, told as requests, and what is otherwise outside the rules. Needs
    /// what `prove` needs. Exit code 21 where anything has no answer.
    Diff(DiffArgs),
    /// The verdict on one request, and why: the rules that decide with their places, what each of them asks for, and what
    /// would be allowed instead.
    Explain(ExplainRequestArgs),
    /// Lay out the Cedar files. One that would lose a comment or mean something else is refused, and then nothing is written.
    Fmt(FmtArgs),
    /// What a rule can speak of: who asks, effects, targets, every member of the context with its unit and what it is where
    /// nothing is known. A page in Markdown.
    Schema,
    /// Judge what is on record at the server again, under a bundle that may come into force: each verdict that it would
    /// have changed, and what cannot be judged again. It asks nobody and changes nothing.
    Simulate(SimulateArgs),
    /// Ask for another bundle to come into force; asked again once two others have approved it, bring it in.
    Adopt(AdoptArgs),
    /// Get the files of a bundle that somebody asks for, or that is in force, to look at and to prove again.
    Fetch(FetchArgs),
    /// The operation table that this version was built with: what each operation of a cloud does. A bundle names the one that
    /// its verdicts rest on; another version serves under both, the stricter of the two.
    Table(TableArgs),
}

#[derive(Debug, Args)]
#[group(multiple = false)]
pub(crate) struct TableArgs {
    /// Have the bundle in this folder rest on it: writes `tables.toml`. It counts once the bundle is adopted.
    #[arg(long, value_name = "DIR")]
    pub(crate) pin: Option<PathBuf>,
    /// Print the whole of it, as it is pinned.
    #[arg(long)]
    pub(crate) text: bool,
    /// Everything that is otherwise in it than in another, whose text this is (`DIR/bundles/DIGEST.table`).
    #[arg(long, value_name = "FILE")]
    pub(crate) against: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct AdoptArgs {
    /// The bundle's folder.
    #[arg(long, value_name = "DIR")]
    pub(crate) bundle: PathBuf,
    /// What `policy prove --certificate` wrote of it; without, it is proved now.
    #[arg(long, value_name = "FILE")]
    pub(crate) certificate: Option<PathBuf>,
    /// What `policy diff --comparison` wrote of the bundle in force and this one; without, and where the rules are others, they
    /// are compared now.
    #[arg(long, value_name = "FILE")]
    pub(crate) comparison: Option<PathBuf>,
    /// The solver, where it is not `cvc5` on the path.
    #[arg(long, value_name = "FILE")]
    pub(crate) solver: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

#[derive(Debug, Args)]
pub(crate) struct FetchArgs {
    /// The change that would adopt it, or the bundle's digest.
    #[arg(value_name = "CHANGE_OR_DIGEST")]
    pub(crate) bundle: String,
    /// A new folder: `bundle/`, `certificate.json`, `comparison.json`, and the operation table where it is not this version's go into it.
    pub(crate) dir: PathBuf,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ProveArgs {
    #[command(flatten)]
    pub(crate) bundle: BundleArgs,
    /// Write the certificate: what was read, who proved it, every sentence with its verdict, and what is not claimed. With
    /// --config it is kept beside the bundle too, where the first `serve` takes it from.
    #[arg(long, value_name = "FILE")]
    pub(crate) certificate: Option<PathBuf>,
    /// The solver, where it is not `cvc5` on the path.
    #[arg(long, value_name = "FILE")]
    pub(crate) solver: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  countersign policy diff bundle/ edited/\n  countersign policy diff --config countersign.toml --deny-laxer"
)]
pub(crate) struct DiffArgs {
    /// OLD and NEW, two bundle folders; with --config at most NEW.
    #[arg(value_name = "DIR", num_args = 0..=2)]
    pub(crate) bundles: Vec<PathBuf>,
    /// Compare with the bundle that this installation has in force.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Write what the rules newly allow, and allow no longer, for `policy adopt --comparison`.
    #[arg(long, value_name = "FILE")]
    pub(crate) comparison: Option<PathBuf>,
    /// Exit with code 21 where anything becomes laxer, or could.
    #[arg(long)]
    pub(crate) deny_laxer: bool,
    /// The solver, where it is not `cvc5` on the path.
    #[arg(long, value_name = "FILE")]
    pub(crate) solver: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  countersign policy explain --bundle bundle/ --effect destroy --kind database --environment production --time peak\n  countersign policy explain --bundle bundle/ --file bundle/constitution/two-people-to-destroy.examples.toml\n\nA file has the request at the top, or [[example]] tables as they stand beside a rule; what it expects is not read."
)]
pub(crate) struct ExplainRequestArgs {
    #[command(flatten)]
    pub(crate) bundle: BundleArgs,
    /// The request, described as an example is; for all that no flag says.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["effects", "kind", "environment"])]
    pub(crate) file: Option<PathBuf>,
    /// read, write, destroy, privilege, execute, spend or emit; may be given several times.
    #[arg(long = "effect", value_name = "EFFECT", required_unless_present = "file")]
    pub(crate) effects: Vec<String>,
    /// Of the target: stack, database, …
    #[arg(long, value_name = "KIND", required_unless_present = "file")]
    pub(crate) kind: Option<String>,
    #[arg(long, value_name = "NAME", required_unless_present = "file")]
    pub(crate) environment: Option<String>,
    /// Such as rds:DeleteDBInstance.
    #[arg(long, value_name = "SERVICE:NAME")]
    pub(crate) operation: Option<String>,
    /// The target's name, or its ARN.
    #[arg(long, value_name = "NAME")]
    pub(crate) resource: Option<String>,
    /// With --operator: their grants have a say too, and the roster says who could sign.
    #[arg(long, value_name = "NAME", requires = "operator")]
    pub(crate) agent: Option<String>,
    #[arg(long, value_name = "NAME", requires = "agent")]
    pub(crate) operator: Option<String>,
    /// suggest, supervised or autonomous.
    #[arg(long, value_name = "AUTONOMY")]
    pub(crate) autonomy: Option<String>,
    /// How many people have signed.
    #[arg(long, value_name = "N")]
    pub(crate) people: Option<u16>,
    /// A role of one of them; may be given several times.
    #[arg(long = "role", value_name = "ROLE")]
    pub(crate) roles: Vec<String>,
    /// What the answer would show: data or credentials.
    #[arg(long, value_name = "WHAT")]
    pub(crate) exposes: Vec<String>,
    /// What the hour is like: peak or frozen; the next such hour of the calendar is taken.
    #[arg(long, value_name = "WHAT")]
    pub(crate) time: Vec<String>,
    /// The hour, looked up in the bundle's calendar: 2026-11-30T14:00:00Z.
    #[arg(long, value_name = "TIME", conflicts_with = "time")]
    pub(crate) at: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct FmtArgs {
    #[command(flatten)]
    pub(crate) bundle: BundleArgs,
    /// Write nothing: exit with code 21 where a file is not laid out.
    #[arg(long)]
    pub(crate) check: bool,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Each change is judged as it was asked for, before anybody signed, under the bundle in force and under this one.\n\nExample:\n  countersign policy simulate --bundle edited/ --since 30d --config countersign.toml --key ~/.ssh/countersign"
)]
pub(crate) struct SimulateArgs {
    /// The bundle's folder.
    #[arg(long, value_name = "DIR")]
    pub(crate) bundle: PathBuf,
    /// How far back: 8h, 30d.
    #[arg(long, value_name = "TIME", default_value = "30d")]
    pub(crate) since: String,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

#[derive(Debug, Args)]
pub(crate) struct BundleArgs {
    #[arg(long, value_name = "FILE", required_unless_present = "bundle")]
    pub(crate) config: Option<PathBuf>,
    /// A bundle folder on its own.
    #[arg(long, value_name = "DIR", conflicts_with = "config")]
    pub(crate) bundle: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AwsCommand {
    /// Print what an account needs before `serve` may act in it: a role for reads and one for changes, whom they trust,
    /// and a service-control policy. Nothing is touched: apply it yourself.
    Bootstrap(BootstrapArgs),
}

#[derive(Debug, Args)]
pub(crate) struct BootstrapArgs {
    /// The account that the roles are for.
    #[arg(long, value_name = "ACCOUNT")]
    pub(crate) account: AccountId,
    /// What `countersign serve` runs as, and nobody else.
    #[arg(long, value_name = "ARN")]
    pub(crate) principal: Arn,
    /// What the server says when it takes on a role; long, and this installation's own.
    #[arg(long, value_name = "ID")]
    pub(crate) external_id: ExternalId,
    /// Begins the names of the roles.
    #[arg(long, value_name = "NAME", default_value = "countersign")]
    pub(crate) prefix: Prefix,
    /// What an agent runs as in this account: the policy leaves it nothing to do there by itself.
    #[arg(long, value_name = "ARN")]
    pub(crate) agent: Vec<Arn>,
}

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Run this where and as whom the agent runs: lists what it could reach.
    #[arg(long)]
    pub(crate) as_agent: bool,
}
