//! Calls inside calls, stacks that nobody knows, other threads.

use std::sync::Mutex;

use brolga::*;

use crate::*;

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
        let mut linker = linker(&engine)?;
        linker.func_wrap(
            "",
            "number",
            |mut caller: Caller<'_, Objects>, object: Option<Object>| {
                collect(&mut caller)?;
                number(caller, object.context("null")?)
            },
        )?;
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
    let mut linker = linker(&engine)?;
    linker.func_wrap("", "make", |caller: Caller<'_, Objects>| make(caller).map(Some))?;
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
    let mut linker = linker(&engine)?;
    linker.func_wrap("", "make", |caller: Caller<'_, Objects>| make(caller).map(Some))?;
    let look = |caller: Caller<'_, Objects>, object: Option<Object>| {
        number(caller, object.context("null")?)
    };
    linker.func_wrap("", "number", look)?;
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
