//! Our own side, in one of several configurations.

use std::sync::OnceLock;

use brolga::{
    AsContext, AsContextMut, Config, Engine, Error, Extern, ExternRef, Func, Global, Instance,
    Memory, Module, OptLevel, Ref, RefType, Store, Table, Trap, Val,
};
use brolga_module::{ExternType, ParsedModule, ValType};

use super::side::{HostRefusal, HostTrace, Item, Outcome, Side, Stop, initial_global};
use super::values::Value;

/// What is configured, from one end of the lattice to the other.
#[derive(Clone, Copy, Debug)]
pub struct Configuration {
    name: &'static str,
    opt_level: OptLevel,
    signals: bool,
    reservation_bytes: u64,
    guard_bytes: u64,
    spectre: bool,
}

const GUARDED: Configuration = Configuration {
    name: "guarded, speed",
    opt_level: OptLevel::Speed,
    signals: true,
    reservation_bytes: 4 << 30,
    guard_bytes: 2 << 30,
    spectre: true,
};

/// The configurations that are compared, with wasmi and with each other.
pub const CONFIGURATIONS: [Configuration; 6] = [
    GUARDED,
    Configuration { name: "guarded, none", opt_level: OptLevel::None, ..GUARDED },
    Configuration { name: "small guard", guard_bytes: 64 << 10, ..GUARDED },
    Configuration {
        name: "explicit, size",
        opt_level: OptLevel::SpeedAndSize,
        reservation_bytes: 1 << 20,
        guard_bytes: 0,
        ..GUARDED
    },
    Configuration { name: "no signals, speed", signals: false, ..GUARDED },
    Configuration {
        name: "no signals, explicit, none",
        opt_level: OptLevel::None,
        signals: false,
        reservation_bytes: 0,
        guard_bytes: 0,
        spectre: false,
    },
];

/// More than any module here needs: countdowns end recursion first.
const STACK_BYTES: usize = 8 << 20;

/// A module that runs in Brolga.
pub struct BrolgaSide {
    configuration: Configuration,
    module: Module,
    store: Store<HostTrace>,
    imports: Vec<Extern>,
    instance: Option<Instance>,
}

impl BrolgaSide {
    /// Compiles and instantiates in the configuration at `position` of [`CONFIGURATIONS`], with
    /// or without making NaNs canonical.
    ///
    /// # Panics
    /// If the module, which is valid, is refused.
    pub fn new(parsed: &ParsedModule, position: usize, canonical_nans: bool) -> (Self, Outcome) {
        let configuration = CONFIGURATIONS[position];
        let engine = engine(position, canonical_nans);
        let module = match Module::new(engine, &parsed.bytes) {
            Ok(module) => module,
            Err(error) => panic!("{configuration:?} refuses a valid module: {error:?}"),
        };
        let mut store = Store::new(engine, HostTrace::default());
        let types: Vec<brolga::ExternType> = module.imports().map(|import| import.ty()).collect();
        let imports = types.into_iter().enumerate();
        let imports = imports.map(|(at, ty)| made(&mut store, at, ty, parsed)).collect();
        let mut side = Self { configuration, module, store, imports, instance: None };
        let outcome = match Instance::new(&mut side.store, &side.module, &side.imports) {
            Ok(instance) => {
                side.instance = Some(instance);
                Outcome::Returned(Vec::new())
            }
            Err(error) => outcome(&error),
        };
        (side, outcome)
    }

    fn find(&mut self, item: Item<'_>) -> Extern {
        match item {
            Item::Import(position) => self.imports[position],
            Item::Export(name) => {
                let instance = self.instance.expect("only instances have exports");
                instance.get_export(&mut self.store, name).expect("what the module exports")
            }
        }
    }
}

impl Drop for BrolgaSide {
    fn drop(&mut self) {
        // The engine outlives the input; what it keeps by content must not pile up.
        self.module.engine().delete_compiled_module(&self.module);
    }
}

impl Side for BrolgaSide {
    fn name(&self) -> String {
        format!("brolga ({})", self.configuration.name)
    }

    fn call(&mut self, export: &str, args: &[Value], results: usize) -> Outcome {
        let func = self.find(Item::Export(export)).into_func().expect("a function");
        let args: Vec<Val> = args.iter().map(|arg| val(*arg, &mut self.store)).collect();
        let mut returned = vec![Val::I32(0); results];
        match func.call(&mut self.store, &args, &mut returned) {
            Ok(()) => {
                Outcome::Returned(returned.iter().map(|val| value(val, &self.store)).collect())
            }
            Err(error) => outcome(&error),
        }
    }

    fn global(&mut self, item: Item<'_>) -> Value {
        let global = self.find(item).into_global().expect("a global");
        let val = global.get(&mut self.store);
        value(&val, &self.store)
    }

    fn set_global(&mut self, item: Item<'_>, value: Value) {
        let global = self.find(item).into_global().expect("a global");
        let value = val(value, &mut self.store);
        global.set(&mut self.store, value).expect("a mutable global of this type");
    }

    fn memory(&mut self, item: Item<'_>) -> &[u8] {
        let memory = self.find(item).into_memory().expect("a memory");
        memory.data(&self.store)
    }

