//! The side of wasmi, an interpreter that shares no code generator with us.

use std::sync::OnceLock;

use brolga_module::{ExternType, ParsedModule, ValType};
use wasmi::errors::{ErrorKind, HostError, InstantiationError, MemoryError, TableError};
use wasmi::{
    AsContextMut, Config, Engine, Error, Extern, ExternRef, F32, F64, Func, Global, Instance,
    Memory, Module, Mutability, Ref, Store, Table, TrapCode, V128, Val,
};

use super::side::{HostRefusal, HostTrace, Item, Outcome, Side, Stop, initial_global};
use super::values::Value;

impl HostError for HostRefusal {}

/// A module that runs in wasmi.
pub struct WasmiSide {
    store: Store<HostTrace>,
    imports: Vec<Extern>,
    instance: Option<Instance>,
}

impl WasmiSide {
    /// Compiles and instantiates; `None` if wasmi does not take the module or its imports.
    pub fn new(parsed: &ParsedModule) -> Option<(Self, Outcome)> {
        let engine = engine();
        let module = Module::new(engine, &parsed.bytes).ok()?;
        let mut store = Store::new(engine, HostTrace::default());
        let mut imports = Vec::new();
        for (import, position) in module.imports().zip(order(parsed)) {
            imports.push((position, made(&mut store, position, import.ty(), parsed)?));
        }
        let given: Vec<Extern> = imports.iter().map(|(_, item)| *item).collect();
        imports.sort_by_key(|(position, _)| *position);
        let imports = imports.into_iter().map(|(_, item)| item).collect();
        let mut side = Self { store, imports, instance: None };
        let outcome = match Instance::new(&mut side.store, &module, &given) {
            Ok(instance) => {
                side.instance = Some(instance);
                Outcome::Returned(Vec::new())
            }
            Err(error) => outcome(&error),
        };
        Some((side, outcome))
    }

    fn find(&self, item: Item<'_>) -> Extern {
        match item {
            Item::Import(position) => self.imports[position],
            Item::Export(name) => {
                let instance = self.instance.expect("only instances have exports");
                instance.get_export(&self.store, name).expect("what the module exports")
            }
        }
    }

    fn value(&self, val: &Val) -> Value {
        value(val, &self.store)
    }
}

impl Side for WasmiSide {
    fn name(&self) -> String {
        "wasmi".into()
    }

    fn call(&mut self, export: &str, args: &[Value], results: usize) -> Outcome {
        let Extern::Func(func) = self.find(Item::Export(export)) else { panic!("not a function") };
        let args: Vec<Val> = args.iter().map(|arg| val(*arg, &mut self.store)).collect();
        let mut returned = vec![Val::I32(0); results];
        match func.call(&mut self.store, &args, &mut returned) {
            Ok(()) => Outcome::Returned(returned.iter().map(|val| self.value(val)).collect()),
            Err(error) => outcome(&error),
        }
    }

    fn global(&mut self, item: Item<'_>) -> Value {
        let Extern::Global(global) = self.find(item) else { panic!("not a global") };
        self.value(&global.get(&self.store))
    }

    fn set_global(&mut self, item: Item<'_>, value: Value) {
        let Extern::Global(global) = self.find(item) else { panic!("not a global") };
        let value = val(value, &mut self.store);
        global.set(&mut self.store, value).expect("a mutable global of this type");
    }

    fn memory(&mut self, item: Item<'_>) -> &[u8] {
        let Extern::Memory(memory) = self.find(item) else { panic!("not a memory") };
        memory.data(&self.store)
    }

    fn table(&mut self, item: Item<'_>) -> Vec<Value> {
        let Extern::Table(table) = self.find(item) else { panic!("not a table") };
        let element = |index| self.value(&table.get(&self.store, index).expect("below the size"));
        (0..table.size(&self.store)).map(element).collect()
    }

    fn trace(&self) -> HostTrace {
        *self.store.data()
    }
}

fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| {
        let mut config = Config::default();
        config
            .wasm_multi_memory(true)
            .wasm_memory64(true)
            .wasm_custom_page_sizes(true)
            .wasm_wide_arithmetic(true)
            .wasm_tail_call(true)
            .wasm_extended_const(true)
            .wasm_simd(true)
            .set_max_stack_height(16 << 20)
            .set_max_recursion_depth(20_000);
        Engine::new(&config)
    })
}

/// The positions of a module's imports in the order in which wasmi lists them: by kind.
fn order(parsed: &ParsedModule) -> Vec<usize> {
    let mut order: Vec<usize> = (0..parsed.imports.len()).collect();
    order.sort_by_key(|position| match parsed.imports[*position].ty {
        ExternType::Func(_) => 0,
        ExternType::Table(_) => 1,
        ExternType::Memory(_) => 2,
        ExternType::Global(_) => 3,
    });
    order
}

