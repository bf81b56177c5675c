//! The seam: Engine, ModuleEngine, CallEngine.
//!
//! Not under Miri: it runs generated code.
#![cfg(not(miri))]

use brolga::*;

const MODULE: &str = r#"(module
    (type $get (func (result i32)))
    (type $wide (func (result i64)))
    (import "" "host" (func $host (type $get)))
    (table $dynamic (export "dynamic") 5 funcref)
    (table $static 4 funcref)
    (global $mine (export "mine") (mut funcref) (ref.func $one))
    (global $none (mut funcref) (ref.null func))
    (elem (table $dynamic) (i32.const 0) func $one $two $host $wide)
    (elem (table $static) (i32.const 1) func $two $wide)
    (func $one (type $get) i32.const 1)
    (func $two (type $get) i32.const 2)
    (func $wide (type $wide) i64.const 3)
    (func $sum (param i32 i64) (result i64) (i64.add (i64.extend_i32_s (local.get 0)) (local.get 1)))
    (func $vector (param v128) (result v128) (i64x2.add (local.get 0) (local.get 0)))
    (func $call (param funcref) (result i32)
        (table.set $dynamic (i32.const 4) (local.get 0))
        (call_indirect $dynamic (type $get) (i32.const 4)))
    (func $from_static (param i32) (result i32)
        (call_indirect $static (type $get) (local.get 0)))
    (func $clear (global.set $mine (ref.null func)) (global.set $none (ref.func $two)))
    (func $trap unreachable)
    (func $identity (param externref) (result externref) (local.get 0)))"#;

const GET: TypeIndex = TypeIndex(0);
const WIDE: TypeIndex = TypeIndex(1);
const HOST: FuncIndex = FuncIndex(0);
const ONE: FuncIndex = FuncIndex(1);
const TWO: FuncIndex = FuncIndex(2);
const SUM: FuncIndex = FuncIndex(4);
const VECTOR: FuncIndex = FuncIndex(5);
const CALL: FuncIndex = FuncIndex(6);
const FROM_STATIC: FuncIndex = FuncIndex(7);
const CLEAR: FuncIndex = FuncIndex(8);
const TRAP: FuncIndex = FuncIndex(9);
const IDENTITY: FuncIndex = FuncIndex(10);
const DYNAMIC: TableIndex = TableIndex(0);
const STATIC: TableIndex = TableIndex(1);

fn set_up() -> Result<(Store<()>, ModuleEngine)> {
    let engine = Engine::default();
    let module = Module::new(&engine, MODULE)?;
    let mut store = Store::new(&engine, ());
    let host = Func::wrap(&mut store, || 40);
    let instance = engine.new_module_engine(&mut store, "m", &module, &[host.into()])?;
    Ok((store, instance))
}

#[test]
fn call_engines_call() -> Result<()> {
    let (mut store, instance) = set_up()?;
    let mut sum = instance.new_call_engine(&mut store, SUM)?;
    assert_eq!((sum.param_slots(), sum.result_slots()), (2, 1));
    assert_eq!(sum.call(&mut store, &[-5_i32 as u32 as u64, 3])?, [-2_i64 as u64]);
    // The upper half of a 32-bit slot does not matter.
    assert_eq!(sum.call(&mut store, &[0xdead_beef_0000_0001, 3])?, [4]);
    let mut slots = [20, 22];
    for _ in 0..100 {
        sum.call_into(&mut store, &mut slots)?;
        assert_eq!(slots[0], 42);
        slots = [20, 22];
    }
    let mut vector = instance.new_call_engine(&mut store, VECTOR)?;
    assert_eq!(vector.call(&mut store, &[21, 1 << 62])?, [42, 1 << 63]);
    // Imported functions too.
    let mut host = instance.new_call_engine(&mut store, HOST)?;
    assert_eq!(host.call(&mut store, &[])?, [40]);
    Ok(())
}

