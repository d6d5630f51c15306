//! The byte stream of a gRPC connection, with bounds on what it may take of the server.
//!
//! h2 reads and handles frames for as long as its socket has any, up to 128 reads in one poll of the connection's
//! task. That is 100,000 of the smallest frames, and every other connection of the same thread waits for them. So the
//! bytes of one poll, a turn, are bounded: beyond them a read is pending and wakes the task again, which puts it at
//! the end of the run queue.
//!
//! ```text
//! poll of the task:  begin ─ read ─ read ─ … MAX_TURN bytes ─ pending, wake ──► other connections ──► begin ─ …
//! ```
//!
//! A connection that sends control frames and no calls is ended with GOAWAY.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::serve::frame_counter::{FrameCounter, MAX_CONTROL_FRAMES};

/// Bytes after which a turn ends. Some fifty calls: less would cost busy connections more than it gives others.
const MAX_TURN: usize = 4 * 1024;

/// With more control frames without a call a turn is [`SMALL_TURN`]. A client sends fewer when it connects.
const MANY_CONTROL_FRAMES: u32 = 16;

/// Bytes of a turn that may be a flood: about a hundred frames.
const SMALL_TURN: usize = 1024;

/// ENHANCE_YOUR_CALM (RFC 9113, section 7).
const ENHANCE_YOUR_CALM: u32 = 11;

/// State that the task of a connection shares with its byte stream. Only that task uses it, so no ordering is needed.
#[derive(Debug, Default)]
pub(crate) struct Turn {
    left: AtomicUsize,
    flooded: AtomicBool,
}

impl Turn {
    /// To be called at the start of each poll of the task.
    pub(crate) fn begin(&self) {
        self.left.store(MAX_TURN, Relaxed);
    }

    /// Whether the connection was ended for its control frames.
    pub(crate) fn is_flooded(&self) -> bool {
        self.flooded.load(Relaxed)
    }
}

/// Bounds the bytes read in a turn, and fails once too many control frames have been read.
#[derive(Debug)]
pub(crate) struct BoundedIo<T> {
    io: T,
    turn: Arc<Turn>,
    frames: FrameCounter,
    /// Whether a part of a frame may have been written.
    is_writing: bool,
}

impl<T: AsyncRead + AsyncWrite + Unpin> BoundedIo<T> {
    pub(crate) fn new(io: T, turn: Arc<Turn>) -> Self {
        Self {
            io,
            turn,
            frames: FrameCounter::new(),
            is_writing: false,
        }
    }

    /// Ends the connection. hyper cannot send a GOAWAY with this reason, so it is written here, if the socket takes it
    /// at once; a peer that does not read does not get it.
    fn end(&mut self, cx: &mut Context<'_>) -> io::Error {
        self.turn.flooded.store(true, Relaxed);
        if !self.is_writing {
            let goaway = goaway(self.frames.last_stream());
            let io = &mut self.io;
            if Pin::new(&mut *io).poll_write(cx, &goaway).is_ready() {
                let _ = Pin::new(io).poll_flush(cx);
            }
        }
        io::Error::other("too many control frames")
    }
}

