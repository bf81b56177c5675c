//! What the translation of every function of a module shares: the module, its context's layout,
//! signatures and the names of symbols.
//!
//! It never holds anything of a single function; [`translate`](crate::translate) does.
//!
//! **Invariants**
//! - Shared read-only by all workers: what a function becomes depends on this and on its bytes
//!   alone, so results are the same for any number of threads.
//! - Every symbol that code refers to is a [`Symbol`], and all of them are in the same image.

use brolga_abi::{Builtin, BuiltinType, CompileOptions, ContextLayout, MemoryPlan};
use brolga_module::{
    DefinedFuncIndex, FuncType, MemoryIndex, ParsedModule, RefType, TableIndex, TypeIndex, ValType,
    wasmparser,
};
use cranelift_codegen::ir::{AbiParam, Signature, Type, UserExternalName, types};
use cranelift_codegen::isa::{CallConv, TargetIsa};

use crate::analysis::ModuleFacts;

/// The type of addresses: all supported targets are 64-bit.
pub const POINTER: Type = types::I64;

/// What the translation of every function of a module shares.
pub struct ModuleEnv<'a> {
    /// The module.
    pub module: &'a ParsedModule,
    /// Where everything of its instances stands.
    pub layout: &'a ContextLayout,
    /// What changes generated code.
    pub options: &'a CompileOptions,
    /// What is known of all bodies together.
    pub facts: &'a ModuleFacts,
    /// The target.
    pub isa: &'a dyn TargetIsa,
}

impl ModuleEnv<'_> {
    /// How accesses to `memory` are kept inside.
    pub fn memory_plan(&self, memory: MemoryIndex) -> MemoryPlan {
        let ty = &self.module.memories[memory.as_usize()];
        MemoryPlan::new(ty, &self.options.memory)
    }

    /// Whether traps may be hardware faults; otherwise each is found out by code and raised by a
    /// call.
    pub fn hardware_traps(&self) -> bool {
        self.options.memory.signals
    }
}

/// The signature of wasm functions of type `ty`, and of thunks to host functions of that type:
/// (callee context, caller context, params…) -> results….
pub fn wasm_signature(ty: &FuncType) -> Signature {
    let mut signature = Signature::new(CallConv::Tail);
    signature.params.reserve_exact(ty.params().len() + 2);
    signature.params.push(AbiParam::new(POINTER));
    signature.params.push(AbiParam::new(POINTER));
    let params = ty.params().iter().map(|&ty| AbiParam::new(clif_type(ty)));
    signature.params.extend(params);
    let results = ty.results().iter().map(|&ty| AbiParam::new(clif_type(ty)));
    signature.returns.extend(results);
    signature
}

/// The signature of the thunk to `builtin`: (context, arguments…) -> result.
pub fn builtin_signature(builtin: Builtin) -> Signature {
    let mut signature = Signature::new(CallConv::Tail);
    signature.params.push(AbiParam::new(POINTER));
    let params = builtin.params().into_iter();
    signature.params.extend(params.map(|ty| AbiParam::new(builtin_type(ty))));
    let result = builtin.result();
    signature.returns.extend(result.map(|ty| AbiParam::new(builtin_type(ty))));
    signature
}

/// The type that values of wasm type `ty` have where they cross a block, a local, a call or
/// memory.
pub fn clif_type(ty: ValType) -> Type {
    match ty {
        ValType::I32 => types::I32,
        ValType::I64 => types::I64,
        ValType::F32 => types::F32,
        ValType::F64 => types::F64,
        ValType::V128 => types::I8X16,
        ValType::Ref(ty) => reference_type(ty),
    }
}

/// [`clif_type`] of a type as the reader of operators gives it.
pub fn clif_type_of_operand(ty: wasmparser::ValType) -> Type {
    match ty {
        wasmparser::ValType::I32 => types::I32,
        wasmparser::ValType::I64 => types::I64,
        wasmparser::ValType::F32 => types::F32,
        wasmparser::ValType::F64 => types::F64,
        wasmparser::ValType::V128 => types::I8X16,
        wasmparser::ValType::Ref(ty) => heap_reference_type(ty.heap_type()),
    }
}

