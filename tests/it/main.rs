//! Every promise that the project makes, held against the library and the real binary.

mod hosts;
mod layers;
mod peer;
mod profile;
mod survey;
