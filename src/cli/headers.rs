//! Request headers as they are typed: `name: value`, or a file of such lines.
//!
//! Values are credentials more often than not. They are in no error, log or saved run, and HPACK does not index them.

use std::{fmt, path::Path};

use base64::{
    Engine as _,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use labrpc::untrusted::Untrusted;
use tonic::metadata::{
    BinaryMetadataKey, BinaryMetadataValue, MetadataKey, MetadataMap, MetadataValue,
};

use crate::cli::{exit::Failure, values};

/// Largest file of headers. Servers accept less than that in a request.
const MAX_FILE: u64 = 64 * 1024;

/// Headers that the call sets itself, and those of a connection, which HTTP/2 does not allow (RFC 9113, section 8.2.2).
/// So are all that begin with `:` or `grpc-`.
const RESERVED: [&str; 10] = [
    "connection",
    "content-length",
    "content-type",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "transfer-encoding",
    "upgrade",
    "user-agent",
];

/// One `-H`: a header, or `@` and the name of a file. It is checked when it is read and not by clap, whose errors show
/// the value.
#[derive(Clone)]
pub(crate) struct HeaderArg(String);

impl From<String> for HeaderArg {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for HeaderArg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&redacted(&self.0))
    }
}

/// The metadata of these headers. Files are read now.
pub(crate) fn read(headers: &[HeaderArg]) -> Result<MetadataMap, Failure> {
    let mut metadata = MetadataMap::new();
    for HeaderArg(text) in headers {
        match text.strip_prefix('@') {
            None => insert(&mut metadata, text).map_err(Failure::usage)?,
            Some(file) => {
                let content = values::read_text(Path::new(file), MAX_FILE)?;
                for (number, line) in content.lines().enumerate() {
                    let line = line.trim();
                    if !line.is_empty() && !line.starts_with('#') {
                        insert(&mut metadata, line).map_err(|problem| {
                            Failure::usage(format_args!("{file}:{}: {problem}", number + 1))
                        })?;
                    }
                }
            }
        }
    }
    Ok(metadata)
}

/// A header without its value, as a saved run keeps it.
pub(crate) fn redacted(text: &str) -> String {
    match text.split_once(':') {
        _ if text.starts_with('@') => text.to_owned(),
        Some((name, _)) => format!("{name}: (redacted)"),
        None => "(redacted)".to_owned(),
    }
}

/// Adds a header. The error is a text without the value.
fn insert(metadata: &mut MetadataMap, text: &str) -> Result<(), String> {
    // The name of a pseudo-header begins with a colon.
    let colon = text.char_indices().find(|(at, c)| *at > 0 && *c == ':');
    let Some((name, value)) = colon.map(|(at, _)| (&text[..at], &text[at + 1..])) else {
        return Err("a header is written as name: value".to_owned());
    };
    let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
    let shown = Untrusted::new(&name);
    if RESERVED.contains(&&*name) || name.starts_with([':']) || name.starts_with("grpc-") {
        return Err(format!(
            "the header {shown} is reserved for the call itself"
        ));
    }
    let bad_name = |_| format!("\"{shown}\" is not the name of a header");
    if name.ends_with("-bin") {
        let key = BinaryMetadataKey::from_bytes(name.as_bytes()).map_err(bad_name)?;
        let value = decode(value).ok_or_else(|| {
            format!("the value of {shown} is not base64, as that of -bin headers is")
        })?;
        let mut value = BinaryMetadataValue::from_bytes(&value);
        value.set_sensitive(true);
        metadata.append_bin(key, value);
    } else {
        let key = MetadataKey::from_bytes(name.as_bytes()).map_err(bad_name)?;
        let value = MetadataValue::try_from(value);
        let mut value = value.map_err(|_| {
            format!("the value of {shown} has characters that no header can have; names that end in -bin take base64")
        })?;
        value.set_sensitive(true);
        metadata.append(key, value);
    }
    Ok(())
}

/// Decodes base64 with or without padding, in the alphabet of MIME or of URLs.
fn decode(text: &str) -> Option<Vec<u8>> {
    let config =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    [base64::alphabet::STANDARD, base64::alphabet::URL_SAFE]
        .iter()
        .find_map(|alphabet| GeneralPurpose::new(alphabet, config).decode(text).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<MetadataMap, String> {
        let mut metadata = MetadataMap::new();
        insert(&mut metadata, text).map(|()| metadata)
    }

    #[test]
    fn names_are_lowercased_values_trimmed_and_bin_decoded() {
        let metadata = parse("Authorization:  Bearer a:b ").unwrap();
        assert_eq!(metadata.get("authorization").unwrap(), "Bearer a:b");
        for value in ["/+8B", "_-8B"] {
            let metadata = parse(&format!("trace-bin: {value}")).unwrap();
            let bytes = metadata.get_bin("trace-bin").unwrap().to_bytes().unwrap();
            assert_eq!(bytes[..], [0xff, 0xef, 1]);
        }
        assert!(parse("a-bin: YQ").is_ok() && parse("a-bin: YQ==").is_ok());
        assert!(parse("empty:").is_ok());
    }

    #[test]
    fn errors_and_debug_output_have_no_value() {
        for (text, expected) in [
            ("s3cret", "a header is written as name: value"),
            (": s3cret", "a header is written as name: value"),
            ("a b: s3cret", "\"a b\" is not the name of a header"),
            (
                "x\u{1b}: s3cret",
                "\"x\\u{1b}\" is not the name of a header",
            ),
            ("TE: s3cret", "the header te is reserved for the call"),
            (":Path: s3cret", "the header :path is reserved for the call"),
            (
                "Grpc-Trace-Bin: s3cret",
                "the header grpc-trace-bin is reserved",
            ),
            ("a: s3cret\u{7}", "the value of a has characters"),
            ("a-bin: s3cret!", "the value of a-bin is not base64"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
            assert!(!error.contains("s3cret"), "{error}");
        }
        let header = HeaderArg::from("a: s3cret".to_owned());
        assert_eq!(format!("{header:?}"), "a: (redacted)");
        let metadata = read(&[header]).unwrap();
        assert!(!format!("{metadata:?}").contains("s3cret"));
    }
}
