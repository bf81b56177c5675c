//! A file on which the sandbox stands; changes need a second reader.
//!
//! Functions: the host's, and the references by which wasm and host name functions of either kind.
//!
//! ```text
//!  FuncId ──▶ FuncRef { wasm_code, host_entry, vmctx, type_id }
//!               instance's: a slot of its context, or a box of its own; filled when first asked for
//!               host's: beside its HostFunctionContext; wasm_code is the function's own stub, or
//!               a thunk, filled when wasm first gets it
//! ```
//!
//! It never calls anything.
//!
//! **Trusts** that a host function's code fits its type: [`Store::new_host_function`] is unsafe.
//! **Promises** one `FuncRef` for each function, at one address until the store or the function's
//! instance is gone; and that what wasm gets is callable by wasm.
//! **Tested by** `tests/func.rs`; with code, by the function tests of brolga.
//!
//! **Invariants**
//! - `HostFunction` begins with its context, so a pointer to one is a pointer to the other.
//! - The code that a `FuncRef` points to lives as long as the `FuncRef`: its instance or host
//!   function holds the [`LoadedCode`].

use std::ffi::c_void;
use std::ptr::{self, NonNull};
use std::sync::Arc;

use brolga_abi::{FuncRef, FunctionTypeId, HostCall, HostFunctionContext};
use brolga_module::{FuncIndex, FuncType, TypeIndex};

use crate::arena::Place;
use crate::close::may_leak_functions;
use crate::handle::FuncPlace;
use crate::stable::Stable;
use crate::{
    BoxError, FuncError, FuncId, HandleError, LoadedCode, Registration, Store, TypeRegistry,
};

/// What a host function works on: an owned value of any type.
#[derive(Debug)]
pub struct HostData {
    pointer: *mut c_void,
    drop: unsafe fn(*mut c_void),
}

// SAFETY: made of values that are Send and Sync only.
unsafe impl Send for HostData {}

impl HostData {
    /// Owns `value`. The host function sees a `*const T`.
    pub fn from_box<T: Send + Sync + 'static>(value: Box<T>) -> Self {
        unsafe fn drop_box<T>(pointer: *mut c_void) {
            // SAFETY: the pointer is that of `into_raw` below and is given back once.
            drop(unsafe { Box::from_raw(pointer.cast::<T>()) });
        }
        Self { pointer: Box::into_raw(value).cast(), drop: drop_box::<T> }
    }

    /// Shares `value`. The host function sees a `*const T`.
    pub fn from_arc<T: Send + Sync + 'static>(value: Arc<T>) -> Self {
        unsafe fn drop_arc<T>(pointer: *mut c_void) {
            // SAFETY: the pointer is that of `into_raw` below and is given back once.
            drop(unsafe { Arc::from_raw(pointer.cast::<T>().cast_const()) });
        }
        Self { pointer: Arc::into_raw(value).cast_mut().cast(), drop: drop_arc::<T> }
    }
}

impl Drop for HostData {
    fn drop(&mut self) {
        // SAFETY: `drop` was made for `pointer` in a constructor and runs once, here.
        unsafe { (self.drop)(self.pointer) }
    }
}

/// Code between host and wasm: which module has it, and for which of its types. The store finds the
/// address by itself.
#[derive(Clone, Debug)]
pub struct Thunk {
    /// The module.
    pub code: Arc<LoadedCode>,
    /// The type.
    pub ty: TypeIndex,
}

impl Thunk {
    /// What `find` finds for it, provided that it is for the type that `types` knows as `id`.
    fn address(
        &self,
        id: FunctionTypeId,
        types: &TypeRegistry,
        find: fn(&LoadedCode, TypeIndex) -> Option<*const u8>,
    ) -> Result<*const u8, ThunkError> {
        let found = self.code.type_ids().get(self.ty.as_usize());
        let is_right = found == Some(&id) && self.code.type_registry().same(types);
        let address = is_right.then(|| find(&self.code, self.ty)).flatten();
        address.ok_or_else(|| ThunkError("the code given is not for this type".into()))
    }
}

