//! The sockets of a room, and what happens to a connection that one of them accepts.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use socket2::{Domain, Socket, Type};
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::sleep,
};

use crate::{
    lab::{
        faults::{Fault, FaultKind},
        room::Error,
        script,
        seats::{FIRST_ADDRESS, SeatAddresses, Seats, seat_ip},
    },
    serve::Server,
};

/// Connections that wait to be accepted, since a survey connects to all seats at once. The system may lower it.
const BACKLOG: i32 = 4096;

/// Pause after a failed accept, most likely for want of descriptors, until some are free again.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(5);

/// The sockets of a room, none of which is listened on yet.
pub(super) struct Sockets {
    pub(super) addresses: SeatAddresses,
    pub(super) serving: Vec<BoundSocket>,
    /// Bound, so that no other process takes the port, and never listened on, so that connections are refused.
    pub(super) refusing: Vec<BoundSocket>,
}

impl Sockets {
    /// One socket for all seats, which have an address each.
    pub(super) fn shared(port: Option<u16>) -> Result<Self, Error> {
        let serving = BoundSocket::new(Ipv4Addr::UNSPECIFIED, port.unwrap_or(0))?;
        let refusing = BoundSocket::new(Ipv4Addr::UNSPECIFIED, 0)?;
        Ok(Self {
            addresses: SeatAddresses::ByAddress {
                port: serving.address.port(),
                refusing_port: refusing.address.port(),
            },
            serving: vec![serving],
            refusing: vec![refusing],
        })
    }

    /// One socket for each seat at an address of its own, all on one port.
    pub(super) fn by_address(port: Option<u16>, faults: &[&Fault]) -> Result<Self, Error> {
        // Finds a port that is free on every address, and keeps it.
        let reserved = BoundSocket::new(Ipv4Addr::UNSPECIFIED, port.unwrap_or(0))?;
        let port = reserved.address.port();
        let seats = (0..faults.len()).map(|seat| BoundSocket::new(seat_ip(seat), port));
        let addresses = SeatAddresses::ByAddress {
            port,
            refusing_port: port,
        };
        let mut sockets = Self::split(addresses, seats.collect::<Result<_, _>>()?, faults);
        sockets.refusing.push(reserved);
        Ok(sockets)
    }

    /// One socket for each seat at a port of its own, all on the first address.
    pub(super) fn by_port(faults: &[&Fault]) -> Result<Self, Error> {
        let seats = faults.iter().map(|_| BoundSocket::new(FIRST_ADDRESS, 0));
        let seats: Vec<_> = seats.collect::<Result<_, _>>()?;
        let ports = seats.iter().map(|socket| socket.address.port()).collect();
        Ok(Self::split(SeatAddresses::ByPort(ports), seats, faults))
    }

    fn split(addresses: SeatAddresses, seats: Vec<BoundSocket>, faults: &[&Fault]) -> Self {
        let seats = seats.into_iter().zip(faults);
        let (refusing, serving): (Vec<_>, Vec<_>) =
            seats.partition(|(_, fault)| matches!(fault.kind, FaultKind::Refuse));
        let sockets = |seats: Vec<(_, _)>| seats.into_iter().map(|(socket, _)| socket).collect();
        Self {
            addresses,
            serving: sockets(serving),
            refusing: sockets(refusing),
        }
    }
}

/// A socket that has an address and is not listened on.
#[derive(Debug)]
pub(super) struct BoundSocket {
    socket: Socket,
    address: SocketAddr,
}

impl BoundSocket {
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
    /// Serves the seats that answer correctly.
    pub(super) server: Server,
}

/// Accepts connections until it is dropped, which ends them as well.
pub(super) async fn accept(listener: TcpListener, context: Arc<Context>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    connections.spawn(serve(stream, peer, Arc::clone(&context)));
                }
                Err(_) => sleep(ACCEPT_BACKOFF).await,
            },
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
        FaultKind::Healthy | FaultKind::DuplicateId | FaultKind::RawEndpoint => {
            server.connection(stream, peer).await;
        }
        FaultKind::Slow(delay) => {
            sleep(delay).await;
            server.connection(stream, peer).await;
        }
        kind => {
            // A seat that refuses has no script, and no connections either.
            if let Some(steps) = kind.script(&seats.people[seat]) {
                script::run(stream, steps).await;
            }
        }
    }
}
