//! Traps: why wasm stopped, as embedders match on it.

use core::fmt;

use brolga_abi::TrapCode;

macro_rules! traps {
    ($($(#[$doc:meta])* $name:ident = $message:literal, $($code:ident)|+;)*) => {
        /// Why wasm stopped.
        ///
        /// A call that traps returns an [`Error`](crate::Error) whose root cause is a `Trap`; the
        /// frames that were active are in it as a [`WasmBacktrace`](crate::WasmBacktrace).
        ///
        /// ```
        /// # use brolga::*;
        /// # fn main() -> Result<()> {
        /// let engine = Engine::default();
        /// let module = Module::new(&engine, r#"(module (func (export "stop") unreachable))"#)?;
        /// let mut store = Store::new(&engine, ());
        /// let instance = Instance::new(&mut store, &module, &[])?;
        /// let stop = instance.get_typed_func::<(), ()>(&mut store, "stop")?;
        /// let error = stop.call(&mut store, ()).unwrap_err();
        /// assert_eq!(error.downcast_ref(), Some(&Trap::UnreachableCodeReached));
        /// # Ok(())
        /// # }
        /// ```
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[non_exhaustive]
        pub enum Trap {
            $($(#[$doc])* $name,)*
        }

        impl Trap {
            /// What happened, in the specification's words.
            pub(crate) fn message(self) -> &'static str {
                match self {
                    $(Trap::$name => $message,)*
                }
            }

            /// The trap that code or host raised; `None` if it is one that this crate was not
            /// told of.
            pub(crate) fn from_code(code: TrapCode) -> Option<Trap> {
                match code {
                    $($(TrapCode::$code)|+ => Some(Trap::$name),)*
                    _ => None,
                }
            }
        }
    };
}

// name = message, the codes that mean it
traps! {
    /// The call stack is used up.
    StackOverflow = "call stack exhausted", StackOverflow;
    /// A load, store or bulk operation outside its memory, or outside its data segment.
    MemoryOutOfBounds = "out of bounds memory access", MemoryOutOfBounds;
    /// An atomic access at an address that is not a multiple of its width.
    HeapMisaligned = "unaligned atomic", HeapMisaligned;
    /// A table operation or an indirect call outside its table, or outside its element segment.
    TableOutOfBounds = "undefined element: out of bounds table access",
        TableOutOfBounds | UndefinedElement;
    /// An indirect call of a null element.
    IndirectCallToNull = "uninitialized element", IndirectCallToNull;
    /// An indirect call of a function of another type.
    BadSignature = "indirect call type mismatch", BadSignature;
    /// An integer result that does not fit its type.
    IntegerOverflow = "integer overflow", IntegerOverflow;
    /// A division by zero.
    IntegerDivisionByZero = "integer divide by zero", IntegerDivisionByZero;
    /// A conversion of NaN to an integer.
    BadConversionToInteger = "invalid conversion to integer", BadConversionToInteger;
    /// `unreachable`.
    UnreachableCodeReached = "wasm `unreachable` instruction executed", UnreachableCodeReached;
    /// Ended from outside.
    Interrupt = "interrupt", Interrupt;
    /// Out of fuel.
    OutOfFuel = "all fuel consumed by WebAssembly", OutOfFuel;
    /// An atomic wait on a memory that is not shared.
    AtomicWaitNonSharedMemory = "atomic wait on non-shared memory", AtomicWaitNonSharedMemory;
    /// A null reference where none may be.
    NullReference = "null reference", NullReference;
    /// An access outside an array.
    ArrayOutOfBounds = "out of bounds array access", ArrayOutOfBounds;
    /// An allocation that can't be.
    AllocationTooLarge = "allocation size too large", AllocationTooLarge;
    /// A reference cast to a type it is not of.
    CastFailure = "cast failure", CastFailure;
}

impl fmt::Display for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "wasm trap: {}", self.message())
    }
}

impl std::error::Error for Trap {}

/// Where wasm has reached outside its memory: a context of [`Trap::MemoryOutOfBounds`], where the
/// processor has found it out.
///
/// Operators on whole ranges, memories whose accesses are compared with their size by code, and
/// engines without [signals](crate::Config::signals_based_traps) give no such address.
///
/// ```
/// # use brolga::*;
/// # fn main() -> Result<()> {
/// let engine = Engine::default();
/// let module = Module::new(&engine, r#"(module (memory 1)
///     (func (export "load") (drop (i32.load (i32.const 0x12340)))))"#)?;
/// let mut store = Store::new(&engine, ());
/// let instance = Instance::new(&mut store, &module, &[])?;
/// let load = instance.get_typed_func::<(), ()>(&mut store, "load")?;
/// let error = load.call(&mut store, ()).unwrap_err();
/// let fault: &MemoryFault = error.downcast_ref().context("no address")?;
/// assert_eq!((fault.wasm_address(), fault.memory_size()), (0x12340, 0x10000));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct MemoryFault {
    wasm_address: u64,
    memory_size: usize,
}

impl MemoryFault {
    pub(crate) fn new(wasm_address: u64, memory_size: usize) -> MemoryFault {
        MemoryFault { wasm_address, memory_size }
    }

    /// The first byte that was not there, counted from the memory's first.
    pub fn wasm_address(&self) -> u64 {
        self.wasm_address
    }

    /// How many bytes the memory had.
    pub fn memory_size(&self) -> usize {
        self.memory_size
    }
}

impl fmt::Display for MemoryFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let MemoryFault { wasm_address, memory_size } = self;
        write!(
            f,
            "memory fault at wasm address {wasm_address:#x} in linear memory of size {memory_size:#x}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_a_trap() {
        for code in TrapCode::ALL {
            let trap = Trap::from_code(*code).expect("each code has a row");
            assert!(trap.to_string().ends_with(code.message()), "{trap} for {code}");
        }
    }
}
