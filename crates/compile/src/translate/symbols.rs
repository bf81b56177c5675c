//! What the function under translation has declared of the outside: signatures, callees, static
//! tables. Each is declared once, when first needed.
//!
//! **Invariants**
//! - Everything declared is in the same image, so every reference is colocated: no absolute
//!   address enters the code.
//! - [`Symbols::finish`] leaves nothing behind for the next function.

use brolga_abi::Builtin;
use brolga_module::{DefinedFuncIndex, TableIndex, TypeIndex};
use cranelift_codegen::ir::{
    ExtFuncData, ExternalName, FuncRef, GlobalValue, GlobalValueData, SigRef, Signature,
};

use super::{FuncTranslator, TranslatedFunction};
use crate::func_env::{Symbol, builtin_signature, wasm_signature};

/// What the function under translation has declared of the outside.
#[derive(Debug, Default)]
pub(super) struct Symbols {
    signatures: Declared<SigRef>,
    functions: Declared<FuncRef>,
    builtins: Declared<FuncRef>,
    static_tables: Declared<GlobalValue>,
    indirect_types: Declared<()>,
    used: TranslatedFunction,
}

impl Symbols {
    /// Ends a function: forgets all that was declared and tells what was used.
    pub(super) fn finish(&mut self) -> TranslatedFunction {
        self.signatures.clear();
        self.functions.clear();
        self.builtins.clear();
        self.static_tables.clear();
        self.indirect_types.clear();
        core::mem::take(&mut self.used)
    }
}

/// A map from small indices that is emptied at no cost: an entry counts only if it was made in the
/// present round.
#[derive(Debug)]
struct Declared<T> {
    entries: Vec<(u32, Option<T>)>,
    round: u32,
}

impl<T> Default for Declared<T> {
    fn default() -> Self {
        Self { entries: Vec::new(), round: 1 }
    }
}

impl<T: Copy> Declared<T> {
    fn get(&self, index: u32) -> Option<T> {
        match self.entries.get(index as usize) {
            Some(&(round, entry)) if round == self.round => entry,
            _ => None,
        }
    }

    fn insert(&mut self, index: u32, entry: T) {
        let position = index as usize;
        if position >= self.entries.len() {
            self.entries.resize(position + 1, (0, None));
        }
        self.entries[position] = (self.round, Some(entry));
    }

    fn clear(&mut self) {
        self.round = self.round.checked_add(1).unwrap_or_else(|| {
            self.entries.clear();
            1
        });
    }
}

impl FuncTranslator<'_, '_> {
    /// The signature of functions of type `ty`.
    pub(super) fn signature(&mut self, ty: TypeIndex) -> SigRef {
        let ty = self.env.layout.canonical_type(ty);
        if let Some(signature) = self.symbols.signatures.get(ty.0) {
            return signature;
        }
        let signature = wasm_signature(&self.env.module.types[ty.as_usize()]);
        let signature = self.builder.import_signature(signature);
        self.symbols.signatures.insert(ty.0, signature);
        signature
    }

    /// The signature for a call of a function that is only known by its type `ty`.
    pub(super) fn indirect_signature(&mut self, ty: TypeIndex) -> SigRef {
        let ty = self.env.layout.canonical_type(ty);
        if self.symbols.indirect_types.get(ty.0).is_none() {
            self.symbols.indirect_types.insert(ty.0, ());
            self.symbols.used.indirect_types.push(ty);
        }
        self.signature(ty)
    }

    /// A function of this module, as callee.
    pub(super) fn own_function(&mut self, func: DefinedFuncIndex) -> FuncRef {
        if let Some(function) = self.symbols.functions.get(func.0) {
            return function;
        }
        let ty = self.env.module.functions[self.env.module.func_index(func).as_usize()];
        let signature = self.signature(ty);
        let function = self.import(Symbol::Function(func), signature);
        self.symbols.functions.insert(func.0, function);
        function
    }

    /// The thunk to a builtin, as callee.
    pub(super) fn builtin_thunk(&mut self, builtin: Builtin) -> FuncRef {
        if let Some(function) = self.symbols.builtins.get(builtin as u32) {
            return function;
        }
        let signature: Signature = builtin_signature(builtin);
        let signature = self.builder.import_signature(signature);
        let function = self.import(Symbol::BuiltinThunk(builtin), signature);
        self.symbols.builtins.insert(builtin as u32, function);
        self.symbols.used.builtins.push(builtin);
        function
    }

    /// The read-only data of a static table, as an address.
    pub(super) fn static_table_address(&mut self, table: TableIndex) -> GlobalValue {
        if let Some(value) = self.symbols.static_tables.get(table.0) {
            return value;
        }
        let value = GlobalValueData::Symbol {
            name: self.name(Symbol::StaticTable(table)),
            offset: 0.into(),
            colocated: true,
            tls: false,
        };
        let value = self.builder.create_global_value(value);
        self.symbols.static_tables.insert(table.0, value);
        self.symbols.used.static_tables.push(table);
        value
    }

    fn import(&mut self, symbol: Symbol, signature: SigRef) -> FuncRef {
        let name = self.name(symbol);
        self.builder.import_function(ExtFuncData {
            name,
            signature,
            colocated: true,
            patchable: false,
        })
    }

    fn name(&mut self, symbol: Symbol) -> ExternalName {
        let func = &mut self.builder.func;
        ExternalName::user(func.declare_imported_user_function(symbol.to_name()))
    }
}
