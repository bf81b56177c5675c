//! A file on which the sandbox stands; changes need a second reader.
//!
//! The builtins: what code calls because it is too large or too rare to be inline.
//!
//! ```text
//!  thunk of the image ──▶ extern "C" entry (made from abi's table) ──▶ body here ──▶ value
//!                                                                          └──▶ trap door
//! ```
//!
//! **Trusts** that code passes its own context, indices that validation has seen, and references
//! that are null or of this store.
//! **Promises** what the specification says of each operation: a trap before anything is written,
//! −1 where growing fails.
//! **Tested by** `tests/builtin.rs`; with code, by the specification's suites.
//!
//! **Invariants**
//! - A body is a safe function of store, instance and numbers; it returns a trap rather than
//!   raise it. Only the entries know of contexts and of the trap door.
//! - References to memories and tables made here are gone when the entry returns.

use std::ptr::NonNull;

use brolga_abi::{BuiltinTable, FuncRef, TrapCode, VmContext, for_each_builtin};

use crate::arena::Place;
use crate::host::host_call_shim;
use crate::{Store, Unwind};

/// The addresses of the builtins, for every context.
pub(crate) static BUILTINS: Builtins = Builtins(TABLE);

/// A table of function addresses, which any thread may read.
pub(crate) struct Builtins(BuiltinTable);

// SAFETY: the addresses never change and point to code.
unsafe impl Sync for Builtins {}

impl Builtins {
    pub(crate) fn as_ptr(&self) -> *const BuiltinTable {
        &raw const self.0
    }
}

/// The Rust type of an argument or result in the table.
macro_rules! rust_type {
    (i32) => { u32 };
    (i64) => { u64 };
    (ptr) => { *const FuncRef };
    (unit) => { () };
    // The trap door is behind the body: the entry of such a builtin does not get to return.
    (never) => { () };
}

/// Runs the body behind an entry: with the store borrowed, unless it is the embedder's code that
/// runs, which has a way to the store of its own.
macro_rules! run_body {
    (new_epoch, $vmctx:ident,) => {
        crate::interrupt::new_epoch($vmctx)
    };
    ($name:ident, $vmctx:ident, $($arg:ident),*) => {
        run($vmctx, |store, instance| body::$name(store, instance, $($arg),*))
    };
}