/// The code between host and wasm that a type needs can't be had.
#[derive(Debug, thiserror::Error)]
#[error("no code to pass between host and wasm for this function type: {0}")]
pub struct ThunkError(#[source] pub BoxError);

/// Where code between host and wasm comes from when no module at hand has it for a type: the
/// engine, which compiles it or kept it.
pub trait ThunkProvider: Send + Sync {
    /// The thunk by which wasm calls host functions of type `ty`; `id` is its number.
    fn host_exit(&self, id: FunctionTypeId, ty: &FuncType) -> Result<Thunk, ThunkError>;

    /// The entry by which the host calls wasm functions of type `ty`; `id` is its number.
    fn host_entry(&self, id: FunctionTypeId, ty: &FuncType) -> Result<Thunk, ThunkError>;
}

/// A function of the host's.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct HostFunction {
    /// First: its address is the callee context.
    context: HostFunctionContext,
    func_ref: FuncRef,
    /// Where in its store it is.
    place: Option<Place>,
    /// Keeps the code behind `func_ref.wasm_code`, where that is not the host's.
    thunk: Option<Arc<LoadedCode>>,
    types: Registration,
    ty: FuncType,
    /// Owns what `context.data` points to.
    _data: HostData,
}

// SAFETY: the pointers are to the store's own memory, to code that is kept by `thunk`, and to
// `HostData`, which is Send.
unsafe impl Send for HostFunction {}

impl Store {
    /// Makes a function of the host's.
    ///
    /// # Errors
    /// If the type can't be registered or the store has too many functions.
    ///
    /// # Safety
    /// `call` must do what [`HostCall`] says: read arguments of `ty`'s parameters from its slots,
    /// write results of `ty`'s results there, never unwind, and take `data` for what it is. So
    /// must `stub`, if there is one, which wasm calls as a function of that type: made by
    /// [`host_stub!`](crate::host_stub!).
    pub unsafe fn new_host_function(
        &mut self,
        ty: &FuncType,
        call: HostCall,
        stub: Option<*const u8>,
        data: HostData,
    ) -> Result<FuncId, FuncError> {
        self.budget.limits.host_functions(self.arenas.host_functions.len() as u64 + 1)?;
        let types = self.types().register(std::slice::from_ref(ty))?;
        let store = self.context.as_ptr();
        let stub = stub.filter(|_| HostFunctionContext::takes_registers(ty));
        let function = Stable::new(HostFunction {
            context: HostFunctionContext { store, call, data: data.pointer },
            func_ref: FuncRef {
                wasm_code: stub.unwrap_or(ptr::null()),
                host_entry: ptr::null(),
                vmctx: ptr::null_mut(),
                type_id: types.ids()[0],
                func_index: u32::MAX,
            },
            place: None,
            thunk: None,
            types,
            ty: ty.clone(),
            _data: data,
        });
        let vmctx = function.as_ptr().cast();
        let place = self.arenas.host_functions.insert(function);
        let function = self.host_function_mut(place);
        function.func_ref.vmctx = vmctx;
        function.place = Some(place);
        Ok(FuncId { store: self.id(), place: FuncPlace::Host(place) })
    }

    /// A function's type.
    pub fn func_type(&self, func: FuncId) -> Result<&FuncType, HandleError> {
        Ok(match self.checked_func(func)? {
            FuncPlace::Host(place) => &self.host_function(place).ty,
            FuncPlace::Instance(instance, index) => {
                self.instance(instance).code.module.func_type(index)
            }
        })
    }

    /// The number of a function's type.
    pub fn func_type_id(&self, func: FuncId) -> Result<FunctionTypeId, HandleError> {
        self.checked_func(func).map(|place| self.placed_func_type_id(place))
    }

    /// The reference by which the host calls a function. Its `host_entry` is null if the function
    /// is the host's: then its `vmctx` is a [`HostFunctionContext`] and its `call` can be called as
    /// it is. Good until [`Store::close_epoch`] changes.
    pub fn func_ref(&mut self, func: FuncId) -> Result<NonNull<FuncRef>, FuncError> {
        match self.checked_func(func)? {
            FuncPlace::Host(place) => Ok(self.host_func_ref(place)),
            FuncPlace::Instance(instance, index) => self.own_func_ref(instance, index),
        }
    }

