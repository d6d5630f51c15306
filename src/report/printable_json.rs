//! JSON in which every character is printable: others are escaped, so that a report can be shown in a terminal.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::{Serializer, ser::Formatter};

use crate::untrusted::is_printable;

/// Writes a value in the layout of `formatter`.
///
/// # Errors
/// Those of `out`.
pub(super) fn write_value(
    value: &impl Serialize,
    formatter: impl Formatter,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut serializer = Serializer::with_formatter(out, Printable(formatter));
    value.serialize(&mut serializer).map_err(io::Error::from)
}

/// Another formatter's layout, with the characters escaped that a terminal could execute or hide.
struct Printable<F>(F);

macro_rules! delegate {
    ($($method:ident($($argument:ident: $type:ty)?);)+) => {
        $(fn $method<W: ?Sized + Write>(&mut self, writer: &mut W $(, $argument: $type)?) -> io::Result<()> {
            self.0.$method(writer $(, $argument)?)
        })+
    };
}

impl<F: Formatter> Formatter for Printable<F> {
    // The methods that a layout changes.
    delegate! {
        begin_array();
        end_array();
        begin_array_value(first: bool);
        end_array_value();
        begin_object();
        end_object();
        begin_object_key(first: bool);
        end_object_key();
        begin_object_value();
        end_object_value();
    }

    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(at) = rest.find(|c| !is_printable(c)) {
            writer.write_all(&rest.as_bytes()[..at])?;
            let mut behind = rest[at..].chars();
            for unit in behind
                .next()
                .into_iter()
                .flat_map(|c| c.encode_utf16(&mut [0; 2]).to_vec())
            {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = behind.as_str();
        }
        writer.write_all(rest.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{
        json,
        ser::{CompactFormatter, PrettyFormatter},
    };

    use super::*;

    #[test]
    fn unprintable_characters_are_escaped_and_the_value_stays() {
        let value = json!({"a\u{9b}": ["\u{202e}x\u{e0001}é", "plain", {}], "b": []});
        for (pretty, expected) in [
            (false, serde_json::to_string(&value).unwrap()),
            (true, serde_json::to_string_pretty(&value).unwrap()),
        ] {
            let mut out = Vec::new();
            match pretty {
                false => write_value(&value, CompactFormatter, &mut out).unwrap(),
                true => write_value(&value, PrettyFormatter::new(), &mut out).unwrap(),
            }
            let text = String::from_utf8(out).unwrap();
            assert_eq!(
                serde_json::from_str::<serde_json::Value>(&text).unwrap(),
                value
            );
            let expected = expected
                .replace('\u{9b}', "\\u009b")
                .replace('\u{202e}', "\\u202e")
                .replace('\u{e0001}', "\\udb40\\udc01");
            assert_eq!(text, expected);
        }
    }
}
