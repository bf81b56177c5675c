//! How long host objects live when wasm has to do with them: never shorter than wasm can reach them,
//! whatever compiled code keeps them in, and no longer than until the next look.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use brolga::*;

/// The objects that are there, by their numbers.
type Living = Arc<Mutex<BTreeSet<u32>>>;

/// An object with a number, which is among the living until it is dropped.
struct Numbered {
    number: u32,
    living: Living,
}

impl Drop for Numbered {
    fn drop(&mut self) {
        assert!(self.living.lock().unwrap().remove(&self.number), "dropped once");
    }
}

/// What a store carries for host functions that make and look at objects.
#[derive(Default)]
struct Objects {
    living: Living,
    next: u32,
    collections: u32,
}

impl Objects {
    fn living(&self) -> Vec<u32> {
        self.living.lock().unwrap().iter().copied().collect()
    }

    fn count(&self) -> usize {
        self.living.lock().unwrap().len()
    }
}

type Object = Rooted<ExternRef>;

/// Makes the next object.
fn make(mut store: impl AsContextMut<Data = Objects>) -> Result<Object> {
    let mut store = store.as_context_mut();
    let objects = store.data_mut();
    let (number, living) = (objects.next, Arc::clone(&objects.living));
    objects.next += 1;
    living.lock().unwrap().insert(number);
    ExternRef::new(store, Numbered { number, living })
}

/// An object's number.
fn number(store: impl AsContext, object: Object) -> Result<u32> {
    let data = object.data(store.as_context())?.context("every object has data")?;
    Ok(data.downcast_ref::<Numbered>().context("they are all of ours")?.number)
}

/// Looks for objects to drop now.
fn collect(mut store: impl AsContextMut<Data = Objects>) -> Result<()> {
    let mut store = store.as_context_mut();
    store.data_mut().collections += 1;
    store.gc(None)
}

/// Configurations whose code keeps values in other places.
fn configs() -> Vec<Config> {
    let mut configs = Vec::new();
    for level in [OptLevel::None, OptLevel::Speed] {
        for signals in [true, false] {
            let mut config = Config::new();
            config.cranelift_opt_level(level).signals_based_traps(signals);
            configs.push(config);
        }
    }
    configs
}

/// A module's instance, with the host functions that modules here may import: `make` gives a new
/// object, `number` its number, `collect` looks for objects to drop, and so do the others first.
fn start(config: &Config, wat: &str) -> Result<(Store<Objects>, Instance)> {
    let engine = Engine::new(config)?;
    let mut linker = Linker::<Objects>::new(&engine);
    linker.func_wrap("", "collect", |caller: Caller<'_, Objects>| collect(caller))?;
    linker.func_wrap("", "make", |mut caller: Caller<'_, Objects>| {
        collect(&mut caller)?;
        make(caller).map(Some)
    })?;
    linker.func_wrap("", "number", |mut caller: Caller<'_, Objects>, object: Option<Object>| {
        collect(&mut caller)?;
        number(caller, object.context("null")?)
    })?;
    linker.func_wrap(
        "",
        "expect",
        |caller: Caller<'_, Objects>, object: Option<Object>, expected: u32| {
            let found = number(caller, object.context("null")?)?;
            ensure!(found == expected, "expected object {expected}, found {found}");
            Ok(())
        },
    )?;
    linker.func_wrap("", "fail", || -> Result<()> { bail!("meant") })?;
    linker.func_wrap("", "panic", || -> () { std::panic::panic_any("meant") })?;
    let module = Module::new(&engine, wat)?;
    let mut store = Store::new(&engine, Objects::default());
    let instance = linker.instantiate(&mut store, &module)?;
    Ok((store, instance))
}

/// What modules import.
const IMPORTS: &str = r#"
    (import "" "collect" (func $collect))
    (import "" "make" (func $make (result externref)))
    (import "" "number" (func $number (param externref) (result i32)))
    (import "" "expect" (func $expect (param externref i32)))
    (import "" "fail" (func $fail))
    (import "" "panic" (func $panic))
"#;

/// Sixteen of something.
fn sixteen(each: impl Fn(usize) -> String) -> String {
    (0..16).map(each).collect()
}

#[test]
fn objects_in_locals_stay() -> Result<()> {
    // More than there are registers, so some are in the frame; some cross calls, some are arguments.
    let wat = format!(
        r#"(module {IMPORTS}
            (func $take {params} (call $collect) {expect})
            (func (export "run") (result i32) {locals} (local $lost externref)
                {make}
                (local.set $lost (call $make))
                (call $collect)
                {expect}
                (call $take {gets})
                (call $number (local.get $lost))))"#,
        params = sixteen(|at| format!("(param $o{at} externref)")),
        locals = sixteen(|at| format!("(local $o{at} externref)")),
        make = sixteen(|at| format!("(local.set $o{at} (call $make))")),
        expect = sixteen(|at| format!("(call $expect (local.get $o{at}) (i32.const {at}))")),
        gets = sixteen(|at| format!("(local.get $o{at})")),
    );
    for config in configs() {
        let (mut store, instance) = start(&config, &wat)?;
        let run = instance.get_typed_func::<(), u32>(&mut store, "run")?;
        assert_eq!(run.call(&mut store, ())?, 16);
        assert!(store.data().collections > 17);
        store.gc(None)?;
        assert_eq!(store.data().count(), 0);
    }
    Ok(())
}

#[test]
fn objects_in_every_frame_stay() -> Result<()> {
    let wat = format!(
        r#"(module {IMPORTS}
            (type $deeper (func (param externref i32)))
            (table funcref (elem $direct $tail $indirect))
            (func $direct (type $deeper) (local $own externref)
                (if (i32.eqz (local.get 1)) (then (return)))
                (local.set $own (call $make))
                (call $tail (local.get $own) (i32.sub (local.get 1) (i32.const 1)))
                (if (i32.ne (call $number (local.get $own)) (i32.add (call $number (local.get 0)) (i32.const 1)))
                    (then unreachable)))
            (func $tail (type $deeper)
                (return_call $indirect (local.get 0) (local.get 1)))
            (func $indirect (type $deeper)
                (call_indirect (type $deeper) (local.get 0) (local.get 1) (i32.const 0)))
            (func (export "run") (param i32) (call $direct (call $make) (local.get 0))))"#,
    );
    for config in configs() {
        let (mut store, instance) = start(&config, &wat)?;
        let run = instance.get_typed_func::<u32, ()>(&mut store, "run")?;
        run.call(&mut store, 300)?;
        assert!(store.data().collections > 900);
        store.gc(None)?;
        assert_eq!(store.data().living(), []);
    }
    Ok(())
}