#[test]
fn call_engines_check_what_they_are_given() -> Result<()> {
    let (mut store, instance) = set_up()?;
    let mut sum = instance.new_call_engine(&mut store, SUM)?;
    let error = sum.call(&mut store, &[1]).unwrap_err();
    assert_eq!(error.to_string(), "expected 2 slots of parameters, found 1");
    assert!(sum.call(&mut store, &[1, 2, 3]).is_err());
    assert!(sum.call_into(&mut store, &mut [1]).is_err());
    assert!(instance.new_call_engine(&mut store, FuncIndex(11)).is_err());

    let mut other = Store::new(store.engine(), ());
    let error = sum.call(&mut other, &[1, 2]).unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&HandleError::OtherStore { kind: "function" }));
    assert!(instance.new_call_engine(&mut other, SUM).is_err());
    Ok(())
}

#[test]
fn a_call_engine_goes_on_after_a_trap() -> Result<()> {
    let (mut store, instance) = set_up()?;
    let mut trap = instance.new_call_engine(&mut store, TRAP)?;
    let mut sum = instance.new_call_engine(&mut store, SUM)?;
    for _ in 0..100 {
        let error = trap.call(&mut store, &[]).unwrap_err();
        assert_eq!(error.downcast_ref(), Some(&Trap::UnreachableCodeReached));
        assert_eq!(sum.call(&mut store, &[1, 2])?, [3]);
    }
    Ok(())
}

#[test]
fn lookup_gives_what_call_indirect_would_call() -> Result<()> {
    let (mut store, instance) = set_up()?;
    let [get, wide] = [GET, WIDE].map(|ty| instance.type_id(ty).unwrap());
    assert_ne!(get, wide);
    assert_eq!(instance.type_id(TypeIndex(99)), None);

    let mut call = |table, ty, at| -> Result<i32> {
        let func = instance.lookup_function(&mut store, table, ty, at)?;
        func.typed::<(), i32>(&store)?.call(&mut store, ())
    };
    assert_eq!(call(DYNAMIC, get, 0)?, 1);
    assert_eq!(call(DYNAMIC, get, 1)?, 2);
    assert_eq!(call(DYNAMIC, get, 2)?, 40);
    assert_eq!(call(STATIC, get, 1)?, 2);
    let mut trap =
        |table, ty, at| *call(table, ty, at).unwrap_err().downcast_ref::<Trap>().unwrap();
    for (table, null, past, other) in [(DYNAMIC, 4, 5, 3), (STATIC, 0, 4, 2)] {
        assert_eq!(trap(table, get, null), Trap::IndirectCallToNull);
        assert_eq!(trap(table, get, past), Trap::TableOutOfBounds);
        assert_eq!(trap(table, get, u64::MAX), Trap::TableOutOfBounds);
        assert_eq!(trap(table, get, other), Trap::BadSignature);
        assert_eq!(trap(table, wide, 1), Trap::BadSignature);
    }
    assert!(instance.lookup_function(&mut store, TableIndex(2), get, 0).is_err());

    // Code agrees.
    let mut from_static = instance.new_call_engine(&mut store, FROM_STATIC)?;
    assert_eq!(from_static.call(&mut store, &[1])?, [2]);
    for (at, expected) in [
        (0, Trap::IndirectCallToNull),
        (2, Trap::BadSignature),
        (4, Trap::TableOutOfBounds),
        (u32::MAX.into(), Trap::TableOutOfBounds),
    ] {
        let error = from_static.call(&mut store, &[at]).unwrap_err();
        assert_eq!(error.downcast_ref(), Some(&expected), "at {at}");
    }
    Ok(())
}

