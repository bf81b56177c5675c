//! Tables: how code finds them and what an entry looks like.
//!
//! A dynamic funcref table holds its entries inline, so an indirect call needs one bounds check,
//! one comparison and one load of code and context. Tables of other references hold 32-bit
//! indices. Static tables are part of the image: see [`StaticTable`](crate::StaticTable).
//!
//! **Invariants**
//! - A null [`FuncTableEntry`] has `type_id` NULL and the other fields zero.
//! - The four fields of an entry always belong to one function: host and code write them together.

use crate::{FuncRef, FunctionTypeId, VmContext};

/// The current place and size of a table, one for all who use it.
#[derive(Debug)]
#[repr(C)]
pub struct TableView {
    /// Address of entry 0: [`FuncTableEntry`] or [`ExternTableEntry`] by the element type.
    pub base: *mut u8,
    /// The number of entries.
    pub len: usize,
}

/// A table as an instance holds it, own or imported alike. For a static table both are null.
#[derive(Debug)]
#[repr(C)]
pub struct TableSlot {
    /// Address of entry 0 where the table's type fixes its size (`max` equal to `min`, as the
    /// instance's module declares it), so that it never moves; otherwise null.
    pub pinned_base: *mut u8,
    /// Where place and size are looked up.
    pub view: *const TableView,
}

impl TableSlot {
    /// Whether tables of type `ty` never move: the module may then use `pinned_base`, and take
    /// `min` as the size. An import's actual type has the same bounds or narrower ones.
    pub fn is_pinned(ty: &brolga_module::TableType) -> bool {
        ty.max == Some(ty.min)
    }
}

/// An entry of a dynamic funcref table.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct FuncTableEntry {
    /// `FuncRef::wasm_code`
    pub wasm_code: *const u8,
    /// `FuncRef::vmctx`
    pub vmctx: *mut VmContext,
    /// The `FuncRef` itself, for `table.get`; null is the null reference.
    pub func_ref: *const FuncRef,
    /// `FuncRef::type_id`; [`FunctionTypeId::NULL`] where null.
    pub type_id: FunctionTypeId,
    /// Zero.
    pub reserved: u32,
}

impl FuncTableEntry {
    /// The null entry.
    pub const NULL: FuncTableEntry = FuncTableEntry {
        wasm_code: core::ptr::null(),
        vmctx: core::ptr::null_mut(),
        func_ref: core::ptr::null(),
        type_id: FunctionTypeId::NULL,
        reserved: 0,
    };
}

/// An entry of a table of references that are indices into the store's heap; 0 is null.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(transparent)]
pub struct ExternTableEntry(pub u32);
