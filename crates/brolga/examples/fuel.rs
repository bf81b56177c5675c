//! Wasm that stops after a number of steps, the same one on every machine.

use brolga::*;

const FIBONACCI: &str = r#"
    (module
        (func $fib (export "fib") (param i32) (result i32)
            (if (i32.lt_u (local.get 0) (i32.const 2)) (then (return (local.get 0))))
            (i32.add
                (call $fib (i32.sub (local.get 0) (i32.const 1)))
                (call $fib (i32.sub (local.get 0) (i32.const 2))))))
    "#;

fn main() -> Result<()> {
    // Code that counts is compiled for it.
    let engine = Engine::new(Config::new().consume_fuel(true))?;
    let module = Module::new(&engine, FIBONACCI)?;
    let mut store = Store::new(&engine, ());
    // A store starts with an empty tank.
    store.set_fuel(10_000)?;
    let instance = Instance::new(&mut store, &module, &[])?;
    let fib = instance.get_typed_func::<u32, u32>(&mut store, "fib")?;

    for n in 1.. {
        let before = store.get_fuel()?;
        match fib.call(&mut store, n) {
            Ok(number) => println!("fib({n}) = {number}, {} units", before - store.get_fuel()?),
            Err(error) => {
                println!("fib({n}): {error:?}");
                assert_eq!(error.downcast_ref(), Some(&Trap::OutOfFuel));
                break;
            }
        }
    }

    // The store is as good as before, with fuel in it.
    store.set_fuel(1_000)?;
    assert_eq!(fib.call(&mut store, 5)?, 5);
    Ok(())
}
