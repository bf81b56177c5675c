//! The module `spectest` that the specification's scripts import from.
//!
//! Source: the reference interpreter's `host/spectest.ml`. The print functions print nothing: a
//! script asserts results, not output.

use brolga::{
    AsContextMut, Global, GlobalType, Linker, Memory, MemoryType, Mutability, Ref, RefType, Result,
    Store, Table, TableType, Val, ValType,
};

/// Defines `spectest` in `linker`.
pub(crate) fn define(linker: &mut Linker<()>, store: &mut Store<()>) -> Result<()> {
    linker.func_wrap("spectest", "print", || {})?;
    linker.func_wrap("spectest", "print_i32", |_: i32| {})?;
    linker.func_wrap("spectest", "print_i64", |_: i64| {})?;
    linker.func_wrap("spectest", "print_f32", |_: f32| {})?;
    linker.func_wrap("spectest", "print_f64", |_: f64| {})?;
    linker.func_wrap("spectest", "print_i32_f32", |_: i32, _: f32| {})?;
    linker.func_wrap("spectest", "print_f64_f64", |_: f64, _: f64| {})?;

    let globals = [
        ("global_i32", ValType::I32, Val::I32(666)),
        ("global_i64", ValType::I64, Val::I64(666)),
        ("global_f32", ValType::F32, Val::F32(666.6_f32.to_bits())),
        ("global_f64", ValType::F64, Val::F64(666.6_f64.to_bits())),
    ];
    for (name, ty, value) in globals {
        let ty = GlobalType::new(ty, Mutability::Const);
        let global = Global::new(store.as_context_mut(), ty, value)?;
        linker.define(&mut *store, "spectest", name, global)?;
    }

    let table_types = [
        ("table", TableType::new(RefType::FUNCREF, 10, Some(20))),
        ("table64", TableType::new64(RefType::FUNCREF, 10, Some(20))),
    ];
    for (name, ty) in table_types {
        let table = Table::new(store.as_context_mut(), ty, Ref::Func(None))?;
        linker.define(&mut *store, "spectest", name, table)?;
    }

    let memory = Memory::new(store.as_context_mut(), MemoryType::new(1, Some(2)))?;
    linker.define(&mut *store, "spectest", "memory", memory)?;
    Ok(())
}
