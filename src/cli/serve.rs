//! `labrpc serve`: bind, say how to ask, serve until a signal.

use std::{sync::Arc, time::Duration};

use clap::Args as ClapArgs;
use ipnet::IpNet;
use labrpc::serve::{
    self, Accept,
    listen::{self, Address, Listener},
    source::Answer,
};

use crate::cli::{
    Exit, Failure, duration,
    profile::{Chosen, Source},
    signals::Signals,
};

/// Answer with one profile, to everyone who asks.
#[derive(Debug, ClapArgs)]
#[command(before_help = "\
Examples:
  labrpc serve --id 1527406014 --height 178 --weight 60 --size XXL
  labrpc serve --profile me.toml
  labrpc serve --listen 192.168.1.7:1024 --listen unix:/run/labrpc.sock
  labrpc serve --allow 192.168.1.0/24 --accept grpc")]
pub(crate) struct Args {
    #[command(flatten)]
    source: Source,
    /// Where to listen: IP:PORT, PORT, or unix:PATH. Repeatable. [::] stands for IPv6 and IPv4.
    #[arg(
        long,
        value_name = "ADDR",
        default_value = "[::]:1024",
        env = "LABRPC_LISTEN",
        value_delimiter = ','
    )]
    listen: Vec<Address>,
    /// The dialects to speak: grpc (HTTP/2), http (GET / gives JSON), raw (JSON to whoever says nothing).
    #[arg(
        long,
        value_name = "LIST",
        default_value = "grpc,http,raw",
        env = "LABRPC_ACCEPT"
    )]
    accept: Accept,
    /// Only these networks may ask. Repeatable.
    #[arg(long, value_name = "CIDR", env = "LABRPC_ALLOW", value_delimiter = ',')]
    allow: Vec<IpNet>,
    /// Do not tell clients which services there are.
    #[arg(long, env = "LABRPC_NO_REFLECTION")]
    no_reflection: bool,
    /// How long calls may take to end after the first signal.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration::parse, env = "LABRPC_DRAIN_TIMEOUT")]
    drain_timeout: Duration,
}

pub(crate) fn run(args: Args) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::io("runtime", &error))?;
    runtime.block_on(serve(args))
}

async fn serve(args: Args) -> Result<Exit, Failure> {
    let mut signals = Signals::new().map_err(|error| Failure::io("signals", &error))?;
    let profile = match args.source.choose()? {
        Chosen::Said(profile) => profile,
        Chosen::File(file) => file.read().map_err(Failure::usage)?,
        Chosen::Sample(profile) => {
            anstream::eprintln!(
                "warning: nobody said whose profile this is; serving the sample ({profile})\n\
                 hint: labrpc serve --id ID --height CM --weight KG --size SIZE"
            );
            profile
        }
    };
    let listeners = args
        .listen
        .iter()
        .map(|address| Listener::bind(address, false).map_err(Failure::internal))
        .collect::<Result<Vec<_>, _>>()?;
    for listener in &listeners {
        let address = listener
            .address()
            .map_err(|error| Failure::io("listener", &error))?;
        anstream::eprintln!("listening on {address}");
    }
    anstream::eprintln!("to ask it, type one of");
    for way in listen::ways(&listeners, true) {
        anstream::eprintln!("  {}", way.command);
    }
    let config = serve::Config {
        accept: args.accept,
        allow: args.allow,
        reflection: !args.no_reflection,
        drain_timeout: args.drain_timeout,
        ..serve::Config::new(Arc::new(Arc::new(Answer::from(&profile))))
    };
    let (first, second) = tokio::sync::oneshot::channel();
    let shutdown = async {
        signals.next().await;
        anstream::eprintln!("draining; a second signal cuts at once");
        // The receiver lives as long as the server.
        let _ = first.send(signals);
    };
    let cut = async {
        if let Ok(mut signals) = second.await {
            signals.next().await;
        }
    };
    serve::run(listeners, config, shutdown, cut).await;
    Ok(Exit::Success)
}
