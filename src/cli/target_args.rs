//! Arguments of every client command: which endpoints to ask, with which timeouts, and with which TLS.

use std::{
    ffi::OsStr,
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;
use http::uri::Authority;
use labrpc::{
    profile::header,
    survey::{
        self,
        endpoint::{Address, Endpoint},
        hosts::{Builder, DEFAULT_MAX_HOSTS, Hosts, Part, exactly_one},
    },
    tls,
};

use crate::cli::{console, exit::Failure, values};

/// The endpoints to ask.
#[derive(Clone, Debug, Args)]
pub(crate) struct HostListArgs {
    /// Endpoints to ask, on port 1024 unless another is given: HOST, HOST:PORT, 192.168.1.1-40, lab[01-40],
    /// 10.0.0.0/26, [v6]:PORT, dns+NAME:PORT for all addresses of a name, unix:PATH, raw://HOST:PORT; separated by
    /// commas.
    #[arg(value_name = "ENDPOINT")]
    endpoints: Vec<String>,
    /// Read endpoints from this file: one expression a line, # for comments; a Prometheus file_sd JSON array; or what
    /// kubectl get endpointslices -o json prints. - is standard input. Repeatable.
    #[arg(long, value_name = "FILE", env = "LABRPC_HOSTS")]
    hosts: Vec<PathBuf>,
    /// Leave these endpoints out; without a port, on every port. Repeatable.
    #[arg(short = 'x', long, value_name = "ENDPOINT", env = "LABRPC_EXCLUDE")]
    exclude: Vec<String>,
    /// Refuse to expand to more endpoints than this.
    #[arg(
        long,
        value_name = "N",
        default_value_t = DEFAULT_MAX_HOSTS,
        value_parser = values::whole(0_usize),
        env = "LABRPC_MAX_HOSTS"
    )]
    pub(crate) max_hosts: usize,
}

/// The longest list that is read, in bytes: enough for ten million endpoints, and a bound for devices such as
/// `/dev/zero`.
const MAX_LIST: u64 = 256 * 1024 * 1024;

impl HostListArgs {
    /// Whether endpoints are read from standard input.
    pub(crate) fn reads_stdin(&self) -> bool {
        self.hosts.iter().any(|file| file.as_os_str() == "-")
    }

    /// The list, or a part of it, which may be empty.
    pub(crate) fn hosts(&self, part: Option<Part>) -> Result<Hosts, Failure> {
        let hint = "give endpoints, or --hosts FILE, or try --demo";
        match part {
            Some(part) if !(self.hosts.is_empty() && self.endpoints.is_empty()) => {
                self.expand(Builder::default().part(part))
            }
            _ => self.hosts_or(hint),
        }
    }

    /// The list, or a failure with this hint where no endpoint is given.
    pub(crate) fn hosts_or(&self, hint: &str) -> Result<Hosts, Failure> {
        let hosts = self.expand(Builder::default())?;
        // The addresses of names are not known yet.
        let is_name = |endpoint: Endpoint| matches!(endpoint.address, Address::Dns(..));
        if !self.exclude.is_empty() && hosts.excluded() == 0 && !hosts.iter().any(is_name) {
            errln!("warning: --exclude takes out none of the endpoints");
        }
        if !hosts.is_empty() {
            return Ok(hosts);
        }
        Err(
            Failure::usage("no endpoints to ask").hint(if hosts.excluded() > 0 {
                "every endpoint is excluded"
            } else if self.hosts.is_empty() {
                hint
            } else {
                "the files of --hosts hold no endpoints"
            }),
        )
    }

    fn expand(&self, builder: Builder) -> Result<Hosts, Failure> {
        let mut builder = builder.max_hosts(self.max_hosts);
        if let Some(file) = self.endpoints.iter().find(|text| looks_like_file(text)) {
            return Err(
                Failure::usage(format_args!("{file} is a file, not an endpoint"))
                    .hint(format_args!("did you mean --hosts {file}?")),
            );
        }
        for file in &self.hosts {
            let contents = read(file)?;
            refuse_report(file, &contents)?;
            builder.read(&file.to_string_lossy(), &contents);
        }
        self.endpoints
            .iter()
            .for_each(|text| builder.argument(text));
        self.exclude.iter().for_each(|text| builder.exclude(text));
        builder.build().map_err(Failure::usage)
    }
}

/// Whether an endpoint is the name of a file: one that exists, and that no host would have.
fn looks_like_file(text: &str) -> bool {
    let path = Path::new(text);
    let endings = ["txt", "list", "hosts", "csv", "json", "jsonl", "html"];
    let has_ending = path
        .extension()
        .and_then(OsStr::to_str)
        .is_some_and(|ending| endings.contains(&ending));
    has_ending && path.is_file()
}

/// Refuses a report of an earlier survey, which would be a bad expression on every line.
fn refuse_report(file: &Path, contents: &[u8]) -> Result<(), Failure> {
    let start = contents.strip_prefix(b"\xef\xbb\xbf").unwrap_or(contents);
    let line = start
        .split(|byte| *byte == b'\n')
        .find(|line| !line.trim_ascii().is_empty());
    let line = line.unwrap_or_default().trim_ascii().to_ascii_lowercase();
    let start = &start[..start.len().min(200)];
    let marks = |mark: &[u8]| start.windows(mark.len()).any(|window| window == mark);
    let name = file.display();
    let (kind, hint) = if start.trim_ascii_start().starts_with(b"{") && marks(b"\"labrpc_run\"") {
        let again = format!("to ask those again that failed, give --only-failed {name}");
        (
            "a saved run",
            format!("{again}; to rank it, labrpc rank {name}"),
        )
    } else if line.starts_with(b"line,endpoint,outcome,") || line.starts_with(header().as_bytes()) {
        (
            "a table of answers",
            format!("to rank it, labrpc rank {name}"),
        )
    } else if line.starts_with(b"<!doctype html") || line.starts_with(b"<html") {
        (
            "a web page",
            "a host list has one expression a line".to_owned(),
        )
    } else {
        return Ok(());
    };
    Err(Failure::usage(format_args!("{name} is {kind}, not a host list")).hint(hint))
}

