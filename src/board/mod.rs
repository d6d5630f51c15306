//! The live page: the report of the room as it is now, for the projector.
//!
//! ```text
//! rounds ── survey, again and again ──► the latest snapshot ──► every browser, at its own speed
//! ```
//!
//! A snapshot is the page and, for browsers that have it already, its main part as an event. There is only ever
//! the latest one: a slow browser misses some, and neither delays a survey nor makes anything queue up. Given up
//! for it: a history.

mod rounds;
mod web;

use std::{io, pin::pin, sync::Arc, time::Duration};

use bytes::Bytes;
use ring::{hmac, rand::SystemRandom};
use tokio::{net::TcpListener, sync::watch, task::JoinSet};

use crate::{
    profile::Id,
    serve::{
        limiter::{Limiter, Quota},
        listen::host_name,
    },
    similarity,
    survey::{self, hosts::Hosts},
};

/// A board.
pub struct Config {
    /// Who is asked.
    pub hosts: Hosts,
    /// How they are asked.
    pub survey: survey::Config,
    /// How they are ranked.
    pub options: similarity::Options,
    /// The command line, which the page shows.
    pub arguments: Vec<String>,
    /// From the start of one survey to the start of the next, unless one takes longer.
    pub every: Duration,
    /// Show pseudonyms instead of ids, and nothing that was measured.
    pub anonymous: bool,
    /// Most browsers served at the same time; further ones are told to come back later.
    pub browsers: usize,
    /// The same from one address; the last quarter of all is for addresses that hold few.
    pub browsers_per_address: usize,
    /// How long a browser may take no byte, or send no request, before it is cut off.
    pub patience: Duration,
}

impl Config {
    /// The defaults: a survey every two seconds, everything shown, 256 browsers.
    #[must_use]
    pub fn new(hosts: Hosts) -> Self {
        Self {
            hosts,
            survey: survey::Config::default(),
            options: similarity::Options::default(),
            arguments: Vec::new(),
            every: Duration::from_secs(2),
            anonymous: false,
            browsers: 256,
            // A class behind one address translator.
            browsers_per_address: 128,
            patience: Duration::from_secs(20),
        }
    }
}

/// What browsers are sent.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    /// The whole page.
    pub(crate) page: Bytes,
    /// Its main part as a server-sent event.
    pub(crate) event: Bytes,
}

/// Surveys and serves until `shutdown` completes; then every browser is cut off.
///
/// Requests are answered for addresses, `localhost` and this machine's name only, and not on behalf of other
/// sites; who may connect at all is decided by the address that the listener is bound to.
///
/// # Errors
/// When the system has no randomness for the pseudonyms' key.
pub async fn run(
    listener: TcpListener,
    config: Config,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let names = match config.anonymous {
        true => Some(Pseudonyms::new()?),
        false => None,
    };
    let board = Arc::new(rounds::Board { config, names });
    let (snapshots, latest) = watch::channel(board.first());
    let web = web::Web {
        latest,
        policy: board.policy(),
        host_name: host_name(),
        patience: board.config.patience,
    };
    let limiter = |quota| Arc::new(Limiter::of_connections(quota));
    let browsers = limiter(Quota {
        total: board.config.browsers,
        per_address: board.config.browsers_per_address,
    });
    let rejections = limiter(REJECTIONS);
    let mut connections = JoinSet::new();
    let mut rounds = pin!(rounds::rounds(&board, &snapshots));
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            biased;
            () = &mut shutdown => return Ok(()),
            never = &mut rounds => match never {},
            Some(_) = connections.join_next() => {}
            (stream, peer) = web::accept(&listener) => {
                let address = Some(peer.ip().to_canonical());
                if let Ok(permit) = browsers.admit(address) {
                    let web = web.clone();
                    connections.spawn(async move {
                        web.serve(stream).await;
                        drop(permit);
                    });
                } else if let Ok(permit) = rejections.admit(address) {
                    connections.spawn(async move {
                        web::reject(stream).await;
                        drop(permit);
                    });
                }
            }
        }
    }
}

/// Browsers that are told at the same time that they are too many. More are closed without a word.
const REJECTIONS: Quota = Quota {
    total: 64,
    per_address: 16,
};

/// Names that tell people apart and say nothing about them; they last as long as the board runs.
pub(crate) struct Pseudonyms(hmac::Key);

impl Pseudonyms {
    fn new() -> io::Result<Self> {
        hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new())
            .map(Self)
            .map_err(|_| io::Error::other("the system has no random numbers"))
    }

    /// Six letters and digits: a billion names, so that two of a class will not share one, and without the
    /// key nobody can find out whose it is by trying all ids.
    pub(crate) fn name(&self, id: &Id) -> String {
        // Crockford's base 32: no I, L, O or U, which are misread across a room.
        const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
        let tag = hmac::sign(&self.0, id.as_str().as_bytes());
        let letters = tag.as_ref().iter().take(6);
        letters
            .map(|byte| char::from(LETTERS[usize::from(byte % 32)]))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pseudonym_depends_on_the_id_and_on_the_key() {
        let (a, b): (Id, Id) = ("1527406014".parse().unwrap(), "1527406015".parse().unwrap());
        let names = Pseudonyms::new().unwrap();
        assert_eq!(names.name(&a), names.name(&a));
        assert_ne!(names.name(&a), names.name(&b));
        assert_ne!(names.name(&a), Pseudonyms::new().unwrap().name(&a));
        assert_eq!(names.name(&a).len(), 6);
    }
}
