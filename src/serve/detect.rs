//! Detects from the first bytes of a connection which protocol its peer uses.
//!
//! The bytes are classified as they arrive: a preface that comes in pieces is still a preface, and an unknown protocol
//! is rejected at the first byte that matches nothing. Nothing is consumed; the handler of the connection reads the
//! same bytes again.

/// The client's connection preface (RFC 9113, section 3.4).
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A TLS record of type handshake, version 3.x (RFC 8446, section 5.1).
const TLS: &[u8] = &[0x16, 0x03];

/// The methods of RFC 9110, section 9.1, and RFC 5789. Other words are not answered.
const METHODS: [&[u8]; 9] = [
    b"GET ",
    b"HEAD ",
    b"POST ",
    b"PUT ",
    b"DELETE ",
    b"CONNECT ",
    b"OPTIONS ",
    b"TRACE ",
    b"PATCH ",
];

/// The protocol of a peer that sends first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WireProtocol {
    /// HTTP/2 with prior knowledge, which is gRPC here.
    Http2,
    /// A TLS handshake.
    Tls,
    /// HTTP/1.
    Http1,
}

/// What the bytes received so far show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detection {
    /// They are a part of a known pattern.
    Incomplete,
    /// They begin with the whole pattern of this protocol.
    Protocol(WireProtocol),
    /// They match no pattern.
    Unknown,
}

/// Classifies the bytes of a connection, all of those received so far.
pub(crate) fn classify(bytes: &[u8]) -> Detection {
    let patterns = [(PREFACE, WireProtocol::Http2), (TLS, WireProtocol::Tls)]
        .into_iter()
        .chain(METHODS.map(|method| (method, WireProtocol::Http1)));
    let mut detection = Detection::Unknown;
    for (pattern, protocol) in patterns {
        if bytes.starts_with(pattern) {
            return Detection::Protocol(protocol);
        }
        if pattern.starts_with(bytes) {
            detection = Detection::Incomplete;
        }
    }
    detection
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first detection of a prefix of `bytes` that is not `Incomplete`, with the length of the prefix.
    fn first_final(bytes: &[u8]) -> (usize, Detection) {
        (0..=bytes.len())
            .map(|len| (len, classify(&bytes[..len])))
            .find(|(_, detection)| *detection != Detection::Incomplete)
            .unwrap_or((bytes.len(), Detection::Incomplete))
    }

    #[test]
    fn every_prefix_of_a_pattern_is_incomplete_and_the_whole_is_detected() {
        let samples = METHODS
            .iter()
            .map(|method| (*method, WireProtocol::Http1))
            .chain([(PREFACE, WireProtocol::Http2), (TLS, WireProtocol::Tls)]);
        for (sample, protocol) in samples {
            assert_eq!(
                first_final(sample),
                (sample.len(), Detection::Protocol(protocol)),
                "{sample:?}"
            );
            // What follows a pattern changes nothing.
            let longer = [sample, b"\x00\xff anything"].concat();
            for len in sample.len()..=longer.len() {
                assert_eq!(classify(&longer[..len]), Detection::Protocol(protocol));
            }
        }
    }

    #[test]
    fn wrong_byte_in_a_preface_is_rejected_at_that_byte() {
        // No method begins with "PR": from the third byte on there is one way to go on.
        for position in 2..PREFACE.len() {
            for wrong in (0..=u8::MAX).filter(|byte| *byte != PREFACE[position]) {
                let mut bytes = PREFACE.to_vec();
                bytes[position] = wrong;
                let expected = (position + 1, Detection::Unknown);
                assert_eq!(first_final(&bytes), expected, "{bytes:?}");
            }
        }
    }

    #[test]
    fn first_bytes_that_begin_no_pattern_are_rejected() {
        let accepted: Vec<u8> = (0..=u8::MAX)
            .filter(|byte| classify(&[*byte]) != Detection::Unknown)
            .collect();
        assert_eq!(accepted, b"\x16CDGHOPT");
    }

    #[test]
    fn banners_of_other_protocols_are_rejected() {
        let banners: [&[u8]; 10] = [
            b"SSH-2.0-OpenSSH_9.9\r\n",
            b"EHLO example.org\r\n",
            b"\x03\x00\x00\x13\x0e\xe0\x00\x00",
            b"\x00\x00\x00\x54\xffSMB",
            b"*1\r\n$4\r\nPING\r\n",
            b"\x10\x16\x00\x04MQTT\x04\x02",
            b"\x00\x00\x00\x08\x04\xd2\x16\x2f",
            b"<?xml version='1.0'?><stream:stream>",
            b"\x16\x02\x01\x00\x01",
            b"get / HTTP/1.1\r\n",
        ];
        for banner in banners {
            assert_eq!(first_final(banner).1, Detection::Unknown, "{banner:?}");
        }
    }
}
