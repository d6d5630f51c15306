//! From what sources write to the values of a field: one reader a form, all with the same errors.

use crate::{
    profile::{
        error::Error,
        table::{Field, Ticks},
        value::Value,
    },
    untrusted::Untrusted,
};

/// A value in a document whose types a field may not have.
pub(crate) enum Scalar<'a> {
    Text(&'a str),
    Number(f64),
    Other,
}

impl Field {
    /// Reads a text as people write it.
    ///
    /// # Errors
    /// When it is not a number in range, or none of the names.
    pub fn parse(&'static self, text: &str) -> Result<Value, Error> {
        let ticks = self.ticks_of_text(text)?;
        Ok(Value::new(self, ticks))
    }

    /// The number of units, or the place, of the built-in sample.
    #[must_use]
    pub fn typical(&'static self) -> f64 {
        self.parse(self.sample()).map_or(0.0, Value::number)
    }

    /// The value with a number of units or a place.
    ///
    /// # Errors
    /// When it is not a number, infinite or out of range.
    #[inline]
    pub(super) fn ticks_of_number(&'static self, number: f64) -> Result<Ticks, Error> {
        let [min, max] = self.range;
        // `f64::round` rounds half away from zero; NaN fails both comparisons.
        let ticks = (number * f64::from(self.per_unit)).round();
        if ticks >= f64::from(min) && ticks <= f64::from(max) {
            Ok(ticks as Ticks)
        } else {
            Err(Error::Range(self, number))
        }
    }

    /// The value of a text.
    ///
    /// # Errors
    /// As [`Field::parse`].
    pub(super) fn ticks_of_text(&'static self, text: &str) -> Result<Ticks, Error> {
        if self.names.is_empty() {
            let number = text.trim().parse();
            let number = number.map_err(|_| Error::Number(self, Untrusted::new(text)))?;
            return self.ticks_of_number(number);
        }
        let names = self.names.iter().copied().zip(1..);
        names
            .chain(self.other_names.iter().copied())
            .find(|(name, _)| name.eq_ignore_ascii_case(text.trim()))
            .map(|(_, place)| place)
            .ok_or_else(|| Error::Name(self, Untrusted::new(text)))
    }

    /// The value of a text that may not be UTF-8, as [`Field::parse`] reads it; most need no copy and no float.
    ///
    /// # Errors
    /// As [`Field::parse`].
    #[inline]
    pub(super) fn ticks_of_bytes(&'static self, text: &[u8]) -> Result<Ticks, Error> {
        match self.canonical_ticks(text) {
            Some(ticks) => Ok(ticks),
            None => self.ticks_of_other_bytes(text),
        }
    }

    #[cold]
    fn ticks_of_other_bytes(&'static self, text: &[u8]) -> Result<Ticks, Error> {
        self.ticks_of_text(&String::from_utf8_lossy(text))
    }

    /// The value of a text in the form in which reports write it.
    #[inline]
    fn canonical_ticks(&self, text: &[u8]) -> Option<Ticks> {
        if self.names.is_empty() {
            let [min, max] = self.range;
            let ticks = if self.per_unit == 10 {
                tenths(text)
            } else {
                None
            };
            return ticks.filter(|ticks| (min..=max).contains(ticks));
        }
        // Byte by byte: for a few letters, the call that compares slices takes longer.
        let is_text =
            |name: &str| name.len() == text.len() && name.bytes().eq(text.iter().copied());
        (1..)
            .zip(self.names)
            .find(|(_, name)| is_text(name))
            .map(|(place, _)| place)
    }

    /// The value of a part of a document.
    ///
    /// # Errors
    /// As [`Field::parse`], and when it has another type than the field.
    pub(super) fn ticks_of_scalar(&'static self, scalar: &Scalar<'_>) -> Result<Ticks, Error> {
        match (self.names, scalar) {
            ([], Scalar::Number(number)) => self.ticks_of_number(*number),
            ([], _) => Err(Error::NotNumber(self)),
            (_, Scalar::Text(text)) => self.ticks_of_text(text),
            (_, _) => Err(Error::NotText {
                field: self.name,
                example: self.example,
            }),
        }
    }
}

/// Parses a decimal with up to two decimals straight into tenths; `None` leaves the text to the general parser.
///
/// The results are those of that parser, as the test below proves for every such text. A third decimal would differ,
/// because that parser rounds the nearest float and not the decimal.
#[inline]
fn tenths(text: &[u8]) -> Option<Ticks> {
    let digit = |b: u8| b.is_ascii_digit().then(|| Ticks::from(b - b'0'));
    let point = text.iter().position(|b| *b == b'.').unwrap_or(text.len());
    let (whole, decimals) = (&text[..point], text.get(point + 1..).unwrap_or_default());
    if whole.is_empty() || whole.len() > 3 {
        return None;
    }
    let mut ticks = 0;
    for b in whole {
        ticks = ticks * 10 + digit(*b)?;
    }
    ticks *= 10;
    match decimals {
        [] => Some(ticks),
        [tenth] => Some(ticks + digit(*tenth)?),
        [tenth, hundredth] => match hundredth {
            b'0'..=b'4' => Some(ticks + digit(*tenth)?),
            b'5'..=b'9' => Some(ticks + digit(*tenth)? + 1),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::table::FIELDS;

    #[test]
    fn fast_decimal_parser_agrees_with_f64_on_every_two_decimal_text() {
        let mut answered = 0;
        for hundredths in 0..100_000_u32 {
            let (whole, rest) = (hundredths / 100, hundredths % 100);
            for text in [
                format!("{whole}"),
                format!("{whole}."),
                format!("{whole}.{}", rest / 10),
                format!("{whole}.{rest:02}"),
                format!("{whole}.{rest:02}0"),
                format!("0{whole}.{rest:02}"),
                format!("{whole}.{}x", rest / 10),
            ] {
                if let Some(ticks) = tenths(text.as_bytes()) {
                    let value: f64 = text.parse().unwrap();
                    assert_eq!(f64::from(ticks), (value * 10.0).round(), "{text}");
                    answered += 1;
                }
            }
        }
        // The fast path is used for most of them.
        assert!(answered > 400_000, "{answered}");
    }

    #[test]
    fn every_row_of_the_table_is_consistent() {
        for field in &FIELDS {
            let [min, max] = field.range;
            assert!(min < max && field.reference <= max - min, "{field:?}");
            for text in [field.example, field.sample()] {
                assert!(field.parse(text).is_ok(), "{field:?}");
            }
            for name in field.names {
                assert_eq!(field.parse(name).unwrap().to_string(), *name);
            }
        }
    }
}
