//! The simulated room: many servers in one process, for rehearsals and for the project's own tests.
//!
//! Where a system has the whole of 127.0.0.0/8, as Linux does, the seats have consecutive addresses on one
//! port: one listener plays all of them by the address that a client connected to, so that a room of 100,000
//! costs one descriptor. Elsewhere each seat has a port of its own. The seed decides who sits where and who
//! misbehaves how, so it is the ground truth that a survey is held against.

mod fault_list;
mod faults;
mod frames;
mod people;
mod script;

use std::{
    fmt, io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use socket2::{Domain, Socket, Type};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::{JoinHandle, JoinSet},
    time::sleep,
};

pub use crate::lab::{
    fault_list::{FaultList, FaultListError},
    faults::Fault,
};
use crate::{
    lab::faults::{FAULTS, FaultKind},
    profile::Profile,
    serve::{
        self, Server,
        limits::Limits,
        source::{Answer, Source},
    },
    survey::{
        endpoint::{Address, Endpoint},
        hosts::Hosts,
        outcome::Outcome,
    },
};

/// The first seat's address.
const FIRST_ADDRESS: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// Most seats: what 127.0.0.0/8 has from the first address on.
const MAX_SEATS: usize = 0x00ff_fffe;

/// A room to be opened.
#[derive(Clone, Debug)]
pub struct Config {
    /// How many seats.
    pub seats: usize,
    /// Decides the people, and who misbehaves.
    pub seed: u64,
    /// Who misbehaves how; nobody by default.
    pub faults: FaultList,
    /// The port of all seats but those that refuse; `None` for one that is free.
    pub port: Option<u16>,
    /// Give each seat a port of its own on 127.0.0.1 rather than an address of its own.
    pub ports: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            seats: 40,
            seed: 7,
            faults: FaultList::default(),
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
    /// Dropped to close the room.
    open: oneshot::Sender<()>,
    listening: JoinHandle<()>,
    /// Bound, so that nobody else listens there, and never listened on.
    _refusing: Vec<Socket>,
}

/// Who sits where and behaves how.
#[derive(Debug)]
struct Seats {
    people: Vec<Profile>,
    /// SeatAddresses in the zoo.
    faults: Vec<u8>,
    addresses: SeatAddresses,
}

/// How a seat is told from its connection.
#[derive(Debug)]
enum SeatAddresses {
    /// By its address. Seats that refuse have the other port.
    Addresses { port: u16, refusing: u16 },
    /// By its port, on the first address.
    Ports(Vec<u16>),
}

/// What the seed says about a seat.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// How the seat behaves.
    pub fault: &'static Fault,
    /// Who it is when it answers.
    pub profile: &'a Profile,
}

/// Why a room cannot be opened.
#[derive(Debug)]
pub enum Error {
    /// More seats than there are addresses.
    Seats(usize),
    /// More faults than seats.
    FaultList(FaultListError),
    /// An address cannot be listened on.
    Listen(SocketAddr, io::Error),
}

impl Room {
    /// Opens a room; when it returns, every seat can be asked.
    ///
    /// # Errors
    /// [`Error::Seats`] above 16,777,214 seats, [`Error::FaultList`] with more faults than seats,
    /// [`Error::Listen`] when a port is taken or may not be used.
    pub async fn start(config: Config) -> Result<Self, Error> {
        let Config {
            seats,
            seed,
            faults,
            port,
            ports,
        } = config;
        if seats > MAX_SEATS {
            return Err(Error::Seats(seats));
        }
        let faults = faults.assign(seats, seed).map_err(Error::FaultList)?;
        // A room holds a connection for everybody who asks at the same time. Short of that, accepting waits.
        let _ = rlimit::increase_nofile_limit(u64::MAX);

        let mut listeners = Vec::new();
        let mut refusing = Vec::new();
        let addresses = if ports {
            let mut numbers = Vec::with_capacity(seats);
            for fault in &faults {
                let (socket, number) = bind((FIRST_ADDRESS, 0).into())?;
                numbers.push(number);
                match FAULTS[usize::from(*fault)].kind {
                    FaultKind::Refuse => refusing.push(socket),
                    _ => listeners.push(listen(socket, number)?),
                }
            }
            SeatAddresses::Ports(numbers)
        } else {
            let any = Ipv4Addr::UNSPECIFIED;
            let (socket, port) = bind((any, port.unwrap_or(0)).into())?;
            listeners.push(listen(socket, port)?);
            let (socket, unused) = bind((any, 0).into())?;
            refusing.push(socket);
            SeatAddresses::Addresses {
                port,
                refusing: unused,
            }
        };
        let mut people = people::people(seats, seed);
        assign_duplicate_ids(&mut people, &faults);
        let seats = Arc::new(Seats {
            people,
            faults,
            addresses,
        });
        let server = Server::new(serve::Config {
            limits: Limits::unbounded(),
            ..serve::Config::new(Arc::new(SeatProfiles(Arc::clone(&seats))))
        });
        let room = Arc::new((Arc::clone(&seats), server.await));
        let mut accepting: JoinSet<()> = listeners
            .into_iter()
            .map(|listener| accept(listener, Arc::clone(&room)))
            .collect();
        let (open, closed) = oneshot::channel::<()>();
        let listening = tokio::spawn(async move {
            // Ends when the room is dropped, which is an error of this channel.
            let _ = closed.await;
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
        let Seats {
            faults, addresses, ..
        } = &*self.seats;
        let plays = faults.iter().map(|place| FAULTS[usize::from(*place)].kind);
        plays
            .enumerate()
            .map(|(seat, kind)| Endpoint {
                address: addresses.address(seat, kind),
                raw: matches!(kind, FaultKind::RawEndpoint),
            })
            .collect()
    }

    /// Who sits there, in the order of the seats. One with the fault `duplicate` has another's id.
    #[must_use]
    pub fn people(&self) -> &[Profile] {
        &self.seats.people
    }

    /// What a survey must find at a seat below the number of seats.
    #[must_use]
    pub fn expected(&self, seat: usize) -> Expected<'_> {
        Expected {
            fault: self.seats.fault(seat),
            profile: &self.seats.people[seat],
        }
    }

    /// Closes the room: every connection is cut, and nobody listens any more when it returns.
    pub async fn shutdown(self) {
        drop(self.open);
        // An error would be a panic of accepting, which has ended then, too.
        let _ = self.listening.await;
    }
}

impl Expected<'_> {
    /// Whether an outcome is the true one: of the seat's kind, and with the seat's own person if with any.
    #[must_use]
    pub fn matches(&self, outcome: &Outcome) -> bool {
        let Self {
            fault,
            profile: own,
        } = self;
        let same = outcome.profile().is_none_or(|(profile, _)| profile == *own);
        same && (fault.expects)(outcome)
    }
}