/// What an import asks for; `None` if wasmi has not enough of it.
fn made(
    store: &mut Store<HostTrace>,
    position: usize,
    ty: &wasmi::ExternType,
    parsed: &ParsedModule,
) -> Option<Extern> {
    let asked = &parsed.imports[position].ty;
    Some(match (ty, asked) {
        (wasmi::ExternType::Func(ty), ExternType::Func(index)) => {
            let results: Vec<ValType> = parsed.types[index.as_usize()].results().into();
            Extern::Func(Func::new(store, ty.clone(), move |mut caller, args, returned| {
                let args: Vec<Value> = args.iter().map(|arg| value(arg, &caller)).collect();
                let answer = caller.data_mut().answer(position, args.into_iter(), &results);
                for (slot, value) in returned.iter_mut().zip(answer.map_err(Error::host)?) {
                    *slot = val(value, &mut caller);
                }
                Ok(())
            }))
        }
        (wasmi::ExternType::Memory(ty), _) => Extern::Memory(Memory::new(store, *ty).ok()?),
        (wasmi::ExternType::Table(ty), _) => {
            Extern::Table(Table::new(store, *ty, Val::default(ty.element())).ok()?)
        }
        (wasmi::ExternType::Global(ty), ExternType::Global(asked)) => {
            let value = val(initial_global(position, asked.content), &mut *store);
            let mutability = if asked.mutable { Mutability::Var } else { Mutability::Const };
            assert_eq!(ty.mutability(), mutability);
            Extern::Global(Global::new(store, value, mutability))
        }
        _ => panic!("wasmi takes import {position} for another kind than {asked:?}"),
    })
}

fn val(value: Value, store: &mut impl AsContextMut) -> Val {
    match value {
        Value::I32(bits) => Val::I32(bits as i32),
        Value::I64(bits) => Val::I64(bits as i64),
        Value::F32(bits) => Val::F32(F32::from_bits(bits)),
        Value::F64(bits) => Val::F64(F64::from_bits(bits)),
        Value::V128(bits) => Val::V128(V128::from(bits)),
        Value::Func { null } => {
            assert!(null, "functions cannot be made from nothing");
            Val::FuncRef(Ref::Null)
        }
        Value::Extern(None) => Val::ExternRef(Ref::Null),
        Value::Extern(Some(number)) => Val::ExternRef(Ref::Val(ExternRef::new(store, number))),
    }
}

fn value(val: &Val, store: &impl wasmi::AsContext) -> Value {
    match val {
        Val::I32(value) => Value::I32(*value as u32),
        Val::I64(value) => Value::I64(*value as u64),
        Val::F32(value) => Value::F32(value.to_bits()),
        Val::F64(value) => Value::F64(value.to_bits()),
        Val::V128(value) => Value::V128(value.as_u128()),
        Val::FuncRef(func) => Value::Func { null: func.is_null() },
        Val::ExternRef(object) => Value::Extern(object.val().map(|object| {
            let number = object.data(store.as_context()).downcast_ref::<u32>();
            *number.expect("all objects are numbers")
        })),
    }
}

/// Which outcome an error is.
fn outcome(error: &Error) -> Outcome {
    if error.downcast_ref::<HostRefusal>().is_some() {
        return Outcome::Stopped(Stop::Host);
    }
    if let ErrorKind::Instantiation(error) = error.kind() {
        return match error {
            InstantiationError::ElementSegmentDoesNotFit { .. } => Outcome::Stopped(Stop::Table),
            InstantiationError::FailedToInstantiateMemory(_)
            | InstantiationError::FailedToInstantiateTable(_) => {
                Outcome::Exhausted(error.to_string())
            }
            _ => Outcome::Failed(error.to_string()),
        };
    }
    match error.kind() {
        ErrorKind::Memory(MemoryError::OutOfSystemMemory)
        | ErrorKind::Table(TableError::OutOfSystemMemory) => {
            return Outcome::Exhausted(error.to_string());
        }
        // A trap to all but `as_trap_code`.
        ErrorKind::Table(TableError::CopyOutOfBounds) => return Outcome::Stopped(Stop::Table),
        _ => {}
    }
    // wasmi tells the two ways out of a table no more apart than we do here.
    let stop = match error.as_trap_code() {
        Some(TrapCode::UnreachableCodeReached) => Stop::Unreachable,
        Some(TrapCode::MemoryOutOfBounds) => Stop::Memory,
        Some(TrapCode::TableOutOfBounds) => Stop::Table,
        Some(TrapCode::IndirectCallToNull) => Stop::NullElement,
        Some(TrapCode::BadSignature) => Stop::BadSignature,
        Some(TrapCode::IntegerOverflow) => Stop::IntegerOverflow,
        Some(TrapCode::IntegerDivisionByZero) => Stop::DivisionByZero,
        Some(TrapCode::BadConversionToInteger) => Stop::BadConversion,
        Some(code) => return Outcome::Exhausted(code.to_string()),
        None => return Outcome::Failed(error.to_string()),
    };
    Outcome::Stopped(stop)
}
