//! wasmparser's types as ours.
//!
//! **Invariants**
//! - `None` means that the type is none of ours. Validation refuses those first, because no
//!   feature in the table lets them in; the callers say so with an error all the same.

use wasmparser::{AbstractHeapType, Operator, UnpackedIndex};

use crate::{
    ConstOp, FuncIndex, FuncType, GlobalIndex, GlobalType, HeapType, IndexType, MemoryType,
    RefType, TableType, TypeIndex, ValType,
};

pub(crate) fn val_type(ty: wasmparser::ValType) -> Option<ValType> {
    Some(match ty {
        wasmparser::ValType::I32 => ValType::I32,
        wasmparser::ValType::I64 => ValType::I64,
        wasmparser::ValType::F32 => ValType::F32,
        wasmparser::ValType::F64 => ValType::F64,
        wasmparser::ValType::V128 => ValType::V128,
        wasmparser::ValType::Ref(ty) => ValType::Ref(ref_type(ty)?),
    })
}

pub(crate) fn ref_type(ty: wasmparser::RefType) -> Option<RefType> {
    Some(RefType { nullable: ty.is_nullable(), heap: heap_type(ty.heap_type())? })
}

pub(crate) fn heap_type(ty: wasmparser::HeapType) -> Option<HeapType> {
    match ty {
        wasmparser::HeapType::Abstract { shared: false, ty } => match ty {
            AbstractHeapType::Func => Some(HeapType::Func),
            AbstractHeapType::Extern => Some(HeapType::Extern),
            AbstractHeapType::NoFunc => Some(HeapType::NoFunc),
            AbstractHeapType::NoExtern => Some(HeapType::NoExtern),
            _ => None,
        },
        wasmparser::HeapType::Concrete(UnpackedIndex::Module(index)) => {
            Some(HeapType::Concrete(TypeIndex(index)))
        }
        _ => None,
    }
}

pub(crate) fn func_type(ty: &wasmparser::FuncType) -> Option<FuncType> {
    let list = |types: &[wasmparser::ValType]| {
        types.iter().map(|ty| val_type(*ty)).collect::<Option<Box<[ValType]>>>()
    };
    Some(FuncType::new(list(ty.params())?, list(ty.results())?))
}

pub(crate) fn table_type(ty: wasmparser::TableType) -> Option<TableType> {
    let element = ref_type(ty.element_type)?;
    let index = index_type(ty.table64);
    (!ty.shared).then_some(TableType { index, element, min: ty.initial, max: ty.maximum })
}

pub(crate) fn memory_type(ty: wasmparser::MemoryType) -> Option<MemoryType> {
    Some(MemoryType {
        index: index_type(ty.memory64),
        min: ty.initial,
        max: ty.maximum,
        shared: ty.shared,
        page_size_log2: u8::try_from(ty.page_size_log2.unwrap_or(16)).ok()?,
    })
}

pub(crate) fn global_type(ty: wasmparser::GlobalType) -> Option<GlobalType> {
    let content = val_type(ty.content_type)?;
    (!ty.shared).then_some(GlobalType { content, mutable: ty.mutable })
}

/// An operator of a constant expression, `end` excepted.
pub(crate) fn const_op(operator: &Operator<'_>) -> Option<ConstOp> {
    Some(match *operator {
        Operator::I32Const { value } => ConstOp::I32Const(value),
        Operator::I64Const { value } => ConstOp::I64Const(value),
        Operator::F32Const { value } => ConstOp::F32Const(value.bits()),
        Operator::F64Const { value } => ConstOp::F64Const(value.bits()),
        Operator::V128Const { value } => ConstOp::V128Const(u128::from_le_bytes(*value.bytes())),
        Operator::RefNull { hty } => {
            let ty = RefType { nullable: true, heap: heap_type(hty)? };
            if ty.is_func() { ConstOp::RefNullFunc } else { ConstOp::RefNullExtern }
        }
        Operator::RefFunc { function_index } => ConstOp::RefFunc(FuncIndex(function_index)),
        Operator::GlobalGet { global_index } => ConstOp::GlobalGet(GlobalIndex(global_index)),
        Operator::I32Add => ConstOp::I32Add,
        Operator::I32Sub => ConstOp::I32Sub,
        Operator::I32Mul => ConstOp::I32Mul,
        Operator::I64Add => ConstOp::I64Add,
        Operator::I64Sub => ConstOp::I64Sub,
        Operator::I64Mul => ConstOp::I64Mul,
        _ => return None,
    })
}

fn index_type(is_64: bool) -> IndexType {
    if is_64 { IndexType::I64 } else { IndexType::I32 }
}
