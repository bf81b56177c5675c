//! Modules made readable: wasm text, intermediate code, machine code, and what belongs to what.
//!
//! Everything meets at the offset of an operator in its module: the text of the operator has it,
//! the intermediate code and the machine code know which operator they came from.

pub(crate) mod disassemble;
pub(crate) mod listing;
pub(crate) mod text;