#[test]
fn what_wasm_lets_go_of_goes_while_it_runs() -> Result<()> {
    let wat = r#"(module
        (import "" "make" (func $make (result externref)))
        (func (export "run") (param i32)
            (loop
                (drop (call $make))
                (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
                (br_if 0 (local.get 0)))))"#;
    for config in configs() {
        // Nobody asks for a collection.
        let engine = Engine::new(&config)?;
        let mut store = Store::new(&engine, Objects::default());
        let most = Arc::new(Mutex::new(0));
        let host_most = Arc::clone(&most);
        let made = Func::wrap(&mut store, move |mut caller: Caller<'_, Objects>| {
            let object = make(&mut caller)?;
            // What is made beside goes as well.
            make(&mut caller)?;
            let mut most = host_most.lock().unwrap();
            *most = (*most).max(caller.data().count());
            Ok(Some(object))
        });
        let module = Module::new(&engine, wat)?;
        let instance = Instance::new(&mut store, &module, &[made.into()])?;
        let run = instance.get_typed_func::<u32, ()>(&mut store, "run")?;
        run.call(&mut store, 100_000)?;
        assert_eq!(store.data().next, 200_000);
        let most = *most.lock().unwrap();
        assert!(most < 3_000, "{most} at once");
    }
    Ok(())
}

#[test]
fn a_limit_of_objects_is_a_limit_of_those_in_use() -> Result<()> {
    let (mut store, _) = start(&Config::new(), "(module)")?;
    store.set_limits(Limits { externrefs: 10, ..store.limits() });
    for _ in 0..1_000 {
        let mut scope = RootScope::new(&mut store);
        for _ in 0..7 {
            make(&mut scope)?;
        }
    }
    let mut scope = RootScope::new(&mut store);
    for _ in 0..10 {
        make(&mut scope)?;
    }
    let error = make(&mut scope).unwrap_err();
    assert!(error.is::<GcHeapOutOfMemory<Numbered>>(), "{error:?}");
    Ok(())
}

#[test]
fn however_a_host_function_ends_its_references_do() -> Result<()> {
    let wat = format!(
        r#"(module {IMPORTS}
            (func (export "fail") (drop (call $make)) (call $fail))
            (func (export "panic") (drop (call $make)) (call $panic))
            (func (export "trap") (drop (call $make)) unreachable)
            (func (export "give") (result externref) (call $make)))"#
    );
    let (mut store, instance) = start(&Config::new(), &wat)?;
    let ways = ["fail", "panic", "trap"];
    for (round, way) in ways.iter().cycle().take(30).enumerate() {
        let func = instance.get_typed_func::<(), ()>(&mut store, way)?;
        let ended = catch_unwind(AssertUnwindSafe(|| func.call(&mut store, ())));
        assert_eq!(ended.is_err(), *way == "panic");
        assert!(!matches!(ended, Ok(Ok(()))), "{round}");
        store.gc(None)?;
        assert_eq!(store.data().count(), 0, "after {way}");
    }
    // A host function that itself fails after it has made some.
    let failing = Func::wrap(&mut store, |mut caller: Caller<'_, Objects>, how: u32| {
        make(&mut caller)?;
        match how {
            0 => Ok(()),
            1 => bail!("meant"),
            _ => panic!("meant"),
        }
    });
    let failing = failing.typed::<u32, ()>(&store)?;
    for how in [0, 1, 2] {
        let _ = catch_unwind(AssertUnwindSafe(|| failing.call(&mut store, how)));
        store.gc(None)?;
        assert_eq!(store.data().count(), 0, "{how}");
    }
    // What a call returns is the caller's.
    let give = instance.get_typed_func::<(), Option<Object>>(&mut store, "give")?;
    let given = {
        let mut scope = RootScope::new(&mut store);
        let given = give.call(&mut scope, ())?.context("an object")?;
        scope.as_context_mut().gc(None)?;
        assert_eq!(number(&scope, given)?, store_next(&scope) - 1);
        given
    };
    let error = number(&store, given).unwrap_err();
    let expected =
        "this externref is not rooted any more: the scope that it was given in has ended";
    assert_eq!(error.to_string(), expected);
    store.gc(None)?;
    assert_eq!(store.data().count(), 0);
    Ok(())
}

fn store_next(store: impl AsContext<Data = Objects>) -> u32 {
    store.as_context().data().next
}

#[test]
fn references_of_one_s_own_outlive_every_scope() -> Result<()> {
    type Owned = OwnedRooted<ExternRef>;
    let wat = format!(
        r#"(module {IMPORTS}
            (import "" "keep" (func $keep (param externref)))
            (import "" "kept" (func $kept (result externref)))
            (func (export "run") (param externref) (result externref)
                (call $keep (call $make)) (call $collect)
                (call $expect (call $kept) (i32.const 1))
                (call $expect (local.get 0) (i32.const 0)) (local.get 0)))"#
    );
    let engine = Engine::default();
    let mut store = Store::new(&engine, Objects::default());
    let kept = Arc::new(Mutex::new(None::<Owned>));
    let mut linker = Linker::<Objects>::new(&engine);
    linker.func_wrap("", "collect", |caller: Caller<'_, Objects>| collect(caller))?;
    linker.func_wrap("", "make", |caller: Caller<'_, Objects>| make(caller).map(Some))?;
    linker.func_wrap("", "number", |_: Option<Object>| 0)?;
    linker.func_wrap(
        "",
        "expect",
        |mut caller: Caller<'_, Objects>, object: Option<Owned>, expected: u32| {
            let found = object.context("null")?.to_rooted(&mut caller);
            ensure!(number(caller, found)? == expected, "another");
            Ok(())
        },
    )?;
    linker.func_wrap("", "fail", || ())?;
    linker.func_wrap("", "panic", || ())?;
    let keep = Arc::clone(&kept);
    linker.func_wrap("", "keep", move |object: Option<Owned>| *keep.lock().unwrap() = object)?;
    let give = Arc::clone(&kept);
    linker.func_wrap("", "kept", move || give.lock().unwrap().clone())?;
    let module = Module::new(&engine, wat)?;
    let instance = linker.instantiate(&mut store, &module)?;
    let run = instance.get_typed_func::<Option<Owned>, Option<Owned>>(&mut store, "run")?;

    let first = {
        let mut scope = RootScope::new(&mut store);
        make(&mut scope)?.to_owned_rooted(&mut scope)?
    };
    let back = run.call(&mut store, Some(first.clone()))?.context("it comes back")?;
    assert!(OwnedRooted::ref_eq(&store, &back, &first)?);
    assert!(!Rooted::ref_eq(&store, &back, kept.lock().unwrap().as_ref().context("kept")?)?);
    for left in [first, back] {
        store.gc(None)?;
        assert_eq!(store.data().living(), [0, 1]);
        drop(left);
    }
    store.gc(None)?;
    assert_eq!(store.data().living(), [1]);
    kept.lock().unwrap().take();
    store.gc(None)?;
    assert_eq!(store.data().living(), []);
    Ok(())
}

