//! `labrpc serve`: bind, say how to ask, serve until a signal.

use std::{path::PathBuf, time::Duration};

use clap::Args as ClapArgs;
use ipnet::IpNet;
use labrpc::{
    serve::{
        self, End, Protocols,
        limits::Limits,
        listen::{self, ListenAddress, Listener},
        manager, reload,
    },
    tls,
};
use tracing_subscriber::EnvFilter;

use crate::cli::{
    Exit, Failure, duration,
    log::{self, Log},
    profile::Source,
    runtime,
    signals::{Signals, Terminal},
};

/// Answer with one profile, to everyone who asks.
#[derive(Debug, ClapArgs)]
#[command(before_help = "\
Examples:
  labrpc serve --id 1527406014 --height 178 --weight 60 --size XXL
  labrpc serve --profile me.toml
  labrpc serve --listen 192.168.1.7:1024 --listen unix:/run/labrpc.sock
  labrpc serve --allow 192.168.1.0/24 --accept grpc
  labrpc serve --cert lab01.pem --key lab01.key.pem --plaintext")]
pub(crate) struct Args {
    #[command(flatten)]
    source: Source,
    #[command(flatten)]
    door: Door,
    #[command(flatten)]
    security: Security,
    #[command(flatten)]
    running: Running,
}

#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Door")]
struct Door {
    /// Where to listen: IP:PORT, PORT, or unix:PATH. Repeatable. [::] stands for IPv6 and IPv4.
    #[arg(
        long,
        value_name = "ADDR",
        default_value = "[::]:1024",
        env = "LABRPC_LISTEN",
        value_delimiter = ','
    )]
    listen: Vec<ListenAddress>,
    /// Share the port with another labrpc serve, so that one can take over from the other without a gap.
    #[arg(long, env = "LABRPC_REUSE_PORT")]
    reuse_port: bool,
    /// The dialects to speak: grpc (HTTP/2), http (GET / gives JSON), raw (JSON to whoever says nothing).
    #[arg(
        long,
        value_name = "LIST",
        default_value = "grpc,http,raw",
        env = "LABRPC_ACCEPT"
    )]
    accept: Protocols,
    /// Only these networks may ask. Repeatable.
    #[arg(long, value_name = "CIDR", env = "LABRPC_ALLOW", value_delimiter = ',')]
    allow: Vec<IpNet>,
    /// Do not tell clients which services there are.
    #[arg(long, env = "LABRPC_NO_REFLECTION")]
    no_reflection: bool,
}

#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Security")]
struct Security {
    /// Serve TLS with the certificate chain in this file, and only TLS unless --plaintext is given too. It is
    /// read again when it changes.
    #[arg(long, value_name = "PEM", requires = "key", env = "LABRPC_SERVE_CERT")]
    cert: Option<PathBuf>,
    /// The private key of --cert.
    #[arg(long, value_name = "PEM", requires = "cert", env = "LABRPC_SERVE_KEY")]
    key: Option<PathBuf>,
    /// Let in only callers with a certificate of this authority.
    #[arg(
        long,
        value_name = "PEM",
        requires = "cert",
        conflicts_with = "plaintext",
        env = "LABRPC_CLIENT_CA"
    )]
    client_ca: Option<PathBuf>,
    /// Keep plaintext beside TLS, on the same port.
    #[arg(long, env = "LABRPC_SERVE_PLAINTEXT")]
    plaintext: bool,
}

#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Running")]
struct Running {
    /// Serve counters for Prometheus at http://ADDR/metrics.
    #[arg(long, value_name = "ADDR", env = "LABRPC_METRICS")]
    metrics: Option<ListenAddress>,
    /// How long calls may take to end after the first signal.
    #[arg(
        long,
        value_name = "TIME",
        default_value = "10s",
        value_parser = duration::parse,
        env = "LABRPC_DRAIN_TIMEOUT"
    )]
    drain_timeout: Duration,
    /// What to log: error, warn, info, debug, or a filter such as labrpc=debug,h2=info. Never a profile.
    // A peer can provoke warnings of h2 without a limit; those of labrpc are limited to one a second.
    #[arg(
        long,
        value_name = "FILTER",
        default_value = "error,labrpc=info",
        env = "LABRPC_LOG"
    )]
    log: EnvFilter,
    /// How to log.
    #[arg(long, value_enum, default_value_t, env = "LABRPC_LOG_FORMAT")]
    log_format: log::Format,
}

pub(crate) fn run(args: Args) -> Result<Exit, Failure> {
    let log = Log::start(args.running.log_format, args.running.log.clone())?;
    runtime::all_threads(serve(args, &log))?
}

