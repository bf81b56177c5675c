//! Core dumps: what a store's instances hold after a call has failed, for debuggers.
//!
//! ```text
//!  call fails ─▶ WasmCoreDump: handles and frames ─▶ serialize ─▶ a module whose memories and
//!                (around the error, if wanted)                    globals hold what the store's do
//! ```
//!
//! **Invariants**
//! - A dump holds handles, no contents: those are read by [`WasmCoreDump::serialize`], and are
//!   then what they are then.
//! - A store whose engine wants no dumps keeps nothing for them.

use core::fmt;
use std::collections::HashMap;
use std::hash::Hash;

use brolga_module::{self as module, GlobalIndex, MemoryIndex};
use brolga_runtime::{GlobalId, HandleError, InstanceId, MemoryId, Store as RuntimeStore, Value};
use wasm_encoder::{
    ConstExpr, CoreDumpInstancesSection, CoreDumpModulesSection, CoreDumpSection,
    CoreDumpStackSection, CoreDumpValue, DataSection, GlobalSection, GlobalType, MemorySection,
    MemoryType,
};

use crate::handle::belongs;
use crate::{
    AsContextMut, Engine, Error, FrameInfo, Global, Instance, Memory, Module, WasmBacktrace,
};

/// What there was in a store when a call in it failed.
///
/// With [`Config::coredump_on_trap`](crate::Config::coredump_on_trap) every error of a call has
/// one: `error.downcast_ref::<WasmCoreDump>()`. Locals and operands of the frames are not in it.
///
/// ```
/// # use brolga::*;
/// # fn main() -> Result<()> {
/// let engine = Engine::new(Config::new().coredump_on_trap(true))?;
/// let module = Module::new(&engine, r#"(module (memory 1) (data (i32.const 8) "hello")
///     (func (export "stop") unreachable))"#)?;
/// let mut store = Store::new(&engine, ());
/// let instance = Instance::new(&mut store, &module, &[])?;
/// let stop = instance.get_typed_func::<(), ()>(&mut store, "stop")?;
/// let error = stop.call(&mut store, ()).unwrap_err();
/// let dump = error.downcast_ref::<WasmCoreDump>().context("no dump")?;
/// let bytes = dump.serialize(&mut store, "example");
/// assert!(bytes.windows(5).any(|bytes| bytes == b"hello"));
/// # Ok(())
/// # }
/// ```
pub struct WasmCoreDump {
    modules: Vec<Module>,
    instances: Vec<Instance>,
    memories: Vec<Memory>,
    globals: Vec<Global>,
    /// For each instance, then for each module that only frames know of.
    rows: Vec<Row>,
    backtrace: Option<WasmBacktrace>,
}

/// What an instance has, as positions in the lists of the dump.
struct Row {
    module: u32,
    memories: Vec<u32>,
    globals: Vec<u32>,
}

impl WasmCoreDump {
    fn new(
        engine: &Engine,
        store: &RuntimeStore,
        instances: &[InstanceId],
        backtrace: Option<WasmBacktrace>,
    ) -> WasmCoreDump {
        let mut lists = Lists::default();
        let mut dump = WasmCoreDump {
            modules: Vec::new(),
            instances: Vec::new(),
            memories: Vec::new(),
            globals: Vec::new(),
            rows: Vec::new(),
            backtrace,
        };
        for &id in instances {
            let Ok(code) = store.instance_code(id) else { continue };
            dump.instances.push(Instance::from_id(id));
            dump.rows.push(lists.row(store, id, &Module::from_code(engine.clone(), code.clone())));
        }
        for frame in dump.backtrace.iter().flat_map(WasmBacktrace::frames) {
            let known = lists.modules.len();
            let module = lists.module(frame.module());
            // The instance has been closed while its function ran.
            if lists.modules.len() > known {
                dump.rows.push(Row { module, memories: Vec::new(), globals: Vec::new() });
            }
        }
        dump.memories = lists.memories.things.into_iter().map(Memory::from_id).collect();
        dump.globals = lists.globals.things.into_iter().map(Global::from_id).collect();
        dump.modules = lists.modules;
        dump
    }

