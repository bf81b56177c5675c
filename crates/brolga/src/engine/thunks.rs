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
    use brolga_module::TypeIndex;
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
            let (module, image) = brolga_compile::host_thunk_image(ty, &self.target, &self.options)?;
            let code = LoadedCode::load(Arc::new(module), Arc::new(image), &self.types)?;
            known.retain(|_, (_, code)| code.strong_count() != 0);
            known.insert(id, (ty.clone(), Arc::downgrade(&code)));
            Ok(code)
        }
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