    /// The reference to a function that wasm may be given: its `wasm_code` is set.
    ///
    /// From here on references to the function can be anywhere in the store.
    pub fn func_ref_for_wasm(&mut self, func: FuncId) -> Result<NonNull<FuncRef>, FuncError> {
        match self.checked_func(func)? {
            FuncPlace::Host(place) => self.host_func_ref_for_wasm(place, None),
            FuncPlace::Instance(instance, index) => {
                self.instance_mut(instance).handed_out = true;
                self.own_func_ref(instance, index)
            }
        }
    }

    /// The reference to a function for an embedder that keeps it as a bare address: it is callable
    /// by wasm, and the function's instance is kept, closed or not, as long as the store.
    pub fn pinned_func_ref(&mut self, func: FuncId) -> Result<NonNull<FuncRef>, FuncError> {
        let func_ref = self.func_ref_for_wasm(func)?;
        if let FuncPlace::Instance(instance, _) = func.place {
            self.instance_mut(instance).pinned = true;
        }
        Ok(func_ref)
    }

    /// The function whose reference is at `address`, for embedders that are given bare addresses:
    /// none if there is no reference there, or one of an instance's that nobody was ever given, as
    /// nothing would keep what that leads to, or one that wasm can't call. Looks at every instance.
    pub fn find_func(&self, address: usize) -> Option<FuncId> {
        let store = self.id();
        let instances = self.arenas.instances.iter().filter_map(|(place, instance)| {
            let func = instance.func_ref_at(address)?;
            let given = instance.handed_out || may_leak_functions(instance);
            given.then_some(FuncPlace::Instance(place, func))
        });
        let host = self.arenas.host_functions.iter().filter_map(|(place, function)| {
            let here = self.host_func_ref(place).addr().get() == address;
            let callable = !function.get().func_ref.wasm_code.is_null();
            (here && callable).then_some(FuncPlace::Host(place))
        });
        instances.chain(host).next().map(|place| FuncId { store, place })
    }

    /// The function that a reference names; none if it is null.
    ///
    /// # Safety
    /// The reference must be null or come from code or the host functions of this store, and what
    /// it names must not have been freed since.
    pub unsafe fn func_from_ref(&self, func_ref: *const FuncRef) -> Option<FuncId> {
        // SAFETY: the caller says that it is null or alive.
        let FuncRef { vmctx, func_index, .. } = *unsafe { func_ref.as_ref() }?;
        let place = if func_index == u32::MAX {
            // SAFETY: without an index it is a host function's, whose context pointer is made in
            // `new_host_function` from the whole HostFunction.
            FuncPlace::Host(unsafe { (*vmctx.cast::<HostFunction>()).place }?)
        } else {
            // SAFETY: with an index it is an instance's, which is alive.
            let index = unsafe { (*vmctx).instance };
            FuncPlace::Instance(self.arenas.instances.place_at(index)?, FuncIndex(func_index))
        };
        Some(FuncId { store: self.id(), place })
    }
}

impl Store {
    fn checked_func(&self, func: FuncId) -> Result<FuncPlace, HandleError> {
        let place = func.within(self.id())?;
        let usable = match place {
            FuncPlace::Host(place) => self.arenas.host_functions.get(place).is_some(),
            FuncPlace::Instance(instance, _) => self.is_usable(instance),
        };
        if usable { Ok(place) } else { Err(FuncId::GONE) }
    }

    pub(crate) fn placed_func_type_id(&self, place: FuncPlace) -> FunctionTypeId {
        match place {
            FuncPlace::Host(place) => self.host_function(place).func_ref.type_id,
            FuncPlace::Instance(instance, index) => {
                let code = &self.instance(instance).code;
                code.type_id(code.module.functions[index.as_usize()])
            }
        }
    }

