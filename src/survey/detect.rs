//! Classifies the protocol of a peer by the first bytes that it sends.

use crate::survey::outcome::OtherProtocol;

/// How many of the first bytes are looked at. No protocol that is recognised needs more.
pub(crate) const MAX_SNIFFED: usize = 512;

/// The protocol of a peer, by its first bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Detected {
    /// HTTP/2: a SETTINGS frame, with which every server begins.
    Http2,
    /// A JSON object, as the original exercise's servers send.
    Json,
    /// Another protocol.
    Other(OtherProtocol),
}

/// The byte order mark of UTF-8, which some editors and libraries put before a text.
const BOM: &[u8] = b"\xef\xbb\xbf";

/// A JSON text without its byte order mark. RFC 8259, section 8.1, forbids to send one and allows to ignore it.
/// Empty as long as the mark is incomplete.
pub(crate) fn without_bom(bytes: &[u8]) -> &[u8] {
    match bytes.strip_prefix(BOM) {
        Some(rest) => rest,
        None if BOM.starts_with(bytes) => &[],
        None => bytes,
    }
}

/// Classifies the first bytes; `None` while more than one protocol is still possible.
pub(crate) fn detect(bytes: &[u8]) -> Option<Detected> {
    // A frame header: 24 bits of length, of which no SETTINGS frame needs the first 8; type 4; no flags.
    const SETTINGS: [Option<u8>; 5] = [Some(0), None, None, Some(4), Some(0)];
    const HTTP1: &[u8] = b"HTTP/1";

    let text = without_bom(bytes).trim_ascii_start();
    let Some(&first) = text.first() else {
        // Nothing yet, or white space or a byte order mark, which may precede an object.
        let full = bytes.len() >= MAX_SNIFFED;
        return full.then_some(Detected::Other(OtherProtocol::Text));
    };
    let is_prefix = |start: &[u8]| bytes.iter().zip(start).all(|(a, b)| a == b);
    match first {
        b'{' => Some(Detected::Json),
        0 if bytes[0] == 0 => {
            let fits = bytes
                .iter()
                .zip(SETTINGS)
                .all(|(byte, expected)| expected.is_none_or(|expected| expected == *byte));
            match fits {
                false => Some(Detected::Other(OtherProtocol::Other)),
                true => (bytes.len() >= SETTINGS.len()).then_some(Detected::Http2),
            }
        }
        0x15 | 0x16 if bytes[0] == first => match bytes.get(1) {
            None => None,
            Some(3) => Some(Detected::Other(OtherProtocol::Tls)),
            Some(_) => Some(Detected::Other(OtherProtocol::Other)),
        },
        b'H' if is_prefix(HTTP1) => {
            (bytes.len() >= HTTP1.len()).then_some(Detected::Other(OtherProtocol::Http1))
        }
        _ => text_or_other(bytes).map(Detected::Other),
    }
}

/// Classifies first bytes after which the connection ended.
pub(crate) fn detect_at_eof(bytes: &[u8]) -> Option<Detected> {
    match bytes.first() {
        None => None,
        // An incomplete SETTINGS frame or TLS record.
        Some(0 | 0x15 | 0x16) => None,
        Some(_) => Some(Detected::Other(
            text_or_other(bytes).unwrap_or(OtherProtocol::Other),
        )),
    }
}

/// The protocol of a peer that should have sent a JSON object.
pub(crate) fn other_protocol(bytes: &[u8]) -> OtherProtocol {
    match detect(bytes).or_else(|| detect_at_eof(bytes)) {
        Some(Detected::Other(protocol)) => protocol,
        Some(Detected::Http2 | Detected::Json) | None => OtherProtocol::Other,
    }
}

/// Whether bytes are printable text; `None` for an incomplete first character.
fn text_or_other(bytes: &[u8]) -> Option<OtherProtocol> {
    let text = match str::from_utf8(bytes) {
        Ok(text) => text,
        // The last character is incomplete.
        Err(error) if error.error_len().is_none() => {
            str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(_) => return Some(OtherProtocol::Other),
    };
    let printable = |c: char| !c.is_control() || matches!(c, '\t' | '\r' | '\n' | '\x1b');
    match text.chars().all(printable) {
        _ if text.is_empty() => None,
        true => Some(OtherProtocol::Text),
        false => Some(OtherProtocol::Other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Detected::Other;
    use OtherProtocol::{Http1, Text, Tls};

    #[rustfmt::skip]
    const SAMPLES: [(&[u8], Detected); 14] = [
        (b"\0\0\0\x04\0\0\0\0\0", Detected::Http2),
        (b"\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x80", Detected::Http2),
        (b"{\"id\":", Detected::Json),
        (b" \r\n\t{", Detected::Json),
        (b"\xef\xbb\xbf {", Detected::Json),
        (b"\xef\xbb\xbfhello", Other(Text)),
        (b"HTTP/1.1 400 Bad Request", Other(Http1)),
        (b"\x15\x03\x01\0\x02\x02\x46", Other(Tls)),
        (b"\x16\x03\x03\0\x7a\x02", Other(Tls)),
        (b"SSH-2.0-OpenSSH_9.2\r\n", Other(Text)),
        ("欢迎光临\r\n".as_bytes(), Other(Text)),
        (b"\xff\xfd\x18\xff\xfd\x20", Other(OtherProtocol::Other)),
        (b"\0\0\x04\x08\0\0\0\0\0", Other(OtherProtocol::Other)),
        (b"\x16\x01\x00\x00", Other(OtherProtocol::Other)),
    ];

    /// However the first bytes are split into reads, they are classified as the whole, or not yet.
    #[test]
    fn every_prefix_is_classified_as_the_whole_or_not_yet() {
        for (bytes, expected) in SAMPLES {
            let mut detected = None;
            for end in 0..=bytes.len() {
                match detect(&bytes[..end]) {
                    None => assert_eq!(detected, None, "{bytes:?} forgotten at {end}"),
                    Some(other) => detected = Some(other),
                }
                assert!(
                    detected.is_none() || detected == Some(expected.clone()),
                    "{bytes:?} to {end}: {detected:?}"
                );
            }
            assert_eq!(detected, Some(expected));
        }
    }

    #[test]
    fn bytes_before_eof_are_classified_as_they_are() {
        let text = Some(Other(Text));
        for (bytes, expected) in [
            (&b""[..], None),
            (b"\0\0", None),
            (b"\x16", None),
            (b"HTT", text.clone()),
            (b" \n", text),
        ] {
            assert_eq!(detect(bytes), None, "{bytes:?}");
            assert_eq!(detect_at_eof(bytes), expected, "{bytes:?}");
        }
    }

    #[test]
    fn endless_white_space_is_text() {
        assert_eq!(detect(&[b' '; MAX_SNIFFED]), Some(Other(Text)));
    }

    #[test]
    fn every_first_byte_is_classified_or_incomplete() {
        for byte in 0..=u8::MAX {
            let detected = detect(&[byte]).or_else(|| detect_at_eof(&[byte]));
            let waits = matches!(byte, 0 | 0x15 | 0x16);
            assert_eq!(detected.is_none(), waits, "{byte:#x}");
        }
    }
}
