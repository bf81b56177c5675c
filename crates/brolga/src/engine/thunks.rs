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

#[cfg(not(feature = "compiler"))]
use {
    brolga_module::TypeIndex,
    brolga_runtime::LoadedCode,
    std::sync::{Arc, Mutex, PoisonError, Weak},
};

#[cfg(feature = "compiler")]
mod compiled {
    use std::collections::HashMap;
    use std::sync::{Arc, Mutex, PoisonError, Weak};

    use super::{FuncType, FunctionTypeId, Thunk, ThunkError, ThunkProvider};
    use brolga_compile::Target;
    use brolga_module::{Features, HeapType, ParsedModule, RefType, TypeIndex, ValType};
    use brolga_runtime::{LoadedCode, TypeRegistry};

    use crate::engine::compile::compile_and_load;
    use crate::{Config, HostError, Result};

    /// What code is made for.
    pub(in super::super) fn target(config: &Config) -> Result<Target> {
        let mut target = triple(config)?;
        for (feature, on) in config.cranelift_flags.cpu_features() {
            target = match on {
                true => target.with_cpu_feature(feature)?,
                false => target.without_cpu_feature(feature)?,
            };
        }
        Ok(target)
    }

    fn triple(config: &Config) -> Result<Target> {
        match &config.target {
            None => Ok(Target::host()?),
            Some(Ok(triple)) => Ok(Target::new(triple.clone())?),
            Some(Err(error)) => Err(error.clone().into()),
        }
    }

    /// An error if code for `target` can't run on this machine.
    pub(in super::super) fn check_runs_here(config: &Config, target: &Target) -> Result<()> {
        // The compiler has asked this machine what it is, unless it was told.
        if config.target.is_some() || config.cranelift_flags.cpu_features().next().is_some() {
            let cpu_features = target.cpu_features().iter().map(|it| &**it);
            HostError::check(target.triple(), cpu_features)?;
        }
        Ok(())
    }

    /// See the file's head.
    pub(crate) struct Thunks {
        types: TypeRegistry,
        target: Target,
        config: Config,
        code: Mutex<HashMap<FunctionTypeId, (FuncType, Weak<LoadedCode>)>>,
    }

    impl Thunks {
        pub(in super::super) fn new(types: TypeRegistry, target: Target, config: Config) -> Thunks {
            Thunks { types, target, config, code: Mutex::default() }
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
            let code = compile_and_load(module, &self.config, &self.target, 1, &self.types, &())?;
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
            Ok(Thunk { code, ty: TypeIndex(0) })
        }

        fn host_entry(&self, id: FunctionTypeId, ty: &FuncType) -> Result<Thunk, ThunkError> {
            let code = self.code(id, ty).map_err(|error| ThunkError(error.into()))?;
            Ok(Thunk { code, ty: TypeIndex(0) })
        }
    }
}

#[cfg(feature = "compiler")]
pub(crate) use compiled::Thunks;
#[cfg(feature = "compiler")]
pub(super) use compiled::{check_runs_here, target};

/// Without the compiler there is only the code that modules brought along: each has it for the
/// types of its imports, its indirect calls and its functions that escape.
#[cfg(not(feature = "compiler"))]
#[derive(Default)]
pub(crate) struct Thunks {
    loaded: Mutex<Loaded>,
}

#[cfg(not(feature = "compiler"))]
#[derive(Default)]
struct Loaded {
    modules: Vec<Weak<LoadedCode>>,
    /// When there are so many, dead ones are thrown out.
    sweep_at: usize,
}

#[cfg(not(feature = "compiler"))]
impl Thunks {
    /// Remembers what `code` has, for as long as it lives.
    pub(super) fn note(&self, code: &Arc<LoadedCode>) {
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if loaded.modules.len() >= loaded.sweep_at {
            loaded.modules.retain(|code| code.strong_count() != 0);
            loaded.sweep_at = 2 * loaded.modules.len() + 64;
        }
        loaded.modules.push(Arc::downgrade(code));
    }

    /// The code that `find` finds in a loaded module for its type of number `id`.
    fn find(
        &self,
        id: FunctionTypeId,
        find: impl Fn(&LoadedCode, TypeIndex) -> Option<*const u8>,
    ) -> Result<Thunk, ThunkError> {
        // Out of the lock: whoever drops the last hold on code frees it.
        let modules = self.loaded.lock().unwrap_or_else(PoisonError::into_inner).modules.clone();
        let found = modules.iter().find_map(|code| {
            let code = code.upgrade()?;
            // The number is the type's as long as a module that has it lives, and this one does.
            let ty = code.type_ids().iter().position(|it| *it == id)?;
            let ty = TypeIndex::from_usize(ty);
            find(&code, ty)?;
            Some(Thunk { code, ty })
        });
        found.ok_or_else(|| ThunkError(Box::new(super::EngineError::NoCompiler)))
    }
}

#[cfg(not(feature = "compiler"))]
impl ThunkProvider for Thunks {
    fn host_exit(&self, id: FunctionTypeId, _: &FuncType) -> Result<Thunk, ThunkError> {
        self.find(id, LoadedCode::host_exit)
    }

    fn host_entry(&self, id: FunctionTypeId, _: &FuncType) -> Result<Thunk, ThunkError> {
        self.find(id, LoadedCode::host_entry)
    }
}