#[test]
fn calls_inside_calls_keep_what_those_around_hold() -> Result<()> {
    let wat = format!(
        r#"(module {IMPORTS}
            (import "" "nest" (func $nest (param i32)))
            (func (export "run") (param i32) (local $own externref)
                (local.set $own (call $make))
                (if (local.get 0) (then (call $nest (i32.sub (local.get 0) (i32.const 1)))))
                (if (i32.eqz (call $number (local.get $own))) (then (call $collect)))
                (drop (call $number (local.get $own)))))"#
    );
    for config in configs() {
        let engine = Engine::new(&config)?;
        // Wasm of another store may run in between, on the same stack.
        let other = Mutex::new(start(
            &config,
            &format!(
                r#"(module {IMPORTS} (func (export "run") (local $o externref)
                (local.set $o (call $make)) (drop (call $number (local.get $o)))))"#
            ),
        )?);
        let mut linker = Linker::<Objects>::new(&engine);
        linker.func_wrap("", "collect", |caller: Caller<'_, Objects>| collect(caller))?;
        linker.func_wrap("", "make", |mut caller: Caller<'_, Objects>| {
            collect(&mut caller)?;
            make(caller).map(Some)
        })?;
        linker.func_wrap(
            "",
            "number",
            |mut caller: Caller<'_, Objects>, object: Option<Object>| {
                collect(&mut caller)?;
                number(caller, object.context("null")?)
            },
        )?;
        linker.func_wrap("", "expect", |_: Option<Object>, _: u32| ())?;
        linker.func_wrap("", "fail", || ())?;
        linker.func_wrap("", "panic", || ())?;
        linker.func_wrap("", "nest", move |mut caller: Caller<'_, Objects>, depth: u32| {
            {
                let (store, instance) = &mut *other.lock().unwrap();
                let run = instance.get_typed_func::<(), ()>(&mut *store, "run")?;
                run.call(store, ())?;
            }
            let run = caller.get_export("run").and_then(Extern::into_func).context("no `run`")?;
            run.typed::<u32, ()>(&caller)?.call(caller, depth)
        })?;
        let module = Module::new(&engine, &wat)?;
        let mut store = Store::new(&engine, Objects::default());
        let instance = linker.instantiate(&mut store, &module)?;
        let run = instance.get_typed_func::<u32, ()>(&mut store, "run")?;
        run.call(&mut store, 5)?;
        store.gc(None)?;
        assert_eq!(store.data().count(), 0);
    }
    Ok(())
}

#[test]
fn hooks_and_callbacks_collect_where_they_are_asked() -> Result<()> {
    let wat = format!(
        r#"(module {IMPORTS}
            (func (export "run") (param $given externref) (param $number i32) (result externref)
                (local $own externref) (local $n i32) (local $left i32)
                (local.set $left (i32.const 9))
                (local.set $own (call $make))
                (local.set $n (call $number (local.get $own)))
                (loop
                    (local.set $left (i32.sub (local.get $left) (i32.const 1)))
                    (br_if 0 (local.get $left)))
                (call $expect (local.get $own) (local.get $n))
                (call $expect (local.get $given) (local.get $number))
                (local.get $own)))"#
    );
    for mut config in configs() {
        config.epoch_interruption(true);
        for hooked in [false, true] {
            let (mut store, instance) = start(&config, &wat)?;
            // Each asks for the next at once, so that every function and loop asks.
            store.set_epoch_deadline(0);
            store.epoch_deadline_callback(|mut store| {
                make(&mut store)?;
                collect(store)?;
                Ok(UpdateDeadline::Continue(0))
            });
            if hooked {
                store.call_hook(|mut store, _| {
                    make(&mut store)?;
                    collect(store)
                });
            }
            let mut scope = RootScope::new(&mut store);
            let given = make(&mut scope)?;
            let given_number = number(&scope, given)?;
            let run = instance.get_func(&mut scope, "run").context("no `run`")?;
            let mut results = [Val::I32(0)];
            let params = [given.into(), Val::I32(given_number as i32)];
            run.call(&mut scope, &params, &mut results)?;
            let result = *results[0].unwrap_externref().context("an object")?;
            scope.as_context_mut().gc(None)?;
            assert_ne!(number(&scope, result)?, given_number);
            let collections = scope.as_context().data().collections;
            assert!(collections > if hooked { 20 } else { 10 }, "{collections}");
            drop(scope);
            store.gc(None)?;
            assert_eq!(store.data().count(), 0);
        }
    }
    Ok(())
}

#[test]
fn on_a_stack_that_nobody_knows_nothing_is_dropped() -> Result<()> {
    // What a coroutine or a grown stack looks like: host code that has switched away from the stack
    // on which the store's calls are, while registers still hold what wasm has in them.
    unsafe extern "C" fn on_other_stack(data: *mut u8) {
        // SAFETY: `data` is the closure below.
        unsafe { (*data.cast::<&mut dyn FnMut()>())() }
    }
    fn elsewhere(mut body: &mut dyn FnMut()) {
        let mut other = vec![0_u128; 1 << 16];
        let top = other.as_mut_ptr_range().end;
        #[cfg(target_arch = "x86_64")]
        // SAFETY: runs a C function on a fresh stack and comes back.
        unsafe {
            std::arch::asm!(
                "mov r12, rsp",
                "mov rsp, rcx",
                "call rax",
                "mov rsp, r12",
                in("rcx") top,
                in("rax") on_other_stack as unsafe extern "C" fn(*mut u8),
                in("rdi") &raw mut body,
                out("r12") _,
                clobber_abi("C"),
            );
        }
        #[cfg(target_arch = "aarch64")]
        // SAFETY: as above.
        unsafe {
            std::arch::asm!(
                "mov x20, sp",
                "mov sp, x1",
                "blr x2",
                "mov sp, x20",
                in("x1") top,
                in("x2") on_other_stack as unsafe extern "C" fn(*mut u8),
                in("x0") &raw mut body,
                out("x20") _,
                clobber_abi("C"),
            );
        }
    }
    let wat = format!(
        r#"(module {IMPORTS}
            (import "" "elsewhere" (func $elsewhere))
            (func (export "inner") (local externref)
                (local.set 0 (call $make))
                (drop (call $number (local.get 0))))
            (func (export "run") (local externref)
                (drop (call $make))
                (local.set 0 (call $make))
                (call $elsewhere)
                (call $expect (local.get 0) (i32.const 1))))"#
    );
    let engine = Engine::default();
    let mut store = Store::new(&engine, Objects::default());
    let mut linker = Linker::<Objects>::new(&engine);
    linker.func_wrap("", "collect", |caller: Caller<'_, Objects>| collect(caller))?;
    linker.func_wrap("", "make", |caller: Caller<'_, Objects>| make(caller).map(Some))?;
    linker.func_wrap("", "number", |mut caller: Caller<'_, Objects>, object: Option<Object>| {
        collect(&mut caller)?;
        number(caller, object.context("null")?)
    })?;
    linker.func_wrap(
        "",
        "expect",
        |caller: Caller<'_, Objects>, object: Option<Object>, expected: u32| {
            ensure!(number(caller, object.context("null")?)? == expected, "another");
            Ok(())
        },
    )?;
    linker.func_wrap("", "fail", || ())?;
    linker.func_wrap("", "panic", || ())?;
    linker.func_wrap("", "elsewhere", |mut caller: Caller<'_, Objects>| {
        let mut ended = Ok(());
        elsewhere(&mut || {
            ended = (|| {
                collect(&mut caller)?;
                ensure!(caller.data().count() == 2, "the first is kept for now");
                // Wasm that is called from there is on a stack of its own, with one around it.
                let inner = caller.get_export("inner").and_then(Extern::into_func);
                inner.context("no `inner`")?.typed::<(), ()>(&caller)?.call(&mut caller, ())?;
                ensure!(caller.data().count() == 3, "all are kept");
                Ok(())
            })();
        });
        ended?;
        // Here it is known again.
        collect(&mut caller)
    })?;
    let module = Module::new(&engine, &wat)?;
    let instance = linker.instantiate(&mut store, &module)?;
    let run = instance.get_typed_func::<(), ()>(&mut store, "run")?;
    run.call(&mut store, ())?;
    store.gc(None)?;
    assert_eq!(store.data().count(), 0);
    Ok(())
}

