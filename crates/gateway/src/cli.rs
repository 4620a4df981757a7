//! The command line.

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};

/// The exit code of a bad configuration (`EX_CONFIG` of BSD's sysexits).
pub(crate) const BAD_CONFIG: u8 = 78;

/// A push gateway: backends publish, through Redis or without it, and every browser that subscribed
/// gets it.
#[derive(Parser)]
#[command(name = "fanfare", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Run the gateway (what `fanfare` alone does).
    Serve(ConfigOptions),
    /// Print the effective configuration, or every problem with it.
    Check(ConfigOptions),
    /// Look at everything that can keep a publication from arriving, and listen for what nearly does.
    Doctor(DoctorOptions),
    /// Look whether URLs answer, as the configuration says in [probe], and write to a database what is found.
    Probe(ConfigOptions),
    /// Publish on a channel, through a gateway or straight into Redis.
    Publish(PublishOptions),
    /// Show what arrives on channels; goes on by itself after an interruption.
    Tail(TailOptions),
    /// Make a token for development, signed with the configured secret; or look at one.
    Token(TokenOptions),
    /// See it all at work: an uptime dashboard with prober, watcher and gateway in one process; nothing to set up.
    Demo,
    /// Ask databases at intervals and publish what changed, as the configuration says in [watch].
    Watch(WatchOptions),
}

#[derive(Args, Default)]
pub(crate) struct ConfigOptions {
    /// The configuration file (TOML); without it, defaults and FANFARE__... variables.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Args)]
pub(crate) struct DoctorOptions {
    #[command(flatten)]
    pub(crate) config: ConfigOptions,
    /// How long to listen for publications; 0 does not listen.
    #[arg(long, default_value_t = 10, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(..=3600))]
    pub(crate) seconds: u64,
}

#[derive(Args)]
pub(crate) struct PublishOptions {
    /// The channel.
    pub(crate) channel: String,
    /// The data; `-` or nothing reads it from standard input.
    pub(crate) data: Option<String>,
    /// The event type.
    #[arg(long, value_name = "NAME")]
    pub(crate) event: Option<String>,
    /// Retract the channel's latest value: it is no longer true, and nothing takes its place.
    #[arg(long)]
    pub(crate) retract: bool,
    /// For how many seconds it is the channel's latest value.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) ttl: Option<u32>,
    /// Where to: a gateway, such as http://127.0.0.1:8080. Without it, where the configuration says:
    /// Redis, or the gateway on this machine.
    #[arg(long, value_name = "URL")]
    pub(crate) to: Option<String>,
    #[command(flatten)]
    pub(crate) bearer: Bearer,
    #[command(flatten)]
    pub(crate) config: ConfigOptions,
}

#[derive(Args)]
pub(crate) struct TailOptions {
    /// Channels; a trailing `*` means all that begin so.
    #[arg(required = true, value_name = "CHANNEL")]
    pub(crate) channels: Vec<String>,
    /// Where to begin: a cursor, `last` or `earliest`; without it, with what comes next.
    #[arg(long, value_name = "CURSOR")]
    pub(crate) since: Option<String>,
    /// The gateway; without it, the one that the configuration describes.
    #[arg(long, value_name = "URL")]
    pub(crate) from: Option<String>,
    #[command(flatten)]
    pub(crate) bearer: Bearer,
    /// Print each publication as one line of JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) config: ConfigOptions,
}

#[derive(Args)]
pub(crate) struct WatchOptions {
    #[command(flatten)]
    pub(crate) config: ConfigOptions,
    /// Run each query once and end.
    #[arg(long)]
    pub(crate) once: bool,
    /// Print what would be published, as lines of JSON, and publish nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) bearer: Bearer,
}

#[derive(Args)]
pub(crate) struct Bearer {
    /// The token to show; the variable keeps it out of the list of processes.
    #[arg(long, value_name = "JWT", env = "FANFARE_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
}

impl Bearer {
    /// The header that shows it.
    pub(crate) fn header(&self) -> Option<(&'static str, String)> {
        // A variable that is set to nothing means what one that is not set does.
        let token = self.token.as_ref().filter(|token| !token.is_empty());
        token.map(|token| ("authorization", format!("Bearer {token}")))
    }
}

#[derive(Args)]
pub(crate) struct TokenOptions {
    /// Look at this token (`-` reads it from standard input): what it says, whether the gateway accepts it, and
    /// if not, why.
    #[arg(long, value_name = "JWT", conflicts_with_all = ["subject", "subscribe", "publish", "console", "info", "claim", "expires", "id", "key"])]
    pub(crate) inspect: Option<String>,
    /// Whom it names (`sub`).
    #[arg(long, value_name = "TEXT")]
    pub(crate) subject: Option<String>,
    /// A channel or pattern that it lets its bearer read; may be given several times.
    #[arg(long, value_name = "PATTERN")]
    pub(crate) subscribe: Vec<String>,
    /// Let its bearer into the console, and do everything there.
    #[arg(long)]
    pub(crate) console: bool,
    /// A channel or pattern that it lets its bearer publish to; may be given several times.
    #[arg(long, value_name = "PATTERN")]
    pub(crate) publish: Vec<String>,
    /// What others are told of its bearer, as JSON.
    #[arg(long, value_name = "JSON")]
    pub(crate) info: Option<String>,
    /// Another claim, such as tenant=acme; may be given several times.
    #[arg(long, value_name = "NAME=TEXT")]
    pub(crate) claim: Vec<String>,
    /// How long it holds, such as 1h; `never` makes one that always does.
    #[arg(long, value_name = "TIME", default_value = "1h")]
    pub(crate) expires: String,
    /// Its own name (`jti`), by which it can be revoked.
    #[arg(long, value_name = "TEXT")]
    pub(crate) id: Option<String>,
    /// Sign with this private key (PEM) instead of the configured secret.
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) config: ConfigOptions,
}

impl Default for Command {
    fn default() -> Self {
        Self::Serve(ConfigOptions::default())
    }
}

/// Says why a command failed, and with which code it ends.
pub(crate) fn fail(message: impl std::fmt::Display) -> ExitCode {
    eprintln!("fanfare: {message}");
    ExitCode::FAILURE
}