    /// The functions that were active, innermost first.
    pub fn frames(&self) -> &[FrameInfo] {
        self.backtrace.as_ref().map_or(&[], WasmBacktrace::frames)
    }

    /// The modules that the instances and frames were of.
    pub fn modules(&self) -> &[Module] {
        &self.modules
    }

    /// The instances that there were, in the order in which they were made.
    pub fn instances(&self) -> &[Instance] {
        &self.instances
    }

    /// The globals that the instances had, imported ones too, each once.
    pub fn globals(&self) -> &[Global] {
        &self.globals
    }

    /// The memories that the instances had, imported ones too, each once.
    pub fn memories(&self) -> &[Memory] {
        &self.memories
    }

    /// The dump in the [format of the tool conventions][format], under a name of your choice for
    /// what was running. Contents are what they are now: empty for memories and zero for globals of
    /// instances that have been closed since. References are null.
    ///
    /// A frame is said to be of the last instance of its module: which one it was is not known.
    ///
    /// [format]: https://github.com/WebAssembly/tool-conventions/blob/main/Coredump.md
    ///
    /// # Panics
    /// If the dump is of another store.
    pub fn serialize(&self, mut store: impl AsContextMut, name: &str) -> Vec<u8> {
        let store = store.as_context_mut();
        let runtime = &store.cell().runtime;
        let mut module = wasm_encoder::Module::new();
        module.section(&CoreDumpSection::new(name));
        let (memories, data) = self.memory_sections(runtime);
        module.section(&memories);
        module.section(&self.global_section(runtime));
        module.section(&data);
        module.section(&self.module_section());
        module.section(&self.instance_section());
        module.section(&self.stack_section());
        module.finish()
    }

    fn memory_sections(&self, store: &RuntimeStore) -> (MemorySection, DataSection) {
        let (mut memories, mut data) = (MemorySection::new(), DataSection::new());
        let all = self.memories.iter().filter_map(|memory| open(store.memory_data(memory.id())));
        let bytes: usize = all.map(<[u8]>::len).sum();
        let chunk_bytes = CHUNK_BYTES_MIN.max(bytes.div_ceil(SEGMENTS_MAX));
        for (index, memory) in (0..).zip(&self.memories) {
            let now =
                open(store.memory_type(memory.id())).zip(open(store.memory_data(memory.id())));
            let Some((ty, bytes)) = now else {
                memories.memory(empty_memory());
                continue;
            };
            let is_64 = ty.index == module::IndexType::I64;
            memories.memory(MemoryType {
                minimum: open(store.memory_size_pages(memory.id())).unwrap_or(0),
                maximum: ty.max,
                memory64: is_64,
                shared: false,
                page_size_log2: (ty.page_size_log2 != 16).then_some(ty.page_size_log2.into()),
            });
            for (offset, bytes) in segments(bytes, chunk_bytes) {
                let offset = match is_64 {
                    true => ConstExpr::i64_const(offset as i64),
                    false => ConstExpr::i32_const(offset as u32 as i32),
                };
                data.active(index, &offset, bytes.iter().copied());
            }
        }
        (memories, data)
    }

    fn global_section(&self, store: &RuntimeStore) -> GlobalSection {
        let mut section = GlobalSection::new();
        for global in &self.globals {
            let now =
                open(store.global_type(global.id())).zip(open(store.global_number(global.id())));
            let (mutable, val_type, value) = match now {
                Some((ty, value)) => {
                    (ty.mutable, value_type(ty.content), constant(value, ty.content))
                }
                None => (false, wasm_encoder::ValType::I32, ConstExpr::i32_const(0)),
            };
            section.global(GlobalType { val_type, mutable, shared: false }, &value);
        }
        section
    }