    fn host_function(&self, place: Place) -> &HostFunction {
        let function = self.arenas.host_functions.get(place);
        function.expect("host functions live as long as the store").get()
    }

    fn host_function_mut(&mut self, place: Place) -> &mut HostFunction {
        let function = self.arenas.host_functions.get_mut(place);
        function.expect("host functions live as long as the store").get_mut()
    }

    /// Whether a host function has a stub of its own, so that no module's thunk is needed.
    pub(crate) fn host_function_has_stub(&self, place: Place) -> bool {
        let function = self.host_function(place);
        function.thunk.is_none() && !function.func_ref.wasm_code.is_null()
    }

    fn host_func_ref(&self, place: Place) -> NonNull<FuncRef> {
        let function = self.arenas.host_functions.get(place);
        let function = function.expect("host functions live as long as the store").as_ptr();
        // SAFETY: the pointer is to a live HostFunction; no reference is made.
        let func_ref = unsafe { &raw mut (*function).func_ref };
        NonNull::new(func_ref).expect("a field of a live struct is not at null")
    }

    /// The reference to a host function, callable by wasm. Where it is not yet, the thunk is that
    /// of `importer`, a module that imports it, or else the engine's.
    pub(crate) fn host_func_ref_for_wasm(
        &mut self,
        place: Place,
        importer: Option<(&Arc<LoadedCode>, TypeIndex)>,
    ) -> Result<NonNull<FuncRef>, FuncError> {
        if self.host_function(place).func_ref.wasm_code.is_null() {
            let function = self.host_function(place);
            let id = function.func_ref.type_id;
            let own = importer.filter(|(code, ty)| code.host_exit(*ty).is_some());
            let thunk = match own {
                Some((code, ty)) => Thunk { code: Arc::clone(code), ty },
                None => self.config.thunks.host_exit(id, &function.ty)?,
            };
            let address = thunk.address(id, self.types(), LoadedCode::host_exit)?;
            let function = self.host_function_mut(place);
            function.func_ref.wasm_code = address;
            function.thunk = Some(thunk.code);
        }
        Ok(self.host_func_ref(place))
    }

    /// The reference to a function that an instance's module defines.
    pub(crate) fn own_func_ref(
        &mut self,
        place: Place,
        func: FuncIndex,
    ) -> Result<NonNull<FuncRef>, FuncError> {
        let instance = self.instance(place);
        if let Some(slot) = instance.filled_func_ref(func) {
            return Ok(slot);
        }
        if let Some(slot) = instance.func_ref_slot(func) {
            let func_ref = self.make_func_ref(place, func)?;
            // SAFETY: the slot is in a live context; no reference to it is alive.
            unsafe { slot.write(func_ref) };
            return Ok(slot);
        }
        if let Some(boxed) = instance.extra_func_refs.get(&func) {
            return Ok(boxed.as_non_null());
        }
        let boxed = Stable::new(self.make_func_ref(place, func)?);
        let func_ref = boxed.as_non_null();
        self.instance_mut(place).extra_func_refs.insert(func, boxed);
        Ok(func_ref)
    }

    fn make_func_ref(&mut self, place: Place, func: FuncIndex) -> Result<FuncRef, FuncError> {
        let instance = self.instance(place);
        let code = &instance.code;
        let ty = code.module.functions[func.as_usize()];
        let type_id = code.type_id(ty);
        let defined = code.module.defined_func(func);
        let defined = defined.expect("imported functions are named by who defines them");
        let wasm_code = code.function_code(defined);
        let vmctx = instance.vmctx().as_ptr();
        let host_entry = match code.host_entry(ty) {
            Some(entry) => entry,
            None => {
                let thunk = self.config.thunks.host_entry(type_id, code.module.func_type(func))?;
                let address = thunk.address(type_id, self.types(), LoadedCode::host_entry)?;
                self.instance_mut(place).extra_code.push(thunk.code);
                address
            }
        };
        Ok(FuncRef { wasm_code, host_entry, vmctx, type_id, func_index: func.0 })
    }
}
