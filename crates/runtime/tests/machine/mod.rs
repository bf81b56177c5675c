//! Images made by hand, so that calls and traps are tested without a compiler: the code below is
//! what a compiler would emit for a few functions, thunks and an entry.
//!
//! It stands in read-only data of the test program, is copied from there into an image like any
//! other, and runs from where the loader puts it.
#![allow(dead_code, reason = "every test file uses a part of this")]

#[cfg(target_arch = "aarch64")]
mod aarch64;
#[cfg(target_arch = "x86_64")]
mod x86_64;

use std::ffi::c_void;
use std::ops::Range;
use std::ptr::{self, NonNull};
use std::sync::{Arc, OnceLock};

use brolga_abi::{
    Builtin, BuiltinTable, CodeImage, CodeRange, FuncRef, FunctionTypeId, HostCall,
    HostFunctionContext, SourceSite, StoreContext, TrapCode, TrapSite, TypedCode, VmContext,
};
use brolga_module::{DefinedFuncIndex, Features, ParsedModule, TypeIndex};
use brolga_runtime::{
    LoadedCode, RegisterArgs, RegisterResult, StackOptions, StackPool, StoreStack, TrapRecord,
    TypeRegistry, Unwind, call, call_in_registers, host_call_shim,
};

#[cfg(target_arch = "aarch64")]
aarch64::assemble!();
#[cfg(target_arch = "x86_64")]
x86_64::assemble!();

macro_rules! labels {
    ($($name:ident = $symbol:literal;)*) => {
        /// The addresses of the labels.
        struct Labels { $($name: usize,)* }
        impl Labels {
            fn new() -> Self {
                Self { $($name: {
                    unsafe extern "C" {
                        #[link_name = $symbol]
                        static LABEL: u8;
                    }
                    (&raw const LABEL).expose_provenance()
                },)* }
            }
        }
    };
}

labels! {
    start = "brolga_test_start";
    add = "brolga_test_add";
    stack = "brolga_test_stack";
    wreck = "brolga_test_wreck";
    site_wreck = "brolga_test_site_wreck";
    div = "brolga_test_div";
    site_div = "brolga_test_site_div";
    load = "brolga_test_load";
    site_load = "brolga_test_site_load";
    wild = "brolga_test_wild";
    recurse = "brolga_test_recurse";
    site_recurse = "brolga_test_site_recurse";
    deep = "brolga_test_deep";
    site_deep = "brolga_test_site_deep";
    site_bottom = "brolga_test_site_bottom";
    unreachable = "brolga_test_unreachable";
    site_unreachable = "brolga_test_site_unreachable";
    call_host = "brolga_test_call_host";
    site_call_host = "brolga_test_site_call_host";
    float = "brolga_test_float";
    four = "brolga_test_four";
    functions_end = "brolga_test_functions_end";
    entry = "brolga_test_entry";
    exit = "brolga_test_exit";
    raise = "brolga_test_raise";
    end = "brolga_test_end";
}

/// The functions of the module, by their index; the import is function 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Function {
    Add,
    Stack,
    Wreck,
    Div,
    Load,
    Wild,
    Recurse,
    Deep,
    Unreachable,
    CallHost,
    Float,
    Four,
}

/// The offsets, in a module that nobody parsed, which sites are said to belong to.
pub const WRECK_AT: u32 = 100;
pub const DIV_AT: u32 = 101;
pub const LOAD_AT: u32 = 102;
pub const RECURSE_AT: u32 = 103;
pub const DEEP_AT: u32 = 104;
pub const BOTTOM_AT: u32 = 105;
pub const UNREACHABLE_AT: u32 = 106;
pub const CALL_HOST_AT: u32 = 107;