    fn module_section(&self) -> CoreDumpModulesSection {
        let mut section = CoreDumpModulesSection::new();
        for (position, module) in self.modules.iter().enumerate() {
            match module.name() {
                Some(name) => section.module(name),
                None => section.module(format!("<anonymous-module-{position}>")),
            };
        }
        section
    }

    fn instance_section(&self) -> CoreDumpInstancesSection {
        let mut section = CoreDumpInstancesSection::new();
        for row in &self.rows {
            let list = |list: &[u32]| list.to_vec();
            section.instance(row.module, list(&row.memories), list(&row.globals));
        }
        section
    }

    fn stack_section(&self) -> CoreDumpStackSection {
        let mut section = CoreDumpStackSection::new("main");
        for frame in self.frames() {
            let module = self.modules.iter().position(|it| Module::same(it, frame.module()));
            let of_module = |row: &Row| Some(row.module as usize) == module;
            let instance = self.rows.iter().rposition(of_module).unwrap_or(0);
            let offset = frame.func_offset().and_then(|offset| u32::try_from(offset).ok());
            let none: [CoreDumpValue; 0] = [];
            section.frame(instance as u32, frame.func_index(), offset.unwrap_or(0), none, []);
        }
        section
    }
}

/// What is there, or nothing if it has been closed.
///
/// # Panics
/// If it is of another store.
#[track_caller]
fn open<T>(result: Result<T, HandleError>) -> Option<T> {
    match result {
        Err(HandleError::Closed { .. }) => None,
        result => Some(belongs(result)),
    }
}

fn empty_memory() -> MemoryType {
    MemoryType { minimum: 0, maximum: None, memory64: false, shared: false, page_size_log2: None }
}

/// About how many segments the memories become at most; readers allow 100,000.
const SEGMENTS_MAX: usize = 64 << 10;
const CHUNK_BYTES_MIN: usize = 4 << 10;

/// The parts of a memory that are not zero, roughly.
fn segments(bytes: &[u8], chunk_bytes: usize) -> impl Iterator<Item = (usize, &[u8])> {
    bytes.chunks(chunk_bytes).enumerate().filter_map(move |(position, chunk)| {
        let start = chunk.iter().position(|byte| *byte != 0)?;
        let end = chunk.iter().rposition(|byte| *byte != 0)? + 1;
        Some((position * chunk_bytes + start, &chunk[start..end]))
    })
}

fn value_type(ty: module::ValType) -> wasm_encoder::ValType {
    match ty {
        module::ValType::I32 => wasm_encoder::ValType::I32,
        module::ValType::I64 => wasm_encoder::ValType::I64,
        module::ValType::F32 => wasm_encoder::ValType::F32,
        module::ValType::F64 => wasm_encoder::ValType::F64,
        module::ValType::V128 => wasm_encoder::ValType::V128,
        // Nullable whatever the type says: the references of a dump are null.
        module::ValType::Ref(ty) if ty.is_func() => wasm_encoder::ValType::FUNCREF,
        module::ValType::Ref(_) => wasm_encoder::ValType::EXTERNREF,
    }
}

fn constant(value: Value, ty: module::ValType) -> ConstExpr {
    match value {
        Value::I32(value) => ConstExpr::i32_const(value as i32),
        Value::I64(value) => ConstExpr::i64_const(value as i64),
        Value::F32(bits) => ConstExpr::f32_const(f32::from_bits(bits).into()),
        Value::F64(bits) => ConstExpr::f64_const(f64::from_bits(bits).into()),
        Value::V128(value) => ConstExpr::v128_const(value as i128),
        Value::Func(_) | Value::Extern(_) => match value_type(ty) {
            wasm_encoder::ValType::FUNCREF => ConstExpr::ref_null(wasm_encoder::HeapType::FUNC),
            _ => ConstExpr::ref_null(wasm_encoder::HeapType::EXTERN),
        },
    }
}

