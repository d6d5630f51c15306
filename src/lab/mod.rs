//! The simulated room: many servers in one process, for rehearsals and for the project's own tests.
//!
//! Where a system has the whole of 127.0.0.0/8, as Linux does, the seats have consecutive addresses on one
//! port: one listener plays all of them by the address that a client connected to, so that a room of 100,000
//! costs one descriptor. Elsewhere each seat has a port of its own. The seed decides who sits where and who
//! misbehaves how, so it is the ground truth that a survey is held against.

mod people;

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    task::{JoinHandle, JoinSet},
};
use tonic::{Request, Response, Status};
use tower_service::Service as _;

use crate::{
    pb::{self, GetProfileRequest, GetProfileResponse, profile_server::ProfileServer},
    profile::Profile,
    survey::{
        endpoint::{Address, Endpoint},
        hosts::Hosts,
    },
};

/// The first seat's address.
const FIRST: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// Most seats: what 127.0.0.0/8 has from the first address on.
const MAX_SEATS: usize = 0x00ff_fffe;

/// A room to be opened.
#[derive(Clone, Debug)]
pub struct Config {
    /// How many seats.
    pub seats: usize,
    /// Decides the people and the faults.
    pub seed: u64,
    /// The port of all seats; `None` for one that is free. Not used where each seat has its own.
    pub port: Option<u16>,
    /// Give each seat a port of its own on 127.0.0.1 rather than an address of its own.
    pub ports: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            seats: 40,
            seed: 7,
            port: None,
            // Elsewhere 127.0.0.2 and its neighbours have to be set up by hand.
            ports: !cfg!(target_os = "linux"),
        }
    }
}

/// An open room. Dropping it closes it.
#[derive(Debug)]
pub struct Room {
    seats: Arc<Seats>,
    listening: JoinHandle<()>,
}

/// Who sits where.
#[derive(Debug)]
struct Seats {
    people: Vec<Profile>,
    places: Places,
}

/// How a seat is told from its connection.
#[derive(Debug)]
enum Places {
    /// By its address, on this port.
    Addresses(u16),
    /// By its port, on the first address.
    Ports(Vec<u16>),
}

/// Why a room cannot be opened.
#[derive(Debug)]
pub enum Error {
    /// More seats than there are addresses.
    Seats(usize),
    /// An address cannot be listened on.
    Listen(SocketAddr, io::Error),
}

impl Room {
    /// Opens a room; when it returns, every seat can be asked.
    ///
    /// # Errors
    /// [`Error::Seats`] above 16,777,214 seats, [`Error::Listen`] when a port is taken or may not be used.
    pub async fn start(config: Config) -> Result<Self, Error> {
        let Config {
            seats,
            seed,
            port,
            ports,
        } = config;
        if seats > MAX_SEATS {
            return Err(Error::Seats(seats));
        }
        // A room holds a connection for everybody who asks at the same time. Short of that, accepting waits.
        let _ = rlimit::increase_nofile_limit(u64::MAX);
        let mut listeners = Vec::new();
        let places = if ports {
            for _ in 0..seats {
                listeners.push(listen(SocketAddr::from((FIRST, 0)))?);
            }
            let ports = listeners.iter().map(port_of).collect::<Result<_, _>>()?;
            Places::Ports(ports)
        } else {
            let any = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port.unwrap_or(0)));
            let listener = listen(any)?;
            let port = port_of(&listener)?;
            listeners.push(listener);
            Places::Addresses(port)
        };
        let seats = Arc::new(Seats {
            people: people::people(seats, seed),
            places,
        });
        let listening = tokio::spawn(accept_all(listeners, Arc::clone(&seats)));
        Ok(Self { seats, listening })
    }

    /// The endpoints, in the order of the seats.
    #[must_use]
    pub fn hosts(&self) -> Hosts {
        let Seats { people, places } = &*self.seats;
        (0..people.len())
            .map(|seat| Endpoint {
                address: places.address(seat),
                raw: false,
            })
            .collect()
    }

    /// Who sits there, in the order of the seats.
    #[must_use]
    pub fn people(&self) -> &[Profile] {
        &self.seats.people
    }

    /// Closes the room: every connection is cut, and nobody listens any more when it returns.
    pub async fn shutdown(mut self) {
        self.listening.abort();
        // The error is the abort just asked for.
        let _ = (&mut self.listening).await;
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

impl Places {
    fn address(&self, seat: usize) -> Address {
        match self {
            Self::Addresses(port) => {
                let ip = Ipv4Addr::from_bits(FIRST.to_bits() + seat as u32);
                Address::Ip(ip.into(), *port)
            }
            Self::Ports(ports) => Address::Ip(FIRST.into(), ports[seat]),
        }
    }

    /// The seat that a connection was made to; `None` for one that is not of this room.
    fn seat(&self, local: SocketAddr) -> Option<usize> {
        match (self, local.ip()) {
            (Self::Addresses(_), IpAddr::V4(ip)) if ip.is_loopback() => {
                usize::try_from(ip.to_bits().checked_sub(FIRST.to_bits())?).ok()
            }
            (Self::Ports(ports), _) => ports.iter().position(|port| *port == local.port()),
            _ => None,
        }
    }
}

fn listen(address: SocketAddr) -> Result<TcpListener, Error> {
    let open = || {
        let socket = TcpSocket::new_v4()?;
        // A room may be opened again on the port that one has just left.
        #[cfg(unix)]
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        // A survey arrives all at once; the system cuts this to its own limit.
        socket.listen(4096)
    };
    open().map_err(|error| Error::Listen(address, error))
}

fn port_of(listener: &TcpListener) -> Result<u16, Error> {
    match listener.local_addr() {
        Ok(address) => Ok(address.port()),
        Err(error) => Err(Error::Listen((FIRST, 0).into(), error)),
    }
}

async fn accept_all(listeners: Vec<TcpListener>, seats: Arc<Seats>) {
    let mut accepting = JoinSet::new();
    for listener in listeners {
        accepting.spawn(accept(listener, Arc::clone(&seats)));
    }
    while accepting.join_next().await.is_some() {}
}

async fn accept(listener: TcpListener, seats: Arc<Seats>) {
    // Owned here, so that all end when accepting does.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, Arc::clone(&seats)));
                }
                // Out of descriptors, most likely: some will come free.
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: TcpStream, seats: Arc<Seats>) {
    let Ok(local) = stream.local_addr() else {
        return;
    };
    // The listener stands on every address of this machine; the room is only on loopback.
    let Some(person) = seats
        .places
        .seat(local)
        .and_then(|seat| seats.people.get(seat))
    else {
        return;
    };
    honest(stream, person).await;
}

async fn honest(stream: TcpStream, person: &Profile) {
    let server = ProfileServer::new(Seat(person.into()));
    let service = service_fn(move |request| {
        let mut server = server.clone();
        async move { server.call(request).await }
    });
    let http = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    // A client that has its answer goes away without a word.
    let _ = http.serve_connection(TokioIo::new(stream), service).await;
}

/// The service of one seat.
struct Seat(GetProfileResponse);

#[tonic::async_trait]
impl pb::profile_server::Profile for Seat {
    async fn get_profile(
        &self,
        _: Request<GetProfileRequest>,
    ) -> Result<Response<GetProfileResponse>, Status> {
        Ok(Response::new(self.0.clone()))
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Seats(seats) => write!(
                f,
                "{seats} seats are more than the {MAX_SEATS} addresses of 127.0.0.0/8"
            ),
            Self::Listen(address, error) => write!(f, "cannot listen on {address}: {error}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Seats(_) => None,
            Self::Listen(_, error) => Some(error),
        }
    }
}