macro_rules! define_entries {
    ($($(#[$doc:meta])* $name:ident($($arg:ident: $ty:tt),*) -> $ret:tt;)*) => {
        const TABLE: BuiltinTable = BuiltinTable { $($name: entry::$name as *const u8,)* };

        /// What code calls.
        mod entry {
            use super::*;

            $(
                pub(super) unsafe extern "C" fn $name(
                    vmctx: *mut VmContext,
                    $($arg: rust_type!($ty)),*
                ) -> rust_type!($ret) {
                    // SAFETY: only code calls this, with the context of the running instance.
                    unsafe { run_body!($name, vmctx, $($arg),*) }
                }
            )*
        }
    };
}

for_each_builtin!(define_entries);

/// Runs the body of a builtin for the instance whose context is `vmctx`.
///
/// # Safety
/// `vmctx` must be the context of the instance that runs on this thread, and the frame between it
/// and this function must own nothing.
unsafe fn run<R: Copy>(
    vmctx: *mut VmContext,
    body: impl FnOnce(&mut Store, Place) -> Result<R, Unwind>,
) -> R {
    // SAFETY: the caller says that the context is alive; its head never changes.
    let (context, index) = unsafe { ((*vmctx).store, (*vmctx).instance) };
    let context = NonNull::new(context).expect("a context names its store");
    let body = move || {
        // SAFETY: code of the store runs on this thread, so nobody else uses the store: whoever
        // entered code has said where it is, by `Store::stay`.
        let store = unsafe { Store::from_context(context).as_mut() };
        let place = store.arenas.instances.place_at(index);
        body(store, place.expect("a running instance is in its store"))
    };
    // SAFETY: code of the store called the entry, whose frame holds numbers only.
    unsafe { host_call_shim(context, body) }
}

/// What the builtins do.
pub(crate) mod body {
    use std::sync::Arc;

    use brolga_module::{DataIndex, DataMode, ElemIndex, ElementMode, FuncIndex, TableIndex};

    use super::*;
    use crate::limits::GrowError;
    use crate::memory::range;
    use crate::table::static_element;
    use crate::value::Bits;

    type Outcome<R> = Result<R, Unwind>;

    pub(crate) fn raise_trap(_: &mut Store, _: Place, code: u32) -> Outcome<()> {
        let known = u8::try_from(code).ok().and_then(TrapCode::from_number);
        Err(known.expect("code raises traps of the table").into())
    }

    pub(crate) fn memory_grow(
        store: &mut Store,
        instance: Place,
        memory: u32,
        delta_pages: u64,
    ) -> Outcome<u64> {
        let memory = memory_place(store, instance, memory);
        old_size(store.grow_memory(memory, delta_pages))
    }

    pub(crate) fn memory_fill(
        store: &mut Store,
        instance: Place,
        memory: u32,
        address: u64,
        value: u32,
        len: u64,
    ) -> Outcome<()> {
        let memory = memory_place(store, instance, memory);
        let bytes = store.memory_mut(memory).range_mut(address, len);
        bytes.ok_or(TrapCode::MemoryOutOfBounds)?.fill(value as u8);
        Ok(())
    }

    pub(crate) fn memory_copy(
        store: &mut Store,
        instance: Place,
        to: u32,
        from: u32,
        to_address: u64,
        from_address: u64,
        len: u64,
    ) -> Outcome<()> {
        let trap = TrapCode::MemoryOutOfBounds;
        let to = memory_place(store, instance, to);
        let from = memory_place(store, instance, from);
        let from = store.memory(from).range_ptr(from_address, len).ok_or(trap)?;
        let to = store.memory(to).range_ptr(to_address, len).ok_or(trap)?;
        // SAFETY: both ranges are inside their memories, as was just checked; `copy` allows for
        // overlap; no reference into a memory is alive.
        unsafe { to.copy_from(from, len as usize) };
        Ok(())
    }

    pub(crate) fn memory_init(
        store: &mut Store,
        instance: Place,
        memory: u32,
        data: u32,
        address: u64,
        offset: u32,
        len: u32,
    ) -> Outcome<()> {
        let trap = TrapCode::MemoryOutOfBounds;
        let memory = memory_place(store, instance, memory);
        let (instances, memories) = (&store.arenas.instances, &mut store.arenas.memories);
        let instance = instances.get(instance).expect("a running instance is in its store");
        let bytes = instance.data_bytes(DataIndex(data));
        let bytes = &bytes[range(bytes.len(), offset.into(), len.into()).ok_or(trap)?];
        let memory = memories.get_mut(memory).expect("memories outlive their users");
        memory.range_mut(address, len.into()).ok_or(trap)?.copy_from_slice(bytes);
        Ok(())
    }

    pub(crate) fn data_drop(store: &mut Store, instance: Place, data: u32) -> Outcome<()> {
        let instance = store.instance_mut(instance);
        let data = DataIndex(data);
        if let DataMode::Passive = instance.code.module.data[data.as_usize()].mode {
            instance.dropped_data.insert(data);
        }
        Ok(())
    }

    pub(crate) fn ref_func(
        store: &mut Store,
        instance: Place,
        function: u32,
    ) -> Outcome<*const FuncRef> {
        func_ref(store, instance, FuncIndex(function))
    }

    pub(crate) fn table_get_func(
        store: &mut Store,
        instance: Place,
        table: u32,
        position: u64,
    ) -> Outcome<*const FuncRef> {
        let trap = TrapCode::TableOutOfBounds;
        let table = TableIndex(table);
        if let Some(storage) = store.instance(instance).tables[table.as_usize()] {
            let storage = store.table(storage);
            let at = range(storage.len(), position, 1).ok_or(trap)?.start;
            return Ok(storage.get(at).as_func());
        }
        match static_element(&store.instance(instance).code, table, position).ok_or(trap)? {
            None => Ok(std::ptr::null()),
            Some(func) => func_ref(store, instance, func),
        }
    }

    pub(crate) fn table_grow_func(
        store: &mut Store,
        instance: Place,
        table: u32,
        init: *const FuncRef,
        delta: u64,
    ) -> Outcome<u64> {
        let table = table_place(store, instance, table);
        old_size(store.grow_table(table, delta, Bits::func(init)))
    }

    pub(crate) fn table_grow_extern(
        store: &mut Store,
        instance: Place,
        table: u32,
        init: u32,
        delta: u64,
    ) -> Outcome<u64> {
        let table = table_place(store, instance, table);
        old_size(store.grow_table(table, delta, Bits(init.into())))
    }

    pub(crate) fn table_fill_func(
        store: &mut Store,
        instance: Place,
        table: u32,
        position: u64,
        value: *const FuncRef,
        len: u64,
    ) -> Outcome<()> {
        let table = table_place(store, instance, table);
        let filled = store.table_mut(table).fill(position, Bits::func(value), len);
        Ok(filled.ok_or(TrapCode::TableOutOfBounds)?)
    }

    pub(crate) fn table_fill_extern(
        store: &mut Store,
        instance: Place,
        table: u32,
        position: u64,
        value: u32,
        len: u64,
    ) -> Outcome<()> {
        let table = table_place(store, instance, table);
        let filled = store.table_mut(table).fill(position, Bits(value.into()), len);
        Ok(filled.ok_or(TrapCode::TableOutOfBounds)?)
    }

    pub(crate) fn table_copy(
        store: &mut Store,
        instance: Place,
        to: u32,
        from: u32,
        to_position: u64,
        from_position: u64,
        len: u64,
    ) -> Outcome<()> {
        let to = table_place(store, instance, to);
        let from = table_place(store, instance, from);
        let copied = store.copy_table(to, from, to_position, from_position, len);
        Ok(copied.ok_or(TrapCode::TableOutOfBounds)?)
    }

    pub(crate) fn table_init(
        store: &mut Store,
        instance: Place,
        table: u32,
        elem: u32,
        position: u64,
        offset: u32,
        len: u32,
    ) -> Outcome<()> {
        let elem = ElemIndex(elem);
        let table = table_place(store, instance, table);
        let data = store.instance(instance);
        let code = Arc::clone(&data.code);
        let items = match data.is_element_dropped(elem) {
            true => 0,
            false => code.module.element(elem).items.len(),
        };
        let trap = TrapCode::TableOutOfBounds;
        let items = range(items, offset.into(), len.into()).ok_or(trap)?;
        let written = store.write_segment(instance, &code, table, elem, position, items);
        Ok(written.map_err(|error| Unwind::Error(error.into()))?.ok_or(trap)?)
    }

    pub(crate) fn elem_drop(store: &mut Store, instance: Place, elem: u32) -> Outcome<()> {
        let instance = store.instance_mut(instance);
        let elem = ElemIndex(elem);
        if let ElementMode::Passive = instance.code.module.element(elem).mode {
            instance.dropped_elements.insert(elem);
        }
        Ok(())
    }

    pub(crate) fn out_of_fuel(store: &mut Store, _: Place) -> Outcome<()> {
        store.refuel()
    }

    fn func_ref(store: &mut Store, instance: Place, func: FuncIndex) -> Outcome<*const FuncRef> {
        let bits = store.func_bits(instance, func);
        // Only an image without the entry that its function needs, and an engine without a
        // compiler, get here.
        Ok(bits.map_err(|error| Unwind::Error(error.into()))?.as_func())
    }

    /// What a growing operator gives: the old size, or all ones. An error of the embedder's hook
    /// ends the call instead.
    fn old_size(grown: Result<u64, GrowError>) -> Outcome<u64> {
        match grown {
            Ok(old) => Ok(old),
            Err(GrowError::Hook(error)) => Err(Unwind::Error(error)),
            Err(_) => Ok(u64::MAX),
        }
    }

    fn memory_place(store: &Store, instance: Place, memory: u32) -> Place {
        store.instance(instance).memories[memory as usize]
    }

    fn table_place(store: &Store, instance: Place, table: u32) -> Place {
        let place = store.instance(instance).tables[table as usize];
        place.expect("a table that is part of the image is never written")
    }
}