/// A whole file, or standard input for `-`.
fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    console::note_stdin(file);
    let mut contents = Vec::new();
    let mut take = |input: &mut dyn io::Read| input.take(MAX_LIST + 1).read_to_end(&mut contents);
    let taken = if file.as_os_str() == "-" {
        take(&mut io::stdin().lock())
    } else {
        File::open(file).and_then(|mut file| take(&mut file))
    };
    match taken {
        Err(error) => Err(Failure::unreadable(file, &error)),
        Ok(length) if length as u64 > MAX_LIST => Err(Failure::usage(format_args!(
            "{}: a host list of more than 256 MiB is not read",
            file.display()
        ))),
        Ok(_) => Ok(contents),
    }
}

/// The one endpoint of a command that asks one.
#[derive(Clone, Debug, Args)]
pub(crate) struct HostArg {
    /// The endpoint to ask, on port 1024 unless another is given: HOST, HOST:PORT, [v6]:PORT, unix:PATH or
    /// raw://HOST:PORT.
    host: String,
    #[command(flatten)]
    timeouts: TimeoutArgs,
    #[command(flatten)]
    tls: ClientTlsArgs,
}

impl HostArg {
    /// The endpoint, and how to ask it.
    pub(crate) fn open(&self) -> Result<(Endpoint, survey::Config), Failure> {
        let endpoint = exactly_one(&self.host).map_err(Failure::usage)?;
        Ok((endpoint, config(&self.timeouts, &self.tls)?))
    }
}

/// How to ask with these timeouts and this TLS, and otherwise by default.
pub(crate) fn config(
    timeouts: &TimeoutArgs,
    tls: &ClientTlsArgs,
) -> Result<survey::Config, Failure> {
    Ok(survey::Config {
        connect_timeout: timeouts.connect_timeout,
        max_time: timeouts.max_time,
        tls: tls.config()?,
        ..survey::Config::default()
    })
}

/// How long an endpoint may take.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Requests")]
pub(crate) struct TimeoutArgs {
    /// Longest time to establish the TCP connection.
    #[arg(
        long,
        value_name = "TIME",
        default_value = values::shown(survey::Config::default().connect_timeout),
        value_parser = values::positive_duration,
        env = "LABRPC_CONNECT_TIMEOUT"
    )]
    pub(crate) connect_timeout: Duration,
    /// Longest time for one attempt, from name resolution to the last byte of the answer.
    #[arg(
        long,
        value_name = "TIME",
        default_value = values::shown(survey::Config::default().max_time),
        value_parser = values::positive_duration,
        env = "LABRPC_MAX_TIME"
    )]
    pub(crate) max_time: Duration,
}

/// Whether to use TLS, and which identities to accept and to show.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "TLS")]
pub(crate) struct ClientTlsArgs {
    /// Do not use TLS (the default). With TLS there is no fallback to plaintext.
    #[arg(long, conflicts_with_all = ["tls", "cacert", "cert", "key", "insecure"], env = "LABRPC_PLAINTEXT")]
    plaintext: bool,
    /// Use TLS, and trust the certificate authorities of this system, or those in the file SSL_CERT_FILE.
    #[arg(long, env = "LABRPC_TLS")]
    tls: bool,
    /// Use TLS, and trust the certificate authorities in this PEM file.
    #[arg(long, value_name = "PEM", env = "LABRPC_CACERT")]
    cacert: Option<PathBuf>,
    /// Show this client certificate to servers that ask for one; implies TLS.
    #[arg(long, value_name = "PEM", requires = "key", env = "LABRPC_CERT")]
    cert: Option<PathBuf>,
    /// Use this private key with --cert.
    #[arg(long, value_name = "PEM", requires = "cert", env = "LABRPC_KEY")]
    key: Option<PathBuf>,
    /// Use TLS, and accept any certificate. The server's identity is not verified.
    #[arg(long, conflicts_with = "cacert", env = "LABRPC_INSECURE")]
    insecure: bool,
    /// Expect this name in every server's certificate, instead of the endpoint's host.
    #[arg(long, value_name = "NAME", env = "LABRPC_AUTHORITY")]
    authority: Option<Authority>,
}

impl ClientTlsArgs {
    /// The TLS configuration, if any flag implies TLS.
    pub(crate) fn config(&self) -> Result<Option<survey::Tls>, Failure> {
        let authority = self.authority.clone();
        let identity = self.cert.as_deref().zip(self.key.as_deref());
        if self.tls || self.cacert.is_some() || identity.is_some() || self.insecure {
            let config = tls::client(self.cacert.as_deref(), identity, self.insecure)?;
            return Ok(Some(survey::Tls { config, authority }));
        }
        match authority {
            Some(_) => Err(Failure::usage("--authority has no meaning without TLS")
                .hint("add --tls or --cacert CA.pem")),
            None => Ok(None),
        }
    }
}
