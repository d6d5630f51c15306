//! `labrpc check`: examines servers.

use std::{
    io::{self, Write},
    sync::Arc,
};

use anstyle::{AnsiColor, Style};
use clap::{Args as ClapArgs, ValueEnum};
use labrpc::{
    check::{self, Check, CheckName, CheckResult, Examination},
    report::wrap::LineWriter,
    survey::{self, hosts::Hosts},
};
use serde_json::{Value, json};
use terminal_size::terminal_size_of;
use tokio::task::JoinSet;

use crate::cli::{
    console::columns,
    exit::{Exit, Failure},
    output::ignore_broken_pipe,
    runtime,
    target_args::{ClientTlsArgs, HostListArgs, TimeoutArgs, config},
};

/// Examine servers by a fixed list of checks, each with what to do about a failure.
///
/// A check fails if a survey needs what it looks at. It warns if the contract only recommends it. The last line of a
/// server says whether a survey will accept it.
#[derive(Debug, ClapArgs)]
#[command(before_help = "\
Examples:
  labrpc check 192.168.1.7
  labrpc check 192.168.1.1-40 --format json
  labrpc check lab07.example:2048 --cacert ca.pem")]
pub(crate) struct Args {
    #[command(flatten)]
    list: HostListArgs,
    /// Print the results in this format.
    #[arg(long, value_enum, default_value_t, env = "LABRPC_CHECK_FORMAT")]
    format: CheckFormat,
    #[command(flatten)]
    timeouts: TimeoutArgs,
    #[command(flatten)]
    tls: ClientTlsArgs,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum CheckFormat {
    /// Lines for people.
    #[default]
    Text,
    /// One JSON object.
    Json,
}

/// Servers that are examined at the same time. Each has forty callers for a moment.
const MAX_SERVERS: usize = 8;

pub(crate) fn run(args: Args) -> Result<Exit, Failure> {
    let hosts = args.list.hosts_or("give endpoints, or --hosts FILE")?;
    let config = config(&args.timeouts, &args.tls)?;
    let examinations = runtime::all_threads(examine(&hosts, &config, args.format))??;
    match args.format {
        CheckFormat::Text if hosts.len() > 1 => print_total(&examinations)?,
        CheckFormat::Text => {}
        CheckFormat::Json => {
            let servers: Vec<_> = examinations.iter().map(to_json).collect();
            let document = json!({
                "format": "labrpc-check",
                "version": 1,
                "labrpc": env!("CARGO_PKG_VERSION"),
                "servers": servers,
            });
            ignore_broken_pipe(writeln!(io::stdout(), "{document:#}"))?;
        }
    }
    if examinations.iter().all(Examination::is_accepted) {
        Ok(Exit::Success)
    } else {
        Ok(Exit::ChecksFailed)
    }
}

/// Examines all servers, some at a time, and prints the text of each in the order of the list.
async fn examine(
    hosts: &Hosts,
    config: &survey::Config,
    format: CheckFormat,
) -> Result<Vec<Examination>, Failure> {
    if hosts.len() == 1 {
        // Line by line, since some checks take seconds.
        let mut printer = Printer::default();
        let mut written = Ok(());
        let examination = check::run(&hosts.get(0), config, |check| {
            if matches!(format, CheckFormat::Text) && written.is_ok() {
                written = printer.check(check);
            }
        })
        .await;
        if matches!(format, CheckFormat::Text) {
            ignore_broken_pipe(written.and_then(|()| printer.end(&examination)))?;
        }
        return Ok(vec![examination]);
    }
    let config = Arc::new(config.clone());
    let mut unstarted = 0..hosts.len();
    let mut running = JoinSet::new();
    let mut examinations: Vec<Option<Examination>> = vec![None; hosts.len()];
    let mut printed = 0;
    loop {
        while running.len() < MAX_SERVERS
            && let Some(index) = unstarted.next()
        {
            let (endpoint, config) = (hosts.get(index), Arc::clone(&config));
            running.spawn(async move { (index, check::run(&endpoint, &config, |_| {}).await) });
        }
        match running.join_next().await {
            Some(ended) => {
                let (index, examination) = ended.map_err(Failure::internal)?;
                examinations[index] = Some(examination);
            }
            None => break,
        }
        while matches!(format, CheckFormat::Text)
            && let Some(Some(examination)) = examinations.get(printed)
        {
            printed += 1;
            ignore_broken_pipe(print_block(examination))?;
        }
    }
    Ok(examinations.into_iter().flatten().collect())
}

/// All lines of one server, and an empty one.
fn print_block(examination: &Examination) -> io::Result<()> {
    let mut printer = Printer::default();
    writeln!(anstream::stdout(), "{}", examination.endpoint)?;
    for check in &examination.checks {
        printer.check(check)?;
    }
    printer.end(examination)?;
    writeln!(anstream::stdout())
}

fn print_total(examinations: &[Examination]) -> Result<(), Failure> {
    let accepted = examinations.iter().filter(|server| server.is_accepted());
    ignore_broken_pipe(writeln!(
        anstream::stdout(),
        "The survey will accept {} of {} servers.",
        accepted.count(),
        examinations.len()
    ))?;
    Ok(())
}

/// Prints the checks of one server. Skipped ones with one reason share a line.
#[derive(Default)]
struct Printer {
    skipped: Vec<CheckName>,
    reason: &'static str,
}

impl Printer {
    fn check(&mut self, check: &Check) -> io::Result<()> {
        let name = check.name.title();
        let (color, label, text) = match &check.result {
            CheckResult::Skip(reason) => {
                if *reason != self.reason {
                    self.flush()?;
                }
                self.reason = reason;
                self.skipped.push(check.name);
                return Ok(());
            }
            CheckResult::Pass(seen) => (AnsiColor::Green, "pass", seen.clone()),
            CheckResult::Warn(finding) => (AnsiColor::Yellow, "warn", finding.to_string()),
            CheckResult::Fail(finding) => (AnsiColor::Red, "FAIL", finding.to_string()),
        };
        self.flush()?;
        line(color.on_default(), &format!("{label}  {name:21}  "), &text)
    }

