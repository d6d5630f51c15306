//! `labrpc serve`: binds, prints how to call the server, and serves until a signal.

use std::{path::PathBuf, time::Duration};

use clap::Args as ClapArgs;
use ipnet::IpNet;
use labrpc::{
    serve::{
        self, End, Protocols,
        limits::Limits,
        listen::{self, ListenAddress, Listener},
        reload, systemd,
    },
    tls,
};

use crate::cli::{
    exit::{Exit, Failure},
    log::{self, Log},
    profile_args::ProfileArgs,
    runtime,
    signals::{Signals, Terminal},
    values::{self, Named},
};

/// Serve one profile to all clients.
#[derive(Debug, ClapArgs)]
#[command(before_help = "\
Examples:
  labrpc serve --id 1527406014 --height 178 --weight 60 --size XXL
  labrpc serve --profile me.toml
  labrpc serve --listen 192.168.1.7:1024 --listen unix:/run/labrpc.sock
  labrpc serve --allow 192.168.1.0/24 --protocols grpc
  labrpc serve --cert lab01.pem --key lab01.key.pem --plaintext")]
pub(crate) struct Args {
    #[command(flatten)]
    profile: ProfileArgs,
    #[command(flatten)]
    listen: ListenArgs,
    #[command(flatten)]
    tls: ServerTlsArgs,
    #[command(flatten)]
    operation: OperationArgs,
}

#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Listening")]
struct ListenArgs {
    /// Listen at this address: IP:PORT, IP, PORT, or unix:PATH. Repeatable. [::] stands for IPv6 and IPv4.
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
    /// Serve these protocols: grpc (HTTP/2), http (GET / returns JSON), raw (JSON to clients that send nothing).
    #[arg(
        long,
        value_name = "LIST",
        default_value = "grpc,http,raw",
        value_parser = Named::<Protocols>::new(["grpc", "http", "raw", "grpc,http", "grpc,raw", "http,raw"]),
        hide_possible_values = true,
        alias = "accept",
        env = "LABRPC_PROTOCOLS"
    )]
    protocols: Protocols,
    /// Accept connections only from these networks. Repeatable.
    #[arg(
        long,
        value_name = "CIDR",
        value_parser = values::network,
        env = "LABRPC_ALLOW",
        value_delimiter = ','
    )]
    allow: Vec<IpNet>,
    /// Do not offer gRPC reflection, which lists the services to clients.
    #[arg(long, env = "LABRPC_NO_REFLECTION")]
    no_reflection: bool,
}

#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "TLS")]
struct ServerTlsArgs {
    /// Serve TLS with the certificate chain in this file, and only TLS unless --plaintext is given too. The file is
    /// reloaded when it changes.
    #[arg(long, value_name = "PEM", requires = "key", env = "LABRPC_SERVE_CERT")]
    cert: Option<PathBuf>,
    /// Use this private key with --cert.
    #[arg(long, value_name = "PEM", requires = "cert", env = "LABRPC_SERVE_KEY")]
    key: Option<PathBuf>,
    /// Require a client certificate that was issued by this authority.
    #[arg(
        long,
        value_name = "PEM",
        requires = "cert",
        conflicts_with = "plaintext",
        env = "LABRPC_CLIENT_CA"
    )]
    client_ca: Option<PathBuf>,
    /// Serve plaintext as well as TLS, on the same port.
    #[arg(long, env = "LABRPC_SERVE_PLAINTEXT")]
    plaintext: bool,
}

#[derive(Debug, ClapArgs)]
#[command(next_help_heading = "Operation")]
struct OperationArgs {
    /// Serve counters for Prometheus at http://ADDR/metrics.
    #[arg(long, value_name = "ADDR", env = "LABRPC_METRICS")]
    metrics: Option<ListenAddress>,
    /// Give open calls this long to finish after the first signal.
    #[arg(
        long,
        value_name = "TIME",
        default_value = "10s",
        value_parser = values::duration,
        env = "LABRPC_DRAIN_TIMEOUT"
    )]
    drain_timeout: Duration,
    /// Log at this level: error, warn, info, debug (one line a call) or trace (also what libraries log); or by a filter
    /// such as labrpc=debug,h2=info. Heights, weights and sizes are never logged.
    #[arg(
        long,
        value_name = "FILTER",
        default_value = "info",
        value_parser = Named::parsed_by(log::LEVELS, log::filter),
        hide_possible_values = true,
        env = "LABRPC_LOG"
    )]
    log: String,
    /// Log in this format.
    #[arg(long, value_enum, default_value_t, env = "LABRPC_LOG_FORMAT")]
    log_format: log::LogFormat,
}

pub(crate) fn run(args: Args) -> Result<Exit, Failure> {
    let log = Log::start(args.operation.log_format, &args.operation.log)?;
    runtime::all_threads(serve(args, &log))?
}