impl Seats {
    fn fault(&self, seat: usize) -> &'static Fault {
        &FAULTS[usize::from(self.faults[seat])]
    }

    /// The seat that a connection was made to; `None` for one that is not of this room.
    fn seat(&self, local: SocketAddr) -> Option<usize> {
        let seat = match (&self.addresses, local.ip()) {
            // The listener stands on every address of this machine; the room is only on loopback.
            (SeatAddresses::Addresses { .. }, IpAddr::V4(ip)) if ip.is_loopback() => {
                ip.to_bits().checked_sub(FIRST_ADDRESS.to_bits())? as usize
            }
            (SeatAddresses::Ports(ports), _) => {
                ports.iter().position(|port| *port == local.port())?
            }
            _ => return None,
        };
        (seat < self.people.len()).then_some(seat)
    }
}

impl SeatAddresses {
    fn address(&self, seat: usize, kind: FaultKind) -> Address {
        let (ip, port) = match self {
            Self::Addresses { port, refusing } => (
                Ipv4Addr::from_bits(FIRST_ADDRESS.to_bits() + seat as u32),
                if matches!(kind, FaultKind::Refuse) {
                    refusing
                } else {
                    port
                },
            ),
            Self::Ports(ports) => (FIRST_ADDRESS, &ports[seat]),
        };
        Address::Ip(ip.into(), *port)
    }
}

/// Gives each seat that shall have a duplicate id that of the next honest one.
fn assign_duplicate_ids(people: &mut [Profile], faults: &[u8]) {
    let kind = |seat: usize| FAULTS[usize::from(faults[seat])].kind;
    let count = people.len();
    for seat in (0..count).filter(|seat| matches!(kind(*seat), FaultKind::DuplicateId)) {
        let mut others = (1..count).map(|step| (seat + step) % count);
        if let Some(other) = others.find(|other| matches!(kind(*other), FaultKind::Healthy)) {
            people[seat].id = people[other].id;
        }
    }
}

/// The servers' source: the person at the address that was connected to.
struct SeatProfiles(Arc<Seats>);

impl Source for SeatProfiles {
    fn answer(&self, local: Option<SocketAddr>) -> Option<Arc<Answer>> {
        let seat = self.0.seat(local?)?;
        Some(Arc::new(Answer::from(&self.0.people[seat])))
    }
}

fn bind(address: SocketAddr) -> Result<(Socket, u16), Error> {
    let open = || {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        // A room may be opened again on the port that one has just left.
        #[cfg(unix)]
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        let bound = socket.local_addr()?.as_socket();
        Ok((socket, bound.map_or(0, |bound| bound.port())))
    };
    open().map_err(|error| Error::Listen(address, error))
}

fn listen(socket: Socket, port: u16) -> Result<TcpListener, Error> {
    let open = || {
        // A survey arrives all at once; the system cuts this to its own limit.
        socket.listen(4096)?;
        TcpListener::from_std(socket.into())
    };
    open().map_err(|error| Error::Listen((FIRST_ADDRESS, port).into(), error))
}

async fn accept(listener: TcpListener, room: Arc<(Arc<Seats>, Server)>) {
    // Owned by this task, so that they end with it.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    connections.spawn(connection(stream, peer, Arc::clone(&room)));
                }
                // Out of descriptors, most likely: some will come free.
                Err(_) => sleep(Duration::from_millis(5)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: TcpStream, peer: SocketAddr, room: Arc<(Arc<Seats>, Server)>) {
    let (seats, server) = &*room;
    let Some(seat) = stream.local_addr().ok().and_then(|local| seats.seat(local)) else {
        return;
    };
    match seats.fault(seat).kind {
        FaultKind::Healthy | FaultKind::DuplicateId | FaultKind::RawEndpoint => {
            server.connection(stream, peer).await
        }
        FaultKind::Slow(after) => {
            sleep(after).await;
            server.connection(stream, peer).await;
        }
        FaultKind::Script(steps) => script::run(stream, steps(&seats.people[seat])).await,
        // Nobody listens there, so nobody comes.
        FaultKind::Refuse => {}
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Seats(seats) => write!(
                f,
                "{seats} seats are more than the {MAX_SEATS} addresses of 127.0.0.0/8"
            ),
            Self::FaultList(error) => error.fmt(f),
            Self::Listen(address, error) => write!(f, "cannot listen on {address}: {error}"),
        }
    }
}

impl std::error::Error for Error {}
