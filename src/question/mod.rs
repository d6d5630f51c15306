//! The questions that a survey can ask: `lab.Profile/GetProfile`, and any unary method.

mod answers;
mod get_profile;

pub use self::{
    answers::AnswerId,
    get_profile::{GetProfile, profile_hint},
};