    /// Prints the checks that were skipped.
    fn flush(&mut self) -> io::Result<()> {
        if self.skipped.is_empty() {
            return Ok(());
        }
        let names: Vec<_> = self.skipped.drain(..).map(CheckName::title).collect();
        let text = match names.len() + 1 {
            CheckName::COUNT => format!("all other checks: {}", self.reason),
            _ => format!("{}: {}", names.join(", "), self.reason),
        };
        line(Style::new().dimmed(), "skip  ", &text)
    }

    fn end(&mut self, examination: &Examination) -> io::Result<()> {
        self.flush()?;
        line(Style::new().bold(), "", &examination.summary())
    }
}

/// Prints one line, broken at the width of the terminal.
fn line(style: Style, label: &str, text: &str) -> io::Result<()> {
    let width = columns(terminal_size_of(io::stdout()));
    let mut out = anstream::stdout();
    LineWriter::new(width, &mut out).wrap(style, label, label.len(), text)?;
    out.flush()
}

fn to_json(examination: &Examination) -> Value {
    let checks = examination.checks.iter().map(|check| {
        let (seen, advice, reason) = match &check.result {
            CheckResult::Pass(seen) => (Some(seen), None, None),
            CheckResult::Warn(finding) | CheckResult::Fail(finding) => {
                (Some(&finding.seen), Some(&finding.advice), None)
            }
            CheckResult::Skip(reason) => (None, None, Some(reason)),
        };
        json!({
            "name": check.name,
            "result": check.result.name(),
            "seen": seen,
            "advice": advice,
            "reason": reason,
            "elapsed_ms": check.elapsed.as_secs_f64() * 1000.0,
        })
    });
    json!({
        "endpoint": examination.endpoint.to_string(),
        "accepted": examination.is_accepted(),
        "summary": examination.summary(),
        "checks": checks.collect::<Vec<_>>(),
    })
}