/// Panics when it is dropped.
struct Bomb(Arc<Mutex<u32>>);

impl Drop for Bomb {
    fn drop(&mut self) {
        *self.0.lock().unwrap() += 1;
        std::panic::panic_any("meant");
    }
}

#[test]
fn a_destructor_that_panics_takes_nothing_with_it() -> Result<()> {
    let wat = format!(r#"(module {IMPORTS} (func (export "run") (call $collect)))"#);
    let (mut store, instance) = start(&Config::new(), &wat)?;
    let run = instance.get_typed_func::<(), ()>(&mut store, "run")?;
    let dropped = Arc::new(Mutex::new(0));
    let kept = make(&mut store)?;
    for round in 1..=6 {
        {
            let mut scope = RootScope::new(&mut store);
            make(&mut scope)?;
            ExternRef::new(&mut scope, Bomb(Arc::clone(&dropped)))?;
            make(&mut scope)?;
        }
        let collecting = catch_unwind(AssertUnwindSafe(|| match round % 3 {
            0 => store.gc(None),
            // In a host function that wasm has called.
            1 => run.call(&mut store, ()),
            // When there is need of room.
            _ => {
                store.set_limits(Limits { externrefs: 1, ..store.limits() });
                make(&mut store).map(drop)
            }
        }));
        let payload = collecting.expect_err("the panic comes through");
        assert_eq!(payload.downcast_ref(), Some(&"meant"));
        store.set_limits(Limits::default());
        assert_eq!(*dropped.lock().unwrap(), round);
        store.gc(None)?;
        let left = store.data().living();
        assert!(left.len() <= 2 && left[0] == 0, "{left:?}");
        assert_eq!(number(&store, kept)?, 0);
    }
    run.call(&mut store, ())?;
    Ok(())
}

/// Numbers that look random and are the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// What leads to objects: their numbers, by where they are.
#[derive(Default)]
struct Model {
    table: Vec<Option<u32>>,
    globals: [Option<u32>; 3],
    owned: Vec<(u32, OwnedRooted<ExternRef>)>,
}

impl Model {
    fn expected(&self) -> Vec<u32> {
        let held = self.table.iter().chain(&self.globals).flatten().copied();
        let all: BTreeSet<u32> = held.chain(self.owned.iter().map(|it| it.0)).collect();
        all.into_iter().collect()
    }
}

#[test]
fn after_any_operations_just_what_can_be_reached_is_there() -> Result<()> {
    let wat = format!(
        r#"(module {IMPORTS}
            (table $t (export "t") 4 40 externref)
            (table $other 4 externref)
            (global $a (export "a") (mut externref) (ref.null extern))
            (global $b (export "b") (mut externref) (ref.null extern))
            (global $c (export "c") (mut externref) (ref.null extern))
            (elem $nulls externref (ref.null extern) (ref.null extern))
            (func (export "set") (param i32 externref)
                (call $collect) (table.set $t (local.get 0) (local.get 1)) (call $collect))
            (func (export "make") (param i32) (table.set $t (local.get 0) (call $make)))
            (func (export "move") (param i32 i32)
                (table.set $t (local.get 0) (table.get $t (local.get 1))) (call $collect)
                (table.set $t (local.get 1) (ref.null extern)) (call $collect))
            (func (export "fill") (param i32 i32)
                (table.fill $t (local.get 0) (call $make) (local.get 1)) (call $collect))
            (func (export "grow") (param i32) (result i32)
                (table.grow $t (call $make) (local.get 0)) (call $collect))
            (func (export "copy") (param i32 i32 i32)
                (table.copy $t $t (local.get 0) (local.get 1) (local.get 2)) (call $collect))
            (func (export "init") (param i32)
                (table.init $t $nulls (local.get 0) (i32.const 0) (i32.const 2)) (call $collect))
            (func (export "rotate") (local externref)
                (local.set 0 (global.get $a))
                (global.set $a (global.get $b)) (call $collect)
                (global.set $b (global.get $c)) (call $collect)
                (global.set $c (local.get 0)) (call $collect))
            (func (export "load") (param i32)
                (global.set $a (table.get $t (local.get 0))) (call $collect))
            (func (export "throw") (local externref)
                (local.set 0 (call $make)) (call $collect) unreachable))"#
    );
    for (seed, config) in configs().iter().enumerate() {
        let (mut store, instance) = start(config, &wat)?;
        let table = instance.get_table(&mut store, "t").context("no table")?;
        let mut dice = Dice(seed as u64 + 1);
        let mut model = Model { table: vec![None; 4], ..Model::default() };
        for step in 0..3_000 {
            let mut scope = RootScope::new(&mut store);
            let len = model.table.len() as u64;
            let (at, from) = (dice.roll(len) as usize, dice.roll(len) as usize);
            let call =
                |scope: &mut RootScope<&mut Store<Objects>>, name: &str, params: &[usize]| {
                    let params: Vec<_> = params.iter().map(|it| Val::I32(*it as i32)).collect();
                    let func = instance.get_func(&mut *scope, name).context("no such function")?;
                    let mut results = vec![Val::I32(0); func.ty(&*scope).results().len()];
                    func.call(&mut *scope, &params, &mut results)
                };
            match dice.roll(15) {
                0 => {
                    call(&mut scope, "make", &[at])?;
                    model.table[at] = Some(store_next(&scope) - 1);
                }
                1 => {
                    let object = make(&mut scope)?;
                    let set =
                        instance.get_typed_func::<(u32, Option<Object>), ()>(&mut scope, "set")?;
                    set.call(&mut scope, (at as u32, Some(object)))?;
                    model.table[at] = Some(store_next(&scope) - 1);
                }
                2 => {
                    call(&mut scope, "move", &[at, from])?;
                    model.table[at] = model.table[from];
                    model.table[from] = None;
                }
                3 => {
                    let count = dice.roll(len - at as u64) as usize;
                    call(&mut scope, "fill", &[at, count])?;
                    let made = store_next(&scope) - 1;
                    model.table[at..at + count].fill(Some(made));
                }
                4 if len < 36 => {
                    let more = dice.roll(4) as usize;
                    call(&mut scope, "grow", &[more])?;
                    let made = store_next(&scope) - 1;
                    model.table.resize(len as usize + more, Some(made));
                }
                5 => {
                    let count = dice.roll(len - at.max(from) as u64) as usize;
                    call(&mut scope, "copy", &[at, from, count])?;
                    model.table.copy_within(from..from + count, at);
                }
                6 => {
                    let at = at.min(len as usize - 2);
                    call(&mut scope, "init", &[at])?;
                    model.table[at..at + 2].fill(None);
                }
                7 => {
                    call(&mut scope, "rotate", &[])?;
                    model.globals.rotate_left(1);
                }
                8 => {
                    call(&mut scope, "load", &[at])?;
                    model.globals[0] = model.table[at];
                }
                9 => {
                    assert!(call(&mut scope, "throw", &[]).is_err());
                }
                10 => {
                    let found = table.get(&mut scope, at as u64).context("inside")?;
                    let found = found.unwrap_extern().copied();
                    assert_eq!(found.map(|it| number(&scope, it)).transpose()?, model.table[at]);
                    if let Some(found) = found {
                        let owned = found.to_owned_rooted(&mut scope)?;
                        model.owned.push((number(&scope, found)?, owned));
                    }
                }
                11 | 12 if !model.owned.is_empty() => {
                    let position = dice.roll(model.owned.len() as u64) as usize;
                    model.owned.swap_remove(position);
                }
                13 if !model.owned.is_empty() => {
                    let position = dice.roll(model.owned.len() as u64) as usize;
                    let (known, owned) = &model.owned[position];
                    let object = owned.to_rooted(&mut scope);
                    table.set(&mut scope, at as u64, object.into())?;
                    model.table[at] = Some(*known);
                }
                _ => {
                    let name = ["a", "b", "c"][at % 3];
                    let global = instance.get_global(&mut scope, name).context("no global")?;
                    let object = make(&mut scope)?;
                    global.set(&mut scope, object.into())?;
                    model.globals[at % 3] = Some(store_next(&scope) - 1);
                }
            }
            drop(scope);
            store.gc(None)?;
            assert_eq!(store.data().living(), model.expected(), "step {step} of {seed}");
            for (position, expected) in model.table.iter().enumerate() {
                let mut scope = RootScope::new(&mut store);
                let found = table.get(&mut scope, position as u64).context("inside")?;
                let found = found.unwrap_extern().map(|it| number(&scope, *it)).transpose()?;
                assert_eq!(found, *expected, "step {step} of {seed}");
            }
        }
        assert!(store.data().next > 1_000 && store.data().collections > 3_000);
    }
    Ok(())
}

