//! Enums whose values have names: the list of values, the names and the way back from one definition.
//!
//! With the three written by hand a forgotten value compiles and is missing from a total or a metric. Given up
//! for it: values with fields. An enum that has some gets an enum of its kinds beside it.

/// Defines an enum with a name for each value.
///
/// It gets `ALL` in the order of the definition, `COUNT`, `name` and `from_name`, and is displayed and serialised
/// as its name. Further derives are for the user to add.
macro_rules! named {
    (
        $(#[$attribute:meta])*
        $visibility:vis enum $enum:ident {
            $($(#[$value_attribute:meta])* $value:ident $(= $number:literal)? => $name:literal,)+
        }
    ) => {
        $(#[$attribute])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        $visibility enum $enum { $($(#[$value_attribute])* $value $(= $number)?,)+ }

        #[allow(dead_code, reason = "not every enum is used in every way")]
        impl $enum {
            /// How many values there are.
            $visibility const COUNT: usize = [$($name),+].len();

            /// Every value, in the order of the definition.
            $visibility const ALL: [Self; Self::COUNT] = [$(Self::$value),+];

            /// The one canonical name.
            #[must_use]
            $visibility const fn name(self) -> &'static str {
                match self { $(Self::$value => $name),+ }
            }

            /// The value with exactly this name.
            #[must_use]
            $visibility fn from_name(name: &str) -> Option<Self> {
                match name { $($name => Some(Self::$value),)+ _ => None }
            }
        }

        impl ::std::fmt::Display for $enum {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.pad(self.name())
            }
        }

        impl ::serde::Serialize for $enum {
            fn serialize<S: ::serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.name())
            }
        }
    };
}

pub(crate) use named;