    fn table(&mut self, item: Item<'_>) -> Vec<Value> {
        let table = self.find(item).into_table().expect("a table");
        let mut elements = Vec::new();
        for index in 0..table.size(&self.store) {
            let element = table.get(&mut self.store, index).expect("below the size");
            elements.push(value(&Val::from(element), &self.store));
        }
        elements
    }

    fn trace(&self) -> HostTrace {
        *self.store.data()
    }
}

fn engine(position: usize, canonical_nans: bool) -> &'static Engine {
    static ENGINES: [[OnceLock<Engine>; 2]; CONFIGURATIONS.len()] =
        [const { [const { OnceLock::new() }; 2] }; CONFIGURATIONS.len()];
    ENGINES[position][usize::from(canonical_nans)].get_or_init(|| {
        let configuration = &CONFIGURATIONS[position];
        let mut config = Config::new();
        config
            .cranelift_opt_level(configuration.opt_level)
            .cranelift_debug_verifier(true)
            .cranelift_nan_canonicalization(canonical_nans)
            .spectre_mitigation(configuration.spectre)
            .signals_based_traps(configuration.signals)
            .memory_reservation(configuration.reservation_bytes)
            .memory_guard_size(configuration.guard_bytes)
            .max_wasm_stack(STACK_BYTES)
            .compile_threads(1);
        Engine::new(&config).expect("tests run where code can be made")
    })
}

fn made(
    store: &mut Store<HostTrace>,
    position: usize,
    ty: brolga::ExternType,
    parsed: &ParsedModule,
) -> Extern {
    let asked = &parsed.imports[position].ty;
    match (ty, asked) {
        (brolga::ExternType::Func(ty), ExternType::Func(index)) => {
            let results: Vec<ValType> = parsed.types[index.as_usize()].results().into();
            Extern::Func(Func::new(store, ty, move |mut caller, args, returned| {
                let args: Vec<Value> = args.iter().map(|arg| value(arg, &caller)).collect();
                let answer = caller.data_mut().answer(position, args.into_iter(), &results)?;
                for (slot, value) in returned.iter_mut().zip(answer) {
                    *slot = val(value, &mut caller);
                }
                Ok(())
            }))
        }
        (brolga::ExternType::Memory(ty), _) => {
            Extern::Memory(Memory::new(store, ty).expect("small memories can be had"))
        }
        (brolga::ExternType::Table(ty), _) => {
            let null = null(ty.element());
            Extern::Table(Table::new(store, ty, null).expect("small tables can be had"))
        }
        (brolga::ExternType::Global(ty), ExternType::Global(asked)) => {
            let value = val(initial_global(position, asked.content), &mut *store);
            Extern::Global(Global::new(store, ty, value).expect("a value of this type"))
        }
        (ty, asked) => panic!("the module asks for {asked:?}, import {position} says {ty:?}"),
    }
}

fn null(ty: &RefType) -> Ref {
    Ref::null(ty.heap_type())
}

fn val(value: Value, store: &mut impl AsContextMut) -> Val {
    match value {
        Value::I32(bits) => Val::I32(bits as i32),
        Value::I64(bits) => Val::I64(bits as i64),
        Value::F32(bits) => Val::F32(bits),
        Value::F64(bits) => Val::F64(bits),
        Value::V128(bits) => Val::V128(bits.into()),
        Value::Func { null } => {
            assert!(null, "functions cannot be made from nothing");
            Val::FuncRef(None)
        }
        Value::Extern(None) => Val::ExternRef(None),
        Value::Extern(Some(number)) => {
            Val::from(ExternRef::new(store, number).expect("few objects are made"))
        }
    }
}

fn value(val: &Val, store: &impl AsContext) -> Value {
    match val {
        Val::I32(value) => Value::I32(*value as u32),
        Val::I64(value) => Value::I64(*value as u64),
        Val::F32(bits) => Value::F32(*bits),
        Val::F64(bits) => Value::F64(*bits),
        Val::V128(vector) => Value::V128(vector.as_u128()),
        Val::FuncRef(func) => Value::Func { null: func.is_none() },
        Val::ExternRef(object) => Value::Extern(object.map(|object| {
            let data = object.data(store.as_context()).expect("an object of this store");
            let number = data.and_then(|data| data.downcast_ref::<u32>());
            *number.expect("all objects are numbers")
        })),
        other => panic!("a value of an unknown kind: {other:?}"),
    }
}

/// Which outcome an error is.
fn outcome(error: &Error) -> Outcome {
    if error.downcast_ref::<HostRefusal>().is_some() {
        return Outcome::Stopped(Stop::Host);
    }
    let stop = match error.downcast_ref::<Trap>() {
        Some(Trap::UnreachableCodeReached) => Stop::Unreachable,
        Some(Trap::MemoryOutOfBounds) => Stop::Memory,
        Some(Trap::TableOutOfBounds) => Stop::Table,
        Some(Trap::IndirectCallToNull) => Stop::NullElement,
        Some(Trap::BadSignature) => Stop::BadSignature,
        Some(Trap::IntegerOverflow) => Stop::IntegerOverflow,
        Some(Trap::IntegerDivisionByZero) => Stop::DivisionByZero,
        Some(Trap::BadConversionToInteger) => Stop::BadConversion,
        Some(Trap::StackOverflow) => return Outcome::Exhausted(error.to_string()),
        _ => return Outcome::Failed(format!("{error:?}")),
    };
    Outcome::Stopped(stop)
}