#[test]
fn an_object_that_is_gone_has_no_number() -> Result<()> {
    let mut store = Store::new(&Engine::default(), Objects::default());
    let raw = {
        let mut scope = RootScope::new(&mut store);
        let object = make(&mut scope)?;
        object.to_raw(&mut scope)?
    };
    // It is there until somebody looks; then it isn't.
    let mut scope = RootScope::new(&mut store);
    assert!(ExternRef::from_raw(&mut scope, raw).is_some());
    drop(scope);
    store.gc(None)?;
    assert!(ExternRef::from_raw(&mut store, raw).is_none());
    Ok(())
}

#[test]
fn results_by_number_are_good_as_long_as_the_scope() -> Result<()> {
    let engine = Engine::default();
    let module =
        Module::new(&engine, "(module (func (param externref) (result externref) local.get 0))")?;
    let mut store = Store::new(&engine, Objects::default());
    let instance = engine.new_module_engine(&mut store, "m", &module, &[])?;
    let func = FuncIndex(0);
    let number = {
        let mut scope = RootScope::new(&mut store);
        let object = make(&mut scope)?;
        let raw = u64::from(object.to_raw(&mut scope)?);
        let mut identity = instance.new_call_engine(&mut scope, func)?;
        let mut inner = RootScope::new(&mut scope);
        assert_eq!(identity.call(&mut inner, &[raw])?, [raw]);
        raw
    };
    let mut identity = instance.new_call_engine(&mut store, func)?;
    let mut scope = RootScope::new(&mut store);
    assert_eq!(identity.call(&mut scope, &[number])?, [number], "nobody has looked yet");
    scope.as_context_mut().gc(None)?;
    assert_eq!(identity.call(&mut scope, &[number])?, [number], "the result has kept it");
    drop(scope);
    store.gc(None)?;
    assert_eq!(store.data().count(), 0);
    assert!(identity.call(&mut store, &[number]).is_err());
    Ok(())
}

