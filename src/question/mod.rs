//! The questions that a survey can ask: `lab.Profile/GetProfile`, and any unary method.

mod answers;
mod any_method;
mod bytes_codec;
mod get_profile;
mod redact;
mod reflect;
mod reflection_stream;

pub use self::{
    answers::{AnswerId, Answers},
    any_method::{AnyMethod, DEFAULT_MAX_MESSAGE},
    get_profile::{GetProfile, profile_hint},
    reflect::{NoSchema, find_method},
};
