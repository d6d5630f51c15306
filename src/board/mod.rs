//! The live page: the report of the room as it is now, for the projector.
//!
//! ```text
//! rounds ── survey, again and again ──► the latest snapshot ──► every browser, at its own speed
//! ```
//!
//! A snapshot is the page and, for browsers that have the page already, its main part as an event. Only the latest one
//! is kept: a slow browser skips some, and neither delays a survey nor makes anything queue up. The price is that there
//! is no history.

mod config;
mod rounds;
mod web;

use std::{io, pin::pin, sync::Arc};

use tokio::{net::TcpListener, sync::watch, task::JoinSet};

pub use self::config::{Config, ReadMetadata};
use self::{rounds::Board, web::Web};
use crate::{
    report::Pseudonyms,
    serve::{
        accept_backoff::AcceptBackoff,
        limiter::{Limiter, Quota},
    },
};

/// Browsers that are being rejected at the same time. More are closed without a response.
const REJECTIONS: Quota = Quota {
    total: 64,
    per_address: 16,
};

/// Surveys and serves until `shutdown` completes, which closes every connection.
///
/// Requests are answered for addresses, `localhost` and this machine's name only, and not on behalf of other
/// sites. The address that the listener is bound to decides which machines can connect.
///
/// # Errors
/// When the system has no randomness for the key of the pseudonyms.
pub async fn run(
    listener: TcpListener,
    config: Config,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let pseudonyms = match config.anonymous {
        true => Some(Pseudonyms::new()?),
        false => None,
    };
    let limiter = |quota| Arc::new(Limiter::of_connections(quota));
    let browsers = limiter(Quota {
        total: config.browsers,
        per_address: config.browsers_per_address,
    });
    let rejections = limiter(REJECTIONS);
    let timeout = config.client_timeout;
    let board = Arc::new(Board { config, pseudonyms });
    let (snapshots, latest) = watch::channel(board.first());
    let web = Arc::new(Web::new(latest, &board.policy(), timeout));
    let mut connections = JoinSet::new();
    let mut backoff = AcceptBackoff::default();
    let mut rounds = pin!(rounds::rounds(&board, &snapshots));
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            biased;
            () = &mut shutdown => return Ok(()),
            never = &mut rounds => match never {},
            Some(_) = connections.join_next() => {}
            (stream, peer) = backoff.accept(|| listener.accept()) => {
                // Events are sent with less delay this way. Without it they still arrive.
                let _ = stream.set_nodelay(true);
                let address = Some(peer.ip().to_canonical());
                if let Ok(permit) = browsers.admit(address) {
                    let web = Arc::clone(&web);
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