/// The module: only its types and exports matter.
pub fn module() -> Arc<ParsedModule> {
    let text = r#"(module
        (type $ints (func (param i32 i32) (result i32)))
        (type $longs (func (param i64 i64) (result i64)))
        (import "host" "call" (func (type $ints)))
        (func (export "add") (type $ints) unreachable)
        (func (export "stack") (type $ints) unreachable)
        (func (export "wreck") (type $ints) unreachable)
        (func (export "div") (type $ints) unreachable)
        (func (export "load") (type $longs) unreachable)
        (func (export "wild") (type $longs) unreachable)
        (func (export "recurse") (type $ints) unreachable)
        (func (export "deep") (type $ints) unreachable)
        (func (export "unreachable") (type $ints) unreachable)
        (func (export "call_host") (type $ints) unreachable)
        (func (export "float") (param f64 f32 i64) (result f64) unreachable)
        (func (export "four") (param i64 i64 i64 i64) (result i64) unreachable)
    )"#;
    let bytes = wat::parse_str(text).unwrap();
    Arc::new(ParsedModule::decode(bytes.into(), Features::default()).unwrap())
}

/// The image for [`module`].
pub fn image() -> CodeImage {
    let at = Labels::new();
    let offset = |address: usize| u32::try_from(address - at.start).unwrap();
    let range = |start: usize, end: usize| CodeRange {
        start: offset(start),
        len: u32::try_from(end - start).unwrap(),
    };
    let starts = [
        at.add,
        at.stack,
        at.wreck,
        at.div,
        at.load,
        at.wild,
        at.recurse,
        at.deep,
        at.unreachable,
        at.call_host,
        at.float,
        at.four,
        at.functions_end,
    ];
    let functions = starts.windows(2).map(|at| range(at[0], at[1])).collect();
    let trap =
        |address, wasm_offset, trap| TrapSite { code_offset: offset(address), wasm_offset, trap };
    let source = |address, wasm_offset| SourceSite { code_offset: offset(address), wasm_offset };
    // SAFETY: the labels stand around one piece of this program's read-only data.
    let bytes = unsafe {
        std::slice::from_raw_parts(ptr::with_exposed_provenance::<u8>(at.start), at.end - at.start)
    };
    let mut code = bytes.to_vec();
    code.resize(CodeImage::PAGE, 0xcc);
    let entry = range(at.entry, at.exit);
    CodeImage {
        target: format!("{}-unknown-linux-gnu", std::env::consts::ARCH),
        cpu_features: Vec::new(),
        options_fingerprint: 0,
        text_bytes: u32::try_from(code.len()).unwrap(),
        code,
        functions,
        host_entries: (0..4).map(|ty| TypedCode { ty: TypeIndex(ty), range: entry }).collect(),
        host_exits: vec![TypedCode { ty: TypeIndex(0), range: range(at.exit, at.raise) }],
        builtin_thunks: vec![(Builtin::raise_trap, range(at.raise, at.end))],
        trap_sites: vec![
            trap(at.site_wreck, WRECK_AT, TrapCode::IntegerOverflow),
            trap(at.site_div, DIV_AT, TrapCode::IntegerDivisionByZero),
            trap(at.site_load, LOAD_AT, TrapCode::MemoryOutOfBounds),
            trap(at.site_bottom, BOTTOM_AT, TrapCode::NullReference),
        ],
        call_sites: vec![
            source(at.site_recurse, RECURSE_AT),
            source(at.site_deep, DEEP_AT),
            source(at.site_unreachable, UNREACHABLE_AT),
            source(at.site_call_host, CALL_HOST_AT),
        ],
        static_tables: Vec::new(),
    }
}

/// Loads the image into a registry of its own.
pub fn load() -> Arc<LoadedCode> {
    // SAFETY: the image is written for this module, by hand as a compiler would.
    unsafe { LoadedCode::load(module(), image(), &TypeRegistry::new()) }.unwrap()
}

/// The code that most tests share.
pub fn shared() -> &'static Arc<LoadedCode> {
    static CODE: OnceLock<Arc<LoadedCode>> = OnceLock::new();
    CODE.get_or_init(load)
}

