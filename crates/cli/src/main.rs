//! The `brolga` program.

fn main() {}
