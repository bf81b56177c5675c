//! The traps: one line each.
//!
//! **Invariants**
//! - Numbers are stable: they stand in stored images.
//! - Numbers stay between 1 and 200, the range that Cranelift leaves to its users.

macro_rules! traps {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $message:literal;)*) => {
        /// Why wasm code stopped. The message is the specification's.
        ///
        /// ```
        /// use brolga_abi::TrapCode;
        /// let trap = TrapCode::from_number(1).unwrap();
        /// assert_eq!(trap.to_string(), "wasm `unreachable` instruction executed");
        /// ```
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[repr(u8)]
        #[non_exhaustive]
        pub enum TrapCode {
            $($(#[$doc])* $name = $number,)*
        }

        impl TrapCode {
            /// Every trap there is.
            pub const ALL: &'static [TrapCode] = &[$(TrapCode::$name,)*];

            /// The trap of number `number`.
            pub fn from_number(number: u8) -> Option<TrapCode> {
                match number {
                    $($number => Some(TrapCode::$name),)*
                    _ => None,
                }
            }

            /// What happened, in the specification's words.
            pub fn message(self) -> &'static str {
                match self {
                    $(TrapCode::$name => $message,)*
                }
            }
        }
    };
}

traps! {
    /// `unreachable`
    UnreachableCodeReached = 1, "wasm `unreachable` instruction executed";
    /// A load, store or bulk operation outside its memory, or outside its data segment.
    MemoryOutOfBounds = 2, "out of bounds memory access";
    /// A table operation outside its table, or outside its element segment.
    TableOutOfBounds = 3, "out of bounds table access";
    /// `call_indirect` with a position outside its table.
    UndefinedElement = 4, "undefined element: out of bounds table access";
    /// `call_indirect` of a null element.
    IndirectCallToNull = 5, "uninitialized element";
    /// `call_indirect` of a function of another type.
    BadSignature = 6, "indirect call type mismatch";
    /// Signed division whose result does not fit, or a conversion whose result does not fit.
    IntegerOverflow = 7, "integer overflow";
    /// Division by zero.
    IntegerDivisionByZero = 8, "integer divide by zero";
    /// A conversion of NaN to an integer.
    BadConversionToInteger = 9, "invalid conversion to integer";
    /// More stack asked for than there is.
    StackOverflow = 10, "call stack exhausted";
    /// A null reference where none may be.
    NullReference = 11, "null reference";
    /// Ended from outside.
    Interrupt = 12, "interrupt";
    /// Out of fuel.
    OutOfFuel = 13, "all fuel consumed by WebAssembly";
    /// An atomic access at an address that is not a multiple of its width.
    HeapMisaligned = 14, "unaligned atomic";
    /// An atomic wait on a memory that is not shared.
    AtomicWaitNonSharedMemory = 15, "atomic wait on non-shared memory";
    /// A GC array access outside its array.
    ArrayOutOfBounds = 16, "out of bounds array access";
    /// A GC allocation that cannot be.
    AllocationTooLarge = 17, "allocation size too large";
    /// A failed GC cast.
    CastFailure = 18, "cast failure";
}

impl core::fmt::Display for TrapCode {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.message())
    }
}

/// An instruction at which code may trap by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TrapSite {
    /// Where the instruction begins, in bytes from the image's start.
    pub code_offset: u32,
    /// The wasm operator it belongs to, in bytes from the module's start.
    pub wasm_offset: u32,
    /// Which trap.
    pub trap: TrapCode,
}
