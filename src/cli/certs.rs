//! `labrpc certs`: creates a certificate authority for a lab and issues its certificates.

use std::{
    io::{self, Write as _},
    path::PathBuf,
};

use clap::{Args as ClapArgs, Subcommand};
use labrpc::tls::ca::{self, CertFiles, CertName};

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
  labrpc serve --cert lab-ca/lab01.example.pem --key lab-ca/lab01.example.key.pem
  labrpc survey --hosts hosts.txt --cacert lab-ca/ca.pem")]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Certs,
}

#[derive(Debug, Subcommand)]
enum Certs {
    /// Create a certificate authority: DIR/ca.pem to distribute, and DIR/ca.key.pem to keep secret.
    Ca {
        /// The folder; it is created if missing.
        dir: PathBuf,
    },
    /// Issue one certificate for all the names, signed by the authority in DIR.
    ///
    /// It is written to DIR/NAME.pem and DIR/NAME.key.pem, where NAME is the first name, and is valid for servers
    /// and clients.
    Issue {
        /// The folder with ca.pem and ca.key.pem.
        dir: PathBuf,
        /// Host names and IP addresses.
        #[arg(required = true, value_name = "NAME-OR-IP")]
        names: Vec<CertName>,
    },
}

pub(crate) fn run(args: Args) -> Result<Exit, Failure> {
    let made = match &args.command {
        Certs::Ca { dir } => ca::create(dir),
        Certs::Issue { dir, names } => match names.split_first() {
            Some((first, others)) => ca::issue(dir, first, others),
            None => return Err(Failure::usage("a certificate needs a name")),
        },
    };
    let CertFiles { cert, key } = made.map_err(|error| match error {
        ca::Error::Exists(_) | ca::Error::NoCa(_) => Failure::usage(&error),
        _ => Failure::internal(&error),
    })?;
    ignore_broken_pipe(writeln!(
        io::stdout(),
        "{}\n{}",
        cert.display(),
        key.display()
    ))?;
    Ok(Exit::Success)
}
