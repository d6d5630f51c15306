//! Clothing sizes.

use std::str::FromStr;

use serde::{Deserialize, Deserializer};

use crate::{
    named::named,
    profile::{
        error::Error,
        text::{Text, TextVisitor},
    },
    untrusted::Untrusted,
};

named! {
    /// A clothing size. Sizes are steps on one scale: XXL and L are two steps apart.
    #[expect(missing_docs, reason = "the names are the sizes")]
    pub enum Size {
        Xxs = 1 => "XXS",
        Xs = 2 => "XS",
        S = 3 => "S",
        M = 4 => "M",
        L = 5 => "L",
        Xl = 6 => "XL",
        Xxl = 7 => "XXL",
        Xxxl = 8 => "XXXL",
    }
}

impl Size {
    /// The step on the scale, 1 (XXS) to 8 (XXXL), which is also the number in protobuf.
    #[must_use]
    pub fn step(self) -> u8 {
        self as u8
    }
}

impl FromStr for Size {
    type Err = Error;

    /// Reads the canonical names in either case, and 2XS, 2XL and 3XL.
    ///
    /// # Errors
    /// [`Error::Size`] for any other text.
    fn from_str(text: &str) -> Result<Self, Error> {
        const OTHER_NAMES: [(&str, Size); 3] =
            [("2XS", Size::Xxs), ("2XL", Size::Xxl), ("3XL", Size::Xxxl)];
        let names = Self::ALL.map(|size| (size.name(), size));
        names
            .into_iter()
            .chain(OTHER_NAMES)
            .find(|(name, _)| name.eq_ignore_ascii_case(text.trim()))
            .map(|(_, size)| size)
            .ok_or_else(|| Error::Size(Untrusted::new(text)))
    }
}

impl TryFrom<Text<'_>> for Size {
    type Error = Error;

    fn try_from(Text(text): Text<'_>) -> Result<Self, Error> {
        text.parse()
    }
}

impl TryFrom<i32> for Size {
    type Error = Error;

    /// The size with this number in protobuf.
    ///
    /// # Errors
    /// [`Error::SizeNumber`] for any other number.
    fn try_from(number: i32) -> Result<Self, Error> {
        let mut all = Self::ALL.into_iter();
        all.find(|size| i32::from(size.step()) == number)
            .ok_or(Error::SizeNumber(number))
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor::new("a size, one of XXS XS S M L XL XXL XXXL"))
    }
}
