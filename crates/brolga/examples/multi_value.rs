//! Functions with several results, ours and wasm's: they are tuples.

use brolga::*;

const MODULE: &str = r#"
    (module
        (import "" "swap" (func $swap (param i32 i64) (result i64 i32)))
        (func (export "swap_twice") (param i32 i64) (result i32 i64)
            (local $first i64) (local $second i32)
            (call $swap (local.get 0) (local.get 1))
            (local.set $second) (local.set $first)
            (local.get $second) (local.get $first)))
    "#;

fn main() -> Result<()> {
    let engine = Engine::default();
    let module = Module::new(&engine, MODULE)?;
    let mut store = Store::new(&engine, ());
    let swap = Func::wrap(&mut store, |first: i32, second: i64| (second, first));
    let instance = Instance::new(&mut store, &module, &[swap.into()])?;

    let swap_twice = instance.get_typed_func::<(i32, i64), (i32, i64)>(&mut store, "swap_twice")?;
    assert_eq!(swap_twice.call(&mut store, (1, 2))?, (1, 2));

    // The same where types are known at run time only.
    let mut results = [Val::I32(0), Val::I64(0)];
    swap_twice.func().call(&mut store, &[Val::I32(3), Val::I64(4)], &mut results)?;
    println!("{results:?}");
    assert_eq!((results[0].unwrap_i32(), results[1].unwrap_i64()), (3, 4));
    Ok(())
}
