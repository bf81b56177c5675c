//! What a host function is given besides its arguments.

use crate::host_call::CallerInstance;
use crate::{Engine, Extern, GcHeapOutOfMemory, Instance, ModuleExport, Result, StoreContextMut};

/// The store that a host function was called in, and who called it.
///
/// It is a store like another: memories are read, functions are called through it.
///
/// ```
/// # use brolga::*;
/// # fn main() -> Result<()> {
/// let engine = Engine::default();
/// let module = Module::new(&engine, r#"(module
///     (import "host" "print" (func $print (param i32 i32)))
///     (memory (export "memory") 1)
///     (data (i32.const 16) "hello")
///     (func (export "run") (call $print (i32.const 16) (i32.const 5))))"#)?;
/// let mut linker = Linker::new(&engine);
/// linker.func_wrap("host", "print", |mut caller: Caller<'_, String>, at: u32, len: u32| {
///     let memory = caller.get_export("memory").and_then(Extern::into_memory);
///     let (bytes, printed) = memory.context("no memory")?.data_and_store_mut(&mut caller);
///     let text = bytes.get(at as usize..).and_then(|text| text.get(..len as usize));
///     printed.push_str(std::str::from_utf8(text.context("outside the memory")?)?);
///     Ok(())
/// })?;
/// let mut store = Store::new(&engine, String::new());
/// let instance = linker.instantiate(&mut store, &module)?;
/// instance.get_typed_func::<(), ()>(&mut store, "run")?.call(&mut store, ())?;
/// assert_eq!(store.data(), "hello");
/// # Ok(())
/// # }
/// ```
pub struct Caller<'a, T: 'static> {
    pub(crate) store: StoreContextMut<'a, T>,
    pub(crate) instance: Option<CallerInstance>,
}

impl<T> Caller<'_, T> {
    /// What the calling instance exports as `name`; `None` if it exports no such thing, or if the
    /// host called the function directly.
    pub fn get_export(&mut self, name: &str) -> Option<Extern> {
        let instance = self.instance()?;
        let export = self.store.cell().runtime.export(instance, name);
        export.ok().flatten().map(Extern::from_runtime)
    }

    /// The export of the calling instance that [`Module::get_export_index`](crate::Module::get_export_index)
    /// has found; `None` if that was of another module than the caller's, or if the host called
    /// the function directly.
    pub fn get_module_export(&mut self, export: &ModuleExport) -> Option<Extern> {
        let instance = Instance::from_id(self.instance()?);
        instance.get_module_export(&mut self.store, export)
    }

    /// The store's data.
    pub fn data(&self) -> &T {
        self.store.data()
    }

    /// The store's data, to change.
    pub fn data_mut(&mut self) -> &mut T {
        self.store.data_mut()
    }

    /// The store's engine.
    pub fn engine(&self) -> &Engine {
        self.store.engine()
    }

    /// Nothing, as wasm is running: see [`Store::gc`](crate::Store::gc).
    ///
    /// # Errors
    /// As [`Store::gc`](crate::Store::gc).
    pub fn gc(&mut self, why: Option<&GcHeapOutOfMemory<()>>) -> Result<()> {
        self.store.gc(why)
    }
}

impl<'a, T> From<Caller<'a, T>> for StoreContextMut<'a, T> {
    fn from(caller: Caller<'a, T>) -> StoreContextMut<'a, T> {
        caller.store
    }
}

impl<T> core::fmt::Debug for Caller<'_, T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Caller").field("instance", &self.instance()).finish_non_exhaustive()
    }
}
