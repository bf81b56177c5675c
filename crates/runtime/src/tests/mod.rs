//! Tests of the store without running any code: modules from text, images without a program.
//!
//! An image made here has addresses for everything that is asked for, but nothing that could run.

mod builtin;
mod close;
mod extern_ref;
mod func;
mod initial_table;
mod instantiate;
mod memory;
mod memory_room;
mod pool;
mod table;
mod unfinished;

use std::sync::Arc;

use brolga_abi::{
    CodeImage, CodeRange, CompileOptions, ContextLayout, FunctionTypeId, HostFunctionContext,
    StaticTable, StaticTableEntry, TypedCode, VmContext,
};
use brolga_module::{
    ConstOp, DefinedFuncIndex, ElementItems, ElementMode, Features, FuncType, ParsedModule,
    TableIndex, TypeIndex,
};

use crate::{
    Extern, FuncId, GrowError, HostData, InstanceId, InstantiateError, Limits, LoadedCode, Pool,
    PoolLimits, Store, StoreConfig, Thunk, ThunkError, ThunkProvider, TypeRegistry, Value,
};

/// An engine: what stores share.
pub(crate) struct Engine {
    pub(crate) types: TypeRegistry,
    pub(crate) options: CompileOptions,
    pub(crate) limits: Limits,
}

impl Engine {
    pub(crate) fn new() -> Self {
        let (options, limits) = (CompileOptions::default(), Limits::default());
        Self { types: TypeRegistry::new(), options, limits }
    }

    pub(crate) fn store(&self) -> Store {
        Store::new(&self.config(), self.limits)
    }

    /// For stores that share more than types.
    pub(crate) fn config(&self) -> Arc<StoreConfig> {
        let thunks = Arc::new(Thunks(self.types.clone()));
        StoreConfig::new(self.types.clone(), self.options, thunks)
    }

    /// For stores that have only so much in common.
    pub(crate) fn pooling(&self, limits: PoolLimits) -> Result<Arc<StoreConfig>, GrowError> {
        let thunks = Arc::new(Thunks(self.types.clone()));
        StoreConfig::pooling(self.types.clone(), self.options, thunks, Pool::new(limits))
    }

    pub(crate) fn load(&self, text: &str) -> Arc<LoadedCode> {
        self.load_with_static_tables(text, &[])
    }

    /// Loads a module, tables `statics` of which are to be part of the image.
    pub(crate) fn load_with_static_tables(&self, text: &str, statics: &[u32]) -> Arc<LoadedCode> {
        let module = decode(text);
        let image = image(&module, &self.options, statics);
        // SAFETY: no test of these runs code.
        unsafe { LoadedCode::load(Arc::new(module), image, &self.types) }.unwrap()
    }

    /// An instance in a store of its own.
    pub(crate) fn instance(&self, text: &str) -> (Store, InstanceId) {
        let mut store = self.store();
        let instance = store.instantiate(&self.load(text), &[]).unwrap();
        (store, instance)
    }
}

/// Decodes a module with everything switched on that the runtime knows.
fn decode(text: &str) -> ParsedModule {
    let bytes = wat::parse_str(text).unwrap();
    ParsedModule::decode(bytes.into(), Features::ALL).unwrap()
}

/// An image with an address for everything, and nothing that could run.
fn image(module: &ParsedModule, options: &CompileOptions, statics: &[u32]) -> CodeImage {
    let layout = ContextLayout::new(module);
    let mut next = 0;
    let mut range = || {
        next += 16;
        CodeRange { start: next - 16, len: 16 }
    };
    let functions: Vec<_> = module.bodies.iter().map(|_| range()).collect();
    let mut typed = || -> Vec<TypedCode> {
        (0..module.types.len())
            .map(TypeIndex::from_usize)
            .filter(|&ty| layout.canonical_type(ty) == ty)
            .map(|ty| TypedCode { ty, range: range() })
            .collect()
    };
    let (host_entries, host_exits) = (typed(), typed());
    let text_bytes = CodeImage::PAGE as u32;
    let mut code = vec![0; CodeImage::PAGE];
    let static_tables = statics
        .iter()
        .map(|&table| static_table(module, &layout, &functions, TableIndex(table), &mut code))
        .collect();
    CodeImage {
        target: format!("{}-unknown-linux-gnu", std::env::consts::ARCH),
        cpu_features: Vec::new(),
        options_fingerprint: options.fingerprint(),
        code,
        text_bytes,
        functions,
        host_entries,
        host_exits,
        builtin_thunks: Vec::new(),
        trap_sites: Vec::new(),
        call_sites: Vec::new(),
        static_tables,
    }
}

