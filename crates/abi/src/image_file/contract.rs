//! A number for the contract that code is compiled against, so that code compiled against another
//! one is never loaded, not even between two builds that call themselves the same version.
//!
//! **Invariants**
//! - Every field that code reads or writes, every builtin and every trap is in it. A change of
//!   meaning that leaves all of them in place shows here only by raising the file's format number.

use core::hash::Hasher;
use core::mem::offset_of;

use crate::options::Fnv;
use crate::{
    Builtin, BuiltinType, CodeImage, FuncRef, FuncTableEntry, GlobalCell, HostFunctionContext,
    ImportedFunction, MemorySlot, MemoryView, StaticTableEntry, StoreContext, TableSlot, TableView,
    TrapCode, VmContext,
};

/// The number: the same on every machine, for a layout.
pub(super) fn fingerprint() -> u64 {
    let mut hasher = Fnv::default();
    let mut number = |number: usize| hasher.write(&(number as u64).to_le_bytes());
    number(CodeImage::PAGE);
    for layout in layouts() {
        layout.iter().for_each(|&offset| number(offset));
    }
    for builtin in Builtin::ALL {
        builtin.name().bytes().for_each(|byte| number(byte.into()));
        let params = builtin.params();
        number(params.len());
        params.into_iter().for_each(|ty| number(type_number(Some(ty))));
        number(type_number(builtin.result()));
    }
    for trap in TrapCode::ALL {
        number(*trap as usize);
        trap.message().bytes().for_each(|byte| number(byte.into()));
    }
    hasher.finish()
}

fn type_number(ty: Option<BuiltinType>) -> usize {
    match ty {
        None => 0,
        Some(BuiltinType::I32) => 1,
        Some(BuiltinType::I64) => 2,
        Some(BuiltinType::Pointer) => 3,
    }
}

macro_rules! layouts {
    ($($ty:ident { $($field:ident)* })*) => {
        /// The size of every struct that code sees, and where its fields are.
        fn layouts() -> Vec<Vec<usize>> {
            vec![$(vec![size_of::<$ty>(), $(offset_of!($ty, $field)),*]),*]
        }

        // Taken apart, so that a field that is not in the list does not compile.
        $(const _: fn($ty) = |$ty { $($field: _),* }| ();)*
    };
}

layouts! {
    VmContext { store builtins instance reserved }
    StoreContext {
        stack_limit exit_fp exit_pc activation owner fuel_consumed epoch epoch_deadline
        tells_calls
    }
    HostFunctionContext { store call data }
    FuncRef { wasm_code host_entry vmctx type_id func_index }
    ImportedFunction { wasm_code vmctx func_ref }
    GlobalCell { bytes }
    MemoryView { base size_bytes }
    MemorySlot { pinned_base view }
    TableView { base len }
    TableSlot { pinned_base view }
    FuncTableEntry { wasm_code vmctx func_ref type_id reserved }
    StaticTableEntry { code_offset type_index }
}
