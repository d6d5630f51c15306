//! Tells from the first bytes of a connection which dialect its peer speaks.
//!
//! The bytes are judged as they come: a preface that arrives in pieces is still a preface, and a stranger is
//! turned away at the first byte that fits nothing. Nothing is consumed; whoever serves the connection reads
//! the same bytes again.

/// The client's connection preface (RFC 9113, section 3.4).
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A TLS record of type handshake, version 3.x (RFC 8446, section 5.1).
const TLS: &[u8] = &[0x16, 0x03];

/// The methods of RFC 9110, section 9.1, and RFC 5789. A word that is none of them is not worth an answer.
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

/// What a peer that spoke first speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// HTTP/2 with prior knowledge, which is gRPC here.
    Http2,
    /// A TLS handshake.
    Tls,
    /// HTTP/1.
    Http1,
}

/// What the bytes so far allow to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// They begin a known opening and do not complete it.
    More,
    /// They complete this opening.
    Is(Opening),
    /// They begin no known opening.
    Stranger,
}

/// Judges the first bytes of a connection, all of those received so far.
#[must_use]
pub fn judge(bytes: &[u8]) -> Verdict {
    let openings = [(PREFACE, Opening::Http2), (TLS, Opening::Tls)]
        .into_iter()
        .chain(METHODS.map(|method| (method, Opening::Http1)));
    let mut verdict = Verdict::Stranger;
    for (pattern, opening) in openings {
        if bytes.starts_with(pattern) {
            return Verdict::Is(opening);
        }
        if pattern.starts_with(bytes) {
            verdict = Verdict::More;
        }
    }
    verdict
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Judges every prefix of `bytes` and returns the first final verdict with the length it took.
    fn first_final(bytes: &[u8]) -> (usize, Verdict) {
        (0..=bytes.len())
            .map(|len| (len, judge(&bytes[..len])))
            .find(|(_, verdict)| *verdict != Verdict::More)
            .unwrap_or((bytes.len(), Verdict::More))
    }

    #[test]
    fn every_prefix_of_an_opening_asks_for_more_and_its_whole_is_recognised() {
        let samples = METHODS
            .iter()
            .map(|method| (*method, Opening::Http1))
            .chain([(PREFACE, Opening::Http2), (TLS, Opening::Tls)]);
        for (sample, opening) in samples {
            assert_eq!(
                first_final(sample),
                (sample.len(), Verdict::Is(opening)),
                "{sample:?}"
            );
            // What follows an opening changes nothing.
            let longer = [sample, b"\x00\xff anything"].concat();
            for len in sample.len()..=longer.len() {
                assert_eq!(judge(&longer[..len]), Verdict::Is(opening));
            }
        }
    }

    #[test]
    fn one_wrong_byte_makes_a_stranger_at_that_byte() {
        // No method begins with "PR": from the third byte on there is one way to go on.
        for position in 2..PREFACE.len() {
            for wrong in (0..=u8::MAX).filter(|byte| *byte != PREFACE[position]) {
                let mut bytes = PREFACE.to_vec();
                bytes[position] = wrong;
                let expected = (position + 1, Verdict::Stranger);
                assert_eq!(first_final(&bytes), expected, "{bytes:?}");
            }
        }
    }

    #[test]
    fn of_all_first_bytes_only_those_of_an_opening_are_heard_further() {
        let heard: Vec<u8> = (0..=u8::MAX)
            .filter(|byte| judge(&[*byte]) != Verdict::Stranger)
            .collect();
        assert_eq!(heard, b"\x16CDGHOPT");
    }

    #[test]
    fn banners_of_other_protocols_are_strangers() {
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
            assert_eq!(first_final(banner).1, Verdict::Stranger, "{banner:?}");
        }
    }
}
