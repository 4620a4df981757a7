//! The command line.

use std::path::PathBuf;

use clap::{
    Args, Parser, Subcommand,
    builder::{PossibleValuesParser, TypedValueParser},
};

use crate::{
    broker::Broker,
    scenario,
    transport::{self, Mix},
};

/// Breaks things around two gateways, and checks every session's record.
#[derive(Debug, Parser)]
#[command(name = "chaos", args_conflicts_with_subcommands = true)]
pub(crate) struct CommandLine {
    #[command(subcommand)]
    pub(crate) part: Option<Part>,
    #[command(flatten)]
    pub(crate) options: Options,
}

/// What is no run of scenarios.
#[derive(Debug, Subcommand)]
pub(crate) enum Part {
    /// Steady load with churn: memory, descriptors and threads must stay where they are.
    Soak(SoakOptions),
    /// One scenario, in the process that the runner starts for it.
    #[command(hide = true)]
    Job {
        /// As JSON.
        job: String,
    },
}

/// Which scenarios, and how large.
#[derive(Clone, Debug, Args)]
pub(crate) struct Options {
    /// Only these scenarios.
    #[arg(long, num_args = 1.., value_delimiter = ',', value_parser = names())]
    pub(crate) scenario: Vec<String>,
    /// Only on this broker.
    #[arg(long, num_args = 1.., value_delimiter = ',')]
    pub(crate) broker: Vec<Broker>,
    /// A short selection with fewer clients.
    #[arg(long)]
    pub(crate) quick: bool,
    /// What clients speak; mixed, they take turns.
    #[arg(long, default_value = transport::MIXED, value_parser = mixes())]
    pub(crate) transport: Mix,
    #[command(flatten)]
    pub(crate) size: Size,
    /// Write the outcome as JSON to a file, or to standard output for `-`.
    #[arg(long)]
    pub(crate) json: Option<PathBuf>,
    /// Leave the logs of gateways and HAProxy in this folder.
    #[arg(long)]
    pub(crate) logs: Option<PathBuf>,
    /// Say which scenarios there are, and what is expected of them.
    #[arg(long)]
    pub(crate) list: bool,
}

/// How many clients and how much is published.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Size {
    /// Clients; 1,000 unless it is to be quick.
    #[arg(long)]
    pub(crate) sessions: Option<usize>,
    /// Publications a second, on all channels together.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rate: u32,
}

/// How long, and how large.
#[derive(Clone, Debug, Args)]
pub(crate) struct SoakOptions {
    /// How long, in minutes; the first of them fill history.
    #[arg(long, default_value_t = 10.0)]
    pub(crate) minutes: f64,
    /// On which broker.
    #[arg(long, default_value = "pubsub")]
    pub(crate) broker: Broker,
    /// What clients speak. With those who poll or change, the gateways' descriptors and memory go up and
    /// down by themselves, which cannot be told from growth.
    #[arg(long, default_value = "sse", value_parser = mixes())]
    pub(crate) transport: Mix,
    #[command(flatten)]
    pub(crate) size: Size,
    /// Write the outcome as JSON to a file, or to standard output for `-`.
    #[arg(long)]
    pub(crate) json: Option<PathBuf>,
}

impl Options {
    /// The scenarios that are to run.
    pub(crate) fn scenarios(&self) -> impl Iterator<Item = &'static scenario::Scenario> {
        scenario::ALL.iter().filter(|scenario| {
            if self.scenario.is_empty() {
                !self.quick || scenario.is_quick
            } else {
                self.scenario.iter().any(|name| name == scenario.name)
            }
        })
    }

    /// The brokers that they are to run on.
    pub(crate) fn brokers(&self) -> &[Broker] {
        if self.broker.is_empty() { &[Broker::Pubsub, Broker::Stream] } else { &self.broker }
    }

    /// How many clients there are to be.
    pub(crate) fn sessions(&self) -> usize {
        self.size.sessions.unwrap_or(if self.quick { 200 } else { 1_000 })
    }

    /// Whether JSON goes to standard output, where nothing else may then appear.
    pub(crate) fn speaks_json(&self) -> bool {
        self.json.as_ref().is_some_and(|path| path.as_os_str() == "-")
    }
}

fn names() -> impl TypedValueParser<Value = String> {
    PossibleValuesParser::new(scenario::ALL.iter().map(|scenario| scenario.name))
}

fn mixes() -> impl TypedValueParser<Value = Mix> {
    PossibleValuesParser::new(Mix::names()).map(|name| Mix::named(&name))
}
