//! One side of a comparison: a module that runs in some engine.
//!
//! **Invariants**
//! - Imports are made by the same rule on every side: memories and tables of the type asked for,
//!   globals that hold [`initial_global`], functions that answer by [`HostTrace`].
//! - What engines may do differently (deeper stacks, more memory) ends in [`Outcome::Exhausted`],
//!   never in a trap that is compared.

use brolga_module::ValType;

use super::values::{Value, derived_value};

/// The module as one engine runs it.
pub trait Side {
    /// What to call it in messages.
    fn name(&self) -> String;

    /// Calls the exported function `export`, which has `results` results.
    fn call(&mut self, export: &str, args: &[Value], results: usize) -> Outcome;

    /// The value of a global.
    fn global(&mut self, item: Item<'_>) -> Value;

    /// Changes a global.
    fn set_global(&mut self, item: Item<'_>, value: Value);

    /// The bytes of a memory.
    fn memory(&mut self, item: Item<'_>) -> &[u8];

    /// The elements of a table.
    fn table(&mut self, item: Item<'_>) -> Vec<Value>;

    /// What its host functions were asked.
    fn trace(&self) -> HostTrace;
}

/// How an item of a module is found.
#[derive(Clone, Copy, Debug)]
pub enum Item<'a> {
    /// By its position among the imports.
    Import(usize),
    /// By its name among the exports.
    Export(&'a str),
}

/// How a call, or an instantiation, ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// With these results.
    Returned(Vec<Value>),
    /// With a trap, or an error of the host's.
    Stopped(Stop),
    /// With something that another engine may have more of: stack or memory. The text says what.
    Exhausted(String),
    /// With anything else; the text is the engine's.
    Failed(String),
}

/// Traps, as the specification tells them apart, and the host function's own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stop {
    /// `unreachable`.
    Unreachable,
    /// Outside a memory or a data segment.
    Memory,
    /// Outside a table or an element segment.
    Table,
    /// A null element called.
    NullElement,
    /// An element of another type called.
    BadSignature,
    /// An integer that does not fit.
    IntegerOverflow,
    /// Division by zero.
    DivisionByZero,
    /// NaN made an integer.
    BadConversion,
    /// A [`HostRefusal`].
    Host,
}

impl Stop {
    /// Under which name it is counted.
    pub fn counter(self) -> &'static str {
        match self {
            Stop::Unreachable => "trap: unreachable",
            Stop::Memory => "trap: memory",
            Stop::Table => "trap: table",
            Stop::NullElement => "trap: null element",
            Stop::BadSignature => "trap: signature",
            Stop::IntegerOverflow => "trap: overflow",
            Stop::DivisionByZero => "trap: division",
            Stop::BadConversion => "trap: conversion",
            Stop::Host => "host refused",
        }
    }
}

/// What a side's host functions were asked, and what they answer by.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct HostTrace {
    /// How many calls there were.
    pub calls: u64,
    /// A digest of which functions were called with what.
    pub digest: u64,
}

/// A host function says no.
#[derive(Clone, Copy, Debug)]
pub struct HostRefusal;

impl std::fmt::Display for HostRefusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the host function says no")
    }
}

impl std::error::Error for HostRefusal {}

impl HostTrace {
    /// What the imported function at position `import` answers: results that follow from all calls
    /// so far, and now and then a refusal.
    pub fn answer(
        &mut self,
        import: usize,
        args: impl Iterator<Item = Value>,
        results: &[ValType],
    ) -> Result<Vec<Value>, HostRefusal> {
        self.calls += 1;
        self.mix(import as u64);
        for arg in args {
            self.mix(digest(arg));
        }
        if self.digest.is_multiple_of(64) {
            return Err(HostRefusal);
        }
        let result = |ty: &ValType| {
            self.mix(1);
            derived_value(self.digest, *ty)
        };
        Ok(results.iter().map(result).collect())
    }

    fn mix(&mut self, word: u64) {
        let mixed = (self.digest ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.digest = mixed ^ (mixed >> 29);
    }
}

/// What the imported global at position `import` holds at first.
pub fn initial_global(import: usize, ty: ValType) -> Value {
    derived_value(import as u64 * 77 + 5, ty)
}

fn digest(value: Value) -> u64 {
    match value {
        Value::I32(bits) | Value::F32(bits) => bits.into(),
        Value::I64(bits) | Value::F64(bits) => bits,
        Value::V128(bits) => (bits >> 64) as u64 ^ (bits as u64).rotate_left(32),
        Value::Func { null } => null.into(),
        Value::Extern(number) => number.map_or(u64::MAX, u64::from),
    }
}
