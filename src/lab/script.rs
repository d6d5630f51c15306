//! What a seat with a fault does on a connection: a list of steps, run in order.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::yield_now,
    time::{sleep, timeout},
};

/// Time for a client to close its side, after which the connection is closed here.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(60);

/// One step of a script. After the last one the connection is closed with FIN.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// Read once, so that the client has sent something.
    Read,
    /// Write bytes.
    Write(Vec<u8>),
    /// Write bytes one by one, with a pause after each.
    Trickle(Vec<u8>, Duration),
    /// Write bytes in pieces of this length. They are not timed, since a pause could grow on a busy machine.
    Chunks(Vec<u8>, usize),
    /// Write the same bytes until the client closes.
    Flood(Vec<u8>),
    /// Wait.
    Sleep(Duration),
    /// Write nothing more, and wait for the client to close.
    Hang,
    /// Close with RST.
    Reset,
}

/// Runs the steps on a connection, until the client closes it.
pub(crate) async fn run(mut stream: TcpStream, steps: Vec<Step>) {
    // An error is harmless: the bytes of several steps may then share a packet.
    let _ = stream.set_nodelay(true);
    for step in steps {
        let done = run_step(&mut stream, step).await;
        if done.is_err() {
            return;
        }
    }
    // The system would reset a connection that is closed with unread bytes; that is another fault.
    let _ = stream.shutdown().await;
    let _ = drain(&mut stream).await;
}

async fn run_step(stream: &mut TcpStream, step: Step) -> io::Result<()> {
    match step {
        Step::Read => {
            let mut buffer = [0; 4096];
            stream.read(&mut buffer).await.map(drop)
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
            let batch = bytes.repeat((16 * 1024 / bytes.len()).max(1));
            loop {
                stream.write_all(&batch).await?;
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
            // With a linger time of 0, close() discards the send queue and sends RST.
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