/// Stacks of the default kind.
pub fn pool() -> &'static StackPool {
    static POOL: OnceLock<StackPool> = OnceLock::new();
    POOL.get_or_init(|| StackPool::new(StackOptions::default()).unwrap())
}

/// What a host function does: gets the store and the arguments, returns the result.
pub type Host<'a> = dyn FnMut(&Store<'a>, u32, u32) -> Result<u32, Unwind> + 'a;

/// A store with one instance and one host function. It must not move while it is used.
pub struct Store<'a> {
    pub code: Arc<LoadedCode>,
    pub context: Box<StoreContext>,
    pub stack: StoreStack,
    instance: Box<Instance>,
    /// What counts as the guard of its memory.
    pub guard: Range<usize>,
    host: *mut Host<'a>,
}

#[repr(C)]
struct Instance {
    context: VmContext,
    import_code: *const u8,
    import_context: *mut HostFunctionContext,
    host: HostFunctionContext,
    builtins: BuiltinTable,
}

impl<'a> Store<'a> {
    pub fn new(code: &Arc<LoadedCode>) -> Box<Self> {
        Self::with_host(code, |_, a, b| Ok(a.wrapping_mul(b)))
    }

    pub fn with_host(
        code: &Arc<LoadedCode>,
        host: impl FnMut(&Store<'a>, u32, u32) -> Result<u32, Unwind> + 'a,
    ) -> Box<Self> {
        Self::with_pool(code, pool(), host)
    }

    pub fn with_pool(
        code: &Arc<LoadedCode>,
        pool: &StackPool,
        host: impl FnMut(&Store<'a>, u32, u32) -> Result<u32, Unwind> + 'a,
    ) -> Box<Self> {
        let mut context = Box::new(StoreContext {
            stack_limit: 0,
            exit_fp: 0,
            exit_pc: 0,
            activation: ptr::null_mut(),
            owner: ptr::null_mut(),
            fuel_consumed: 0,
            epoch: ptr::null(),
            epoch_deadline: 0,
            tells_calls: 0,
        });
        let raw: *mut StoreContext = &mut *context;
        // SAFETY: a table of pointers, null where the image has no thunk.
        let mut builtins: BuiltinTable = unsafe { std::mem::zeroed() };
        builtins.raise_trap = raise_trap as *const u8;
        let mut instance = Box::new(Instance {
            context: VmContext { store: raw, builtins: ptr::null(), instance: 0, reserved: [0; 3] },
            import_code: code.host_exit(TypeIndex(0)).unwrap(),
            import_context: ptr::null_mut(),
            host: HostFunctionContext {
                store: raw,
                call: host_function as HostCall,
                data: ptr::null_mut(),
            },
            builtins,
        });
        instance.context.builtins = &instance.builtins;
        instance.import_context = &mut instance.host;
        let host: Box<Host<'a>> = Box::new(host);
        let mut store = Box::new(Self {
            code: Arc::clone(code),
            context,
            stack: StoreStack::new(pool.clone(), in_guard),
            instance,
            guard: 0..0,
            host: Box::into_raw(host),
        });
        let this: *mut Store<'a> = &mut *store;
        store.context.owner = this.cast();
        store.instance.host.data = this.cast();
        store
    }

    fn context(&self) -> NonNull<StoreContext> {
        NonNull::from(&*self.context)
    }

    pub fn func_ref(&self, function: Function) -> FuncRef {
        let defined = DefinedFuncIndex(function as u32);
        let index = self.code.module.func_index(defined);
        let ty = self.code.module.functions[index.as_usize()];
        FuncRef {
            wasm_code: self.code.function_code(defined),
            host_entry: self.code.host_entry(ty).unwrap(),
            vmctx: (&raw const self.instance.context).cast_mut(),
            type_id: self.code.type_id(ty),
            func_index: index.0,
        }
    }

    /// Calls a function with up to six slots.
    pub fn call(&self, function: Function, args: &[u64]) -> Result<[u64; 2], Box<TrapRecord>> {
        self.call_ref(&self.func_ref(function), args)
    }

    /// Calls the store's host function as the host does.
    pub fn call_host_directly(&self, args: &[u64]) -> Result<[u64; 2], Box<TrapRecord>> {
        let func = FuncRef {
            wasm_code: self.instance.import_code,
            host_entry: ptr::null(),
            vmctx: self.instance.import_context.cast(),
            type_id: FunctionTypeId(0),
            func_index: u32::MAX,
        };
        self.call_ref(&func, args)
    }

    fn call_ref(&self, func: &FuncRef, args: &[u64]) -> Result<[u64; 2], Box<TrapRecord>> {
        let mut slots = [0; 8];
        slots[..args.len()].copy_from_slice(args);
        let func = NonNull::from(func);
        // SAFETY: function and stack are this store's, which is on this thread; eight slots are
        // what the entry reads and writes.
        unsafe {
            call(&self.stack, self.context(), func, ptr::null_mut(), slots.as_mut_ptr())?;
        }
        Ok([slots[0], slots[1]])
    }

    /// Calls a function with its arguments in registers.
    pub fn call_fast(
        &self,
        function: Function,
        args: RegisterArgs<'_>,
    ) -> Result<RegisterResult, Box<TrapRecord>> {
        let func = self.func_ref(function);
        // SAFETY: as above; all types of the module fit registers.
        unsafe {
            call_in_registers(
                &self.stack,
                self.context(),
                NonNull::from(&func),
                ptr::null_mut(),
                args,
            )
        }
    }
}

impl Drop for Store<'_> {
    fn drop(&mut self) {
        // SAFETY: made by `with_pool` from a box.
        drop(unsafe { Box::from_raw(self.host) });
    }
}

extern "C" fn host_function(
    callee: *mut HostFunctionContext,
    _caller: *mut VmContext,
    slots: *mut u64,
) {
    // SAFETY: the context of a test store, which lives as long as its calls.
    let (store, context) = unsafe {
        let callee = &*callee;
        (callee.data.cast::<Store<'static>>(), callee.store)
    };
    let context = NonNull::new(context).unwrap();
    // SAFETY: called by code of that store, through this function alone.
    let result = unsafe {
        host_call_shim(context, || {
            let arguments = [*slots, *slots.add(1)].map(|slot| slot as u32);
            // Calls may nest, so the closure is reached by its pointer anew each time.
            let host = &mut *(*store).host;
            host(&*store, arguments[0], arguments[1])
        })
    };
    // SAFETY: the thunk's slots.
    unsafe { *slots = result.into() };
}

extern "C" fn raise_trap(context: *mut VmContext, code: u32) {
    // SAFETY: the context of an instance of a live store.
    let store = NonNull::new(unsafe { (*context).store }).unwrap();
    let code = TrapCode::from_number(code as u8).unwrap();
    // SAFETY: called by code of that store, through this function alone.
    unsafe { host_call_shim(store, || Err::<(), _>(Unwind::Trap(code))) }
}

fn in_guard(context: NonNull<StoreContext>, address: usize) -> bool {
    // SAFETY: the context of a test store, whose owner it names.
    let owner: *mut c_void = unsafe { context.as_ref() }.owner;
    // SAFETY: as above.
    unsafe { &*owner.cast::<Store<'static>>() }.guard.contains(&address)
}

/// The functions and offsets of a backtrace.
pub fn frames(record: &TrapRecord) -> Vec<(u32, Option<u32>)> {
    let frames = record.backtrace.frames();
    frames.map(|frame| (frame.func.0, frame.wasm_offset)).collect()
}

/// The function index of a function, as backtraces name it.
pub fn index(function: Function) -> u32 {
    function as u32 + 1
}
