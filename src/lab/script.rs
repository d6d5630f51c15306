//! What a misbehaving seat does with a connection: a few steps, played in order.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::yield_now,
    time::{sleep, timeout},
};

/// How long a peer is borne with that neither speaks nor leaves.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(60);

/// One step of a seat's behaviour. After the last one the connection is closed in good order.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Read until the client has sent something.
    Read,
    /// Send bytes.
    Write(Vec<u8>),
    /// Send bytes one by one, so far apart.
    Trickle(Vec<u8>, Duration),
    /// Send bytes in pieces of this length, without a pause that a busy machine could stretch.
    Chunks(Vec<u8>, usize),
    /// Send bytes again and again, until the client has had enough.
    Flood(Vec<u8>),
    /// Write nothing for so long.
    Sleep(Duration),
    /// Write nothing more, and wait for the client to leave.
    Hang,
    /// Send RST and be gone.
    Reset,
}

/// Plays the steps on a connection. A client that leaves ends it.
pub(crate) async fn run(mut stream: TcpStream, steps: Vec<Step>) {
    // An error would only let bytes travel together.
    let _ = stream.set_nodelay(true);
    for step in steps {
        let done = run_step(&mut stream, step).await;
        if done.is_err() {
            return;
        }
    }
    // Closing with unread bytes would be a reset, which is another behaviour.
    let _ = stream.shutdown().await;
    let _ = drain(&mut stream).await;
}

async fn run_step(stream: &mut TcpStream, step: Step) -> io::Result<()> {
    match step {
        Step::Read => {
            let mut byte = [0; 4096];
            stream.read(&mut byte).await.map(drop)
        }
        Step::Write(bytes) => stream.write_all(&bytes).await,
        Step::Trickle(bytes, pause) => {
            for byte in bytes {
                stream.write_all(&[byte]).await?;
                sleep(pause).await;
            }
            Ok(())
        }
        Step::Chunks(bytes, length) => {
            for piece in bytes.chunks(length) {
                stream.write_all(piece).await?;
                yield_now().await;
            }
            Ok(())
        }
        Step::Flood(bytes) => {
            let many = bytes.repeat((16 * 1024 / bytes.len()).max(1));
            loop {
                stream.write_all(&many).await?;
            }
        }
        Step::Sleep(pause) => {
            sleep(pause).await;
            Ok(())
        }
        Step::Hang => {
            drain(stream).await?;
            Err(io::ErrorKind::ConnectionAborted.into())
        }
        Step::Reset => {
            // Closing a socket that lingers for no time discards what is queued and sends RST.
            socket2::SockRef::from(&*stream).set_linger(Some(Duration::ZERO))?;
            Err(io::ErrorKind::ConnectionAborted.into())
        }
    }
}

async fn drain(stream: &mut TcpStream) -> io::Result<()> {
    let mut buffer = [0; 1024];
    let reading = async {
        while stream.read(&mut buffer).await? > 0 {}
        io::Result::Ok(())
    };
    timeout(CLOSE_TIMEOUT, reading).await.unwrap_or(Ok(()))
}
