//! A simulated room: opened, surveyed by anyone who connects, closed.

use std::{future::pending, sync::Arc, time::Duration};

use tokio::{
    sync::oneshot,
    task::{JoinHandle, JoinSet},
    time::sleep,
};

use crate::{
    lab::{
        config::Config,
        error::Error,
        fleet::Fleet,
        listener::{Context, SeatServer, SeatSocket, Sockets, accept},
        seats::{Expected, MAX_SEATS, Seats},
        service_kind::ServiceKind,
    },
    profile::Profile,
    serve::{self, Server, limits::Limits},
    survey::hosts::Hosts,
};

/// Seats up to which each has a socket of its own, at its own address. More seats share one on all addresses.
const MAX_SOCKETS: usize = 4_096;

/// An open room. Dropping it closes it.
#[derive(Debug)]
pub struct Room {
    seats: Arc<Seats>,
    /// Dropped to close the room.
    open: oneshot::Sender<()>,
    listening: JoinHandle<()>,
    _refusing: Vec<SeatSocket>,
}

impl Room {
    /// Opens a room. When it returns, every seat accepts connections, or with `join_over` has its address.
    ///
    /// # Errors
    /// [`Error::Seats`] above 16,777,214 seats, [`Error::FaultList`] with more faults than seats,
    /// [`Error::Listen`] when a port is taken or may not be used.
    pub async fn start(config: Config) -> Result<Self, Error> {
        if config.seats > MAX_SEATS {
            return Err(Error::Seats(config.seats));
        }
        let faults = config
            .faults
            .assign(config.service, config.seats, config.seed);
        let faults = faults.map_err(Error::FaultList)?;
        // Each client costs a descriptor. If the limit cannot be raised, connections wait in the backlog.
        let descriptors = rlimit::increase_nofile_limit(u64::MAX).unwrap_or(1_024);
        let has_sockets = config.seats <= MAX_SOCKETS.min(descriptors as usize / 4);
        let Sockets {
            addresses,
            serving,
            refusing,
        } = match has_sockets || config.port_per_seat || config.join_over.is_some() {
            true => Sockets::per_seat(&config, &faults)?,
            false => Sockets::shared(config.port)?,
        };
        let seats = Seats::new(config.service, config.seed, faults, addresses);
        let seats = Arc::new(seats);
        let context = Arc::new(Context {
            seats: Arc::clone(&seats),
            server: server(config.service, &seats).await,
        });
        let mut accepting = JoinSet::new();
        let mut joining = Vec::new();
        if config.join_over.is_some() {
            joining = serving;
            fastrand::Rng::with_seed(config.seed).shuffle(&mut joining);
        } else {
            for socket in serving {
                accepting.spawn(accept(socket.listen()?, Arc::clone(&context)));
            }
        }
        let pause = config.join_over.unwrap_or_default() / joining.len().max(1) as u32;
        let (open, closed) = oneshot::channel::<()>();
        let listening = tokio::spawn(async move {
            tokio::select! {
                // Completes with an error when the room is dropped.
                _ = closed => {}
                () = join(joining, pause, &mut accepting, &context) => {}
            }
            accepting.shutdown().await;
        });
        Ok(Self {
            seats,
            open,
            listening,
            _refusing: refusing,
        })
    }

    /// The endpoints, in the order of the seats.
    #[must_use]
    pub fn hosts(&self) -> Hosts {
        self.seats.hosts()
    }

    /// The people, in the order of the seats; none in a fleet. One with the fault `duplicate` has the id of another.
    #[must_use]
    pub fn people(&self) -> &[Profile] {
        &self.seats.people
    }

    /// What a survey must find at a seat, given as an index below the number of seats.
    #[doc(hidden)]
    #[must_use]
    pub fn expected(&self, seat: usize) -> Expected<'_> {
        Expected {
            fault: self.seats.fault(seat),
            profile: self.seats.people.get(seat),
        }
    }

    /// Closes the room: connections are closed, and no port is listened on when it returns.
    pub async fn shutdown(self) {
        drop(self.open);
        // An error is a panic of the task, which has ended then as well.
        let _ = self.listening.await;
    }
}

/// The server of the seats that answer.
async fn server(service: ServiceKind, seats: &Arc<Seats>) -> SeatServer {
    match service {
        ServiceKind::Profile => {
            let config = serve::Config {
                limits: Limits::unbounded(),
                ..serve::Config::new(Arc::clone(seats))
            };
            SeatServer::Profile(Server::new(config).await)
        }
        ServiceKind::Fleet => SeatServer::Fleet(Arc::new(Fleet::new(Arc::clone(seats)).await)),
    }
}

/// Opens the seats one by one, and never completes.
async fn join(
    seats: Vec<SeatSocket>,
    pause: Duration,
    accepting: &mut JoinSet<()>,
    context: &Arc<Context>,
) {
    for socket in seats {
        sleep(pause).await;
        // A seat that cannot be opened keeps refusing connections, and a survey reports it so.
        if let Ok(listener) = socket.listen() {
            accepting.spawn(accept(listener, Arc::clone(context)));
        }
    }
    pending().await
}
