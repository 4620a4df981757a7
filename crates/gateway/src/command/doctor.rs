//! `fanfare doctor`.

use std::{
    io::{IsTerminal, Write, stdout},
    process::ExitCode,
    time::Duration,
};

use broker::{
    Diagnosis, Door, Kind, RedisConfig, Verdict,
    doctor::{self, Duties},
};
use edge::Who;

use crate::{
    cli::DoctorOptions,
    command::{self, ports, say},
    config::Settings,
    rules::Rules,
};

/// Looks at everything, listens for a while, and says what was found.
pub(crate) fn run(options: &DoctorOptions) -> ExitCode {
    let (_, settings) = match command::settings(&options.config) {
        Ok(read) => read,
        Err(code) => return code,
    };
    command::run_local(async {
        let mut report = Report::default();
        report.fine("the configuration is valid");
        if options.config.config.is_none() {
            report.fine("it is the defaults and FANFARE__... variables: no --config FILE was given");
        }
        for found in ports::look(&settings).await {
            report.add(&found);
        }
        let redis = match &settings.broker {
            Kind::Embedded => {
                report.fine("the broker is the embedded one: publish over HTTP; no Redis is needed");
                return report.end();
            }
            Kind::RedisPubSub(redis) => (redis, Door::PubSub, None),
            Kind::RedisStream(redis, _, retention) => (redis, Door::Stream, Some(*retention)),
        };
        let (redis, door, retention) = redis;
        for found in doctor::examine(redis, door, retention).await {
            report.add(&found);
        }
        say(format_args!("\nall rights that the Redis user needs for {}:", door.kind()));
        let edge = &settings.edge;
        let duties = Duties {
            presence: edge.access.rules.iter().any(|rule| rule.presence != Who::Nobody),
            revocations: edge.auth.can_identify(),
            watching: !settings.watch.queries.is_empty(),
        };
        let rule = doctor::rule(redis, door, duties);
        say(format_args!("           {rule}"));
        if report.worst < Verdict::Problem {
            listen(redis, door, &settings, options.seconds, &mut report).await;
        }
        report.end()
    })
}

async fn listen(redis: &RedisConfig, door: Door, settings: &Settings, seconds: u64, report: &mut Report) {
    if seconds == 0 {
        return;
    }
    say(format_args!("\nlistening for {seconds} s, publish something now ..."));
    let shows = stdout().is_terminal();
    let progress = |left: Duration, heard: u64| {
        if shows {
            print!("\r\x1b[K  {} s left, {heard} publications", left.as_secs());
            let _ = stdout().flush();
        }
    };
    let rules = Rules::new(settings.edge.access.clone()).for_broker(settings.edge.max_data_bytes);
    let heard = doctor::listen(redis, door, &rules, Duration::from_secs(seconds), progress).await;
    if shows {
        print!("\r\x1b[K");
    }
    let heard = match heard {
        Ok(heard) => heard,
        Err(error) => {
            let text = format!("nothing can be heard: {error}");
            return report.add(&Diagnosis { verdict: Verdict::Problem, text, remedy: None });
        }
    };
    let channels: Vec<_> = heard.channels.iter().map(String::as_str).collect();
    report.fine(&match (heard.right, channels.join(", ")) {
        (0, _) => "no publication came that a gateway would deliver".to_owned(),
        (count, channels) => format!("publications that a gateway delivers: {count}, on {channels}"),
    });
    if door == Door::PubSub {
        report.fine(&format!("gateways under this prefix: {}", heard.gateways));
    }
    for found in &heard.found {
        report.add(found);
    }
}

/// What is printed: a line for each thing that was looked at.
struct Report {
    worst: Verdict,
    warnings: usize,
    problems: usize,
}

impl Default for Report {
    fn default() -> Self {
        Self { worst: Verdict::Fine, warnings: 0, problems: 0 }
    }
}

impl Report {
    fn fine(&mut self, text: &str) {
        self.add(&Diagnosis { verdict: Verdict::Fine, text: text.to_owned(), remedy: None });
    }

    fn add(&mut self, found: &Diagnosis) {
        let label = match found.verdict {
            Verdict::Fine => "ok",
            Verdict::Warning => "warning",
            Verdict::Problem => "problem",
        };
        say(format_args!("  {label:<8} {}", found.text));
        if let Some(remedy) = &found.remedy {
            say(format_args!("           -> {remedy}"));
        }
        self.worst = self.worst.max(found.verdict);
        self.warnings += usize::from(found.verdict == Verdict::Warning);
        self.problems += usize::from(found.verdict == Verdict::Problem);
    }

    fn end(&self) -> ExitCode {
        say(format_args!("\nproblems: {}, warnings: {}", self.problems, self.warnings));
        if self.worst == Verdict::Problem { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }
}