/// [`reference_type`] of a heap type as the reader of operators gives it.
pub fn heap_reference_type(ty: wasmparser::HeapType) -> Type {
    use wasmparser::{AbstractHeapType, HeapType};
    match ty {
        HeapType::Abstract { ty: AbstractHeapType::Func | AbstractHeapType::NoFunc, .. } => POINTER,
        // The only types of a module are function types.
        HeapType::Concrete(_) | HeapType::Exact(_) => POINTER,
        HeapType::Abstract { .. } => types::I32,
    }
}

/// The type of references: a pointer to a `FuncRef`, or an index into the store's heap.
pub fn reference_type(ty: RefType) -> Type {
    if ty.is_func() { POINTER } else { types::I32 }
}

/// The type of a builtin's argument or result.
pub fn builtin_type(ty: BuiltinType) -> Type {
    match ty {
        BuiltinType::I32 => types::I32,
        BuiltinType::I64 => types::I64,
        BuiltinType::Pointer => POINTER,
    }
}

/// Whatever code can refer to outside its own function: a place in the same image.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Symbol {
    /// A function of the module.
    Function(DefinedFuncIndex),
    /// The entry for the host of a canonical function type.
    HostEntry(TypeIndex),
    /// The thunk to host functions of a canonical function type.
    HostExit(TypeIndex),
    /// The thunk to a builtin.
    BuiltinThunk(Builtin),
    /// The read-only data of a static table.
    StaticTable(TableIndex),
}

impl Symbol {
    const FUNCTION: u32 = 0;
    const HOST_ENTRY: u32 = 1;
    const HOST_EXIT: u32 = 2;
    const BUILTIN_THUNK: u32 = 3;
    const STATIC_TABLE: u32 = 4;

    /// The symbol's name in Cranelift IR.
    pub fn to_name(self) -> UserExternalName {
        let (namespace, index) = match self {
            Symbol::Function(func) => (Self::FUNCTION, func.0),
            Symbol::HostEntry(ty) => (Self::HOST_ENTRY, ty.0),
            Symbol::HostExit(ty) => (Self::HOST_EXIT, ty.0),
            Symbol::BuiltinThunk(builtin) => (Self::BUILTIN_THUNK, builtin as u32),
            Symbol::StaticTable(table) => (Self::STATIC_TABLE, table.0),
        };
        UserExternalName { namespace, index }
    }

    /// The symbol of a name that [`to_name`](Self::to_name) made; `None` for any other.
    pub fn from_name(name: &UserExternalName) -> Option<Symbol> {
        let index = name.index;
        Some(match name.namespace {
            Self::FUNCTION => Symbol::Function(DefinedFuncIndex(index)),
            Self::HOST_ENTRY => Symbol::HostEntry(TypeIndex(index)),
            Self::HOST_EXIT => Symbol::HostExit(TypeIndex(index)),
            Self::BUILTIN_THUNK => Symbol::BuiltinThunk(*Builtin::ALL.get(index as usize)?),
            Self::STATIC_TABLE => Symbol::StaticTable(TableIndex(index)),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_symbol_is_found_again_by_its_name() {
        let builtins = Builtin::ALL.iter().map(|&builtin| Symbol::BuiltinThunk(builtin));
        let others = [
            Symbol::Function(DefinedFuncIndex(7)),
            Symbol::HostEntry(TypeIndex(1)),
            Symbol::HostExit(TypeIndex(1)),
            Symbol::StaticTable(TableIndex(3)),
        ];
        for symbol in builtins.chain(others) {
            assert_eq!(Symbol::from_name(&symbol.to_name()), Some(symbol));
        }
        let past_the_end =
            UserExternalName { namespace: Symbol::BUILTIN_THUNK, index: Builtin::ALL.len() as u32 };
        assert_eq!(Symbol::from_name(&past_the_end), None);
    }
}