/// A GOAWAY frame with the reason as text too (RFC 9113, section 6.8).
fn goaway(last_stream: u32) -> Vec<u8> {
    const TEXT: &[u8] = b"too_many_control_frames";
    const GOAWAY: u8 = 7;
    let mut frame = vec![0, 0, 8 + TEXT.len() as u8, GOAWAY, 0, 0, 0, 0, 0];
    frame.extend(last_stream.to_be_bytes());
    frame.extend(ENHANCE_YOUR_CALM.to_be_bytes());
    frame.extend(TEXT);
    frame
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncRead for BoundedIo<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let me = &mut *self;
        let left = me.turn.left.load(Relaxed);
        if left == 0 {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let before = buf.filled().len();
        if me.frames.control_frames() > MANY_CONTROL_FRAMES {
            let len = buf.remaining().min(SMALL_TURN);
            let mut small = ReadBuf::new(buf.initialize_unfilled_to(len));
            ready!(Pin::new(&mut me.io).poll_read(cx, &mut small))?;
            let read = small.filled().len();
            buf.advance(read);
            me.turn.left.store(0, Relaxed);
        } else {
            // May exceed the turn by h2's buffer of 8 KiB: a smaller part of it would have to be initialised first,
            // which every connection would pay for.
            ready!(Pin::new(&mut me.io).poll_read(cx, buf))?;
            let read = buf.filled().len() - before;
            me.turn.left.store(left.saturating_sub(read), Relaxed);
        }
        let read = &buf.filled()[before..];
        me.frames.read(read);
        if me.frames.control_frames() > MAX_CONTROL_FRAMES {
            return Poll::Ready(Err(me.end(cx)));
        }
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for BoundedIo<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.is_writing = true;
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.is_writing = true;
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    /// h2 flushes when it has written whole frames, and only then.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.is_writing = false;
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;
    use crate::serve::detect::PREFACE;

    /// A socket that always has more to read, and records what is written.
    #[derive(Default)]
    struct Endless {
        input: Vec<u8>,
        at: usize,
        read: usize,
        written: Vec<u8>,
    }

    impl Endless {
        fn new(frame: &[u8]) -> Self {
            let mut input = PREFACE.to_vec();
            input.extend(frame.repeat(10_000));
            Self {
                input,
                ..Self::default()
            }
        }
    }

    impl AsyncRead for Endless {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _cx: &mut Context<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            let len = buf.remaining().min(self.input.len() - self.at);
            assert!(len > 0, "all of the input was read");
            buf.put_slice(&self.input[self.at..][..len]);
            self.at += len;
            self.read += len;
            Poll::Ready(Ok(()))
        }
    }

    impl AsyncWrite for Endless {
        fn poll_write(
            mut self: Pin<&mut Self>,
            _cx: &mut Context<'_>,
            buf: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.written.extend(buf);
            Poll::Ready(Ok(buf.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    /// A buffer of the size that h2 reads with.
    const BUFFER: usize = 8 * 1024;

    /// Reads as h2 does, until a read is pending or fails.
    fn read_turn(io: &mut BoundedIo<Endless>) -> Poll<io::Result<()>> {
        io.turn.begin();
        let mut buffer = [0; BUFFER];
        let mut cx = Context::from_waker(Waker::noop());
        loop {
            let mut buf = ReadBuf::new(&mut buffer);
            match Pin::new(&mut *io).poll_read(&mut cx, &mut buf) {
                Poll::Ready(Ok(())) => {}
                end => return end,
            }
        }
    }

    const CALL: [u8; 9] = [0, 0, 0, 1, 0, 0, 0, 0, 5];
    const PING: [u8; 17] = [0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];

    #[test]
    fn endless_input_is_read_in_bounded_turns() {
        let mut io = BoundedIo::new(Endless::new(&CALL), Arc::default());
        for _ in 0..5 {
            let before = io.io.read;
            assert!(read_turn(&mut io).is_pending());
            let read = io.io.read - before;
            assert!(
                (MAX_TURN..MAX_TURN + BUFFER).contains(&read),
                "{read} bytes"
            );
        }
    }

    #[test]
    fn control_frames_without_calls_are_read_in_small_turns() {
        let mut io = BoundedIo::new(Endless::new(&PING), Arc::default());
        assert!(read_turn(&mut io).is_pending());
        let before = io.io.read;
        assert!(read_turn(&mut io).is_pending());
        assert_eq!(io.io.read - before, SMALL_TURN);
    }

    #[test]
    fn finished_turn_wakes_the_task_again() {
        struct Woken(AtomicBool);
        impl std::task::Wake for Woken {
            fn wake(self: Arc<Self>) {
                self.0.store(true, Relaxed);
            }
        }
        let woken = Arc::new(Woken(AtomicBool::new(false)));
        let waker = Waker::from(Arc::clone(&woken));
        let mut io = BoundedIo::new(Endless::new(&CALL), Arc::default());
        assert!(read_turn(&mut io).is_pending());
        let mut buffer = [0; 16];
        let mut buf = ReadBuf::new(&mut buffer);
        let again = Pin::new(&mut io).poll_read(&mut Context::from_waker(&waker), &mut buf);
        assert!(again.is_pending() && woken.0.load(Relaxed));
    }

    /// Reads turn by turn until the connection is ended.
    fn flood(io: &mut BoundedIo<Endless>) {
        for _ in 0..100 {
            if let Poll::Ready(end) = read_turn(io) {
                assert!(end.is_err() && io.turn.is_flooded());
                return;
            }
        }
        panic!("{} bytes were read", io.io.read);
    }

    #[test]
    fn too_many_control_frames_end_with_goaway_at_a_frame_boundary_only() {
        let mut io = BoundedIo::new(Endless::new(&PING), Arc::default());
        flood(&mut io);
        let most = PING.len() * (MAX_CONTROL_FRAMES as usize + 1) + BUFFER;
        assert!(io.io.read < most, "{} bytes", io.io.read);
        assert_eq!(io.io.written, goaway(0));

        let mut io = BoundedIo::new(Endless::new(&PING), Arc::default());
        let mut cx = Context::from_waker(Waker::noop());
        assert!(Pin::new(&mut io).poll_write(&mut cx, b"half").is_ready());
        flood(&mut io);
        assert_eq!(io.io.written, b"half");

        let mut io = BoundedIo::new(Endless::new(&PING), Arc::default());
        assert!(Pin::new(&mut io).poll_write(&mut cx, b"whole").is_ready());
        assert!(Pin::new(&mut io).poll_flush(&mut cx).is_ready());
        flood(&mut io);
        assert_eq!(io.io.written, [b"whole", &goaway(0)[..]].concat());
    }
}