#[test]
fn elements_and_references() -> Result<()> {
    let (mut store, instance) = set_up()?;
    let elements = instance.create_func_element_instance(
        &mut store,
        &[Some(ONE), None, Some(TWO), Some(HOST), Some(ONE)],
    )?;
    let [one, null, two, host, again] = elements.references[..] else { panic!("five") };
    assert_eq!(null, 0);
    assert_eq!(one, again, "a function has one reference");
    assert_eq!(one, instance.function_instance_reference(&mut store, ONE)?);
    assert_eq!(instance.create_func_element_instance(&mut store, &[])?.references, []);

    let mut call = instance.new_call_engine(&mut store, CALL)?;
    assert_eq!(call.call(&mut store, &[one])?, [1]);
    assert_eq!(call.call(&mut store, &[two])?, [2]);
    assert_eq!(call.call(&mut store, &[host])?, [40]);
    let error = call.call(&mut store, &[0]).unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&Trap::IndirectCallToNull));
    // Numbers that are no references never get in.
    for number in [1, one + 1, one - 8, u64::MAX, 0x1000] {
        let error = call.call(&mut store, &[number]).unwrap_err();
        assert!(error.to_string().contains("no reference of this store"), "{error}");
    }
    let (mut other, foreign) = set_up()?;
    let foreign = foreign.function_instance_reference(&mut other, ONE)?;
    assert!(call.call(&mut store, &[foreign]).is_err());

    assert!(instance.create_func_element_instance(&mut store, &[Some(FuncIndex(99))]).is_err());
    Ok(())
}

#[test]
fn numbers_of_host_objects() -> Result<()> {
    let (mut store, instance) = set_up()?;
    let mut identity = instance.new_call_engine(&mut store, IDENTITY)?;
    assert_eq!(identity.call(&mut store, &[0])?, [0]);
    assert!(identity.call(&mut store, &[1]).is_err());
    let object = ExternRef::new(&mut store, "object")?;
    let number = u64::from(object.to_raw(&mut store)?);
    assert_eq!(identity.call(&mut store, &[number])?, [number]);
    assert!(identity.call(&mut store, &[number + 1]).is_err());
    assert!(identity.call(&mut store, &[number | 1 << 32]).is_err());
    Ok(())
}

#[test]
fn funcref_globals_are_initialised() -> Result<()> {
    let engine = Engine::default();
    let module = Module::new(&engine, MODULE)?;
    let mut store = Store::new(&engine, ());
    let host = Func::wrap(&mut store, || 40);
    let instance = engine.new_module_engine(&mut store, "m", &module, &[host.into()])?;
    // The same instance through its exported global.
    let table = instance.table(&mut store, DYNAMIC)?.context("no table")?;
    let one = table.get(&mut store, 0).unwrap();
    let one = *one.unwrap_func().unwrap();

    instance.new_call_engine(&mut store, CLEAR)?.call(&mut store, &[])?;
    instance.initialize_funcref_globals(&mut store)?;
    let mine = instance.global(&mut store, "mine")?.context("no global")?;
    assert_eq!(mine.get(&mut store).unwrap_funcref(), Some(&one));
    instance.new_call_engine(&mut store, CLEAR)?.call(&mut store, &[])?;
    assert_eq!(mine.get(&mut store).unwrap_funcref(), None);
    Ok(())
}

#[test]
fn the_same_bytes_are_compiled_once() -> Result<()> {
    let engine = Engine::default();
    let bytes = wat::parse_str(MODULE)?;
    let module = engine.compile_module(&bytes, None)?;
    assert!(Module::same(&module, &engine.compile_module(&bytes, None)?));
    assert!(Module::same(&module, &Module::new(&engine, &bytes)?));
    assert!(Module::same(&module, &Module::new(&engine, MODULE)?), "text of the same bytes");
    assert_eq!(engine.compiled_module_count(), 1);
    drop(module);
    assert_eq!(engine.compiled_module_count(), 1, "the engine keeps it");

    // Other engines have their own.
    let other = Engine::default();
    assert_eq!(other.compiled_module_count(), 0);
    assert!(!Module::same(&Module::new(&engine, &bytes)?, &Module::new(&other, &bytes)?));
    assert_eq!(other.compiled_module_count(), 0, "nobody uses it any more");

    // A module of `Module::new` is found as long as it is used.
    let used = Module::new(&other, &bytes)?;
    assert!(Module::same(&used, &Module::new(&other, &bytes)?));
    assert_eq!(other.compiled_module_count(), 1);
    drop(used);
    assert_eq!(other.compiled_module_count(), 0);
    Ok(())
}