async fn serve(args: Args, log: &Log) -> Result<Exit, Failure> {
    let Args {
        source,
        door,
        security,
        running,
    } = args;
    // A shell's usual 1,024 descriptors are fewer than the connections that the server is ready to hold. Where
    // they cannot be raised, it accepts as many connections as it can hold.
    let descriptors = rlimit::increase_nofile_limit(u64::MAX).unwrap_or(1_024);
    let client_ca = security.client_ca.is_some();
    let (tls, plaintext) = security.open()?;
    let accept = door.accept;
    if !plaintext && !accept.grpc && !accept.http {
        return Err(Failure::usage("raw is never spoken inside TLS")
            .hint("add --plaintext, or another dialect to --accept"));
    }
    let profile = source.open(log)?;
    let listeners = door.open()?;
    let metrics = running
        .metrics
        .as_ref()
        .map(|address| Listener::bind(address, false));
    let metrics = metrics.transpose().map_err(Failure::internal)?;
    // From here on signals do not end a step that hangs; before the first line that a caller may wait for.
    let (mut signals, mut terminal) = (Signals::new()?, Terminal::new()?);
    let ask = Ask {
        accept,
        plaintext,
        client_ca,
        reflection: !door.no_reflection,
    };
    greet(log, &listeners, metrics.as_ref(), &ask)?;
    let config = serve::Config {
        protocols: accept,
        allow: door.allow,
        tls,
        plaintext,
        reflection: !door.no_reflection,
        drain_timeout: running.drain_timeout,
        metrics,
        log_lines_dropped: log.dropped(),
        limits: Limits::default().within(descriptors),
        ..serve::Config::new(profile)
    };

    let (hand_over, handed_over) = tokio::sync::oneshot::channel();
    let shutdown = async {
        manager::ready();
        tokio::select! {
            _ = signals.next() => {}
            () = terminal.gone() => {}
        }
        manager::stopping();
        tracing::info!("draining; a second signal cuts at once");
        // Whoever waits for the second signal lives as long as the server.
        let _ = hand_over.send(signals);
    };
    let cut = async {
        if let Ok(mut signals) = handed_over.await {
            signals.next().await;
        }
    };
    match serve::run(listeners, config, shutdown, cut).await {
        End::Drained => {}
        End::Cut(connections) => tracing::warn!(connections, "cut"),
    }
    Ok(Exit::Success)
}

/// Says where the server listens and what a classmate has to type.
fn greet(
    log: &Log,
    listeners: &[Listener],
    metrics: Option<&Listener>,
    ask: &Ask,
) -> Result<(), Failure> {
    let address = |listener: &Listener| {
        listener
            .address()
            .map_err(|error| Failure::io("listener", &error))
    };
    for listener in listeners {
        log.line(format_args!("listening on {}", address(listener)?));
    }
    if let Some(listener) = metrics {
        log.line(format_args!(
            "metrics at http://{}/metrics",
            address(listener)?
        ));
    }
    log.line(format_args!("to ask, type"));
    for address in listen::reachable(listeners) {
        log.line(format_args!("  {}", ask.command(&address)));
    }
    Ok(())
}

/// What decides how the server can be asked.
struct Ask {
    accept: Protocols,
    plaintext: bool,
    client_ca: bool,
    reflection: bool,
}

impl Ask {
    /// What to type at the other machine.
    fn command(&self, address: &ListenAddress) -> String {
        let flag = |wanted: bool, flag: &'static str| if wanted { flag } else { "" };
        if self.accept.grpc {
            let plaintext = flag(self.plaintext, "-plaintext ");
            let identity = flag(self.client_ca, "-cert CERT.pem -key KEY.pem ");
            let proto = flag(!self.reflection, "-proto profile.proto ");
            // grpcurl takes a Unix socket's path with a flag of its own.
            let target = match address {
                ListenAddress::Tcp(address) => address.to_string(),
                ListenAddress::Unix(path) => format!("-unix {}", path.display()),
            };
            format!("grpcurl {plaintext}{identity}{proto}{target} lab.Profile/GetProfile")
        } else if self.accept.http {
            let scheme = if self.plaintext { "http" } else { "https" };
            let identity = flag(self.client_ca, "--cert CERT.pem --key KEY.pem ");
            match address {
                ListenAddress::Tcp(address) => format!("curl {identity}{scheme}://{address}/"),
                ListenAddress::Unix(path) => format!(
                    "curl {identity}--unix-socket {} {scheme}://localhost/",
                    path.display()
                ),
            }
        } else {
            match address {
                ListenAddress::Tcp(address) => format!("nc {} {}", address.ip(), address.port()),
                ListenAddress::Unix(path) => format!("nc -U {}", path.display()),
            }
        }
    }
}

impl Door {
    /// Binds what was asked for; or takes what the service manager has bound already.
    fn open(&self) -> Result<Vec<Listener>, Failure> {
        let passed = manager::sockets().map_err(|error| Failure::io("passed sockets", &error))?;
        if !passed.is_empty() {
            return Ok(passed);
        }
        let bind = |address| Listener::bind(address, self.reuse_port).map_err(Failure::internal);
        self.listen.iter().map(bind).collect()
    }
}

type ServerTls = tokio::sync::watch::Receiver<std::sync::Arc<rustls::ServerConfig>>;

impl Security {
    /// The identity, if there is one, and whether plaintext is served.
    fn open(self) -> Result<(Option<ServerTls>, bool), Failure> {
        let Self {
            cert,
            key,
            client_ca,
            plaintext,
        } = self;
        match cert.zip(key) {
            None => Ok((None, true)),
            Some((cert, key)) => {
                let files = tls::ServerFiles {
                    cert,
                    key,
                    client_ca,
                };
                let tls = reload::tls(files, reload::EVERY)?;
                Ok((Some(tls), plaintext))
            }
        }
    }
}
