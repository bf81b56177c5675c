//! Between the types of the binary format and those of the API.
//!
//! A module names types by index, the API by value; so the way up needs the module, and a type
//! with a concrete function type in it has no way down without one.

use core::fmt;

use brolga_module as module;

use super::{
    ExternType, FuncType, GlobalType, HeapType, MemoryType, Mutability, RefType, TableType, ValType,
};
use crate::{Engine, Error, Result};

/// A module's type, as embedders see it.
pub(crate) fn extern_type(
    engine: &Engine,
    parsed: &module::ParsedModule,
    ty: &module::ExternType,
) -> ExternType {
    match ty {
        module::ExternType::Func(index) => {
            func_type(engine, &parsed.types, &parsed.types[index.as_usize()]).into()
        }
        module::ExternType::Table(ty) => table_type(engine, &parsed.types, ty).into(),
        module::ExternType::Memory(ty) => MemoryType { ty: *ty }.into(),
        module::ExternType::Global(ty) => global_type(engine, &parsed.types, ty).into(),
    }
}

/// A function type, as embedders see it; `types` is what indices in it mean.
pub(crate) fn func_type(
    engine: &Engine,
    types: &[module::FuncType],
    ty: &module::FuncType,
) -> FuncType {
    let up = |ty: &module::ValType| val_type(engine, types, *ty);
    FuncType::new(engine, ty.params().iter().map(up), ty.results().iter().map(up))
}

/// A table type, as embedders see it.
pub(crate) fn table_type(
    engine: &Engine,
    types: &[module::FuncType],
    ty: &module::TableType,
) -> TableType {
    TableType {
        element: ref_type(engine, types, ty.element),
        is_64: ty.index == module::IndexType::I64,
        min: ty.min,
        max: ty.max,
    }
}

/// A global type, as embedders see it.
pub(crate) fn global_type(
    engine: &Engine,
    types: &[module::FuncType],
    ty: &module::GlobalType,
) -> GlobalType {
    let mutability = if ty.mutable { Mutability::Var } else { Mutability::Const };
    GlobalType::new(val_type(engine, types, ty.content), mutability)
}

fn val_type(engine: &Engine, types: &[module::FuncType], ty: module::ValType) -> ValType {
    match ty {
        module::ValType::I32 => ValType::I32,
        module::ValType::I64 => ValType::I64,
        module::ValType::F32 => ValType::F32,
        module::ValType::F64 => ValType::F64,
        module::ValType::V128 => ValType::V128,
        module::ValType::Ref(ty) => ValType::Ref(ref_type(engine, types, ty)),
    }
}

fn ref_type(engine: &Engine, types: &[module::FuncType], ty: module::RefType) -> RefType {
    let heap = match ty.heap {
        module::HeapType::Func => HeapType::Func,
        module::HeapType::Extern => HeapType::Extern,
        module::HeapType::NoFunc => HeapType::NoFunc,
        module::HeapType::NoExtern => HeapType::NoExtern,
        // Typed references are not decoded yet; once they are, a type may contain itself, and
        // unfolding it here has to stop at the recursion group.
        module::HeapType::Concrete(index) => match types.get(index.as_usize()) {
            Some(ty) => HeapType::ConcreteFunc(func_type(engine, types, ty)),
            None => HeapType::Func,
        },
        _ => HeapType::Func,
    };
    RefType::new(ty.nullable, heap)
}

impl FuncType {
    /// The type as the engine's registry takes it.
    ///
    /// # Errors
    /// If it contains a reference to a function of a certain type, which only modules can name.
    pub(crate) fn lower(&self) -> Result<module::FuncType> {
        let down = |types: &[ValType]| types.iter().map(ValType::lower).collect::<Result<Vec<_>>>();
        Ok(module::FuncType::new(down(self.param_types())?, down(self.result_types())?))
    }
}

impl ValType {
    pub(crate) fn lower(&self) -> Result<module::ValType> {
        Ok(match self {
            ValType::I32 => module::ValType::I32,
            ValType::I64 => module::ValType::I64,
            ValType::F32 => module::ValType::F32,
            ValType::F64 => module::ValType::F64,
            ValType::V128 => module::ValType::V128,
            ValType::Ref(ty) => module::ValType::Ref(ty.lower()?),
        })
    }
}

impl RefType {
    pub(crate) fn lower(&self) -> Result<module::RefType> {
        let heap = match self.heap_type() {
            HeapType::Func => module::HeapType::Func,
            HeapType::Extern => module::HeapType::Extern,
            HeapType::NoFunc => module::HeapType::NoFunc,
            HeapType::NoExtern => module::HeapType::NoExtern,
            HeapType::ConcreteFunc(ty) => {
                return Err(Error::msg(format!(
                    "references to functions of type {ty} are not supported yet, use funcref"
                )));
            }
        };
        Ok(module::RefType { nullable: self.is_nullable(), heap })
    }
}

impl TableType {
    pub(crate) fn lower(&self) -> Result<module::TableType> {
        Ok(module::TableType {
            index: if self.is_64 { module::IndexType::I64 } else { module::IndexType::I32 },
            element: self.element.lower()?,
            min: self.min,
            max: self.max,
        })
    }
}

impl GlobalType {
    pub(crate) fn lower(&self) -> Result<module::GlobalType> {
        Ok(module::GlobalType {
            content: self.content().lower()?,
            mutable: self.mutability().is_var(),
        })
    }
}

impl MemoryType {
    pub(crate) fn lower(&self) -> module::MemoryType {
        self.ty
    }

    pub(crate) fn lift(ty: module::MemoryType) -> MemoryType {
        MemoryType { ty }
    }
}

/// Limits as the text format writes them.
pub(super) fn format_limits(
    f: &mut fmt::Formatter<'_>,
    is_64: bool,
    min: u64,
    max: Option<u64>,
) -> fmt::Result {
    if is_64 {
        f.write_str("i64 ")?;
    }
    write!(f, "{min}")?;
    max.map_or(Ok(()), |max| write!(f, " {max}"))
}
