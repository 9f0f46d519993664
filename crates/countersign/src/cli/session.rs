//! `countersign session …`.

use clap::{Args, Subcommand};

use super::ServerArgs;

#[derive(Debug, Subcommand)]
pub(crate) enum SessionCommand {
    /// Open a session and print its virtual credentials.
    New(SessionNewArgs),
    List(ServerArgs),
    /// One session, and what it read, changed, had held and was refused.
    Show {
        id: String,
        #[command(flatten)]
        server: ServerArgs,
    },
    /// Stop a session at once, or every live one of an agent or of everybody; needs no agreement, and is recorded.
    Stop(SessionStopArgs),
    /// Ask for a session's glass to be broken; run again once two others have approved it.
    BreakGlass(BreakGlassArgs),
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("whose").required(true))]
pub(crate) struct SessionStopArgs {
    #[arg(group = "whose")]
    pub(crate) id: Option<String>,
    /// All live sessions of this agent.
    #[arg(long, value_name = "NAME", group = "whose")]
    pub(crate) agent: Option<String>,
    /// All live sessions there are.
    #[arg(long, group = "whose")]
    pub(crate) all: bool,
    /// Do not ask before many are stopped; without a terminal nobody is asked.
    #[arg(long, conflicts_with = "id")]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

#[derive(Debug, Args)]
#[command(
    after_help = "For emergencies: two people who neither answer for the session nor own its agent agree that it may do, for an hour at most,\nwhat a grant of the bundle allows besides its own (grants/breakglass-NAME.cedar), and that named rules which are marked @breakglass\ndo not stop it. Who has to agree to what is not lifted, nor is any absolute rule, and all of it is on record."
)]
pub(crate) struct BreakGlassArgs {
    pub(crate) id: String,
    /// A grant that the bundle keeps for emergencies: grants/breakglass-NAME.cedar.
    #[arg(long, value_name = "NAME")]
    pub(crate) grant: Option<String>,
    /// A rule marked @breakglass; may be repeated.
    #[arg(long, value_name = "RULE")]
    pub(crate) waive: Vec<String>,
    /// From the moment it is carried out; an hour at most.
    #[arg(long, value_name = "N", default_value_t = 30)]
    pub(crate) minutes: u32,
    /// Why; it is shown to whoever is asked, and recorded.
    #[arg(long, value_name = "TEXT")]
    pub(crate) ground: String,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

#[derive(Debug, Args)]
pub(crate) struct SessionNewArgs {
    #[arg(long)]
    pub(crate) agent: String,
    /// The person who answers for it: whoever signs.
    #[arg(long)]
    pub(crate) operator: String,
    /// What it is to do, in the operator's words.
    #[arg(long)]
    pub(crate) task: String,
    /// Comma-separated env:NAME, service:NAME, arn:GLOB, effect:NAME; all kinds must match.
    #[arg(long, default_value = "")]
    pub(crate) scope: String,
    /// suggest, supervised or autonomous.
    #[arg(long)]
    pub(crate) autonomy: Option<String>,
    /// How long it lives: 90s, 30m, 8h, 1d.
    #[arg(long, default_value = "8h")]
    pub(crate) ttl: String,
    /// For clients that cannot be pointed at an endpoint: reach AWS's own hosts through us as their proxy.
    #[arg(long)]
    pub(crate) proxy: bool,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}
