//! Reports over one model, and the reader of what they are made from.

pub mod read;
