//! The arguments that say whom to ask and how; the same for every command that asks.

use std::{
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;
use http::uri::Authority;
use labrpc::{
    survey::{
        self,
        endpoint::Endpoint,
        hosts::{Builder, DEFAULT_MAX_HOSTS, Hosts, exactly_one},
    },
    tls,
};

use crate::cli::{Failure, duration};

/// Who is asked.
#[derive(Clone, Debug, Args)]
pub(crate) struct List {
    /// Endpoints: HOST, HOST:PORT, 192.168.1.1-40, lab[01-40], 10.0.0.0/26, [v6]:PORT, unix:PATH,
    /// raw://HOST:PORT; with commas. Without a port, 1024 is asked.
    #[arg(value_name = "ENDPOINT")]
    endpoints: Vec<String>,
    /// A file of endpoints, one expression a line, # for comments; or a Prometheus file_sd JSON array. - is
    /// standard input. Repeatable.
    #[arg(long, value_name = "FILE", env = "LABRPC_HOSTS")]
    hosts: Vec<PathBuf>,
    /// Leave these out; without a port, on every port. Repeatable.
    #[arg(short = 'x', long, value_name = "ENDPOINT", env = "LABRPC_EXCLUDE")]
    exclude: Vec<String>,
    /// Refuse to expand to more endpoints than this.
    #[arg(long, value_name = "N", default_value_t = DEFAULT_MAX_HOSTS, env = "LABRPC_MAX_HOSTS")]
    max_hosts: usize,
}

/// The longest list that is read. Ten million endpoints fit into it, and a device that never ends does not.
const MAX_LIST: u64 = 256 * 1024 * 1024;

impl List {
    pub(crate) fn max_hosts(&self) -> usize {
        self.max_hosts
    }

    pub(crate) fn hosts(&self) -> Result<Hosts, Failure> {
        let mut builder = Builder::default().max_hosts(self.max_hosts);
        for file in &self.hosts {
            let contents = read(file)?;
            builder.read(&file.to_string_lossy(), &contents);
        }
        self.endpoints
            .iter()
            .for_each(|text| builder.argument(text));
        self.exclude.iter().for_each(|text| builder.exclude(text));
        builder.build().map_err(Failure::usage)
    }
}

/// A whole file, or standard input for `-`.
fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    let mut contents = Vec::new();
    let mut take = |input: &mut dyn io::Read| input.take(MAX_LIST + 1).read_to_end(&mut contents);
    let taken = if file.as_os_str() == "-" {
        take(&mut io::stdin().lock())
    } else {
        File::open(file).and_then(|mut file| take(&mut file))
    };
    match taken {
        Err(error) => Err(Failure::io(file.display(), &error)),
        Ok(length) if length as u64 > MAX_LIST => Err(Failure::usage(format_args!(
            "{}: a host list of more than 256 MiB is not read",
            file.display()
        ))),
        Ok(_) => Ok(contents),
    }
}

/// One endpoint, where a list makes no sense.
#[derive(Clone, Debug, Args)]
pub(crate) struct Host {
    /// HOST, HOST:PORT, [v6]:PORT, unix:PATH or raw://HOST:PORT. Without a port, 1024 is asked.
    host: String,
    #[command(flatten)]
    times: Times,
    #[command(flatten)]
    security: Security,
}

impl Host {
    /// The endpoint, and how to ask it.
    pub(crate) fn open(&self) -> Result<(Endpoint, survey::Config), Failure> {
        let Self {
            host,
            times,
            security,
        } = self;
        let config = survey::Config {
            connect_timeout: times.connect_timeout,
            max_time: times.max_time,
            tls: security.tls()?,
            ..survey::Config::default()
        };
        Ok((exactly_one(host).map_err(Failure::usage)?, config))
    }
}

/// How long an endpoint may take.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Asking")]
pub(crate) struct Times {
    /// Longest time to connect.
    #[arg(long, value_name = "TIME", default_value = "3.5s", value_parser = duration::parse, env = "LABRPC_CONNECT_TIMEOUT")]
    pub(crate) connect_timeout: Duration,
    /// Longest time for one attempt, from the first packet to the last byte of the answer.
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = duration::parse, env = "LABRPC_MAX_TIME")]
    pub(crate) max_time: Duration,
}

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Security")]
pub(crate) struct Security {
    /// Speak without TLS. This is the default, and never what TLS falls back to.
    #[arg(long, conflicts_with_all = ["cacert", "cert", "key", "insecure"], env = "LABRPC_PLAINTEXT")]
    plaintext: bool,
    /// Speak TLS and trust the certificate authorities in this PEM file.
    #[arg(long, value_name = "PEM", env = "LABRPC_CACERT")]
    cacert: Option<PathBuf>,
    /// The certificate that servers ask this client for; implies TLS.
    #[arg(long, value_name = "PEM", requires = "key", env = "LABRPC_CERT")]
    cert: Option<PathBuf>,
    /// The private key of --cert.
    #[arg(long, value_name = "PEM", requires = "cert", env = "LABRPC_KEY")]
    key: Option<PathBuf>,
    /// Speak TLS and accept any certificate. Nobody knows then who answered.
    #[arg(long, conflicts_with = "cacert", env = "LABRPC_INSECURE")]
    insecure: bool,
    /// The name to expect in every server's certificate, instead of the endpoint's host.
    #[arg(long, value_name = "NAME", env = "LABRPC_AUTHORITY")]
    authority: Option<Authority>,
}

impl Security {
    /// TLS is spoken when anything is said that only TLS can mean.
    pub(crate) fn tls(&self) -> Result<Option<survey::Tls>, Failure> {
        let Self {
            plaintext: _,
            cacert,
            cert,
            key,
            insecure,
            authority,
        } = self;
        if cacert.is_none() && cert.is_none() && !insecure {
            return match authority {
                Some(_) => Err(Failure::usage("--authority is a name in a certificate")
                    .hint("give --cacert CA.pem too, to speak TLS")),
                None => Ok(None),
            };
        }
        let identity = cert.as_deref().zip(key.as_deref());
        let config = tls::client(cacert.as_deref(), identity, *insecure)?;
        Ok(Some(survey::Tls {
            config,
            authority: authority.clone(),
        }))
    }
}
