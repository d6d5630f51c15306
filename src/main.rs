//! The `labrpc` command.
fn main() {}