/// Appends a table, filled from its segments, to the image's data.
fn static_table(
    module: &ParsedModule,
    layout: &ContextLayout,
    functions: &[CodeRange],
    table: TableIndex,
    code: &mut Vec<u8>,
) -> StaticTable {
    let size = module.tables[table.as_usize()].min as usize;
    let mut elements: Vec<Option<DefinedFuncIndex>> = vec![None; size];
    for segment in &module.elements {
        let ElementMode::Active { table: target, offset } = &segment.mode else { continue };
        let ([ConstOp::I32Const(offset)], ElementItems::Functions(items)) =
            (&*offset.ops, &segment.items)
        else {
            panic!("a static table has constant elements");
        };
        if *target == table {
            for (at, &func) in (*offset as usize..).zip(items) {
                elements[at] = module.defined_func(func);
            }
        }
    }
    let start = code.len() as u32;
    for element in &elements {
        let entry = match *element {
            None => StaticTableEntry { code_offset: 0, type_index: u32::MAX },
            Some(func) => StaticTableEntry {
                code_offset: functions[func.as_usize()].start.wrapping_sub(start) as i32,
                type_index: {
                    let ty = module.functions[module.func_index(func).as_usize()];
                    layout.canonical_type(ty).0
                },
            },
        };
        code.extend(entry.code_offset.to_ne_bytes());
        code.extend(entry.type_index.to_ne_bytes());
    }
    StaticTable { table, start, functions: elements }
}

/// Makes a module for every thunk that is asked for.
struct Thunks(TypeRegistry);

impl Thunks {
    fn load(&self, ty: &FuncType) -> Arc<LoadedCode> {
        let text = format!("(module (import \"\" \"\" ({})))", crate::describe::func_type(ty));
        let module = decode(&text);
        let image = image(&module, &CompileOptions::default(), &[]);
        // SAFETY: as above.
        unsafe { LoadedCode::load(Arc::new(module), image, &self.0) }.unwrap()
    }
}

impl ThunkProvider for Thunks {
    fn host_exit(&self, id: FunctionTypeId, ty: &FuncType) -> Result<Thunk, ThunkError> {
        let code = self.load(ty);
        assert_eq!(code.type_id(TypeIndex(0)), id);
        Ok(Thunk { code, ty: TypeIndex(0) })
    }

    fn host_entry(&self, _: FunctionTypeId, ty: &FuncType) -> Result<Thunk, ThunkError> {
        Ok(Thunk { code: self.load(ty), ty: TypeIndex(0) })
    }
}

/// What a host function that nobody calls does.
extern "C" fn never_called(_: *mut HostFunctionContext, _: *mut VmContext, _: *mut u64) {
    std::process::abort();
}

/// Makes a host function that owns `data`.
pub(crate) fn host_function<T: Send + Sync + 'static>(
    store: &mut Store,
    ty: &FuncType,
    data: T,
) -> FuncId {
    // SAFETY: it is never called.
    unsafe { store.new_host_function(ty, never_called, None, HostData::from_box(Box::new(data))) }
        .unwrap()
}

/// What an instance exports as `name`.
pub(crate) fn export(store: &Store, instance: InstanceId, name: &str) -> Extern {
    store.export(instance, name).unwrap().unwrap_or_else(|| panic!("no export `{name}`"))
}

macro_rules! exported {
    ($($name:ident: $variant:ident, $handle:ty;)*) => {$(
        pub(crate) fn $name(store: &Store, instance: InstanceId, name: &str) -> $handle {
            match export(store, instance, name) {
                Extern::$variant(handle) => handle,
                other => panic!("`{name}` is a {}", other.kind()),
            }
        }
    )*};
}

exported! {
    func: Func, FuncId;
    table: Table, crate::TableId;
    memory: Memory, crate::MemoryId;
    global: Global, crate::GlobalId;
}

/// Whether all of `bytes` are `byte`: compared as a whole, which Miri does as fast as anybody.
pub(crate) fn are_all(bytes: &[u8], byte: u8) -> bool {
    bytes == vec![byte; bytes.len()]
}

/// A value without the way in which the host holds it: a reference to a host object is its number.
pub(crate) fn plain(store: &Store, value: Value) -> (&'static str, Option<Value>) {
    let number = |object| store.externref_number(object).expect("it is rooted");
    match value {
        Value::Extern(Some(object)) => ("externref", Some(Value::I32(number(object)))),
        Value::Extern(None) => ("externref", None),
        other => (other.kind(), Some(other)),
    }
}

/// The value of the global that an instance exports as `name`.
pub(crate) fn global_value(store: &mut Store, instance: InstanceId, name: &str) -> Value {
    store.global_get(global(store, instance, name)).unwrap()
}

/// Makes an instance from text that needs nothing but `imports`.
pub(crate) fn try_instantiate(
    engine: &Engine,
    store: &mut Store,
    text: &str,
    imports: &[Extern],
) -> Result<InstanceId, InstantiateError> {
    store.instantiate(&engine.load(text), imports)
}

#[test]
fn the_fixture_makes_images_that_load() {
    let engine = Engine::new();
    let code = engine.load_with_static_tables(
        r#"(module
            (import "" "" (func (param i32)))
            (table 3 funcref) (elem (i32.const 1) $f) (func $f))"#,
        &[0],
    );
    assert_eq!(code.image.static_tables[0].functions[1], Some(DefinedFuncIndex(0)));
    assert!(code.host_exit(TypeIndex(0)).is_some());
}
