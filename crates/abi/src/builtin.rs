//! The builtins: what code asks the host to do. One line each; both sides expand this table.
//!
//! A builtin gets the caller's context and plain numbers, never a reference into the store. It
//! returns its result, or does not return: a trap leaves through the runtime's one door. Code calls
//! them through a thunk of the image that notes the exit (see [`StoreContext`](crate::StoreContext)).
//!
//! | letter in the table | in code | in Rust |
//! |---|---|---|
//! | `vmctx` | pointer | `*mut VmContext` |
//! | `i32` | `i32` | `u32` |
//! | `i64` | `i64` | `u64` |
//! | `ptr` | pointer | `*const FuncRef` |

/// Calls the macro `$rows` with every builtin: `name(argument: type, …) -> type;`, where the first
/// argument, the context, is left out and `never` says that it does not return.
#[macro_export]
macro_rules! for_each_builtin {
    ($rows:ident) => {
        $rows! {
            /// Traps with the `TrapCode` of number `code`.
            raise_trap(code: i32) -> never;
            /// `memory.grow`: the old size in pages, or all ones.
            memory_grow(memory: i32, delta_pages: i64) -> i64;
            /// `memory.fill`; traps out of bounds, before writing.
            memory_fill(memory: i32, address: i64, value: i32, len: i64) -> unit;
            /// `memory.copy`; traps out of bounds, before writing.
            memory_copy(to: i32, from: i32, to_address: i64, from_address: i64, len: i64) -> unit;
            /// `memory.init`; traps out of bounds, before writing.
            memory_init(memory: i32, data: i32, address: i64, offset: i32, len: i32) -> unit;
            /// `data.drop`
            data_drop(data: i32) -> unit;
            /// The reference to a function of this module, made on first use.
            ref_func(function: i32) -> ptr;
            /// `table.get` on a static table of functions; traps out of bounds.
            table_get_func(table: i32, position: i64) -> ptr;
            /// `table.grow` on a table of functions: the old size, or all ones.
            table_grow_func(table: i32, init: ptr, delta: i64) -> i64;
            /// `table.grow` on a table of indices: the old size, or all ones.
            table_grow_extern(table: i32, init: i32, delta: i64) -> i64;
            /// `table.fill` on a table of functions; traps out of bounds, before writing.
            table_fill_func(table: i32, position: i64, value: ptr, len: i64) -> unit;
            /// `table.fill` on a table of indices; traps out of bounds, before writing.
            table_fill_extern(table: i32, position: i64, value: i32, len: i64) -> unit;
            /// `table.copy`; traps out of bounds, before writing.
            table_copy(to: i32, from: i32, to_position: i64, from_position: i64, len: i64) -> unit;
            /// `table.init`; traps out of bounds, before writing.
            table_init(table: i32, elem: i32, position: i64, offset: i32, len: i32) -> unit;
            /// `elem.drop`
            elem_drop(elem: i32) -> unit;
            /// Takes fuel from the store's reserve; traps if there is none left.
            out_of_fuel() -> unit;
            /// Does what the store does at its deadline: moves the deadline, or ends the call.
            new_epoch() -> unit;
        }
    };
}

/// The type of a builtin's argument or result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BuiltinType {
    /// 32 bits.
    I32,
    /// 64 bits.
    I64,
    /// A pointer to a `FuncRef`.
    Pointer,
}

macro_rules! builtin_type {
    (i32) => {
        Some(BuiltinType::I32)
    };
    (i64) => {
        Some(BuiltinType::I64)
    };
    (ptr) => {
        Some(BuiltinType::Pointer)
    };
    (unit) => {
        None
    };
    (never) => {
        None
    };
}

macro_rules! define_builtins {
    ($($(#[$doc:meta])* $name:ident($($arg:ident: $ty:tt),*) -> $ret:tt;)*) => {
        /// The builtins, by name.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[allow(non_camel_case_types, reason = "one spelling for a builtin, wherever it stands")]
        #[repr(u32)]
        pub enum Builtin {
            $($(#[$doc])* $name,)*
        }

        impl Builtin {
            /// Every builtin, in the order of the table.
            pub const ALL: &'static [Builtin] = &[$(Builtin::$name,)*];

            /// Its name.
            pub fn name(self) -> &'static str {
                match self {
                    $(Builtin::$name => stringify!($name),)*
                }
            }

            /// The types of its arguments, the context left out.
            pub fn params(self) -> Vec<BuiltinType> {
                match self {
                    $(Builtin::$name => {
                        let params: &[Option<BuiltinType>] = &[$(builtin_type!($ty),)*];
                        params.iter().flatten().copied().collect()
                    })*
                }
            }

            /// The type of its result.
            pub fn result(self) -> Option<BuiltinType> {
                match self {
                    $(Builtin::$name => builtin_type!($ret),)*
                }
            }

            /// Where its address stands in [`BuiltinTable`], in bytes.
            pub fn table_offset(self) -> u32 {
                self as u32 * 8
            }
        }

        /// The addresses of the builtins, in the order of the table.
        ///
        /// Each is an `extern "C"` function whose first parameter is the context.
        #[derive(Debug)]
        #[repr(C)]
        pub struct BuiltinTable {
            $($(#[$doc])* pub $name: *const u8,)*
        }
    };
}

for_each_builtin!(define_builtins);
