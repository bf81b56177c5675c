//! Instances that are closed, or were never finished.

use brolga::*;

use crate::*;

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
        let mut linker = linker(&engine)?;
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
