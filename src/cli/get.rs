//! `labrpc get`: fetches one profile from one host.

use std::io::{self, Write as _};

use clap::Args as ClapArgs;
use labrpc::{
    profile::Profile,
    question::{GetProfile, profile_hint},
    survey::{self, outcome::Outcome},
};
use tonic::Code;

use crate::cli::{
    exit::{Exit, Failure},
    output::ignore_broken_pipe,
    runtime,
    target_args::HostArg,
};

/// Ask one host and print its profile as JSON.
#[derive(Debug, ClapArgs)]
#[command(before_help = "\
Examples:
  labrpc get 192.168.1.7
  labrpc get lab07.example:2048 --cacert ca.pem
  labrpc get unix:/run/labrpc.sock")]
pub(crate) struct Args {
    #[command(flatten)]
    host: HostArg,
}

pub(crate) fn run(args: Args) -> Result<Exit, Failure> {
    let (endpoint, config) = args.host.open()?;
    let answer = runtime::one_thread(survey::ask(&endpoint, &GetProfile, &config))?;
    if let Some((profile, _)) = answer.outcome.answer() {
        let json = serde_json::to_string(profile).map_err(Failure::internal)?;
        ignore_broken_pipe(writeln!(io::stdout(), "{json}"))?;
        return Ok(Exit::Success);
    }
    let outcome = &answer.outcome;
    let name = outcome.name().replace('_', " ");
    let failure = match outcome.detail() {
        Some(detail) => Failure::call(code(outcome), format_args!("{endpoint}: {name} ({detail})")),
        None => Failure::call(code(outcome), format_args!("{endpoint}: {name}")),
    };
    Err(match profile_hint(outcome) {
        Some(hint) => failure.hint(hint),
        None => failure,
    })
}

/// The code that a gRPC client would report for an outcome (gRPC's PROTOCOL-HTTP2.md and statuscodes.md).
fn code(outcome: &Outcome<Profile>) -> Code {
    match outcome {
        Outcome::Status { code, .. } => *code,
        Outcome::Timeout(_) => Code::DeadlineExceeded,
        Outcome::Refused
        | Outcome::Unreachable
        | Outcome::Dns(_)
        | Outcome::Reset { .. }
        | Outcome::Tls(_)
        | Outcome::NotGrpc(..) => Code::Unavailable,
        Outcome::TooLarge(_) => Code::ResourceExhausted,
        Outcome::Invalid(_) => Code::DataLoss,
        Outcome::Cancelled => Code::Cancelled,
        Outcome::LocalError { .. } => Code::Internal,
        // Not outcomes of a survey of one endpoint that failed.
        Outcome::Ok { .. } | Outcome::DuplicateLine { .. } | Outcome::DuplicateId { .. } => {
            Code::Unknown
        }
    }
}
