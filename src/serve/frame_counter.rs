//! Counts the HTTP/2 frames that a client sends without making a call.
//!
//! SETTINGS, PING, PRIORITY, WINDOW_UPDATE and RST_STREAM cost the server work and nothing else limits their number:
//! h2 counts DATA frames, streams and resets, but not these. Only the nine bytes of each frame header are parsed
//! (RFC 9113, section 4.1); h2 parses the same bytes in full and reports errors in them.

use crate::serve::detect::PREFACE;

/// Control frames without a call before a connection is ended. A client that pings every ten seconds, the shortest
/// interval of gRPC's clients, sends less than half as many in the hour that a connection may live.
pub(crate) const MAX_CONTROL_FRAMES: u32 = 1_000;

/// Control frames that a call subtracts: its window updates, a reset, and pings that measure the round trip.
const ALLOWED_BY_CALL: u32 = 100;

const HEADER_LEN: usize = 9;

// Frame types (RFC 9113, section 6).
const DATA: u8 = 0;
const HEADERS: u8 = 1;

/// Parses the frame headers of a byte stream that comes in pieces.
#[derive(Debug)]
pub(crate) struct FrameCounter {
    /// Bytes until the next frame header: the preface first, then payloads.
    skip: usize,
    /// The part of a frame header that has been received.
    header: [u8; HEADER_LEN],
    received: usize,
    control: u32,
    last_stream: u32,
}

impl FrameCounter {
    /// A counter for the bytes of a client from the preface on.
    pub(crate) fn new() -> Self {
        Self {
            skip: PREFACE.len(),
            header: [0; HEADER_LEN],
            received: 0,
            control: 0,
            last_stream: 0,
        }
    }

    /// Counts the frames whose headers end within `bytes`.
    pub(crate) fn read(&mut self, mut bytes: &[u8]) {
        while let Some(rest) = bytes.get(self.skip..) {
            self.skip = 0;
            // Nearly every header comes in one piece.
            if self.received == 0
                && let Some((header, rest)) = rest.split_first_chunk()
            {
                self.count(header);
                bytes = rest;
                continue;
            }
            let missing = HEADER_LEN - self.received;
            let piece = &rest[..rest.len().min(missing)];
            self.header[self.received..][..piece.len()].copy_from_slice(piece);
            self.received += piece.len();
            if self.received < HEADER_LEN {
                return;
            }
            self.received = 0;
            self.count(&self.header.clone());
            bytes = &rest[piece.len()..];
        }
        self.skip -= bytes.len();
    }

    fn count(&mut self, header: &[u8; HEADER_LEN]) {
        let [a, b, c, kind, _flags, id @ ..] = *header;
        self.skip = u32::from_be_bytes([0, a, b, c]) as usize;
        match kind {
            // h2 limits those that carry little or nothing.
            DATA => {}
            HEADERS => {
                self.control = self.control.saturating_sub(ALLOWED_BY_CALL);
                self.last_stream = u32::from_be_bytes(id) & (u32::MAX >> 1);
            }
            _ => self.control = self.control.saturating_add(1),
        }
    }

    /// Control frames beyond those that calls allow.
    pub(crate) fn control_frames(&self) -> u32 {
        self.control
    }

    /// The stream of the last call.
    pub(crate) fn last_stream(&self) -> u32 {
        self.last_stream
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PING: u8 = 6;

    fn frame(kind: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let mut bytes = length[1..].to_vec();
        bytes.extend([kind, 0]);
        bytes.extend(stream.to_be_bytes());
        bytes.extend(payload);
        bytes
    }

    fn counted(pieces: &[&[u8]]) -> (u32, u32) {
        let mut counter = FrameCounter::new();
        for piece in pieces {
            counter.read(piece);
        }
        (counter.control_frames(), counter.last_stream())
    }

    #[test]
    fn calls_subtract_control_frames_sent_before_them_and_none_after() {
        let ping = frame(PING, 0, &[0; 8]);
        let call = [frame(HEADERS, 7, b"block"), frame(DATA, 7, &[0; 5])].concat();
        let pings = |count| ping.repeat(count);
        assert_eq!(counted(&[PREFACE, &pings(3)]), (3, 0));
        assert_eq!(counted(&[PREFACE, &pings(250), &call]), (150, 7));
        assert_eq!(counted(&[PREFACE, &call.repeat(9), &pings(3)]), (3, 7));
    }

    proptest! {
        /// The counts do not depend on how the bytes are split into reads.
        #[test]
        fn random_splits_give_the_same_counts(
            frames in prop::collection::vec((0..12u8, 0..1_000u32, 0..40usize), 0..60),
            splits in prop::collection::vec(any::<prop::sample::Index>(), 0..40),
        ) {
            let mut bytes = PREFACE.to_vec();
            let (mut control, mut last_stream) = (0u32, 0);
            for (kind, stream, len) in frames {
                // Payloads that look like frame headers of other types.
                bytes.extend(frame(kind, stream, &[1; 40][..len]));
                match kind {
                    DATA => {}
                    HEADERS => {
                        control = control.saturating_sub(ALLOWED_BY_CALL);
                        last_stream = stream;
                    }
                    _ => control += 1,
                }
            }
            let mut ends: Vec<usize> = splits.iter().map(|split| split.index(bytes.len())).collect();
            ends.push(bytes.len());
            ends.sort_unstable();
            let mut start = 0;
            let pieces: Vec<&[u8]> = ends
                .into_iter()
                .map(|end| &bytes[std::mem::replace(&mut start, end)..end])
                .collect();
            prop_assert_eq!(counted(&pieces), (control, last_stream));
            let single: Vec<&[u8]> = bytes.chunks(1).collect();
            prop_assert_eq!(counted(&single), (control, last_stream));
        }
    }
}
