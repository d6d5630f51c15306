//! The fields of an encoded message, one at a time, without copies.

use prost::{
    DecodeError,
    bytes::Buf as _,
    encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field},
};

use prost_reflect::{FieldDescriptor, Kind};

use crate::schema::value_error::ValueError;

/// The encoded value of one field.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Wire<'a> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'a [u8]),
    /// The fields between a group's two tags.
    Group(&'a [u8]),
    Fixed32(u32),
}

impl<'a> Wire<'a> {
    /// The fields of a message that is encoded as a group or not.
    pub(super) fn part(&self, is_group: bool) -> Option<&'a [u8]> {
        match *self {
            Self::Bytes(bytes) if !is_group => Some(bytes),
            Self::Group(bytes) if is_group => Some(bytes),
            _ => None,
        }
    }

    pub(super) fn wire_type(&self) -> WireType {
        match self {
            Self::Varint(_) => WireType::Varint,
            Self::Fixed64(_) => WireType::SixtyFourBit,
            Self::Bytes(_) => WireType::LengthDelimited,
            Self::Group(_) => WireType::StartGroup,
            Self::Fixed32(_) => WireType::ThirtyTwoBit,
        }
    }

    /// The encoding of a type's default.
    pub(super) fn default_of(kind: &Kind) -> Option<Self> {
        Some(match (kind, kind.wire_type()) {
            (Kind::Enum(of), _) => Self::Varint(of.default_value().number() as u64),
            (_, WireType::Varint) => Self::Varint(0),
            (_, WireType::SixtyFourBit) => Self::Fixed64(0),
            (_, WireType::LengthDelimited) => Self::Bytes(&[]),
            (_, WireType::StartGroup) => Self::Group(&[]),
            (_, WireType::ThirtyTwoBit) => Self::Fixed32(0),
            (_, WireType::EndGroup) => return None,
        })
    }
}

/// How the type of a field is encoded.
pub(super) fn type_of(field: &FieldDescriptor) -> WireType {
    match field.is_group() {
        true => WireType::StartGroup,
        false => field.kind().wire_type(),
    }
}

/// Takes the next field's number and value; `None` at the end.
pub(super) fn next<'a>(bytes: &mut &'a [u8]) -> Result<Option<(u32, Wire<'a>)>, ValueError> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let (number, wire_type) = decode_key(bytes)?;
    let wire = match wire_type {
        WireType::LengthDelimited => {
            let length = decode_varint(bytes)?;
            Wire::Bytes(take(bytes, usize::try_from(length).unwrap_or(usize::MAX))?)
        }
        WireType::StartGroup => Wire::Group(group(number, bytes)?),
        other => scalar(other, bytes)?,
    };
    Ok(Some((number, wire)))
}

/// Takes a value whose length its type implies: an element of a packed list has no tag.
pub(super) fn scalar<'a>(
    wire_type: WireType,
    bytes: &mut &'a [u8],
) -> Result<Wire<'a>, ValueError> {
    match wire_type {
        WireType::Varint => Ok(Wire::Varint(decode_varint(bytes)?)),
        WireType::SixtyFourBit => Ok(Wire::Fixed64(take(bytes, 8)?.get_u64_le())),
        WireType::ThirtyTwoBit => Ok(Wire::Fixed32(take(bytes, 4)?.get_u32_le())),
        _ => Err(ValueError::Truncated),
    }
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Result<&'a [u8], ValueError> {
    let (head, rest) = bytes
        .split_at_checked(length)
        .ok_or(ValueError::Truncated)?;
    *bytes = rest;
    Ok(head)
}

/// Takes the fields of a group, and its end.
fn group<'a>(number: u32, bytes: &mut &'a [u8]) -> Result<&'a [u8], DecodeError> {
    let content = *bytes;
    loop {
        let end = content.len() - bytes.len();
        let (inner, wire_type) = decode_key(bytes)?;
        if wire_type == WireType::EndGroup && inner == number {
            return Ok(&content[..end]);
        }
        // The end of another group is an error here.
        skip_field(wire_type, inner, bytes, DecodeContext::default())?;
    }
}
