//! The code between host and wasm that no module at hand has: compiled for one function type, and
//! kept for as long as somebody uses it.
//!
//! **Invariants**
//! - Code for a type is made for that type's shape; the number of the type is only how it is found,
//!   and numbers are used again: so an entry also holds the type itself, and is good only while
//!   both agree.

use brolga_abi::FunctionTypeId;
use brolga_module::FuncType;
use brolga_runtime::{Thunk, ThunkError, ThunkProvider};

#[cfg(feature = "compiler")]
mod compiled {
    use std::collections::HashMap;
    use std::sync::{Arc, Mutex, PoisonError, Weak};

    use super::{FuncType, FunctionTypeId, Thunk, ThunkError, ThunkProvider};
    use brolga_abi::CompileOptions;
    use brolga_compile::Target;
    use brolga_module::{Features, HeapType, ParsedModule, RefType, TypeIndex, ValType};
    use brolga_runtime::{LoadedCode, TypeRegistry};

    use crate::{Config, ConfigError, Result};

    /// What code is made for.
    pub(in super::super) fn target(config: &Config) -> Result<Target> {
        match &config.target {
            None => Ok(Target::host()?),
            Some(triple) => {
                let parsed = triple.parse().map_err(|reason: target_lexicon::ParseError| {
                    ConfigError::Triple { triple: triple.clone(), reason: reason.to_string() }
                })?;
                Ok(Target::new(parsed)?)
            }
        }
    }

    /// See the file's head.
    pub(crate) struct Thunks {
        types: TypeRegistry,
        target: Target,
        options: CompileOptions,
        code: Mutex<HashMap<FunctionTypeId, (FuncType, Weak<LoadedCode>)>>,
    }

    impl Thunks {
        pub(in super::super) fn new(
            types: TypeRegistry,
            target: Target,
            options: CompileOptions,
        ) -> Thunks {
            Thunks { types, target, options, code: Mutex::default() }
        }

        /// The code for a type, both ways.
        fn code(&self, id: FunctionTypeId, ty: &FuncType) -> Result<Arc<LoadedCode>> {
            let mut known = self.code.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((same, code)) = known.get(&id)
                && same == ty
                && let Some(code) = code.upgrade()
            {
                return Ok(code);
            }
            let module = ParsedModule::decode(carrier(ty)?.into(), Features::ALL)?;
            let image = brolga_compile::compile(&module, &self.target, &self.options, 1, &())?;
            let code = LoadedCode::load(Arc::new(module), Arc::new(image), &self.types)?;
            known.retain(|_, (_, code)| code.strong_count() != 0);
            known.insert(id, (ty.clone(), Arc::downgrade(&code)));
            Ok(code)
        }
    }

    /// A module whose code has an exit and an entry for functions of type `ty`: it imports one and
    /// exports one.
    fn carrier(ty: &FuncType) -> Result<Vec<u8>> {
        const TYPE: u8 = 1;
        const IMPORT: u8 = 2;
        const FUNCTION: u8 = 3;
        const EXPORT: u8 = 7;
        const CODE: u8 = 10;
        let mut func_type = vec![0x01, 0x60];
        for types in [ty.params(), ty.results()] {
            leb128(&mut func_type, types.len());
            for ty in types {
                val_type(&mut func_type, *ty)?;
            }
        }
        let mut bytes = b"\0asm\x01\0\0\0".to_vec();
        let sections: [(u8, &[u8]); 5] = [
            (TYPE, &func_type),
            // One import, with empty names: a function of type 0.
            (IMPORT, &[1, 0, 0, 0x00, 0]),
            // One function of type 0.
            (FUNCTION, &[1, 0]),
            // One export, with an empty name: function 1.
            (EXPORT, &[1, 0, 0x00, 1]),
            // One body, of three bytes: no locals, `unreachable`, `end`.
            (CODE, &[1, 3, 0, 0x00, 0x0b]),
        ];
        for (id, contents) in sections {
            bytes.push(id);
            leb128(&mut bytes, contents.len());
            bytes.extend_from_slice(contents);
        }
        Ok(bytes)
    }

    fn leb128(bytes: &mut Vec<u8>, mut number: usize) {
        loop {
            let low = (number & 0x7f) as u8;
            number >>= 7;
            if number == 0 {
                return bytes.push(low);
            }
            bytes.push(low | 0x80);
        }
    }

    fn val_type(bytes: &mut Vec<u8>, ty: ValType) -> Result<()> {
        let heap = |ty: RefType| match ty.heap {
            HeapType::Func => Ok(0x70),
            HeapType::Extern => Ok(0x6f),
            HeapType::NoFunc => Ok(0x73),
            HeapType::NoExtern => Ok(0x72),
            other => Err(crate::format_err!("references to {other:?} are not supported")),
        };
        match ty {
            ValType::I32 => bytes.push(0x7f),
            ValType::I64 => bytes.push(0x7e),
            ValType::F32 => bytes.push(0x7d),
            ValType::F64 => bytes.push(0x7c),
            ValType::V128 => bytes.push(0x7b),
            ValType::Ref(ty) if ty.nullable => bytes.push(heap(ty)?),
            ValType::Ref(ty) => bytes.extend([0x64, heap(ty)?]),
        }
        Ok(())
    }

    impl ThunkProvider for Thunks {
        fn host_exit(&self, id: FunctionTypeId, ty: &FuncType) -> Result<Thunk, ThunkError> {
            let code = self.code(id, ty).map_err(|error| ThunkError(error.into()))?;
            let address = code.host_exit(TypeIndex(0)).expect("a thunk image has its type's exit");
            Ok(Thunk { code, address })
        }

        fn host_entry(&self, id: FunctionTypeId, ty: &FuncType) -> Result<Thunk, ThunkError> {
            let code = self.code(id, ty).map_err(|error| ThunkError(error.into()))?;
            let address =
                code.host_entry(TypeIndex(0)).expect("a thunk image has its type's entry");
            Ok(Thunk { code, address })
        }
    }
}

#[cfg(feature = "compiler")]
pub(crate) use compiled::Thunks;
#[cfg(feature = "compiler")]
pub(super) use compiled::target;

/// Without the compiler there is no such code.
#[cfg(not(feature = "compiler"))]
pub(crate) struct Thunks {
    _private: (),
}

#[cfg(not(feature = "compiler"))]
impl Thunks {
    pub(super) fn new() -> Thunks {
        Thunks { _private: () }
    }
}

#[cfg(not(feature = "compiler"))]
impl ThunkProvider for Thunks {
    fn host_exit(&self, _: FunctionTypeId, _: &FuncType) -> Result<Thunk, ThunkError> {
        Err(ThunkError(Box::new(super::EngineError::NoCompiler)))
    }

    fn host_entry(&self, _: FunctionTypeId, _: &FuncType) -> Result<Thunk, ThunkError> {
        Err(ThunkError(Box::new(super::EngineError::NoCompiler)))
    }
}
