//! What can be sent to other threads and shared by them, said at compile time: as users of the
//! wasmtime crate know it.

use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::MutexGuard;

use brolga::*;

const fn send<T: Send>() {}
const fn sync<T: Sync>() {}

macro_rules! both {
    ($($ty:ty)*) => {
        const _: () = {
            $(send::<$ty>();)*
            $(sync::<$ty>();)*
        };
    };
}

both! {
    Engine EngineWeak Config ConfigError EngineError HostError
    Module ModuleExport ModuleError ModuleFunction ResourcesRequired
    Cache CacheConfig CacheError CompileError DeserializeError ImageFileError Precompiled CodeImage
    Store<u8> StoreContext<'static, u8> StoreContextMut<'static, u8> Caller<'static, u8>
    Linker<u8> InstancePre<u8> UnknownImportError
    Instance Func TypedFunc<(i32, i64), f32> Memory Table Global Extern Export<'static>
    ExternRef Rooted<ExternRef> GcHeapOutOfMemory<u8>
    Val ValRaw Ref V128
    FuncType GlobalType TableType MemoryType ExternType ImportType<'static> ExportType<'static>
    ValType RefType HeapType Mutability Finality
    Error Trap MemoryFault WasmBacktrace FrameInfo FrameSymbol WasmCoreDump MemoryAccessError
    StoreLimits StoreLimitsBuilder Limits CallHook UpdateDeadline
    InstanceAllocationStrategy PoolingAllocationConfig OptLevel ProfilingStrategy Strategy
    ModuleEngine ElementInstance HandleError GrowError LimitError
}

const _: () = send::<CallEngine>();
// Linkers and prepared instances hold closures, which are both, whatever the stores hold.
const _: () = send::<Linker<Cell<u8>>>();
const _: () = sync::<InstancePre<MutexGuard<'static, u8>>>();

/// A store is what its data is: found out by two implementations, of which only one fits where
/// the type lacks what the other asks for.
struct Probe<T>(PhantomData<T>);

trait Lacks {
    const SEND: bool = false;
    const SYNC: bool = false;
}

impl<T> Lacks for Probe<T> {}

impl<T: Send> Probe<T> {
    const SEND: bool = true;
}

impl<T: Sync> Probe<T> {
    const SYNC: bool = true;
}

#[test]
fn a_store_is_what_its_data_is() {
    // Neither: a guard may not leave its thread, a cell may not be shared.
    const {
        assert!(!Probe::<Store<MutexGuard<'static, u8>>>::SEND);
        assert!(Probe::<Store<MutexGuard<'static, u8>>>::SYNC);
        assert!(Probe::<Store<Cell<u8>>>::SEND);
        assert!(!Probe::<Store<Cell<u8>>>::SYNC);
        assert!(!Probe::<Caller<'static, Cell<u8>>>::SYNC);
        assert!(!Probe::<Caller<'static, MutexGuard<'static, u8>>>::SEND);
        assert!(!Probe::<StoreContext<'static, Cell<u8>>>::SEND);
        assert!(!Probe::<StoreContextMut<'static, MutexGuard<'static, u8>>>::SEND);
    }
}

#[test]
#[cfg_attr(miri, ignore = "runs generated code")]
fn stores_move_between_threads_between_calls() -> Result<()> {
    let engine = Engine::default();
    let module = Module::new(
        &engine,
        r#"(module (import "" "add" (func $add (param i32)))
            (func (export "run") (call $add (i32.const 1)) (call $add (i32.const 2))))"#,
    )?;
    let mut store = Store::new(&engine, 0);
    let add = Func::wrap(&mut store, |mut caller: Caller<'_, i32>, number: i32| {
        *caller.data_mut() += number;
    });
    let instance = Instance::new(&mut store, &module, &[add.into()])?;
    let run = instance.get_typed_func::<(), ()>(&mut store, "run")?;
    for round in 1..=10 {
        let run = run.clone();
        store =
            std::thread::spawn(move || run.call(&mut store, ()).map(|()| store)).join().unwrap()?;
        assert_eq!(*store.data(), 3 * round);
    }
    Ok(())
}