#[test]
fn arguments_stay_until_a_host_function_has_them() -> Result<()> {
    type Owned = OwnedRooted<ExternRef>;
    /// Looks for objects to drop, and has another take the place of one that is.
    fn disturb(mut store: impl AsContextMut<Data = Objects>) -> Result<()> {
        collect(&mut store)?;
        make(store).map(drop)
    }
    for hooked in [false, true] {
        let engine = Engine::default();
        let mut store = Store::new(&engine, Objects::default());
        if hooked {
            store.call_hook(|store, _| disturb(store));
        }
        let rooted = |mut caller: Caller<'_, Objects>, _: u64, object: Option<Object>| {
            disturb(&mut caller)?;
            number(caller, object.context("null")?)
        };
        let owned = |mut caller: Caller<'_, Objects>, _: u64, object: Option<Owned>| {
            disturb(&mut caller)?;
            let object = object.context("null")?.to_rooted(&mut caller);
            number(caller, object)
        };
        let ty = FuncType::new(&engine, [ValType::I64, ValType::EXTERNREF], [ValType::I32]);
        let dynamic = |mut caller: Caller<'_, Objects>, params: &[Val], results: &mut [Val]| {
            disturb(&mut caller)?;
            let object = *params[1].unwrap_externref().context("null")?;
            results[0] = Val::I32(number(caller, object)? as i32);
            Ok(())
        };
        // SAFETY: reads an externref, writes an i32.
        let unchecked = unsafe {
            Func::new_unchecked(&mut store, ty.clone(), |mut caller, values| {
                disturb(&mut caller)?;
                let raw = values[1].assume_init().get_externref();
                let object = ExternRef::from_raw(&mut caller, raw).context("gone")?;
                values[0].write(ValRaw::i32(number(caller, object)? as i32));
                Ok(())
            })
        };
        let funcs = [
            Func::wrap(&mut store, rooted),
            Func::wrap(&mut store, owned),
            Func::new(&mut store, ty, dynamic),
            unchecked,
        ];
        let module = Module::new(
            &engine,
            r#"(module (import "" "" (func $host (param i64 externref) (result i32)))
                (func (export "run") (param i64 externref) (result i32)
                    (call $host (local.get 0) (local.get 1))))"#,
        )?;
        for func in funcs {
            let instance = Instance::new(&mut store, &module, &[func.into()])?;
            let run = instance.get_func(&mut store, "run").context("no `run`")?;
            for called in [func, run] {
                let typed = called.typed::<(u64, Option<Owned>), u32>(&store)?;
                // The second time it is known where to enter.
                for _ in 0..2 {
                    let mut scope = RootScope::new(&mut store);
                    let object = make(&mut scope)?;
                    let (expected, owned) =
                        (number(&scope, object)?, object.to_owned_rooted(&mut scope)?);
                    drop(scope);
                    assert_eq!(typed.call(&mut store, (1, Some(owned)))?, expected);
                }
            }
            let engine = engine.new_module_engine(&mut store, "", &module, &[func.into()])?;
            for index in [FuncIndex(0), FuncIndex(1)] {
                let mut called = engine.new_call_engine(&mut store, index)?;
                // A hook that is told before the call may have it drop what nothing leads to.
                for _ in 0..if hooked { 0 } else { 2 } {
                    let mut scope = RootScope::new(&mut store);
                    let object = make(&mut scope)?;
                    let (expected, raw) = (number(&scope, object)?, object.to_raw(&mut scope)?);
                    drop(scope);
                    let results = called.call(&mut store, &[1, raw.into()])?;
                    assert_eq!(results, [u64::from(expected)]);
                }
            }
        }
        store.gc(None)?;
        assert_eq!(store.data().count(), 0, "hooked: {hooked}");
    }
    Ok(())
}

#[test]
fn any_number_of_destructors_may_panic() -> Result<()> {
    let (mut store, _) = start(&Config::new(), "(module)")?;
    let dropped = Arc::new(Mutex::new(0));
    {
        let mut scope = RootScope::new(&mut store);
        for _ in 0..3 {
            make(&mut scope)?;
            ExternRef::new(&mut scope, Bomb(Arc::clone(&dropped)))?;
        }
    }
    let collecting = catch_unwind(AssertUnwindSafe(|| store.gc(None)));
    assert_eq!(collecting.expect_err("one comes through").downcast_ref(), Some(&"meant"));
    assert_eq!((*dropped.lock().unwrap(), store.data().count()), (3, 0));
    store.gc(None)
}

#[test]
fn what_a_hook_makes_goes_when_it_has_returned() -> Result<()> {
    let (mut store, instance) =
        start(&Config::new(), r#"(module (func (export "run") (result i32) (i32.const 7)))"#)?;
    let kept = Arc::new(Mutex::new(None));
    let keep = Arc::clone(&kept);
    store.call_hook(move |store, step| {
        *keep.lock().unwrap() = Some(make(store)?);
        ensure!(step == CallHook::CallingWasm, "meant");
        Ok(())
    });
    let run = instance.get_typed_func::<(), u32>(&mut store, "run")?;
    for _ in 0..3 {
        assert!(run.call(&mut store, ()).is_err());
        let made = kept.lock().unwrap().take().context("the hook was told")?;
        assert!(number(&store, made).is_err());
    }
    store.gc(None)?;
    assert_eq!((store.data().next, store.data().count()), (6, 0));
    Ok(())
}

#[test]
fn objects_in_results_and_choices_stay() -> Result<()> {
    // More results than registers, by way of the caller's frame; beside wider and narrower values;
    // through branches, selections and a tail call with more arguments than its caller has.
    let count = 24;
    let each = |each: &dyn Fn(usize) -> String| (0..count).map(each).collect::<String>();
    let make = each(&|at| format!("(call $make) (i32.const {})", 100 + at));
    let wat = format!(
        r#"(module {IMPORTS}
            (type $many (func (param externref) (result {types})))
            (table funcref (elem $many))
            (global $kept (mut externref) (ref.null extern))
            (func $many (type $many)
                {make}
                (call $collect)
                (local.get 0))
            (func $check {params} (param $v v128) (param $base i32) (param $last externref)
                (call $collect)
                {expect}
                (call $expect (local.get $last) (i32.const 0)))
            (func $widen (param $last externref)
                (return_call $check {makes} (v128.const i64x2 -1 -1) (i32.const {widened})
                    (local.get $last)))
            (func $choose (param $which i32) (param $a externref) (param $b externref) (result externref)
                (local $c externref)
                (local.set $c (select (result externref)
                    (local.get $a) (local.get $b) (local.get $which)))
                (call $collect)
                (block $second (result externref)
                    (block $first (result externref)
                        (local.get $c)
                        (br_table $first $second (local.get $which)))
                    (call $collect)))
            (func (export "run") (result i32) (local $first externref) {locals} (local $left i32)
                (local.set $first (call $make))
                (call_indirect (type $many) (local.get $first) (i32.const 0))
                (local.set $first)
                {sets}
                (call $check {gets} (v128.const i64x2 0 0) (i32.const 1) (local.get $first))
                (call $widen (local.get $first))
                (local.set $left (i32.const 20))
                (loop
                    (local.set $first (call $choose (i32.and (local.get $left) (i32.const 1))
                        (local.get $first) (local.get $first)))
                    (global.set $kept (local.get $first))
                    (local.set $first (ref.null extern))
                    (call $collect)
                    (local.set $first (global.get $kept))
                    (global.set $kept (ref.null extern))
                    (br_if 0 (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
                (call $number (local.get $first))))"#,
        types = each(&|_| "externref i32 ".into()) + "externref",
        params = each(&|at| format!("(param $o{at} externref) (param $n{at} i32)")),
        expect = each(&|at| {
            format!(
                "(call $expect (local.get $o{at})
                    (i32.add (local.get $base) (i32.const {at})))
                (if (i32.ne (local.get $n{at}) (i32.const {})) (then unreachable))",
                100 + at
            )
        }),
        locals = each(&|at| format!("(local $o{at} externref) (local $n{at} i32)")),
        sets = (0..count)
            .rev()
            .map(|at| format!("(local.set $n{at}) (local.set $o{at})"))
            .collect::<String>(),
        gets = each(&|at| format!("(local.get $o{at}) (local.get $n{at})")),
        makes = make,
        widened = count + 1,
    );
    for config in configs() {
        let (mut store, instance) = start(&config, &wat)?;
        let run = instance.get_typed_func::<(), u32>(&mut store, "run")?;
        assert_eq!(run.call(&mut store, ())?, 0);
        assert!(store.data().collections > 80);
        store.gc(None)?;
        assert_eq!(store.data().count(), 0);
    }
    Ok(())
}

#[test]
fn arguments_of_the_host_s_own_stay_while_wasm_holds_them() -> Result<()> {
    type Owned = Option<OwnedRooted<ExternRef>>;
    // More than there are registers for.
    let wat = format!(
        r#"(module {IMPORTS}
            (import "" "nested" (func $nested (param i32)))
            (func (export "run") {params} (param $depth i32) (result externref)
                (call $collect)
                (call $nested (local.get $depth))
                {expect}
                (local.get $o9)))"#,
        params = (0..10).map(|at| format!("(param $o{at} externref)")).collect::<String>(),
        expect = (0..10)
            .map(|at| {
                format!(
                    "(call $expect (local.get $o{at})
                        (i32.add (i32.const {at}) (i32.mul (local.get $depth) (i32.const 10))))"
                )
            })
            .collect::<String>(),
    );
    type Run = TypedFunc<
        (Owned, Owned, Owned, Owned, Owned, Owned, Owned, Owned, Owned, Owned, u32),
        Owned,
    >;
    fn call(mut store: impl AsContextMut<Data = Objects>, run: &Run, depth: u32) -> Result<()> {
        let mut objects = {
            let mut scope = RootScope::new(&mut store);
            let mut own = || make(&mut scope)?.to_owned_rooted(&mut scope).map(Some);
            [(); 10].map(|()| own())
        }
        .into_iter();
        let mut next = || objects.next().context("ten")?;
        let (a, b, c, d, e) = (next()?, next()?, next()?, next()?, next()?);
        let (f, g, h, i, j) = (next()?, next()?, next()?, next()?, next()?);
        let last = run.call(&mut store, (a, b, c, d, e, f, g, h, i, j, depth))?;
        collect(&mut store)?;
        let last = last.context("an object")?.to_rooted(&mut store);
        ensure!(number(&store, last)? == depth * 10 + 9, "another");
        Ok(())
    }
    for config in configs() {
        let engine = Engine::new(&config)?;
        let mut linker = Linker::<Objects>::new(&engine);
        linker.func_wrap("", "collect", |caller: Caller<'_, Objects>| collect(caller))?;
        linker.func_wrap("", "make", || None::<Object>)?;
        linker.func_wrap("", "number", |_: Option<Object>| 0)?;
        linker.func_wrap("", "fail", || ())?;
        linker.func_wrap("", "panic", || ())?;
        linker.func_wrap(
            "",
            "expect",
            |mut caller: Caller<'_, Objects>, object: Option<Object>, expected: u32| {
                collect(&mut caller)?;
                ensure!(number(caller, object.context("null")?)? == expected, "another");
                Ok(())
            },
        )?;
        linker.func_wrap("", "nested", |mut caller: Caller<'_, Objects>, depth: u32| {
            if depth == 3 {
                return Ok(());
            }
            let run = caller.get_export("run").and_then(Extern::into_func).context("no `run`")?;
            let run: Run = run.typed(&caller)?;
            call(caller, &run, depth + 1)
        })?;
        let module = Module::new(&engine, &wat)?;
        let mut store = Store::new(&engine, Objects::default());
        let instance = linker.instantiate(&mut store, &module)?;
        let run: Run = instance.get_typed_func(&mut store, "run")?;
        // The second time it is known where to enter.
        for _ in 0..2 {
            store.data_mut().next = 0;
            let mut scope = RootScope::new(&mut store);
            call(&mut scope, &run, 0)?;
            drop(scope);
            store.gc(None)?;
            assert_eq!(store.data().count(), 0);
        }
    }
    Ok(())
}

