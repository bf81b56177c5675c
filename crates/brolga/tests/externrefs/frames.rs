//! What calls under way hold, wherever compiled code has put it.

use brolga::*;

use crate::*;

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
        let mut linker = linker(&engine)?;
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