#[test]
fn modules_that_differ_in_a_byte_are_different() -> Result<()> {
    let engine = Engine::default();
    for number in 0..300 {
        let text = format!(r#"(module (func (export "f") (result i32) i32.const {number}))"#);
        engine.compile_module(&wat::parse_str(text)?, None)?;
    }
    assert_eq!(engine.compiled_module_count(), 300);
    let text = r#"(module (func (export "f") (result i32) i32.const 77))"#;
    let module = engine.compile_module(&wat::parse_str(text)?, None)?;
    assert_eq!(engine.compiled_module_count(), 300);
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[])?;
    assert_eq!(instance.get_typed_func::<(), i32>(&mut store, "f")?.call(&mut store, ())?, 77);
    Ok(())
}

#[test]
fn many_threads_compile_the_same_bytes_once() -> Result<()> {
    let engine = Engine::default();
    let body = "(i32.add (i32.const 1) (i32.const 2)) drop ".repeat(500);
    let bytes = wat::parse_str(format!(r#"(module (func (export "f") {body}))"#))?;
    let modules: Vec<Module> = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..16).map(|_| scope.spawn(|| engine.compile_module(&bytes, None).unwrap())).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(modules.iter().all(|module| Module::same(module, &modules[0])));
    assert_eq!(engine.compiled_module_count(), 1);
    Ok(())
}

#[test]
fn what_does_not_compile_is_not_remembered() -> Result<()> {
    let engine = Engine::default();
    let bytes = wat::parse_str("(module (func (result i32) i64.const 0))")?;
    for _ in 0..3 {
        let error = engine.compile_module(&bytes, None).unwrap_err();
        assert!(error.to_string().contains("type mismatch"), "{error}");
    }
    assert_eq!(engine.compiled_module_count(), 0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert!(engine.compile_module(&bytes, None).is_err()));
        }
    });
    Ok(())
}

#[test]
fn listeners_are_refused_rather_than_ignored() -> Result<()> {
    struct Listen;
    impl FunctionListenerFactory for Listen {}
    let engine = Engine::default();
    let bytes = wat::parse_str("(module)")?;
    let error = engine.compile_module(&bytes, Some(std::sync::Arc::new(Listen))).unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&EngineError::Listeners));
    Ok(())
}

#[test]
fn modules_and_stores_of_different_engines_do_not_mix() -> Result<()> {
    let (one, two) = (Engine::default(), Engine::default());
    let module = Module::new(&one, "(module)")?;
    let mut store = Store::new(&two, ());
    let mut own = Store::new(&one, ());
    for error in [
        Instance::new(&mut store, &module, &[]).err(),
        one.new_module_engine(&mut store, "", &module, &[]).err(),
        two.new_module_engine(&mut store, "", &module, &[]).err(),
        Linker::new(&one).instantiate(&mut store, &module).err(),
        Linker::new(&two).instantiate(&mut store, &module).err(),
        Linker::<()>::new(&two).instantiate_pre(&module).err().map(|it| it.context("pre")),
        Linker::new(&one).instantiate_pre(&module)?.instantiate(&mut store).err(),
        Linker::new(&two).instantiate(&mut own, &module).err(),
    ] {
        let error = error.expect("an error");
        assert!(error.is::<EngineError>(), "{error:?}");
        assert!(format!("{error:#}").contains("belongs to another engine"), "{error:#}");
    }
    Ok(())
}

#[test]
fn code_can_be_looked_at() -> Result<()> {
    let inspection = inspect::Inspection::new(&Engine::default(), MODULE)?;
    assert_eq!(inspection.functions(), 1..11);
    assert_eq!(inspection.find("sum"), Some(SUM.0));
    assert_eq!(inspection.find("4"), Some(SUM.0));
    assert_eq!(inspection.find("no such function"), None);
    let ir = inspection.ir(SUM.0)?;
    assert!(ir.contains("iadd"), "{ir}");
    assert!(!inspection.machine_code(SUM.0)?.is_empty());
    assert!(inspection.ir(HOST.0).is_err(), "imported");
    assert!(inspection.machine_code(1000).is_err());
    let image = inspection.image()?;
    assert_eq!(image, inspection.image()?, "the same each time");
    assert_eq!(image.functions.len(), 10);
    assert!(inspection.layout()?.contains("static table 1, "));
    Ok(())
}