/// Things, each once, by their positions.
struct Once<T> {
    things: Vec<T>,
    positions: HashMap<T, u32>,
}

impl<T> Default for Once<T> {
    fn default() -> Self {
        Once { things: Vec::new(), positions: HashMap::new() }
    }
}

impl<T: Copy + Eq + Hash> Once<T> {
    fn position(&mut self, thing: T) -> u32 {
        *self.positions.entry(thing).or_insert_with(|| {
            self.things.push(thing);
            self.things.len() as u32 - 1
        })
    }
}

/// The lists of a dump while it is being made.
#[derive(Default)]
struct Lists {
    modules: Vec<Module>,
    /// By the address of a module's code.
    module_positions: HashMap<usize, u32>,
    memories: Once<MemoryId>,
    globals: Once<GlobalId>,
}

impl Lists {
    fn module(&mut self, module: &Module) -> u32 {
        let address = std::sync::Arc::as_ptr(module.code()).addr();
        *self.module_positions.entry(address).or_insert_with(|| {
            self.modules.push(module.clone());
            self.modules.len() as u32 - 1
        })
    }

    fn row(&mut self, store: &RuntimeStore, id: InstanceId, module: &Module) -> Row {
        let parsed = &module.code().module;
        let memories = (0..parsed.memories.len()).filter_map(|index| {
            store.instance_memory(id, MemoryIndex::from_usize(index)).ok().flatten()
        });
        let globals = (0..parsed.globals.len()).filter_map(|index| {
            store.instance_global(id, GlobalIndex::from_usize(index)).ok().flatten()
        });
        Row {
            memories: memories.map(|memory| self.memories.position(memory)).collect(),
            globals: globals.map(|global| self.globals.position(global)).collect(),
            module: self.module(module),
        }
    }
}

/// The instances of a store whose engine wants core dumps.
#[derive(Default)]
pub(crate) struct Instances {
    ids: Vec<InstanceId>,
    /// At how many closed ones are sorted out again.
    prune_at: usize,
}

impl Instances {
    const PRUNE_AT_MIN: usize = 16;

    /// Notes an instance that was just made.
    pub(crate) fn note(&mut self, engine: &Engine, store: &RuntimeStore, id: InstanceId) {
        if !engine.config().coredump_on_trap {
            return;
        }
        if self.ids.len() >= self.prune_at.max(Self::PRUNE_AT_MIN) {
            self.ids.retain(|id| store.is_instance_open(*id));
            // At twice as many: so that sorting out costs each instance little.
            self.prune_at = 2 * self.ids.len();
        }
        self.ids.push(id);
    }

    /// `error`, of a call that failed just now, with a core dump around it if the engine wants
    /// that and there is none in it yet.
    pub(crate) fn dump_around(&self, error: Error, engine: &Engine, store: &RuntimeStore) -> Error {
        if !engine.config().coredump_on_trap || error.is::<WasmCoreDump>() {
            return error;
        }
        let backtrace = error.downcast_ref::<WasmBacktrace>().cloned();
        error.context(WasmCoreDump::new(engine, store, &self.ids, backtrace))
    }
}

impl fmt::Display for WasmCoreDump {
    /// How many of everything there is, and the frames.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("wasm core dump of ")?;
        for (count, what) in [
            (self.modules.len(), "modules, "),
            (self.instances.len(), "instances, "),
            (self.memories.len(), "memories and "),
            (self.globals.len(), "globals"),
        ] {
            write!(f, "{count} {what}")?;
        }
        match &self.backtrace {
            Some(backtrace) => write!(f, "\n{backtrace}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for WasmCoreDump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WasmCoreDump")
            .field("modules", &self.modules)
            .field("instances", &self.instances)
            .field("memories", &self.memories)
            .field("globals", &self.globals)
            .field("backtrace", &self.backtrace)
            .finish_non_exhaustive()
    }
}
