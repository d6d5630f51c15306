//! `labrpc certs`: creates a certificate authority for a lab and issues its certificates.

use std::{
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use clap::{Args as ClapArgs, Subcommand, ValueHint};
use labrpc::{
    survey::{
        endpoint::{Address, Endpoint},
        hosts::Builder,
    },
    tls::ca::{self, CertFiles, CertName},
};

use crate::cli::{
    exit::{Exit, Failure},
    output::ignore_broken_pipe,
};

/// Create a certificate authority for a lab, and its certificates.
#[derive(Debug, ClapArgs)]
#[command(before_help = "\
Examples:
  labrpc certs ca lab-ca
  labrpc certs issue lab-ca lab01.example 192.168.1.1
  labrpc certs issue lab-ca --each 192.168.1.1-40
  labrpc serve --cert lab-ca/lab01.example.pem --key lab-ca/lab01.example.key.pem
  labrpc survey --hosts hosts.txt --cacert lab-ca/ca.pem")]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Certs,
}

#[derive(Debug, Subcommand)]
enum Certs {
    /// Create a certificate authority: DIR/ca.pem to distribute, and DIR/ca.key.pem to keep secret.
    #[command(before_help = "Examples:\n  labrpc certs ca lab-ca")]
    Ca {
        /// The folder; it is created if missing.
        #[arg(value_hint = ValueHint::DirPath)]
        dir: PathBuf,
    },
    /// Issue one certificate for all the hosts, signed by the authority in DIR; with --each, one for each host.
    ///
    /// It is written to DIR/HOST.pem and DIR/HOST.key.pem, where HOST is the first host, and is valid for servers
    /// and clients.
    #[command(before_help = "\
Examples:
  labrpc certs issue lab-ca lab01.example 192.168.1.1
  labrpc certs issue lab-ca --each 192.168.1.1-40")]
    Issue {
        /// The folder with ca.pem and ca.key.pem.
        #[arg(value_hint = ValueHint::DirPath)]
        dir: PathBuf,
        /// Host names and IP addresses, as in a host list: lab01.example, 192.168.1.1-40, lab[01-40]; or *.lab.example.
        #[arg(required = true, value_name = "HOST", value_hint = ValueHint::Hostname)]
        hosts: Vec<String>,
        /// Issue a certificate for each host, for a whole room at once. Certificates that exist are kept.
        #[arg(long)]
        each: bool,
    },
}

/// More names than this make a certificate that is larger than clients accept.
const MAX_NAMES: usize = 1_000;

pub(crate) fn run(args: Args) -> Result<Exit, Failure> {
    match &args.command {
        Certs::Ca { dir } => {
            print(&ca::create(dir).map_err(failure)?)?;
            errln!(
                "keep ca.key.pem secret: it can issue a certificate for any name; callers need ca.pem\n\
                 next: labrpc certs issue {} HOST",
                dir.display()
            );
        }
        Certs::Issue { dir, hosts, each } => {
            let names = names(hosts)?;
            if *each {
                issue_each(dir, &names)?;
            } else if names.len() > MAX_NAMES {
                return Err(Failure::usage(format_args!(
                    "{} names are too many for one certificate",
                    names.len()
                ))
                .hint("--each issues a certificate for each"));
            } else if let Some((first, others)) = names.split_first() {
                print(&ca::issue(dir, first, others).map_err(failure)?)?;
            }
        }
    }
    Ok(Exit::Success)
}

/// Issues a certificate for each name that has none.
fn issue_each(dir: &Path, names: &[CertName]) -> Result<(), Failure> {
    for name in names {
        match ca::issue(dir, name, &[]) {
            Ok(files) => print(&files)?,
            Err(ca::Error::Exists(file)) => errln!("kept: {} exists already", file.display()),
            Err(error) => return Err(failure(error)),
        }
    }
    Ok(())
}

/// The names of the hosts, each once.
fn names(hosts: &[String]) -> Result<Vec<CertName>, Failure> {
    let mut names = Vec::new();
    for text in hosts {
        if text.starts_with("*.") {
            names.push(text.parse().map_err(Failure::usage)?);
            continue;
        }
        let mut builder = Builder::default();
        builder.argument(text);
        for endpoint in builder.build().map_err(Failure::usage)?.iter() {
            names.push(name(&endpoint)?);
        }
    }
    let mut seen = std::collections::HashSet::new();
    names.retain(|name| seen.insert(name.to_string()));
    if names.is_empty() {
        return Err(Failure::usage("a certificate needs a host"));
    }
    Ok(names)
}

/// The name of an endpoint; a port makes no difference.
fn name(endpoint: &Endpoint) -> Result<CertName, Failure> {
    let host = match &endpoint.address {
        Address::Ip(ip, _) => ip.to_string(),
        // TLS verifies the name, whatever the address.
        Address::Name(name, _) | Address::Dns(name, _) | Address::Resolved(name, ..) => {
            name.to_string()
        }
        Address::Unix(_) => {
            return Err(Failure::usage(format_args!(
                "{endpoint}: a Unix socket has no name for a certificate"
            )));
        }
    };
    host.parse().map_err(Failure::usage)
}

fn failure(error: ca::Error) -> Failure {
    match error {
        ca::Error::Exists(_) | ca::Error::NoCa(_) => Failure::usage(&error),
        _ => Failure::internal(&error),
    }
}

fn print(files: &CertFiles) -> Result<(), Failure> {
    let CertFiles { cert, key } = files;
    ignore_broken_pipe(writeln!(
        io::stdout(),
        "{}\n{}",
        cert.display(),
        key.display()
    ))?;
    Ok(())
}