#[test]
fn instances_that_are_closed_or_failed_keep_what_others_reach_through_them() -> Result<()> {
    let exporter = format!(
        r#"(module {IMPORTS}
            (global $g (export "g") (mut externref) (ref.null extern))
            (table $t (export "t") 2 externref)
            (func (export "fill")
                (global.set $g (call $make)) (table.set $t (i32.const 1) (call $make))))"#
    );
    let importer = format!(
        r#"(module {IMPORTS}
            (import "e" "g" (global $g (mut externref)))
            (import "e" "t" (table $t 2 externref))
            (table $f (export "f") 1 funcref)
            (func (export "run")
                (call $expect (global.get $g) (i32.const 0))
                (call $expect (table.get $t (i32.const 1)) (i32.const 1)))
            (func (export "run_left") (call_indirect $f (i32.const 0))))"#
    );
    // Has a global filled from the first; its start function leaves a function, and fails.
    let failing = format!(
        r#"(module {IMPORTS}
            (import "i" "f" (table 1 funcref))
            (import "host" "g" (global $from externref))
            (global $own externref (global.get $from))
            (table $t 3 externref)
            (elem (table $t) (i32.const 2) externref (global.get $from))
            (elem (i32.const 0) func $left)
            (elem $passive externref (global.get $from) (ref.null extern))
            (func $left
                (call $expect (global.get $own) (i32.const 2))
                (call $expect (table.get $t (i32.const 2)) (i32.const 2))
                (table.set $t (i32.const 2) (ref.null extern))
                (call $collect)
                (table.init $t $passive (i32.const 2) (i32.const 0) (i32.const 1))
                (call $expect (table.get $t (i32.const 2)) (i32.const 2)))
            (start $start)
            (func $start unreachable))"#
    );
    for config in configs() {
        let (mut store, exports) = start(&config, &exporter)?;
        let engine = store.engine().clone();
        exports.get_typed_func::<(), ()>(&mut store, "fill")?.call(&mut store, ())?;
        let mut linker = Linker::<Objects>::new(&engine);
        linker.func_wrap("", "collect", |caller: Caller<'_, Objects>| collect(caller))?;
        linker.func_wrap("", "make", || None::<Object>)?;
        linker.func_wrap("", "number", |_: Option<Object>| 0)?;
        linker.func_wrap("", "fail", || ())?;
        linker.func_wrap("", "panic", || ())?;
        linker.func_wrap(
            "",
            "expect",
            |mut caller: Caller<'_, Objects>, object: Option<Object>, expected: u32| {
                collect(&mut caller)?;
                make(&mut caller)?;
                ensure!(number(caller, object.context("null")?)? == expected, "another");
                Ok(())
            },
        )?;
        linker.instance(&mut store, "e", exports)?;
        let instance = linker.instantiate(&mut store, &Module::new(&engine, &importer)?)?;
        linker.instance(&mut store, "i", instance)?;
        {
            let mut scope = RootScope::new(&mut store);
            let object = make(&mut scope)?;
            let ty = GlobalType::new(ValType::EXTERNREF, Mutability::Const);
            let global = Global::new(&mut scope, ty, object.into())?;
            linker.define(&scope, "host", "g", global)?;
            let failing = Module::new(&engine, &failing)?;
            assert!(linker.instantiate(&mut scope, &failing).is_err());
        }
        exports.close(&mut store)?;
        store.gc(None)?;
        assert_eq!(store.data().living(), [0, 1, 2]);
        let run = instance.get_typed_func::<(), ()>(&mut store, "run")?;
        let left = instance.get_typed_func::<(), ()>(&mut store, "run_left")?;
        for _ in 0..3 {
            run.call(&mut store, ())?;
            left.call(&mut store, ())?;
            store.gc(None)?;
            assert_eq!(store.data().living(), [0, 1, 2]);
        }
        instance.close(&mut store)?;
        store.gc(None)?;
        assert_eq!(store.data().living(), [2], "the host's global stays");
    }
    Ok(())
}

