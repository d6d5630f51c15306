//! The sockets of a room, and what happens to a connection that one of them accepts.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};

use socket2::{Domain, Socket, Type};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::sleep,
};

use crate::{
    lab::{
        config::Config,
        error::Error,
        faults::{Fault, FaultKind},
        fleet::Fleet,
        script,
        seats::{FIRST_ADDRESS, SeatAddresses, Seats, seat_ip},
    },
    serve::{Server, accept_backoff::AcceptBackoff},
};

/// Connections that wait to be accepted, since a survey connects to all seats at once. The system may lower it.
const BACKLOG: i32 = 4096;

/// The sockets of a room, none of which is listened on yet.
pub(super) struct Sockets {
    pub(super) addresses: SeatAddresses,
    pub(super) serving: Vec<SeatSocket>,
    /// Bound, so that no other process takes the port, and never listened on, so that connections are refused.
    pub(super) refusing: Vec<SeatSocket>,
}

impl Sockets {
    /// One socket for each seat: at consecutive addresses on one port, or each at a free port of one address.
    pub(super) fn per_seat(config: &Config, faults: &[&Fault]) -> Result<Self, Error> {
        // Finds a port that is free on every address, and keeps it until the seats have it.
        let reserved = match config.port {
            None if !config.port_per_seat => Some(SeatSocket::new(Ipv4Addr::UNSPECIFIED, 0)?),
            _ => None,
        };
        let port = reserved
            .as_ref()
            .map_or(config.port.unwrap_or(0), |socket| socket.address.port());
        let (mut addresses, mut serving, mut refusing) = (Vec::new(), Vec::new(), Vec::new());
        for (seat, fault) in faults.iter().enumerate() {
            let socket = match config.port_per_seat {
                true => SeatSocket::new(FIRST_ADDRESS, 0)?,
                false => SeatSocket::new(seat_ip(seat), port)?,
            };
            addresses.push(socket.address);
            match fault.kind {
                FaultKind::Refuse => refusing.push(socket),
                _ => serving.push(socket),
            }
        }
        let port = addresses.first().map_or(port, SocketAddr::port);
        Ok(Self {
            addresses: match config.port_per_seat {
                true => SeatAddresses::Individual(addresses),
                false => SeatAddresses::Consecutive {
                    port,
                    refusing_port: port,
                },
            },
            serving,
            refusing,
        })
    }

    /// One socket on all addresses of this machine, for more seats than there can be sockets. A connection to it cannot
    /// be refused, so seats that refuse them are listed with another port.
    pub(super) fn shared(port: Option<u16>) -> Result<Self, Error> {
        let serving = SeatSocket::new(Ipv4Addr::UNSPECIFIED, port.unwrap_or(0))?;
        let refusing = SeatSocket::new(Ipv4Addr::UNSPECIFIED, 0)?;
        Ok(Self {
            addresses: SeatAddresses::Consecutive {
                port: serving.address.port(),
                refusing_port: refusing.address.port(),
            },
            serving: vec![serving],
            refusing: vec![refusing],
        })
    }
}

/// A socket that has an address and is not listened on.
#[derive(Debug)]
pub(super) struct SeatSocket {
    socket: Socket,
    address: SocketAddr,
}

impl SeatSocket {
    fn new(ip: Ipv4Addr, port: u16) -> Result<Self, Error> {
        let address = SocketAddr::from((ip, port));
        let bind = || {
            let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
            // Lets a room open on the port of one that has just been closed.
            #[cfg(unix)]
            socket.set_reuse_address(true)?;
            socket.set_nonblocking(true)?;
            socket.bind(&address.into())?;
            let address = socket.local_addr()?.as_socket().unwrap_or(address);
            Ok(Self { socket, address })
        };
        bind().map_err(|error| Error::Listen(address, error))
    }

    pub(super) fn listen(self) -> Result<TcpListener, Error> {
        let Self { socket, address } = self;
        let listen = || {
            socket.listen(BACKLOG)?;
            TcpListener::from_std(socket.into())
        };
        listen().map_err(|error| Error::Listen(address, error))
    }
}

/// What a connection needs to be served.
pub(super) struct Context {
    pub(super) seats: Arc<Seats>,
    pub(super) server: SeatServer,
}

/// Serves the seats that answer.
pub(super) enum SeatServer {
    Profile(Server),
    Fleet(Arc<Fleet>),
}

impl SeatServer {
    async fn connection(&self, stream: TcpStream, peer: SocketAddr, seat: usize) {
        match self {
            Self::Profile(server) => server.connection(stream, peer).await,
            Self::Fleet(fleet) => Arc::clone(fleet).connection(stream, seat).await,
        }
    }
}

/// Accepts connections until it is dropped, which ends them as well.
pub(super) async fn accept(listener: TcpListener, context: Arc<Context>) {
    let mut connections = JoinSet::new();
    let mut backoff = AcceptBackoff::default();
    loop {
        tokio::select! {
            (stream, peer) = backoff.accept(|| listener.accept()) => {
                connections.spawn(serve(stream, peer, Arc::clone(&context)));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// Serves a connection as the fault of its seat demands.
async fn serve(stream: TcpStream, peer: SocketAddr, context: Arc<Context>) {
    let Context { seats, server } = &*context;
    let Some(seat) = stream.local_addr().ok().and_then(|local| seats.at(local)) else {
        return;
    };
    match seats.fault(seat).kind {
        // Its address is not listened on, or it is listed with a port that is not.
        FaultKind::Refuse => {}
        FaultKind::Slow(delay) => {
            sleep(delay).await;
            server.connection(stream, peer, seat).await;
        }
        _ => match seats.script(seat) {
            Some(steps) => script::run(stream, steps).await,
            None => server.connection(stream, peer, seat).await,
        },
    }
}
