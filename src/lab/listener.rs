//! The sockets of a room, and what happens to a connection that one of them accepts.

use std::{
    io,
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
        seats::{FIRST_ADDRESS, SeatAddresses, Seats},
    },
    serve::Server,
};

/// Connections that wait to be accepted, since a survey connects to all seats at once. The system may lower it.
const BACKLOG: i32 = 4096;

/// Pause after a failed accept, most likely for want of descriptors, until some are free again.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(5);

/// The sockets of a room.
pub(super) struct Sockets {
    pub(super) addresses: SeatAddresses,
    pub(super) listeners: Vec<TcpListener>,
    /// Bound, so that no other process takes the port, and never listened on, so that connections are refused.
    pub(super) refusing: Vec<Socket>,
}

impl Sockets {
    /// One listener for all seats, which have an address each.
    pub(super) fn by_address(port: Option<u16>) -> Result<Self, Error> {
        let any = Ipv4Addr::UNSPECIFIED;
        let (socket, bound) = bind((any, port.unwrap_or(0)).into())?;
        let listener = listen(socket, bound)?;
        let (unused, refusing) = bind((any, 0).into())?;
        Ok(Self {
            addresses: SeatAddresses::ByAddress {
                port: bound.port(),
                refusing_port: refusing.port(),
            },
            listeners: vec![listener],
            refusing: vec![unused],
        })
    }

    /// One socket for each seat, all on the first address.
    pub(super) fn by_port(faults: &[&Fault]) -> Result<Self, Error> {
        let (mut ports, mut listeners, mut refusing) = (Vec::new(), Vec::new(), Vec::new());
        for fault in faults {
            let (socket, bound) = bind((FIRST_ADDRESS, 0).into())?;
            ports.push(bound.port());
            match fault.kind {
                FaultKind::Refuse => refusing.push(socket),
                _ => listeners.push(listen(socket, bound)?),
            }
        }
        Ok(Self {
            addresses: SeatAddresses::ByPort(ports),
            listeners,
            refusing,
        })
    }
}

/// Binds a socket, and returns it with the address that it has then.
fn bind(address: SocketAddr) -> Result<(Socket, SocketAddr), Error> {
    let open = || {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        // Lets a room open on the port of one that has just been closed.
        #[cfg(unix)]
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        let bound = socket.local_addr()?.as_socket();
        Ok((socket, bound.unwrap_or(address)))
    };
    open().map_err(|error| Error::Listen(address, error))
}

fn listen(socket: Socket, address: SocketAddr) -> Result<TcpListener, Error> {
    let open = || {
        socket.listen(BACKLOG)?;
        TcpListener::from_std(socket.into())
    };
    open().map_err(|error: io::Error| Error::Listen(address, error))
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
        FaultKind::Script(steps) => script::run(stream, steps(&seats.people[seat])).await,
        // Not reachable: its port is not listened on.
        FaultKind::Refuse => {}
    }
}