/// One of two stores: which, may change.
struct Either<'a, A> {
    one: A,
    other: &'a mut Store<Objects>,
    is_other: &'a AtomicBool,
}

impl<A: AsContextMut<Data = Objects>> AsContext for Either<'_, A> {
    type Data = Objects;

    fn as_context(&self) -> StoreContext<'_, Objects> {
        match self.is_other.load(Relaxed) {
            true => self.other.as_context(),
            false => self.one.as_context(),
        }
    }
}

impl<A: AsContextMut<Data = Objects>> AsContextMut for Either<'_, A> {
    fn as_context_mut(&mut self) -> StoreContextMut<'_, Objects> {
        match self.is_other.load(Relaxed) {
            true => self.other.as_context_mut(),
            false => self.one.as_context_mut(),
        }
    }
}

#[test]
fn a_scope_ends_in_its_own_store_only() -> Result<()> {
    let wat = format!(
        r#"(module {IMPORTS}
            (import "" "confuse" (func $confuse (param externref) (result externref)))
            (func (export "run") (param $given externref) (result externref) (local $own externref)
                (local.set $own (call $make))
                (drop (call $confuse (local.get $own)))
                (call $expect (local.get $own) (i32.const 1))
                (call $expect (local.get $given) (i32.const 0))
                (call $confuse (local.get $given))))"#
    );
    let engine = Engine::default();
    let mut linker = Linker::<Objects>::new(&engine);
    linker.func_wrap("", "collect", |caller: Caller<'_, Objects>| collect(caller))?;
    linker.func_wrap("", "make", |caller: Caller<'_, Objects>| make(caller).map(Some))?;
    linker.func_wrap("", "number", |_: Option<Object>| 0)?;
    linker.func_wrap("", "fail", || ())?;
    linker.func_wrap("", "panic", || ())?;
    linker.func_wrap(
        "",
        "expect",
        |mut caller: Caller<'_, Objects>, object: Option<Object>, expected: u32| {
            collect(&mut caller)?;
            ensure!(number(caller, object.context("null")?)? == expected, "another");
            Ok(())
        },
    )?;
    linker.func_wrap(
        "",
        "confuse",
        |mut caller: Caller<'_, Objects>, object: Option<Object>| {
            let object = object.context("null")?;
            let is_other = AtomicBool::new(true);
            let mut other = Store::new(caller.engine(), Objects::default());
            let one = &mut caller;
            let scope = RootScope::new(Either { one, other: &mut other, is_other: &is_other });
            is_other.store(false, Relaxed);
            drop(scope);
            collect(&mut caller)?;
            number(&caller, object)?;
            make(&mut caller)?;
            // Inner scopes that are forgotten, and end with the host function.
            std::mem::forget(RootScope::new(&mut caller));
            make(&mut caller).map(Some)
        },
    )?;
    let module = Module::new(&engine, wat)?;
    let mut store = Store::new(&engine, Objects::default());
    let instance = linker.instantiate(&mut store, &module)?;
    let run = instance.get_typed_func::<Option<Object>, Option<Object>>(&mut store, "run")?;
    let given = make(&mut store)?;
    let last = run.call(&mut store, Some(given))?.context("an object")?;
    store.gc(None)?;
    assert_eq!((number(&store, given)?, number(&store, last)?), (0, 5));
    assert_eq!(store.data().living(), [0, 5]);
    Ok(())
}

#[test]
fn on_another_thread_nothing_is_dropped() -> Result<()> {
    let wat = format!(
        r#"(module {IMPORTS}
            (import "" "elsewhere" (func $elsewhere))
            (func (export "inner") (local externref)
                (local.set 0 (call $make))
                (call $collect)
                (drop (call $number (local.get 0))))
            (func (export "run") (local externref)
                (drop (call $make))
                (local.set 0 (call $make))
                (call $elsewhere)
                (call $expect (local.get 0) (i32.const 1))))"#
    );
    let engine = Engine::default();
    let mut linker = Linker::<Objects>::new(&engine);
    linker.func_wrap("", "collect", |caller: Caller<'_, Objects>| collect(caller))?;
    linker.func_wrap("", "make", |caller: Caller<'_, Objects>| make(caller).map(Some))?;
    let look = |caller: Caller<'_, Objects>, object: Option<Object>| {
        number(caller, object.context("null")?)
    };
    linker.func_wrap("", "number", look)?;
    linker.func_wrap(
        "",
        "expect",
        |caller: Caller<'_, Objects>, object: Option<Object>, expected: u32| {
            ensure!(number(caller, object.context("null")?)? == expected, "another");
            Ok(())
        },
    )?;
    linker.func_wrap("", "fail", || ())?;
    linker.func_wrap("", "panic", || ())?;
    linker.func_wrap("", "elsewhere", |mut caller: Caller<'_, Objects>| {
        let caller = &mut caller;
        let on_thread = std::thread::scope(|scope| {
            let thread = scope.spawn(move || -> Result<()> {
                collect(&mut *caller)?;
                ensure!(caller.data().count() == 2, "the first is kept for now");
                let inner = caller.get_export("inner").and_then(Extern::into_func);
                let inner = inner.context("no `inner`")?.typed::<(), ()>(&*caller)?;
                inner.call(&mut *caller, ())?;
                ensure!(caller.data().count() == 3, "all are kept");
                collect(caller)
            });
            thread.join()
        });
        on_thread.map_err(|_| Error::msg("it panicked"))?
    })?;
    let module = Module::new(&engine, wat)?;
    let mut store = Store::new(&engine, Objects::default());
    let instance = linker.instantiate(&mut store, &module)?;
    let run = instance.get_typed_func::<(), ()>(&mut store, "run")?;
    run.call(&mut store, ())?;
    assert_eq!(store.data().collections, 3);
    store.gc(None)?;
    assert_eq!(store.data().count(), 0);
    Ok(())
}