async fn serve(args: Args, log: &Log) -> Result<Exit, Failure> {
    let Args {
        profile,
        listen,
        tls,
        operation,
    } = args;
    // The usual limit of 1,024 descriptors is lower than the default connection limit. Where it cannot be raised,
    // fewer connections are accepted.
    let descriptors = rlimit::increase_nofile_limit(u64::MAX).unwrap_or(1_024);
    let client_ca = tls.client_ca.is_some();
    let (tls, plaintext) = tls.open()?;
    let (protocols, reflection) = (listen.protocols, !listen.no_reflection);
    if !plaintext && !protocols.grpc && !protocols.http {
        return Err(Failure::usage("raw is never spoken inside TLS")
            .hint("add --plaintext, or another protocol to --protocols"));
    }
    let profile = profile.open(log)?;
    let listeners = listen.open()?;
    let metrics = operation.metrics.as_ref();
    let metrics = metrics.map(|address| bind("--metrics", address, false, &listen.listen));
    let metrics = metrics.transpose()?;
    // From here on signals do not end a step that hangs. Installed before the first line is printed, since a script
    // may send a signal as soon as it reads that line.
    let (signals, terminal) = (Signals::new()?, Terminal::new()?);
    let example = CallExample {
        protocols,
        plaintext,
        client_ca,
        reflection,
    };
    print_addresses(log, &listeners, metrics.as_ref(), &example)?;
    let config = serve::Config {
        protocols,
        allow: listen.allow,
        tls,
        plaintext,
        reflection,
        drain_timeout: operation.drain_timeout,
        metrics,
        log_lines_dropped: log.dropped(),
        limits: Limits::default().within(descriptors),
        ..serve::Config::new(profile)
    };
    serve_until_signal(listeners, config, signals, terminal).await;
    Ok(Exit::Success)
}

/// Serves until the first signal, then drains; a second signal ends the drain.
async fn serve_until_signal(
    listeners: Vec<Listener>,
    config: serve::Config,
    mut signals: Signals,
    mut terminal: Terminal,
) {
    let (hand_over, handed_over) = tokio::sync::oneshot::channel();
    let shutdown = async {
        systemd::ready();
        tokio::select! {
            _ = signals.next() => {}
            () = terminal.hung_up() => {}
        }
        systemd::stopping();
        tracing::info!("draining open calls; a second signal stops at once");
        // The receiver lives as long as the server, so this does not fail.
        let _ = hand_over.send(signals);
    };
    let cut = async {
        if let Ok(mut signals) = handed_over.await {
            signals.next().await;
        }
    };
    if let End::Cut(connections) = serve::run(listeners, config, shutdown, cut).await {
        tracing::warn!(connections, "connections closed after drain timeout");
    }
}

/// Prints where the server listens and how to call it.
fn print_addresses(
    log: &Log,
    listeners: &[Listener],
    metrics: Option<&Listener>,
    example: &CallExample,
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
    let reachable = listen::reachable(listeners);
    let is_local = |address: &ListenAddress| match address {
        ListenAddress::Tcp(address) => address.ip().to_canonical().is_loopback(),
        ListenAddress::Unix(_) => true,
    };
    if reachable.iter().all(is_local) {
        log.line(format_args!("only this machine can call it"));
    }
    log.line(format_args!("to call it, type"));
    for address in &reachable {
        log.line(format_args!("  {}", example.command(address)));
    }
    if example.protocols.grpc
        && example.plaintext
        && let Some(ListenAddress::Tcp(address)) = reachable.first()
    {
        log.line(format_args!("without grpcurl: labrpc get {address}"));
    }
    Ok(())
}

/// What the example of a call depends on.
struct CallExample {
    protocols: Protocols,
    plaintext: bool,
    client_ca: bool,
    reflection: bool,
}

impl CallExample {
    /// The command to type on another machine.
    fn command(&self, address: &ListenAddress) -> String {
        let flag = |wanted: bool, flag: &'static str| if wanted { flag } else { "" };
        if self.protocols.grpc {
            let plaintext = flag(self.plaintext, "-plaintext ");
            let identity = flag(self.client_ca, "-cert CERT.pem -key KEY.pem ");
            let proto = flag(!self.reflection, "-proto profile.proto ");
            // grpcurl takes a Unix socket's path with a flag of its own.
            let target = match address {
                ListenAddress::Tcp(address) => address.to_string(),
                ListenAddress::Unix(path) => format!("-unix {}", path.display()),
            };
            format!("grpcurl {plaintext}{identity}{proto}{target} lab.Profile/GetProfile")
        } else if self.protocols.http {
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

impl ListenArgs {
    /// Takes the sockets that systemd has passed, or else binds the addresses.
    fn open(&self) -> Result<Vec<Listener>, Failure> {
        let passed = systemd::sockets().map_err(|error| Failure::io("passed sockets", &error))?;
        if !passed.is_empty() {
            return Ok(passed);
        }
        let mut listeners = Vec::new();
        for (index, address) in self.listen.iter().enumerate() {
            let bound = &self.listen[..index];
            listeners.push(bind("--listen", address, self.reuse_port, bound)?);
        }
        Ok(listeners)
    }
}

/// Binds the address of a flag. `bound` are those of `--listen` that this process has bound before.
fn bind(
    flag: &str,
    address: &ListenAddress,
    shared: bool,
    bound: &[ListenAddress],
) -> Result<Listener, Failure> {
    Listener::bind(address, shared).map_err(|error| {
        let failure = Failure::internal(format_args!("{flag}: {error}"));
        if bound.contains(address) {
            failure.hint(format_args!(
                "--listen has this address already; give another {flag}"
            ))
        } else if error.source.kind() == std::io::ErrorKind::AddrInUse {
            failure.hint(format_args!(
                "stop the other program, or give another {flag}"
            ))
        } else {
            failure
        }
    })
}

type ServerTls = tokio::sync::watch::Receiver<std::sync::Arc<rustls::ServerConfig>>;

impl ServerTlsArgs {
    /// The TLS configuration, if there is a certificate, and whether plaintext is served.
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
                let tls = reload::tls(files, reload::POLL_INTERVAL)?;
                Ok((Some(tls), plaintext))
            }
        }
    }
}
